"""How what a customer or a colleague does reaches its case: first an inbox row, then an Update with that row's id.

The answer is the case's own; when it takes longer than a person waits, or Temporal is down, it is `processing` and the
relay delivers the row.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.store.inbox import Received
from api.parts import ApiParts
from api.telemetry import current_traceparent
from policies.events import ActionAnswer, CaseAction, CustomerDid, IgnoredBecause
from policies.keys import CaseRef
from workflows.contracts import ActionEnvelope
from workflows.dunning import DunningWorkflow

ACTIONS_SOURCE = "recoup"
UPDATE_PATIENCE = timedelta(seconds=12)
HELD_FOR = timedelta(seconds=20)
"""While the API delivers the row itself the relay leaves it alone; longer than UPDATE_PATIENCE."""


class Refused(NamedTuple):
    """It did not happen. `word` for programs, `detail` for people, `status` as HTTP has it."""

    status: int
    word: str
    detail: str


async def perform(
    parts: ApiParts, case: CaseRef, action: CaseAction, headers: Mapping[str, str]
) -> ActionAnswer | Refused:
    """Once per `action_id` and case, however often it is asked for. Raises what the database raises: then nothing
    happened."""
    stored = await _stored(parts, case, action.action_id, action, headers, HELD_FOR)
    if stored.conflict:
        detail = "the action_id was used for another action of this case; choose a new one"
        await parts.store.inbox.finish(
            stored.id, "ignored", datetime.now(UTC), IgnoredBecause.DUPLICATE.value, detail, case.case_id
        )
        return Refused(409, "conflict", detail)
    turned_down = None if stored.first else await _turned_down(parts, stored.id)
    return turned_down or await _deliver(parts, case, action, stored.id)


async def note(parts: ApiParts, case: CaseRef, news: CustomerDid, headers: Mapping[str, str]) -> None:
    """What a customer was seen to do; nobody waits for the case to hear it."""
    stored = await _stored(parts, case, news.event_id, news, headers, None)
    if stored.first:
        parts.waker.wake()


async def _stored(
    parts: ApiParts,
    case: CaseRef,
    identity: str,
    action: CaseAction | CustomerDid,
    headers: Mapping[str, str],
    held_for: timedelta | None,
) -> Received:
    envelope = ActionEnvelope(case=case, action=action)
    return await parts.store.inbox.receive(
        ACTIONS_SOURCE,
        case.account,
        f"{case.case_id}#{identity}",
        {},
        envelope.model_dump_json().encode(),
        datetime.now(UTC),
        current_traceparent(headers),
        held_for=held_for,
    )


async def _turned_down(parts: ApiParts, row_id: str) -> Refused | None:
    """A repeated action that was refused is refused again: its row is finished, so nobody would deliver it."""
    row = await parts.store.inbox.row(row_id)
    if row is None or row["state"] != "ignored":
        return None
    if row["reason"] == IgnoredBecause.SUPERSEDED.value:
        return Refused(409, "cannot_happen_now", row["detail"])
    return Refused(404, "no_open_case", row["detail"])


async def _deliver(parts: ApiParts, case: CaseRef, action: CaseAction, row_id: str) -> ActionAnswer | Refused:
    handle = parts.temporal.get_workflow_handle_for(DunningWorkflow.run, case.workflow_id)
    inbox, now = parts.store.inbox, datetime.now(UTC)
    try:
        said: ActionAnswer = await handle.execute_update(
            action.kind, action, id=row_id, result_type=ActionAnswer, rpc_timeout=UPDATE_PATIENCE
        )
    except WorkflowUpdateFailedError as error:
        # Not str(), which puts the name of our error type in front.
        reason = error.cause.message if isinstance(error.cause, FailureError) else str(error.cause)
        await inbox.finish(row_id, "ignored", now, IgnoredBecause.SUPERSEDED.value, reason, case.case_id)
        return Refused(409, "cannot_happen_now", reason)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, RuntimeError):
        # A RuntimeError is how a client says that it could not connect at all.
        return await _later(parts, row_id)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            return await _later(parts, row_id)
        detail = f"case {case.case_id} is not open"
        await inbox.finish(row_id, "ignored", now, IgnoredBecause.LATE.value, detail, case.case_id)
        return Refused(404, "no_open_case", detail)
    await inbox.finish(row_id, "delivered", now, case_id=case.case_id)
    return said


async def _later(parts: ApiParts, row_id: str) -> ActionAnswer:
    """Hands the row to the relay at once; what the case may have heard already it ignores."""
    await parts.store.inbox.try_again(row_id, datetime.now(UTC), "the case did not answer in time")
    parts.waker.wake()
    return ActionAnswer(result="processing", because="accepted and stored; it is delivered as soon as possible")
