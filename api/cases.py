"""Cases as JSON, and what people do to them: first an inbox row, then an Update with that row's id.

The answer is the case's own; when it takes longer than a person waits, or Temporal is down, it is 202 `processing` and
the relay delivers the row.
"""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field, JsonValue, StringConstraints
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.customers import OneLine
from activities.store.cases import CaseRow, CaseSummary, Task
from api.errors import TemporalUnreachable, answer, refuse
from api.parts import ApiParts
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from api.telemetry import current_traceparent
from policies.base import Identifier, Record, Request
from policies.events import (
    ActionAnswer,
    CaseAction,
    CloseCase,
    CloseOutcome,
    IgnoredBecause,
    Pause,
    Resume,
    TokenOfCard,
    UpdatePaymentMethod,
    Why,
)
from policies.keys import CaseRef
from workflows.contracts import ActionEnvelope, CaseStatus
from workflows.dunning import DunningWorkflow

ACTIONS_SOURCE = "recoup"
UPDATE_PATIENCE = timedelta(seconds=12)
QUERY_PATIENCE = timedelta(seconds=5)
HELD_FOR = timedelta(seconds=20)
"""While the API delivers the row itself the relay leaves it alone; longer than UPDATE_PATIENCE."""

ActionId = Annotated[OneLine, Field(min_length=1, max_length=200)]


class Place(Address):
    source: Identifier
    account: Identifier
    invoice_id: Identifier

    @property
    def case(self) -> CaseRef:
        return CaseRef(**self.model_dump())


class TaskPlace(Address):
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/\-]{1,300}$")]


class CaseList(Record):
    """The newest first."""

    cases: tuple[CaseSummary, ...]


class TaskList(Record):
    """The newest first."""

    tasks: tuple[Task, ...]


class TaskDone(Record):
    key: str
    done_by: str


class Acting(Request, ABC):
    """What somebody wants to do to a case. `action_id`: one id is one action of one case."""

    action_id: ActionId

    @abstractmethod
    def action(self, actor: str) -> CaseAction: ...


class Paying(Acting):
    """`credential_id`: the gateway's token of the new card, never the card."""

    credential_id: TokenOfCard

    def action(self, actor: str) -> CaseAction:
        return UpdatePaymentMethod(action_id=self.action_id, credential_id=self.credential_id)


class ForAReason(Acting):
    """`actor` is taken and not looked at: who acts is whom the token stands for."""

    reason: Why
    actor: JsonValue = None


class Pausing(ForAReason):
    def action(self, actor: str) -> CaseAction:
        return Pause(action_id=self.action_id, actor=actor, reason=self.reason)


class Resuming(ForAReason):
    def action(self, actor: str) -> CaseAction:
        return Resume(action_id=self.action_id, actor=actor, reason=self.reason)


class Closing(ForAReason):
    outcome: Literal["written_off", "cancelled"]

    def action(self, actor: str) -> CaseAction:
        outcome = CloseOutcome(self.outcome)
        return CloseCase(action_id=self.action_id, actor=actor, reason=self.reason, outcome=outcome)


async def list_cases(call: Call[Nothing, Nothing, None]) -> web.Response:
    return answer(200, CaseList(cases=tuple(await call.parts.store.cases.newest())))


async def list_tasks(call: Call[Nothing, Nothing, None]) -> web.Response:
    return answer(200, TaskList(tasks=tuple(await call.parts.store.cases.open_tasks())))


async def finish_task(call: Call[TaskPlace, Nothing, None]) -> web.Response:
    key = call.path.key
    if await call.parts.store.cases.finish_task(key, call.actor, datetime.now(UTC)):
        return answer(200, TaskDone(key=key, done_by=call.actor))
    return refuse(404, "unknown_task", "no open task has this key")


async def get_case(call: Call[Place, Nothing, None]) -> web.Response:
    """The running case's own status; of a closed one, what the closing step stored."""
    case = call.path.case
    row = await call.parts.store.cases.latest(case.case_id)
    if row and row.outcome:
        return answer(200, row)
    status = await _live_status(call.parts, case)
    return answer(200, status) if status else refuse(404, "unknown_case", f"no case {case.case_id}")


async def update_payment_method(call: Call[Place, Nothing, Paying]) -> web.Response:
    return await _act(call)


async def pause(call: Call[Place, Nothing, Pausing]) -> web.Response:
    return await _act(call)


async def resume(call: Call[Place, Nothing, Resuming]) -> web.Response:
    return await _act(call)


async def close(call: Call[Place, Nothing, Closing]) -> web.Response:
    return await _act(call)


