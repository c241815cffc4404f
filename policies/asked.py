"""What people asked of a case, as facts; `at` is the case's own time (UTC)."""

from typing import Literal

from policies.base import Record, UtcTime
from policies.events import CloseOutcome


class Stop(Record):
    """A hold that a person ends with resume: paused on purpose, or something kept failing (`trouble`)."""

    kind: Literal["pause", "trouble"]
    began_at: UtcTime
    actor: str
    reason: str
    ended_at: UtcTime | None = None
    ended_by: str | None = None
    end_reason: str | None = None


class RefusedAction(Record):
    """What somebody asked for and could not happen; `kind` is the action's."""

    at: UtcTime
    kind: str
    reason: str


class CloseAsked(Record):
    at: UtcTime
    outcome: CloseOutcome
    actor: str
    reason: str
