"""Which policy a new case gets: an ordered list, first match wins, the last is the default."""

from collections.abc import Sequence

from policies.conditions import Subject, matches
from policies.document import PolicyDocument

__all__ = ["Subject", "choose_policy"]


def choose_policy(documents: Sequence[PolicyDocument], subject: Subject) -> PolicyDocument:
    return next((d for d in documents if matches(d.applies_when, subject)), documents[-1])
