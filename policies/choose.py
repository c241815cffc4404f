"""Which policy a new case gets: an ordered list, first match wins, the last is the default."""

from collections.abc import Sequence

from policies.conditions import Subject, matches
from policies.document import PolicyDocument
from policies.facts import CaseFacts
from policies.surroundings import CustomerView

__all__ = ["Subject", "choose_policy", "subject_of"]


def choose_policy(documents: Sequence[PolicyDocument], subject: Subject) -> PolicyDocument:
    return next((d for d in documents if matches(d.applies_when, subject)), documents[-1])


def subject_of(facts: CaseFacts, customer: CustomerView) -> Subject:
    """As a case is when it opens. The customer's country, else the one their card or bank is from."""
    return Subject(
        segment=customer.segment,
        amount=facts.due,
        plan_interval=facts.invoice.plan_interval,
        country=customer.country or facts.instrument.country,
        tenure=facts.failed_at - customer.since if customer.since else None,
        payment_type=facts.instrument.payment_type,
        tags=customer.tags,
        risk=facts.risk.level,
    )
