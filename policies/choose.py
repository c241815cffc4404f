"""Which policy a new case gets: an ordered list, first match wins, the last is the default."""

from collections.abc import Sequence

from policies.conditions import Subject, implies, matches
from policies.document import PolicyDocument

__all__ = ["Subject", "choose_policy", "hides"]


def choose_policy(documents: Sequence[PolicyDocument], subject: Subject) -> PolicyDocument:
    return next((d for d in documents if matches(d.applies_when, subject)), documents[-1])


def hides(earlier: PolicyDocument, later: PolicyDocument) -> bool:
    """Whether nobody ever gets as far as `later`, because `earlier` takes everybody that it is for."""
    if earlier.applies_when is None:
        return True
    return later.applies_when is not None and implies(later.applies_when, earlier.applies_when)
