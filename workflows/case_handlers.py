"""What a case can be told and asked: its signals, updates and the status query.

Handlers only record facts and wake the loop in `dunning.py`. Each takes one argument, so that it can be sent from the
Temporal UI; what people do exists as update (answers) and as signal (delivered later) under one name.
To add news: a model in `policies/events.py`, its fact in `policies/record.py`, a handler here.
"""

from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from policies import migration, record, record_actions
    from policies.document import PolicySnapshot
    from policies.events import (
        Action,
        ActionAnswer,
        ActionRequired,
        AgreePlan,
        AskForHelp,
        AttemptSettled,
        CaseAction,
        CaseEvent,
        CloseCase,
        CustomerDid,
        CustomerPays,
        DisputeClosed,
        DisputeOpened,
        FraudWarning,
        InvoiceVoided,
        MandateChanged,
        MessageReported,
        Pause,
        PaymentFailed,
        PaymentMethodChanged,
        PaymentSucceeded,
        PromiseToPay,
        ReportMistake,
        Resume,
        SubscriptionCancelled,
        UpdatePaymentMethod,
    )
    from policies.facts import CaseFacts, Outcome
    from policies.migration import MigrateRequest
    from policies.steps import AnyStep, Hold
    from policies.story import CaseState, tell
    from workflows import timing
    from workflows.contracts import CaseNow, CaseStatus, DunningInput


News = CaseEvent | CaseAction | AttemptSettled | MessageReported | CustomerDid
"""All that wakes a case."""


