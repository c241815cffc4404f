"""Recovers one failed invoice. Decides nothing itself: asks `policies.next_step` what is due and carries it out.

    open_case -> [ decide -> wait until due or news -> act -> record ] ... -> close_case
                              ^ signals and updates only record facts, then wake the loop

Owns waiting, ordering and the record of what happened. To add a step: class in `policies/steps.py`, a case in `_act`,
a method below. Workflow code changes keep `tests/replay/` green.
"""

import asyncio
from datetime import timedelta
from typing import Any, assert_never

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.contracts import (
        AccessRequest,
        Attempted,
        CaseActivities,
        ChargeRequest,
        ChargingActivities,
        CloseRequest,
        DecideRequest,
        DecidingActivities,
        EscalateRequest,
        LookUpRequest,
        MessageRequest,
        MessagingActivities,
        OpenRequest,
        ServiceActivities,
        Stale,
    )
    from policies import keys, record
    from policies.events import (
        CloseCase,
        CloseOutcome,
        Resume,
    )
    from policies.facts import (
        OPEN_OUTCOMES,
        AccessChange,
        AccessLevel,
        Attempt,
        Escalation,
        FraudFlag,
        Message,
        Refusal,
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
    from policies.story import CaseState, as_markdown, summary_of, tell
    from workflows import search_attributes, timing
    from workflows.case_handlers import CaseHandlers, recorded
    from workflows.contracts import DunningInput, DunningResult, Resumed


CANCELLED_IN_TEMPORAL = CloseCase(
    action_id="cancelled in Temporal",
    actor="Temporal",
    reason="the workflow was cancelled",
    outcome=CloseOutcome.CANCELLED,
)


@workflow.defn
class DunningWorkflow(CaseHandlers):
    @workflow.init
    def __init__(self, opening: DunningInput) -> None:
        super().__init__(opening)
        self._shown: dict[str, Any] = {}

    @workflow.run
    async def run(self, opening: DunningInput) -> DunningResult:
        """Cancelling the workflow is how a colleague gives a claim up: the case ends in order, not in mid-act."""
        recovering = asyncio.create_task(self._recover())
        while True:
            try:
                return await asyncio.shield(recovering)
            except asyncio.CancelledError:
                self._tell(CANCELLED_IN_TEMPORAL)

    async def _recover(self) -> DunningResult:
        await self._open()
        while True:
            step = await self._decide()
            self._show(step)
            if not await self._due(step):
                continue
            if isinstance(step, Close):
                return await self._close(step)
            await self._act(step)
            if workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()

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
                case Hold() | Close():
                    raise AssertionError("holding and closing are no acts")
                case _:
                    assert_never(step)
        except FailureError as error:
            self._facts = record.with_trouble(self.facts, f"{step.kind} failed: {_reason(error)}", workflow.now())

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Reads the truth at the source. When that keeps failing a person mends it and resumes."""
        while self._facts is None:
            try:
                opened = await workflow.execute_activity_method(
                    CaseActivities.open_case,
                    OpenRequest(case=self._case, now=workflow.now()),
                    start_to_close_timeout=timing.ONE_CALL,
                    heartbeat_timeout=timing.HEARTBEAT,
                    schedule_to_close_timeout=timing.WAITED_OUT,
                    retry_policy=timing.OUTSIDE_RETRY,
                    summary="read invoice, customer and decline; choose the policy",
                )
            except FailureError as error:
                await self._wait_for_help(f"the case could not be opened: {_reason(error)}")
            else:
                self._policy, self._segment, self._facts = opened.policy, opened.segment, opened.facts
        for news in self._early:
            self._facts = recorded(self._facts, news)
        self._early.clear()

    async def _wait_for_help(self, trouble: str) -> None:
        self._trouble, self._has_news = trouble, False
        workflow.set_current_details(f"**held for ops**: {trouble}. Mend it, then send `resume`.")
        workflow.upsert_search_attributes([search_attributes.STATE.value_set(CaseState.ON_HOLD.value)])
        await workflow.wait_condition(lambda: any(isinstance(news, Resume) for news in self._early))
        self._early = [news for news in self._early if not isinstance(news, Resume)]
        self._trouble = ""

    async def _decide(self) -> AnyStep:
        self._has_news = False
        request = DecideRequest(policy=self.policy.document, facts=self.facts, now=workflow.now())
        try:
            step: AnyStep = await workflow.execute_local_activity_method(
                DecidingActivities.decide,
                request,
                start_to_close_timeout=timing.ONE_DECISION,
                retry_policy=timing.DECISION_RETRY,
                summary="what is due next",
            )
        except FailureError as error:
            # A local activity fails with its own error, not wrapped in an ActivityError.
            trouble = f"no decision could be made: {_reason(error)}"
            self._facts = record.with_trouble(self.facts, trouble, workflow.now())
            return Hold(at=workflow.now(), waits_for="ops", because=f"needs a person: {trouble}")
        return step

    async def _due(self, step: AnyStep) -> bool:
        """Waits until the step is due; False when news came first, which makes the loop decide again."""
        if self._has_news:
            return False
        delay = step.at - workflow.now()
        if not isinstance(step, Hold) and delay <= timedelta():
            return True
        self._idle = True
        try:
            await workflow.wait_condition(
                lambda: self._has_news,
                timeout=None if isinstance(step, Hold) else delay,
                timeout_summary=summary_of(step),
            )
        except TimeoutError:
            return True
        finally:
            self._idle = False
        return False

    async def _charge(self, step: Charge) -> None:
        ordinal = len(self.facts.attempts) + 1
        request = ChargeRequest(
            case=self._case,
            ordinal=ordinal,
            key=keys.attempt_key(self._case, ordinal),
            gateway=self.facts.invoice.gateway,
            customer_id=self.facts.invoice.customer_id,
            credential_id=step.credential_id,
            amount=step.amount,
            now=workflow.now(),
        )
        answer = await workflow.execute_activity_method(
            ChargingActivities.charge, request, **self._outside(step, timing.WAITED_OUT)
        )
        now = workflow.now()
        match answer.kind:
            case "attempted":
                attempt = Attempt(
                    ordinal=ordinal,
                    key=request.key,
                    at=request.now,
                    credential_id=step.credential_id,
                    amount=step.amount,
                    outcome=answer.outcome,
                    decline=answer.decline,
                    rung=step.rung,
                    action_id=step.action_id,
                    because=step.because,
                )
                self._facts = record.with_attempt(self.facts, _as_remembered(attempt, answer))
            case "refused":
                refusal = Refusal(
                    at=now, credential_id=step.credential_id, rule=answer.rule, free_at=answer.free_at, rung=step.rung
                )
                self._add("refusals", refusal)
            case "fraud_suspected":
                self._add("fraud_flags", FraudFlag(at=now, signals=answer.signals))
            case "stale":
                self._facts = record.with_invoice(self.facts, answer.invoice, now)

    async def _reconcile(self, step: Reconcile) -> None:
        attempt = next(a for a in self.facts.attempts if a.ordinal == step.ordinal)
        now = workflow.now()
        answer = await workflow.execute_activity_method(
            ChargingActivities.look_up,
            LookUpRequest(key=attempt.key, gateway=self.facts.invoice.gateway, attempted_at=attempt.at, now=now),
            **self._outside(step, timing.WAITED_OUT),
        )
        settled = answer.outcome not in OPEN_OUTCOMES
        news = {
            "outcome": answer.outcome,
            "decline": answer.decline,
            "look_ups": attempt.look_ups + 1,
            "looked_up_at": now if settled else None,
        }
        self._facts = record.with_attempt(self.facts, attempt.model_copy(update=news))

    async def _notify(self, step: Notify | Offer) -> None:
        ordinal = len(self.facts.messages) + 1
        request = MessageRequest(
            case=self._case,
            key=keys.message_key(self._case, ordinal),
            customer_id=self.facts.invoice.customer_id,
            template=step.template,
            channels=step.channels,
            words=step.words,
            now=workflow.now(),
            only_while_unpaid=not self.facts.is_paid,
        )
        answer = await workflow.execute_activity_method(
            MessagingActivities.send_message, request, **self._outside(step, timing.WORDS_WAITED_OUT)
        )
        if isinstance(answer, Stale):
            self._facts = record.with_invoice(self.facts, answer.invoice, workflow.now())
            return
        message = Message(
            ordinal=ordinal,
            at=request.now,
            name=step.name,
            template=step.template,
            status=answer.status,
            channel=answer.channel,
            because=step.because,
        )
        self._add("messages", message)

    async def _change_access(self, step: AnyStep, level: AccessLevel, takes: tuple[str, ...] = ()) -> None:
        ordinal = len(self.facts.access_changes) + 1
        request = AccessRequest(
            case=self._case,
            key=keys.access_key(self._case, ordinal),
            customer_id=self.facts.invoice.customer_id,
            level=level,
            takes=takes,
            due=self.facts.due,
            now=workflow.now(),
        )
        answer = await workflow.execute_activity_method(
            ServiceActivities.change_access, request, **self._outside(step, timing.WAITED_OUT)
        )
        if isinstance(answer, Stale):
            self._facts = record.with_invoice(self.facts, answer.invoice, workflow.now())
            return
        change = AccessChange(
            ordinal=ordinal,
            at=request.now,
            level=level,
            benefits_taken=answer.benefits_taken,
            because=step.because,
        )
        self._add("access_changes", change)

    async def _escalate(self, step: Escalate) -> None:
        ordinal = len(self.facts.escalations) + 1
        request = EscalateRequest(
            case=self._case,
            key=keys.task_key(self._case, ordinal),
            customer_id=self.facts.invoice.customer_id,
            to=step.to,
            words=step.words,
            now=workflow.now(),
        )
        await workflow.execute_activity_method(
            MessagingActivities.escalate, request, **self._outside(step, timing.WAITED_OUT)
        )
        self._add("escalations", Escalation(ordinal=ordinal, at=request.now, to=step.to, because=step.because))

    async def _close(self, step: Close) -> DunningResult:
        """Stores outcome and timeline where they outlive the history, then lets every waiting person have an answer."""
        facts, now = self.facts, workflow.now()
        ended = [p.happened_at for p in facts.payments] + [e.happened_at for e in facts.endings]
        request = CloseRequest(
            case=self._case,
            outcome=step.outcome,
            because=step.because,
            happened_at=max(ended, default=now),
            attempts=facts.attempts_made,
            messages=len(facts.messages),
            unsettled=facts.open_attempt is not None,
            timeline=tuple(tell(facts)),
            now=now,
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
        return DunningResult(
            outcome=step.outcome, because=step.because, attempts=request.attempts, messages=request.messages
        )

    # --- shared -------------------------------------------------------------------------------------------------------

    def _add(self, field: str, fact: Any) -> None:
        self._facts = record.with_fact(self.facts, field, fact)

    def _outside(self, step: AnyStep, waited_out: timedelta) -> dict[str, Any]:
        return {
            "start_to_close_timeout": timing.ONE_CALL,
            "schedule_to_close_timeout": waited_out,
            "heartbeat_timeout": timing.HEARTBEAT,
            "retry_policy": timing.OUTSIDE_RETRY,
            "summary": summary_of(step),
        }

    def _show(self, step: AnyStep) -> None:
        """Search attributes once a lap and only what changed; current details cost no history."""
        self._step = step
        wanted = search_attributes.of_case(self.facts, self._segment, step)
        changed = [update for name, update in wanted.items() if self._shown.get(name) != update.value]
        if changed:
            workflow.upsert_search_attributes(changed)
            self._shown = {name: update.value for name, update in wanted.items()}
        workflow.set_current_details(as_markdown(self.facts, step, self.policy.document.edition))

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        resumed = Resumed(facts=self.facts, policy=self.policy, segment=self._segment)
        workflow.continue_as_new(DunningInput(case=self._case, resumed=resumed))


def _as_remembered(attempt: Attempt, answer: Attempted) -> Attempt:
    """After a Reset the ledger may answer for an attempt that this history has forgotten: it used no rung, no card."""
    if answer.credential_id is None or answer.amount is None:
        return attempt
    old = {"credential_id": answer.credential_id, "amount": answer.amount, "rung": None, "action_id": None}
    return attempt.model_copy(update={**old, "because": "made before this history was reset; the ledger remembers"})


def _reason(error: FailureError) -> str:
    """The cause in one line: a person reads it in the UI."""
    cause = error.cause or error
    kind = getattr(cause, "type", None) or type(cause).__name__
    return f"{kind}: {cause}"[:300]
