"""Recovers one failed invoice. Decides nothing itself: asks `policies.next_step` what is due and carries it out.

    open_case -> [ decide -> wait until due or news -> act -> record ] ... -> close_case
                              ^ signals and updates only record facts, then wake the loop

Owns waiting, ordering and the record of what happened. To add a step: class in `policies/steps.py`, a case in `_act`,
a method in `case_steps.py`. Workflow code changes keep `tests/replay/` green.
"""

import asyncio
from datetime import timedelta
from typing import Any, assert_never

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.contracts import (
        CaseActivities,
        CloseRequest,
        DecideRequest,
        DecidingActivities,
        OpenRequest,
    )
    from policies import record
    from policies.events import (
        ActionRequired,
        CaseAction,
        CaseEvent,
        CloseCase,
        CloseOutcome,
        InvoiceVoided,
        OpeningEvent,
        PaymentFailed,
        PaymentSucceeded,
        Resume,
        SubscriptionCancelled,
    )
    from policies.facts import (
        AccessLevel,
    )
    from policies.steps import (
        AnyStep,
        Charge,
        Close,
        Escalate,
        Hold,
        Limit,
        Notify,
        Offer,
        Reconcile,
        Reinstate,
        Suspend,
    )
    from policies.story import CaseState, Shown, as_markdown, summary_of, tell
    from workflows import search_attributes, timing
    from workflows.case_handlers import recorded
    from workflows.case_steps import CaseSteps
    from workflows.contracts import DunningInput, DunningResult, Resumed


# News that ends a case although its invoice could never be read.
ENDING = CloseCase | PaymentSucceeded | InvoiceVoided | SubscriptionCancelled

CANCELLED_IN_TEMPORAL = CloseCase(
    action_id="cancelled in Temporal",
    actor="Temporal",
    reason="the workflow was cancelled",
    outcome=CloseOutcome.CANCELLED,
)