class CaseHandlers:
    """State of one case and the handlers that add to it. The loop is the subclass's."""

    def __init__(self, opening: DunningInput) -> None:
        self._case = opening.case
        resumed = opening.resumed
        self._facts: CaseFacts | None = resumed.facts if resumed else None
        self._policy: PolicySnapshot | None = resumed.policy if resumed else None
        self._segment = resumed.segment if resumed else ""
        self._early: list[News] = []
        self._step: AnyStep | None = None
        self._trouble = ""
        self._state = CaseState.OPENING
        self._closing = False
        self._ends_at_source = False
        self._failed_decisions = 0
        self._has_news = False
        self._idle = False

    @workflow.signal(description="The source reports a failed payment of this invoice")
    def payment_failed(self, event: PaymentFailed) -> None:
        self._tell(event)

    @workflow.signal(description="The payment waits for the customer to confirm it")
    def action_required(self, event: ActionRequired) -> None:
        self._tell(event)

    @workflow.signal(description="The invoice was paid, whoever collected it")
    def payment_succeeded(self, event: PaymentSucceeded) -> None:
        self._tell(event)

    @workflow.signal(description="The invoice was voided")
    def invoice_voided(self, event: InvoiceVoided) -> None:
        self._tell(event)

    @workflow.signal(description="The subscription was cancelled")
    def subscription_cancelled(self, event: SubscriptionCancelled) -> None:
        self._tell(event)

    @workflow.signal(description="A dispute was opened: the case holds still")
    def dispute_opened(self, event: DisputeOpened) -> None:
        self._tell(event)

    @workflow.signal(description="The dispute was decided")
    def dispute_closed(self, event: DisputeClosed) -> None:
        self._tell(event)

    @workflow.signal(description="The network or the gateway suspects fraud: a person is asked")
    def fraud_warning(self, event: FraudWarning) -> None:
        self._tell(event)

    @workflow.signal(description="The customer's way to pay changed at the source")
    def payment_method_changed(self, event: PaymentMethodChanged) -> None:
        self._tell(event)

    @workflow.signal(description="A mandate ended, or is active again")
    def mandate_changed(self, event: MandateChanged) -> None:
        self._tell(event)

    @workflow.signal(description="A gateway said what became of an attempt of ours that had no clear answer")
    def attempt_settled(self, event: AttemptSettled) -> None:
        self._tell(event)

    @workflow.signal(description="A provider said what became of a message")
    def message_reported(self, news: MessageReported) -> None:
        self._tell(news)

    @workflow.signal(name="update_payment_method", description="The customer gave a new way to pay")
    def update_payment_method_later(self, action: UpdatePaymentMethod) -> None:
        self._tell(action)

    @workflow.signal(description="What the customer was seen to do on their page")
    def customer_did(self, news: CustomerDid) -> None:
        self._tell(news)

    @workflow.signal(name="agree_plan", description="The customer pays in parts, the first at once")
    def agree_plan_later(self, action: AgreePlan) -> None:
        self._tell(action)

    @workflow.signal(name="promise_to_pay", description="The customer names the day on which all may be charged")
    def promise_to_pay_later(self, action: PromiseToPay) -> None:
        self._tell(action)

    @workflow.signal(name="report_mistake", description="The customer says that the claim is wrong: a person looks")
    def report_mistake_later(self, action: ReportMistake) -> None:
        self._tell(action)

    @workflow.signal(name="ask_for_help", description="The customer wants to talk to a person")
    def ask_for_help_later(self, action: AskForHelp) -> None:
        self._tell(action)

    @workflow.signal(name="pause", description="Hold the case; actor and reason are kept")
    def pause_later(self, action: Pause) -> None:
        self._tell(action)

    @workflow.signal(name="resume", description="End a pause or a hold")
    def resume_later(self, action: Resume) -> None:
        self._tell(action)

    @workflow.signal(name="close", description="Give the claim up: written_off or cancelled")
    def close_later(self, action: CloseCase) -> None:
        self._tell(action)

    @workflow.update(description="The customer gave a new way to pay: charges at once and answers")
    async def update_payment_method(self, action: UpdatePaymentMethod) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="The customer pays in parts: charges the first at once and answers")
    async def agree_plan(self, action: AgreePlan) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="The customer names the day on which all may be charged")
    async def promise_to_pay(self, action: PromiseToPay) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="The customer says that the claim is wrong: a person looks")
    async def report_mistake(self, action: ReportMistake) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="The customer wants to talk to a person")
    async def ask_for_help(self, action: AskForHelp) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="Hold the case; actor and reason are kept")
    async def pause(self, action: Pause) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="End a pause or a hold")
    async def resume(self, action: Resume) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="Give the claim up: written_off or cancelled")
    async def close(self, action: CloseCase) -> ActionAnswer:
        return await self._answer(action)

    @workflow.update(description="Give the case another policy; it goes on under it from where it stands")
    def migrate_policy(self, asked: MigrateRequest) -> ActionAnswer:
        """Whether it may be is the validator's question alone: what was accepted replays, whatever newer code says."""
        if asked.action_id not in self.facts.seen:
            self._facts = migration.migrated(self.facts, self.policy, asked, workflow.now())
            self._policy = asked.policy
            self._wake()
        return ActionAnswer(result="done", because=f"goes on under {asked.policy.document.edition}")

    @update_payment_method.validator
    def _may_update_payment_method(self, action: UpdatePaymentMethod) -> None:
        self._refuse_impossible(action)

    @agree_plan.validator
    def _may_agree_plan(self, action: AgreePlan) -> None:
        self._refuse_impossible(action)

    @promise_to_pay.validator
    def _may_promise_to_pay(self, action: PromiseToPay) -> None:
        self._refuse_impossible(action)

    @report_mistake.validator
    def _may_report_mistake(self, action: ReportMistake) -> None:
        self._refuse_impossible(action)

    @ask_for_help.validator
    def _may_ask_for_help(self, action: AskForHelp) -> None:
        self._refuse_impossible(action)

    @pause.validator
    def _may_pause(self, action: Pause) -> None:
        self._refuse_impossible(action)

    @resume.validator
    def _may_resume(self, action: Resume) -> None:
        self._refuse_impossible(action)

    @close.validator
    def _may_close(self, action: CloseCase) -> None:
        self._refuse_impossible(action)

    @migrate_policy.validator
    def _may_migrate_policy(self, asked: MigrateRequest) -> None:
        if self._facts is None or self._policy is None:
            raise _refused("the case has not read its invoice yet")
        if self._closing:
            raise _refused("the case is closing")
        if reason := migration.refusal_of_migration(self._facts, self._policy, asked):
            raise _refused(reason)

    @workflow.query(description="What the next decision rests on: facts, policy, segment")
    def case_now(self) -> CaseNow:
        return CaseNow(
            case=self._case,
            facts=self._facts,
            policy=self._policy,
            segment=self._segment,
            closing=self._closing,
            now=workflow.now(),
        )

    @workflow.query(description="Facts, the next step and why")
    def status(self) -> CaseStatus:
        if self._facts is None or self._step is None:
            because = self._trouble or "the case is reading its invoice"
            return CaseStatus(case=self._case, state=self._state.value, because=because, facts=self._facts)
        return CaseStatus(
            case=self._case,
            state=self._state.value,
            because=self._step.because,
            policy=self.policy.document.edition,
            segment=self._segment,
            next_step_at=None if isinstance(self._step, Hold) else self._step.at,
            step=self._step,
            facts=self._facts,
            timeline=tuple(tell(self._facts)),
        )

    def _tell(self, news: News) -> None:
        if self._ends_at_source and isinstance(news, InvoiceVoided | SubscriptionCancelled):
            # The echo of the end that this case itself has asked for there.
            return
        if self._facts is None:
            self._early.append(news)
        else:
            self._facts = recorded(self._facts, news)
        self._wake()

    def _wake(self) -> None:
        self._has_news = True
        self._idle = False

    async def _answer(self, action: CaseAction) -> ActionAnswer:
        """Records, then waits a person's patience for the loop to have acted on it."""
        self._tell(action)
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._answer_to(action) is not None,
                timeout=timing.PERSON_WAITS,
                timeout_summary="a person waits",
            )
        return self._answer_to(action) or ActionAnswer(result="processing", because="accepted; still under way")

    def _answer_to(self, action: CaseAction) -> ActionAnswer | None:
        """None while the loop has not yet acted on it. Customers hear fixed sentences, colleagues the reason."""
        at_rest = self._idle or self._closing
        if isinstance(action, CustomerPays):
            return self._payment_answer(action, at_rest)
        if not at_rest:
            return None
        return ActionAnswer(result="done", because=self._step.because if self._step else self._trouble)

    def _payment_answer(self, action: CustomerPays, at_rest: bool) -> ActionAnswer | None:
        facts = self._facts
        attempt = facts.attempt_for(action.action_id) if facts else None
        if attempt and attempt.outcome is Outcome.SUCCEEDED:
            return ActionAnswer(result="paid", because=f"{attempt.amount} was paid")
        if attempt and attempt.outcome is Outcome.DECLINED and attempt.decline:
            wanted = attempt.decline.customer_action
            because = f"the new attempt was declined; what may help: {wanted.value}"
            return ActionAnswer(result="refused", because=because, advice=wanted)
        if facts and facts.is_paid and at_rest:
            return ActionAnswer(result="paid", because="the invoice is paid")
        if facts and facts.cannot_use(action.action_id):
            return ActionAnswer(result="refused", because="this way to pay cannot be used now; please choose another")
        return ActionAnswer(result="processing", because="accepted; still under way") if at_rest else None

    def _refuse_impossible(self, action: CaseAction) -> None:
        reason = record_actions.refusal_of(self._facts, action, workflow.now()) if self._facts else None
        if reason:
            raise _refused(reason)

    @property
    def facts(self) -> CaseFacts:
        if self._facts is None:
            raise RuntimeError("facts were read before open_case answered")
        return self._facts

    @property
    def policy(self) -> PolicySnapshot:
        if self._policy is None:
            raise RuntimeError("the policy was read before open_case answered")
        return self._policy


def _refused(reason: str) -> ApplicationError:
    return ApplicationError(reason, type="ActionRefused", non_retryable=True)


def recorded(facts: CaseFacts, news: News) -> CaseFacts:
    now = workflow.now()
    if isinstance(news, AttemptSettled):
        return record.with_attempt_settled(facts, news, now)
    if isinstance(news, MessageReported):
        return record.with_message_reported(facts, news, now)
    if isinstance(news, CustomerDid):
        return record_actions.with_customer_did(facts, news, now)
    if isinstance(news, Action):
        return record_actions.with_action(facts, news, now)
    return record.with_event(facts, news, now)
