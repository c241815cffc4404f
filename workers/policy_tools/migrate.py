"""`recoup policy migrate NEW`: moves running cases to another policy, one Update each. Refused cases stay.

Repeating is harmless: a case that has the policy is left alone, and one that answered too late is found as moved.
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.store.cases import Counted, RunningCase, Selection
from activities.store.database import DATABASE_DOWN
from policies.base import Record, ShortText
from policies.document import PolicySnapshot
from policies.keys import migration_key
from policies.migration import MigrateRequest, refusal_of_migration
from workers.mistakes import Mistake
from workers.policy_tools.running_cases import PATIENCE, Reach, Unasked, ask, for_each, progress
from workflows.contracts import CaseNow
from workflows.dunning import DunningWorkflow

Result = Literal["moved", "would_move", "had_it", "refused", "unreachable"]


class Told(Record):
    """Who moves the cases and why; stands in the history of each."""

    actor: str
    reason: str


class CaseMove(Record):
    case_id: str
    segment: str
    was: str
    result: Result
    reason: str = ""


class MigrateReport(Record):
    """`had_it_before`: running cases of the same selection that were under the policy already."""

    policy: str
    sha256: str
    dry_run: bool
    had_it_before: int
    cases: tuple[CaseMove, ...]

    def count(self, result: Result) -> int:
        return Counter(case.result for case in self.cases)[result]

    @property
    def exit_code(self) -> int:
        return 1 if self.count("unreachable") else 0


class NotConfirmed(Mistake):
    """Somebody was asked and said no."""


def told(actor: str, reason: str) -> Told:
    """Raises Mistake for what must not, or cannot, stand in a history."""
    words: TypeAdapter[str] = TypeAdapter(ShortText)
    for option, text in (("--actor", actor), ("--reason", reason)):
        try:
            words.validate_python(text)
        except ValidationError as error:
            why = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            raise Mistake(f"{option}: {why}") from None
    return Told(actor=actor.strip(), reason=reason.strip())


async def migrate(
    reach: Reach,
    new: PolicySnapshot,
    chosen: Selection,
    by: Told,
    limit: int | None = None,
    dry_run: bool = False,
    confirm: Callable[[int], bool] = lambda _: True,
) -> MigrateReport:
    """`confirm` is asked with the number of cases before the first one moves. Raises NotConfirmed."""
    counted = await reach.store.cases.how_many_run(chosen)
    total = _at_most(counted, limit)
    if total and not dry_run and not confirm(total):
        raise NotConfirmed("nothing was moved")

    async def one(case: RunningCase) -> CaseMove:
        return await _move(reach, case, new, by, dry_run)

    with progress(f"moving to {new.document.edition}", total) as done:
        moves = await for_each(reach.store.cases.running(chosen, limit), one, done)
    return MigrateReport(
        policy=new.document.edition,
        sha256=new.sha256,
        dry_run=dry_run,
        had_it_before=counted.with_it,
        cases=tuple(moves),
    )


def _at_most(counted: Counted, limit: int | None) -> int:
    return counted.without if limit is None else min(counted.without, limit)


async def _move(reach: Reach, case: RunningCase, new: PolicySnapshot, by: Told, dry_run: bool) -> CaseMove:
    now = await ask(reach, case)
    if isinstance(now, Unasked):
        return _left(case, "refused" if now.why == "ended" else "unreachable", now.reason)
    if now.policy and now.policy.sha256 == new.sha256:
        # The answer of an earlier run never came, or its row was not written.
        return await _written(reach, case, now, new, "had_it", dry_run)
    if now.facts is None or now.policy is None:
        return _left(case, "refused", "the case has not read its invoice yet")
    ordinal = len(now.facts.policy_changes) + 1
    request = MigrateRequest(
        action_id=migration_key(now.case, ordinal, new.sha256),
        actor=by.actor,
        reason=by.reason,
        expected_sha256=now.policy.sha256,
        policy=new,
    )
    if dry_run:
        refusal = refusal_of_migration(now.facts, now.policy, request)
        return _left(case, "refused" if refusal else "would_move", refusal or "")
    return await _ask_to_move(reach, case, now, request) or await _written(reach, case, now, new, "moved", dry_run)


async def _ask_to_move(reach: Reach, case: RunningCase, now: CaseNow, request: MigrateRequest) -> CaseMove | None:
    """None: it has moved. The id of the Update is the action's, so the server too knows a request that comes again."""
    try:
        await reach.handle(case).execute_update(
            DunningWorkflow.migrate_policy, request, id=request.action_id, rpc_timeout=PATIENCE
        )
    except WorkflowUpdateFailedError as error:
        reason = error.cause.message if isinstance(error.cause, FailureError) else str(error.cause)
        return _left(case, "refused", reason)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return _left(case, "unreachable", "no answer in time; it may move yet, so repeat this later")
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return _left(case, "refused", "its workflow does not run any more")
        return _left(case, "unreachable", f"no answer: {error.status.name.lower()}")
    return None


async def _written(
    reach: Reach, case: RunningCase, now: CaseNow, new: PolicySnapshot, result: Result, dry_run: bool
) -> CaseMove:
    """The row follows the case; the case itself could only do so by an activity, at the price of history."""
    if not dry_run:
        try:
            await reach.store.cases.migrated(now.case, new)
        except DATABASE_DOWN as error:
            reason = f"{result}, but the database did not write it down ({type(error).__name__}); repeat this later"
            return _left(case, "unreachable", reason)
    return _left(case, result, "")


def _left(case: RunningCase, result: Result, reason: str) -> CaseMove:
    return CaseMove(case_id=case.case_id, segment=case.segment, was=case.policy, result=result, reason=reason)


def as_text(report: MigrateReport) -> str:
    """What a person reads: the numbers, then every case that did not do as asked, with its reason."""
    word = "would move" if report.dry_run else "moved"
    moved = report.count("would_move" if report.dry_run else "moved")
    lines = [f"{word} to {report.policy}: {moved} of {len(report.cases)} running cases"]
    had_it = report.had_it_before + report.count("had_it")
    lines += [f"{had_it} have it already"] if had_it else []
    for result, heading in (("refused", "stay as they are"), ("unreachable", "could not be reached")):
        left = [case for case in report.cases if case.result == result]
        lines += [f"{len(left)} {heading}:"] if left else []
        lines += [f"  {case.case_id}: {case.reason}" for case in left]
    return "\n".join(lines)
