"""Which policy a new case gets: an ordered list, first match wins, the last is the default."""

from collections.abc import Sequence

from policies.base import Record
from policies.document import PolicyDocument


class Subject(Record):
    """What the choice may look at."""

    segment: str


def choose_policy(documents: Sequence[PolicyDocument], subject: Subject) -> PolicyDocument:
    return next((d for d in documents if _applies(d, subject)), documents[-1])


def _applies(document: PolicyDocument, subject: Subject) -> bool:
    return document.applies_when is None or subject.segment in document.applies_when.segments
