"""What starts a case, what ends it, and what it answers when asked."""

import hashlib
from typing import Annotated

from pydantic import Field

from policies.base import Record, UtcTime
from policies.document import PolicySnapshot
from policies.events import CaseAction, CloseOutcome, CustomerDid
from policies.facts import CaseFacts
from policies.keys import CaseRef
from policies.steps import AnyStep
from policies.story import Line

TASK_QUEUE = "recoup"


def charging_queue(task_queue: str, gateway: str) -> str:
    """Where the charges of one gateway account wait for their turn."""
    return f"{task_queue}/charges/{gateway}"


FAIRNESS_KEY_LENGTH = 64
"""What Temporal allows."""


def fairness_key(case: CaseRef) -> str:
    """The merchant account whose backlog must not keep the others waiting; long names by their hash."""
    name = case.acceptor
    return name if len(name) <= FAIRNESS_KEY_LENGTH else hashlib.sha256(name.encode()).hexdigest()


class Resumed(Record):
    """What a long case carries into its next run (continue-as-new)."""

    facts: CaseFacts
    policy: PolicySnapshot
    segment: str


class DunningInput(Record):
    case: CaseRef
    resumed: Resumed | None = None


class DunningResult(Record):
    outcome: CloseOutcome
    because: str
    attempts: int
    messages: int


class NoticeResult(Record):
    """`status`: a MessageStatus, `not_said` (a rule, or it was old news by then) or `failed`."""

    status: str
    channel: str | None = None
    because: str = ""


class CaseStatus(Record):
    """The answer of the `status` query. `facts` and `step` are None until the case has read its invoice."""

    case: CaseRef
    state: str
    because: str
    policy: str = ""
    segment: str = ""
    next_step_at: UtcTime | None = None
    step: AnyStep | None = None
    facts: CaseFacts | None = None
    timeline: tuple[Line, ...] = ()


class CaseNow(Record):
    """The answer of the `case_now` query: all that the next decision rests on, besides surroundings and time. `facts`
    and `policy` are None until the case has read its invoice. `closing`: its last step is under way. `now`: the case's
    own time when it last did something."""

    case: CaseRef
    facts: CaseFacts | None = None
    policy: PolicySnapshot | None = None
    segment: str = ""
    closing: bool = False
    now: UtcTime | None = None


class ActionEnvelope(Record):
    """How a person's action lies in the inbox: the case it is for, and the action; or what they were seen to do."""

    case: CaseRef
    action: Annotated[CaseAction | CustomerDid, Field(discriminator="kind")]
