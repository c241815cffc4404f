"""When a person is brought in: by policy once, whenever fraud is suspected, and where only a person can go on."""

from collections.abc import Iterator
from datetime import datetime

from policies.asked import CustomerSaid
from policies.due import Due, after_the_failure
from policies.messages import never_arrived
from policies.risk import RiskLevel
from policies.situation import Situation
from policies.steps import AnyStep, Basis, Escalate
from policies.words import words_for

BY_POLICY = "the policy brings in a person"
UNREACHABLE = "no channel reaches the customer; find an address, or call them"


def people_asked(here: Situation) -> Iterator[Due]:
    facts, policy, treatment = here.facts, here.policy, here.treatment
    asked = [escalation.because for escalation in facts.escalations]
    for said in unanswered(here):
        yield _hand_over(here, said.at, "support_contact", said.in_words)
    if here.agreed:
        return
    if policy.escalate and not [because for because in asked if because.startswith(BY_POLICY)]:
        because = f"{BY_POLICY} {after_the_failure(policy.escalate.after)}"
        yield _hand_over(here, here.started + policy.escalate.after, policy.escalate.to, because)
    if here.refusal and treatment and treatment.for_a_person:
        because = f"{here.category.value}: {treatment.for_a_person}"
        if because not in asked:
            yield _hand_over(here, here.refusal[0], "ops", because)
    unheard = never_arrived(here)
    if unheard and UNREACHABLE not in asked:
        yield _hand_over(here, unheard.at, "ops", UNREACHABLE)
    flag = facts.fraud_flags[-1] if facts.fraud_flags else None
    if flag and not any(escalation.at >= flag.at for escalation in facts.escalations):
        yield _hand_over(here, flag.at, "ops", f"the fraud check is suspicious: {', '.join(flag.signals)}")
    if facts.risk.level is RiskLevel.SUSPICIOUS:
        because = f"suspicious, so nothing is retried by itself: {facts.risk.signals}"
        if because not in asked:
            yield _hand_over(here, facts.opened_at, "ops", because)


def unanswered(here: Situation) -> list[CustomerSaid]:
    """What the customer told us since a person was last brought in for it."""
    handed = [(escalation.at, escalation.because) for escalation in here.facts.escalations]
    said = here.facts.customer_said
    return [each for each in said if not any(at >= each.at and because == each.in_words for at, because in handed)]


def _hand_over(here: Situation, at: datetime, to: str, because: str) -> Due:
    def make(moment: datetime, basis: Basis) -> AnyStep:
        words = words_for(here, because=because)
        return Escalate(at=moment, to=to, because=because, words=words, basis=basis)

    return Due(at, "escalate", make)
