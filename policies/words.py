"""What a message may say: the money, the dates and the conditions, straight from the policy and the facts.

The same dates that `decide` acts on; a fraud-like reason never reaches the customer. Names and texts live elsewhere.
"""

from datetime import datetime

from policies.declines import CustomerAction
from policies.facts import LOST_ACCESS
from policies.situation import Situation
from policies.steps import Words


def words_for(here: Situation, next_attempt_at: datetime | None = None, because: str = "") -> Words:
    policy, facts, decline = here.policy, here.facts, here.decline
    losses = here.losses
    change = facts.access_changes[-1] if facts.access_changes else None
    limit = policy.limit if losses.limit and here.access not in LOST_ACCESS else None
    return Words(
        due=facts.due,
        customer_action=decline.customer_action if decline else CustomerAction.NONE,
        generic=decline is None or decline.fraud_signal,
        part_paid=bool(facts.payments) and not facts.is_paid,
        next_attempt_at=next_attempt_at,
        limit_at=losses.limit if limit else None,
        limit_takes=(*limit.takes, *limit.takes_recurring) if limit else (),
        suspend_at=losses.suspend,
        close_at=here.started + policy.close.after,
        benefits_taken=change.benefits_taken if change else (),
        reinstatement_conditions=policy.reinstatement.conditions,
        because=because,
    )
