"""Cases as JSON, and what people do to them: first an inbox row, then an Update with that row's id.

The answer is the case's own; when it takes longer than a person waits, or Temporal is down, it is 202 `processing` and
the relay delivers the row.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import TemporalUnreachable, answer, first_complaint, refuse
from api.parts import ACTOR, PARTS, ApiParts
from api.telemetry import current_traceparent
from policies.card_numbers import looks_like_card_number
from policies.events import ActionAnswer, CaseAction, IgnoredBecause
from policies.keys import CaseRef
from workflows.contracts import ActionEnvelope, CaseStatus
from workflows.dunning import DunningWorkflow

ACTIONS_SOURCE = "recoup"
UPDATE_PATIENCE = timedelta(seconds=12)
QUERY_PATIENCE = timedelta(seconds=5)
HELD_FOR = timedelta(seconds=20)
"""While the API delivers the row itself the relay leaves it alone; longer than UPDATE_PATIENCE."""

_ACTION: TypeAdapter[CaseAction] = TypeAdapter(CaseAction)
_OPS_KINDS = frozenset({"pause", "resume", "close"})


async def list_cases(request: web.Request) -> web.Response:
    rows = await request.app[PARTS].store.cases.newest()
    return answer(200, {"cases": [row.model_dump(mode="json", exclude={"timeline"}) for row in rows]})


async def list_tasks(request: web.Request) -> web.Response:
    tasks = await request.app[PARTS].store.cases.open_tasks()
    return answer(200, {"tasks": [task.model_dump(mode="json") for task in tasks]})


async def finish_task(request: web.Request) -> web.Response:
    key = request.match_info["key"]
    if await request.app[PARTS].store.cases.finish_task(key, request[ACTOR], datetime.now(UTC)):
        return answer(200, {"key": key, "done_by": request[ACTOR]})
    return refuse(404, "unknown_task", "no open task has this key")


async def get_case(request: web.Request) -> web.Response:
    """The running case's own status; of a closed one, what the closing step stored."""
    parts, case = request.app[PARTS], _case(request)
    row = await parts.store.cases.latest(case.case_id)
    if row and row.outcome:
        return answer(200, row)
    status = await _live_status(parts, case)
    return answer(200, status) if status else refuse(404, "unknown_case", f"no case {case.case_id}")


async def act_on_case(request: web.Request) -> web.Response:
    case, kind = _case(request), request.match_info["kind"]
    try:
        action = _ACTION.validate_python(await _action_body(request, kind), extra="forbid")
    except ValidationError as error:
        return refuse(400, "invalid", first_complaint(error))
    if unwelcome := _unwelcome(action):
        return refuse(400, "invalid", unwelcome)
    parts = request.app[PARTS]
    envelope = ActionEnvelope(case=case, action=action)
    stored = await parts.store.inbox.receive(
        ACTIONS_SOURCE,
        case.account,
        f"{case.case_id}#{action.action_id}",
        {},
        envelope.model_dump_json().encode(),
        datetime.now(UTC),
        current_traceparent(request.headers),
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


def _unwelcome(action: CaseAction) -> str | None:
    """What must not enter a history: card data (promise P9), and a character that PostgreSQL cannot store. An action's
    id is not looked at: programs often use time stamps, of which every tenth looks like a card number."""
    for name, text in action.model_dump(include={"credential_id", "reason"}).items():
        if looks_like_card_number(text):
            return f"{name}: looks like a card number; send the gateway's token of the card"
        if "\x00" in text:
            return f"{name}: holds a NUL character"
    return None


async def _turned_down(parts: ApiParts, row_id: str) -> web.Response | None:
    """A repeated action that was refused is refused again: its row is finished, so nobody would deliver it."""
    row = await parts.store.inbox.row(row_id)
    if row is None or row["state"] != "ignored":
        return None
    if row["reason"] == IgnoredBecause.SUPERSEDED.value:
        return refuse(409, "cannot_happen_now", row["detail"])
    return refuse(404, "no_open_case", row["detail"])


async def _action_body(request: web.Request, kind: str) -> dict[str, Any]:
    """The body plus what the address and the token say; a body cannot name another actor."""
    body = TypeAdapter(dict[str, Any]).validate_json(await request.read())
    if kind in _OPS_KINDS:
        body["actor"] = request[ACTOR]
    return {**body, "kind": kind}


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


def _case(request: web.Request) -> CaseRef:
    info = request.match_info
    return CaseRef(source=info["source"], account=info["account"], invoice_id=info["invoice_id"])
