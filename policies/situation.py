"""What one decision looks at, worked out once: the same few answers are asked for by every rule.

Facts, policy and surroundings stay apart from it; to decide anew, make a new one.
"""

from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from policies.agreements import Standing, agreements_of
from policies.declines import TREATMENTS, Category, Decline, Treatment
from policies.document import PolicyDocument
from policies.facts import AccessLevel, Attempt, CaseFacts
from policies.losses import Losses, planned_losses
from policies.surroundings import Surroundings

_NAME = attrgetter("name")


# Not frozen, though nothing changes it: that would set each field by a call, a tenth of the time it takes to make one.
@dataclass
class Situation:
    """`started`: the failure, moved by the time in which the case was held; the policy's clocks count from it.

    `refusal`: when the payment was last declined, and how. `treatment`: None while nobody knows how; then nothing is
    charged and no service is taken. `told`: the names of the messages that were sent. `silence_ends`: before, nothing
    is said, for time alone may heal the decline. `losses`: when the policy takes service; messages name it, and the
    loss itself asks for it.
    """

    policy: PolicyDocument
    facts: CaseFacts
    around: Surroundings
    now: datetime
    started: datetime
    refusal: tuple[datetime, Decline] | None
    decline: Decline | None
    category: Category
    treatment: Treatment | None
    told: frozenset[str]
    access: AccessLevel
    failed_times: tuple[datetime, ...]
    attempts_made: int
    rungs_used: frozenset[str]
    open_attempt: Attempt | None
    silence_ends: datetime
    agreed: Standing | None = None
    losses: Losses = field(init=False)

    @classmethod
    def of(cls, policy: PolicyDocument, facts: CaseFacts, around: Surroundings, now: datetime) -> "Situation":
        policy = policy.for_risk(facts.risk.level)
        agreed = agreements_of(facts, now)
        tally = facts.tally
        refusal = tally.refusal
        decline = refusal[1] if refusal else None
        category = decline.category if decline else Category.UNKNOWN
        here = cls(
            policy=policy,
            facts=facts,
            around=around,
            now=now,
            started=facts.failed_at + facts.stood_still(agreed.spans),
            agreed=agreed.standing,
            refusal=refusal,
            decline=decline,
            category=category,
            treatment=TREATMENTS[category] if decline else None,
            told=frozenset(map(_NAME, facts.messages)),
            access=facts.access,
            failed_times=tally.failed_times,
            attempts_made=tally.attempts_made,
            rungs_used=tally.rungs_used,
            open_attempt=tally.open_attempt,
            silence_ends=facts.failed_at + policy.silence_for(category),
        )
        here.losses = planned_losses(here)
        return here

    def failure_number(self, count: int | None) -> datetime | None:
        """When the payment had failed so many times; None while it has not."""
        return self.failed_times[count - 1] if count and len(self.failed_times) >= count else None
