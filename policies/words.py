"""What a message may say: the money, the dates and the conditions, straight from the policy and the facts.

The same dates that `decide` acts on; a fraud-like reason never reaches the customer. Names and texts live elsewhere.
"""

from datetime import datetime

from policies.declines import TREATMENTS, CustomerAction
from policies.document import PolicyDocument
from policies.facts import LOST_ACCESS, AccessLevel, CaseFacts
from policies.steps import Words


def words_for(
    policy: PolicyDocument,
    facts: CaseFacts,
    next_attempt_at: datetime | None = None,
    offers: tuple[str, ...] = (),
    because: str = "",
) -> Words:
    started = facts.failed_at + facts.held_for
    treatment = TREATMENTS[facts.category]
    change = facts.access_changes[-1] if facts.access_changes else None
    limit = policy.limit if facts.decline and treatment.blames_customer and facts.access not in LOST_ACCESS else None
    may_suspend = facts.decline and treatment.blames_customer and facts.access is not AccessLevel.SUSPENDED
    return Words(
        due=facts.due,
        customer_action=treatment.customer_action if facts.decline else CustomerAction.NONE,
        generic=treatment.fraud_signal or facts.decline is None,
        next_attempt_at=next_attempt_at,
        limit_at=started + limit.after if limit else None,
        limit_takes=limit.takes if limit else (),
        suspend_at=started + policy.suspend.after if policy.suspend and may_suspend else None,
        close_at=started + policy.close.after,
        benefits_taken=change.benefits_taken if change else (),
        reinstatement_conditions=policy.reinstatement.conditions,
        offers=offers,
        because=because,
    )
