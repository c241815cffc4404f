"""Cases as JSON, and what people do to them; how that reaches the case stands in `actions.py`."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field, JsonValue, StringConstraints
from temporalio.service import RPCError, RPCStatusCode

from activities.customers import OneLine
from activities.store.cases import CaseRow, CaseSummary, Task
from api.actions import Refused, perform
from api.errors import TemporalUnreachable, answer, refuse
from api.parts import ApiParts
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.base import Identifier, Record, Request
from policies.events import (
    ActionAnswer,
    CaseAction,
    CloseCase,
    CloseOutcome,
    Pause,
    Resume,
    TokenOfCard,
    UpdatePaymentMethod,
    Why,
)
from policies.keys import CaseRef
from workflows.contracts import CaseStatus
from workflows.dunning import DunningWorkflow

QUERY_PATIENCE = timedelta(seconds=5)

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
    done = await perform(call.parts, call.path.case, asked.action(call.actor), call.request.headers)
    if isinstance(done, Refused):
        return refuse(done.status, done.word, done.detail)
    return answer(202 if done.result == "processing" else 200, done)


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