async def _act(call: Call[Place, Nothing, Any]) -> web.Response:
    asked: Acting = await call.body()
    parts, case, action = call.parts, call.path.case, asked.action(call.actor)
    envelope = ActionEnvelope(case=case, action=action)
    stored = await parts.store.inbox.receive(
        ACTIONS_SOURCE,
        case.account,
        f"{case.case_id}#{action.action_id}",
        {},
        envelope.model_dump_json().encode(),
        datetime.now(UTC),
        current_traceparent(call.request.headers),
        held_for=HELD_FOR,
    )
    if stored.conflict:
        detail = "the action_id was used for another action of this case; choose a new one"
        await parts.store.inbox.finish(
            stored.id, "ignored", datetime.now(UTC), IgnoredBecause.DUPLICATE.value, detail, case.case_id
        )
        return refuse(409, "conflict", detail)
    turned_down = None if stored.first else await _turned_down(parts, stored.id)
    return turned_down or await _deliver(parts, case, action, stored.id)


async def _turned_down(parts: ApiParts, row_id: str) -> web.Response | None:
    """A repeated action that was refused is refused again: its row is finished, so nobody would deliver it."""
    row = await parts.store.inbox.row(row_id)
    if row is None or row["state"] != "ignored":
        return None
    if row["reason"] == IgnoredBecause.SUPERSEDED.value:
        return refuse(409, "cannot_happen_now", row["detail"])
    return refuse(404, "no_open_case", row["detail"])


async def _deliver(parts: ApiParts, case: CaseRef, action: CaseAction, row_id: str) -> web.Response:
    handle = parts.temporal.get_workflow_handle_for(DunningWorkflow.run, case.workflow_id)
    inbox, now = parts.store.inbox, datetime.now(UTC)
    try:
        said = await handle.execute_update(
            action.kind, action, id=row_id, result_type=ActionAnswer, rpc_timeout=UPDATE_PATIENCE
        )
    except WorkflowUpdateFailedError as error:
        # Not str(), which puts the name of our error type in front.
        reason = error.cause.message if isinstance(error.cause, FailureError) else str(error.cause)
        await inbox.finish(row_id, "ignored", now, IgnoredBecause.SUPERSEDED.value, reason, case.case_id)
        return refuse(409, "cannot_happen_now", reason)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, RuntimeError):
        # A RuntimeError is how a client says that it could not connect at all.
        return await _later(parts, row_id)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            return await _later(parts, row_id)
        detail = f"case {case.case_id} is not open"
        await inbox.finish(row_id, "ignored", now, IgnoredBecause.LATE.value, detail, case.case_id)
        return refuse(404, "no_open_case", detail)
    await inbox.finish(row_id, "delivered", now, case_id=case.case_id)
    return answer(202 if said.result == "processing" else 200, said)


async def _later(parts: ApiParts, row_id: str) -> web.Response:
    """Hands the row to the relay at once; what the case may have heard already it ignores."""
    await parts.store.inbox.try_again(row_id, datetime.now(UTC), "the case did not answer in time")
    parts.waker.wake()
    return answer(
        202, ActionAnswer(result="processing", because="accepted and stored; it is delivered as soon as possible")
    )


async def _live_status(parts: ApiParts, case: CaseRef) -> CaseStatus | None:
    handle = parts.temporal.get_workflow_handle_for(DunningWorkflow.run, case.workflow_id)
    try:
        return await handle.query(DunningWorkflow.status, rpc_timeout=QUERY_PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    except RuntimeError as error:
        raise TemporalUnreachable from error


_UNKNOWN_CASE = refused("there is no such case", "unknown_case")
_ACTED = {
    200: Answer("it is done, or refused for a reason", ActionAnswer),
    202: Answer("it is stored and still under way", ActionAnswer),
    404: refused("there is no such case, or it is closed", "no_open_case"),
    409: refused("it cannot happen now, or the id was used for another action", "cannot_happen_now", "conflict"),
    503: UNAVAILABLE,
}
_DONE = {200: Answer("it left the list", TaskDone), 404: refused("no open task has this key", "unknown_task")}
_CASE = "/cases/{source}/{account}/{invoice_id}"
_SHOWN = Answer("while it runs, its own status; once it is closed, what was stored", CaseStatus, CaseRow)

ROUTES = (
    Route("GET", "/cases", list_cases, "The 200 newest cases", {200: Answer("them", CaseList), 503: UNAVAILABLE}),
    Route("GET", _CASE, get_case, "One case", {200: _SHOWN, 404: _UNKNOWN_CASE, 503: UNAVAILABLE}),
    Route("POST", f"{_CASE}/actions/update_payment_method", update_payment_method, "Charge a new way to pay", _ACTED),
    Route("POST", f"{_CASE}/actions/pause", pause, "Hold a case", _ACTED),
    Route("POST", f"{_CASE}/actions/resume", resume, "Let a held case go on", _ACTED),
    Route("POST", f"{_CASE}/actions/close", close, "Give a claim up, or cancel it", _ACTED),
    Route(
        "GET", "/tasks", list_tasks, "What a person must look at", {200: Answer("tasks", TaskList), 503: UNAVAILABLE}
    ),
    Route("POST", "/tasks/{key:.+}/done", finish_task, "Mark a task as done", {**_DONE, 503: UNAVAILABLE}),
)
