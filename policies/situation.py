"""What one decision looks at, worked out once: the same few answers are asked for by every rule.

Facts, policy and surroundings stay apart from it; to decide anew, make a new one.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from policies.declines import TREATMENTS, Category, Decline, Treatment
from policies.document import PolicyDocument
from policies.facts import AccessLevel, CaseFacts
from policies.losses import Losses, planned_losses
from policies.surroundings import Surroundings


@dataclass(frozen=True)
class Situation:
    """`started`: the failure, moved by the time in which the case was held; the policy's clocks count from it.

    `refusal`: when the payment was last declined, and how. `treatment`: None while nobody knows how; then nothing is
    charged and no service is taken. `told`: the names of the messages that were sent.
    """

    policy: PolicyDocument
    facts: CaseFacts
    around: Surroundings
    now: datetime
    started: datetime
    refusal: tuple[datetime, Decline] | None
    treatment: Treatment | None
    told: frozenset[str]
    access: AccessLevel
    failed_times: tuple[datetime, ...]

    @classmethod
    def of(cls, policy: PolicyDocument, facts: CaseFacts, around: Surroundings, now: datetime) -> "Situation":
        refusal = facts.last_refusal
        return cls(
            policy=policy.for_risk(facts.risk.level),
            facts=facts,
            around=around,
            now=now,
            started=facts.failed_at + facts.held_for,
            refusal=refusal,
            treatment=TREATMENTS[refusal[1].category] if refusal else None,
            told=frozenset([message.name for message in facts.messages]),
            access=facts.access,
            failed_times=facts.failed_times,
        )

    @property
    def decline(self) -> Decline | None:
        return self.refusal[1] if self.refusal else None

    @property
    def category(self) -> Category:
        return self.refusal[1].category if self.refusal else Category.UNKNOWN

    @property
    def silence_ends(self) -> datetime:
        """Before, nothing is said: time alone may heal the decline."""
        return self.facts.failed_at + self.policy.silence_for(self.category)

    @cached_property
    def losses(self) -> Losses:
        """When the policy takes service; asked for by messages and by the loss itself."""
        return planned_losses(self)

    def failure_number(self, count: int | None) -> datetime | None:
        """When the payment had failed so many times; None while it has not."""
        return self.failed_times[count - 1] if count and len(self.failed_times) >= count else None