@workflow.defn
class DunningWorkflow(CaseSteps):
    @workflow.init
    def __init__(self, opening: DunningInput) -> None:
        super().__init__(opening)
        self._shown: dict[str, SearchAttributeUpdate[Any]] = {}

    @workflow.run
    async def run(self, opening: DunningInput) -> DunningResult:
        """Cancelling the workflow is how a colleague gives a claim up: the case ends in order, not in mid-act."""
        recovering = asyncio.create_task(self._recover())
        while True:
            try:
                return await asyncio.shield(recovering)
            except asyncio.CancelledError:
                if recovering.done() or recovering.cancelling():
                    # Not a cancellation: the worker takes the case out of its memory.
                    raise
                self._tell(CANCELLED_IN_TEMPORAL)

    async def _recover(self) -> DunningResult:
        ended = await self._open()
        while ended is None:
            if workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()
            step = await self._decide()
            if not await self._due(step):
                continue
            if isinstance(step, Close):
                ended = await self._close(step)
            else:
                await self._act(step)
        return ended

    async def _act(self, step: AnyStep) -> None:
        """Carries out one step. What keeps failing holds the case for a person and says so."""
        try:
            match step:
                case Charge():
                    await self._charge(step)
                case Reconcile():
                    await self._reconcile(step)
                case Notify() | Offer():
                    await self._notify(step)
                case Limit():
                    await self._change_access(step, AccessLevel.LIMITED, step.takes)
                case Suspend():
                    await self._change_access(step, AccessLevel.SUSPENDED)
                case Reinstate():
                    await self._change_access(step, AccessLevel.FULL)
                case Escalate():
                    await self._escalate(step)
                case Hold():
                    await self._read_invoice(step)
                case Close():
                    raise AssertionError("closing is no act")
                case _:
                    assert_never(step)
        except FailureError as error:
            self._facts = record.with_trouble(self.facts, f"{step.kind} failed: {_reason(error)}", workflow.now())

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _open(self) -> DunningResult | None:
        """Reads the truth at the source. When that keeps failing a person mends it and resumes, or the case ends with
        what is known: then the answer is its result."""
        while self._facts is None:
            try:
                opened = await workflow.execute_activity_method(
                    CaseActivities.open_case,
                    OpenRequest(case=self._case, now=workflow.now(), told=self._opening_news()),
                    start_to_close_timeout=timing.ONE_CALL,
                    heartbeat_timeout=timing.HEARTBEAT,
                    schedule_to_close_timeout=timing.WAITED_OUT,
                    retry_policy=timing.OUTSIDE_RETRY,
                    summary="read invoice, customer and decline; choose the policy",
                )
            except FailureError as error:
                ending = await self._wait_for_help(f"the case could not be opened: {_reason(error)}")
                if ending:
                    return ending
            else:
                self._policy, self._segment, self._facts = opened.policy, opened.segment, opened.facts
        for news in self._early:
            self._facts = recorded(self._facts, news)
        self._early.clear()
        return None

    def _opening_news(self) -> OpeningEvent | None:
        return next((news for news in self._early if isinstance(news, PaymentFailed | ActionRequired)), None)

    async def _wait_for_help(self, trouble: str) -> DunningResult | None:
        """Until somebody resumes (None), or news says how a case ends that was never read."""
        self._trouble, self._state = trouble, CaseState.ON_HOLD
        workflow.set_current_details(f"**held for ops**: {trouble}. Mend it, then send `resume`, or `close` it.")
        workflow.upsert_search_attributes([search_attributes.STATE.value_set(CaseState.ON_HOLD.value)])
        await workflow.wait_condition(lambda: any(isinstance(news, Resume | ENDING) for news in self._early))
        ending = next((news for news in self._early if isinstance(news, ENDING)), None)
        if ending is None:
            self._early = [news for news in self._early if not isinstance(news, Resume)]
            return None
        self._closing = True
        workflow.upsert_search_attributes([search_attributes.STATE.value_set(CaseState.CLOSED.value)])
        await workflow.wait_condition(workflow.all_handlers_finished)
        return DunningResult(outcome=_outcome_of(ending), because=f"ended unread: {trouble}", attempts=0, messages=0)

    async def _decide(self) -> AnyStep:
        self._has_news = False
        now = workflow.now()
        if self._failed_decisions:
            self._facts = record.with_trouble_over(self.facts, now, "asked again by itself")
        request = DecideRequest(policy=self.policy.document, facts=self.facts, segment=self._segment, now=now)
        try:
            decided = await workflow.execute_local_activity_method(
                DecidingActivities.decide,
                request,
                start_to_close_timeout=timing.ONE_DECISION,
                retry_policy=timing.DECISION_RETRY,
                summary="what is due next",
            )
        except FailureError as error:
            # A local activity fails with its own error, not wrapped in an ActivityError.
            return self._without_decision(f"no decision could be made: {_reason(error)}")
        self._failed_decisions = 0
        self._show(decided.step, decided.shown)
        return decided.step

    def _without_decision(self, trouble: str) -> AnyStep:
        """Holds and says so, and asks again ever more rarely: a database outage must not need a person per case."""
        now = workflow.now()
        pause = min(timing.DECIDE_AGAIN * 2**self._failed_decisions, timing.DECIDE_AGAIN_AT_MOST)
        self._failed_decisions += 1
        self._facts = record.with_trouble(self.facts, trouble, now)
        hold = Hold(at=now, waits_for="ops", again_at=now + pause, because=f"needs a person: {trouble}")
        self._show(hold, None)
        return hold

    async def _due(self, step: AnyStep) -> bool:
        """Waits until the step is due; False when news came first, which makes the loop decide again."""
        if self._has_news:
            return False
        due_at = step.again_at if isinstance(step, Hold) else step.at
        delay = due_at - workflow.now() if due_at else None
        if delay is not None and delay <= timedelta():
            return True
        self._idle = True
        try:
            await workflow.wait_condition(
                lambda: self._has_news, timeout=delay, timeout_summary=summary_of(step) if delay else None
            )
        except TimeoutError:
            return True
        finally:
            self._idle = False
        return False

    async def _close(self, step: Close) -> DunningResult | None:
        """Stores outcome and timeline where they outlive the history, then lets every waiting person have an answer.
        News that came meanwhile is not lost: None, and the loop decides again."""
        facts, now = self.facts, workflow.now()
        self._show(step, None)
        at_source = self.policy.document.close.at_source if step.outcome is CloseOutcome.WRITTEN_OFF else "leave"
        self._closing, self._ends_at_source = True, at_source != "leave"
        ended = [p.happened_at for p in facts.payments if p.settles] + [e.happened_at for e in facts.endings]
        request = CloseRequest(
            case=self._case,
            outcome=step.outcome,
            because=step.because,
            happened_at=max(ended, default=now),
            attempts=facts.attempts_made,
            messages=len(facts.messages),
            unsettled=self._look_up_of(facts.open_attempt) if facts.open_attempt else None,
            timeline=tuple(tell(facts)),
            now=now,
            at_source=at_source,
        )
        await workflow.execute_activity_method(
            CaseActivities.close_case,
            request,
            start_to_close_timeout=timing.ONE_CALL,
            heartbeat_timeout=timing.HEARTBEAT,
            retry_policy=timing.OUTSIDE_RETRY,
            summary=summary_of(step),
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._closing = self._ends_at_source = False
        if self._has_news:
            return None
        return DunningResult(
            outcome=step.outcome, because=step.because, attempts=request.attempts, messages=request.messages
        )

    # --- shared -------------------------------------------------------------------------------------------------------

    def _show(self, step: AnyStep, shown: Shown | None) -> None:
        """Search attributes once a lap and only what changed; current details cost no history. `shown` None: what only
        the loop knows, that it holds or closes."""
        self._step = step
        if shown is None:
            self._state = CaseState.CLOSED if isinstance(step, Close) else CaseState.ON_HOLD
            wanted = {**self._shown, search_attributes.STATE.name: search_attributes.STATE.value_set(self._state.value)}
        else:
            self._state, wanted = shown.state, search_attributes.of_case(shown)
        changed = [update for name, update in wanted.items() if self._shown.get(name) != update]
        if changed:
            workflow.upsert_search_attributes(changed)
            self._shown = wanted
        workflow.set_current_details(as_markdown(self.facts, step, self.policy.document.edition))

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        resumed = Resumed(facts=self.facts, policy=self.policy, segment=self._segment)
        workflow.continue_as_new(DunningInput(case=self._case, resumed=resumed))


def _outcome_of(ending: CaseEvent | CaseAction) -> CloseOutcome:
    if isinstance(ending, CloseCase):
        return ending.outcome
    return CloseOutcome.RECOVERED if isinstance(ending, PaymentSucceeded) else CloseOutcome.CANCELLED


def _reason(error: FailureError) -> str:
    """The cause in one line: a person reads it in the UI. Texts of unexpected errors stay in the worker's log (P9)."""
    cause = error.cause or error
    kind = getattr(cause, "type", None) or type(cause).__name__
    return f"{kind}: {cause}"[:300]
