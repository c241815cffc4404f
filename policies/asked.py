"""What people asked of a case or agreed with it, as facts; `at` is the case's own time (UTC)."""

from typing import Literal

from policies.base import Record, UtcTime
from policies.events import CloseOutcome, Instalment, MistakeTopic


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


class Promise(Record):
    """The customer named the day on which all may be charged; `number` counts them in the case, from 1."""

    at: UtcTime
    action_id: str
    number: int
    due_at: UtcTime

    @property
    def rung(self) -> str:
        return f"promise-{self.number}"


class Plan(Record):
    """What is owed is paid in parts; `number` counts the plans of the case, from 1. The first part is charged at once,
    under `action_id`; the plan stands once that was paid."""

    at: UtcTime
    action_id: str
    number: int
    instalments: tuple[Instalment, ...]


class CustomerSaid(Record):
    """What the customer told us besides paying: a `mistake` and its topic, or that they want to talk (`help`)."""

    at: UtcTime
    action_id: str
    what: Literal["mistake", "help"]
    topic: MistakeTopic | None = None

    @property
    def in_words(self) -> str:
        if self.topic is None:
            return "the customer asked for a person"
        return f"the customer says that there is a mistake: {self.topic.replace('_', ' ')}"
