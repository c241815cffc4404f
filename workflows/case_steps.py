"""The acts of a case: one activity each, and what became of it as a fact. They branch on nothing but the answer.

To add a step: class in `policies/steps.py`, a case in `DunningWorkflow._act`, a method here.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.contracts import (
        AccessRequest,
        Attempted,
        CaseActivities,
        ChargeAnswer,
        ChargeRequest,
        ChargingActivities,
        EscalateRequest,
        KeepRequest,
        LookUpRequest,
        Messaged,
        MessageRequest,
        MessagingActivities,
        OpenRequest,
        ServiceActivities,
        Stale,
    )
    from policies import keys, record
    from policies.facts import (
        LOST_ACCESS,
        OPEN_OUTCOMES,
        AccessChange,
        AccessLevel,
        Attempt,
        Escalation,
        FraudFlag,
        NewCredential,
        Outcome,
        Refusal,
    )
    from policies.instruments import Initiator
    from policies.money import Money
    from policies.said import Deferral, Message
    from policies.steps import (
        FIRST_IN_LINE,
        AnyStep,
        Charge,
        Escalate,
        Hold,
        Notify,
        Offer,
        Reconcile,
        purpose_of,
    )
    from policies.story import summary_of, tell
    from workflows import timing
    from workflows.case_handlers import CaseHandlers
    from workflows.contracts import charging_queue, fairness_key


class CaseSteps(CaseHandlers):
    """Every method carries out one step; what fails after all its retries is raised as FailureError."""

    async def _charge(self, step: Charge) -> None:
        ordinal = len(self.facts.attempts) + 1
        by_customer = Initiator.CUSTOMER if step.action_id else Initiator.MERCHANT
        request = ChargeRequest(
            case=self._case,
            ordinal=ordinal,
            key=keys.attempt_key(self._case, ordinal),
            gateway=step.gateway or self.facts.invoice.gateway,
            customer_id=self.facts.invoice.customer_id,
            credential_id=step.credential_id,
            amount=step.amount,
            now=workflow.now(),
            instrument=step.instrument or self.facts.instrument,
            initiator=step.initiator or by_customer,
            gateway_customer_id=step.gateway_customer_id,
            retries_at=self.facts.invoice.retries_at,
            retries_itself=self.facts.invoice.retries_itself,
            owed=step.owed,
            keep=step.keep,
        )
        attempt = Attempt(
            ordinal=ordinal,
            key=request.key,
            at=request.now,
            credential_id=step.credential_id,
            amount=step.amount,
            outcome=Outcome.UNKNOWN,
            rung=step.rung,
            action_id=step.action_id,
            because=step.because,
            gateway=step.gateway,
            backup=step.backup,
            left=step.left,
        )
        try:
            answer = await workflow.execute_activity_method(
                ChargingActivities.charge,
                request,
                **self._outside(step, timing.WAITED_OUT),
                **self._lane(step.gateway, step.priority),
            )
        except FailureError:
            # Nobody knows how far it came; it is looked up before anything else is charged.
            self._facts = record.with_attempt(self.facts, attempt)
            raise
        self._take_answer(step, attempt, answer)
        if answer.kind == "attempted" and answer.keeps:
            await self._keep_for_later(attempt, step.gateway_customer_id)

    async def _keep_for_later(self, attempt: Attempt, gateway_customer_id: str | None) -> None:
        """Waiting people have their answer by then: what is done after it need not keep them."""
        request = KeepRequest(
            case=self._case,
            key=attempt.key,
            gateway=attempt.gateway or self.facts.invoice.gateway,
            customer_id=self.facts.invoice.customer_id,
            credential_id=attempt.credential_id,
            now=workflow.now(),
            gateway_customer_id=gateway_customer_id,
        )
        await workflow.execute_activity_method(
            ChargingActivities.keep_for_later,
            request,
            start_to_close_timeout=timing.QUICK_CALL,
            retry_policy=timing.QUICK_RETRY,
            summary="what paid is what later invoices are charged to",
        )

    def _take_answer(self, step: Charge, attempt: Attempt, answer: ChargeAnswer) -> None:
        now = workflow.now()
        match answer.kind:
            case "attempted":
                self._facts = record.with_attempt(self.facts, _as_answered(attempt, answer))
                if answer.renewed:
                    card = answer.renewed
                    self._facts = record.with_renewed_credential(self.facts, card.credential_id, card.instrument, now)
            case "refused":
                refusal = Refusal(
                    at=now,
                    credential_id=step.credential_id,
                    rule=answer.rule,
                    free_at=answer.free_at,
                    rung=step.rung,
                    by_gateway=answer.by_gateway,
                )
                self._facts = record.with_refusal(self.facts, refusal)
            case "fraud_suspected":
                self._add("fraud_flags", FraudFlag(at=now, signals=answer.signals))
            case "stale":
                self._facts = record.with_invoice(self.facts, answer.invoice, now)

    async def _reconcile(self, step: Reconcile) -> None:
        attempt = next(a for a in self.facts.attempts if a.ordinal == step.ordinal)
        now, kept = workflow.now(), self._given_for(attempt)
        answer = await workflow.execute_activity_method(
            ChargingActivities.look_up,
            self._look_up_of(attempt).model_copy(update={"keep": kept is not None}),
            **self._outside(step, timing.WAITED_OUT),
            **self._lane(attempt.gateway, FIRST_IN_LINE),
        )
        settled = answer.outcome not in OPEN_OUTCOMES
        # What was told while the gateway was asked may be newer than its answer.
        told_at = next(a.told_at for a in self.facts.attempts if a.ordinal == step.ordinal)
        news = {
            "outcome": answer.outcome,
            "decline": answer.decline,
            "look_ups": attempt.look_ups + 1,
            "looked_up_at": now if settled else None,
            "told_at": None if settled or told_at == attempt.told_at else told_at,
        }
        self._facts = record.with_attempt(self.facts, attempt.model_copy(update=news))
        if answer.keeps and kept:
            await self._keep_for_later(attempt, kept.gateway_customer_id)

    async def _notify(self, step: Notify | Offer) -> None:
        ordinal = len(self.facts.messages) + 1
        request = MessageRequest(
            case=self._case,
            key=keys.message_key(self._case, ordinal, step.name),
            customer_id=self.facts.invoice.customer_id,
            template=step.template,
            channels=step.channels,
            words=step.words,
            now=workflow.now(),
            only_while_unpaid=not self.facts.is_paid,
            name=step.name,
            purpose=purpose_of(step, self.facts.is_paid),
            rules=self.policy.document.contact,
            wording=step.wording,
            variant=step.variant,
            held_out=step.held_out,
        )
        answer = await workflow.execute_activity_method(
            MessagingActivities.send_message, request, **self._outside(step, timing.WORDS_WAITED_OUT)
        )
        match answer.kind:
            case "stale":
                self._facts = record.with_invoice(self.facts, answer.invoice, workflow.now())
            case "deferred":
                put_off = Deferral(at=request.now, name=step.name, because=answer.because, until=answer.until)
                self._facts = record.with_deferral(self.facts, put_off)
            case "messaged":
                self._add("messages", _as_said(step, request, ordinal, answer))

    async def _change_access(self, step: AnyStep, level: AccessLevel, takes: tuple[str, ...] = ()) -> None:
        ordinal = len(self.facts.access_changes) + 1
        request = AccessRequest(
            case=self._case,
            key=keys.access_key(self._case, ordinal, level.value),
            customer_id=self.facts.invoice.customer_id,
            level=level,
            takes=takes,
            due=self.facts.due,
            now=workflow.now(),
        )
        change = AccessChange(ordinal=ordinal, at=request.now, level=level, because=step.because)
        try:
            answer = await workflow.execute_activity_method(
                ServiceActivities.change_access, request, **self._outside(step, timing.WAITED_OUT)
            )
        except FailureError:
            if level in LOST_ACCESS:
                # Perhaps taken: a payment has to give it back.
                self._add("access_changes", change.model_copy(update={"unclear": True}))
            raise
        if isinstance(answer, Stale):
            self._facts = record.with_invoice(self.facts, answer.invoice, workflow.now())
            return
        self._add("access_changes", change.model_copy(update={"benefits_taken": answer.benefits_taken}))

    async def _escalate(self, step: Escalate) -> None:
        ordinal = len(self.facts.escalations) + 1
        request = EscalateRequest(
            case=self._case,
            key=keys.task_key(self._case, ordinal),
            customer_id=self.facts.invoice.customer_id,
            to=step.to,
            words=step.words,
            now=workflow.now(),
            story=tuple(tell(self.facts)),
        )
        await workflow.execute_activity_method(
            MessagingActivities.escalate, request, **self._outside(step, timing.WAITED_OUT)
        )
        self._add("escalations", Escalation(ordinal=ordinal, at=request.now, to=step.to, because=step.because))

    async def _read_invoice(self, step: Hold) -> None:
        """A hold that looks again: is the dispute over, does the decision work by now?"""
        if self._failed_decisions:
            return
        invoice = await workflow.execute_activity_method(
            CaseActivities.read_invoice,
            OpenRequest(case=self._case, now=workflow.now()),
            **self._outside(step, timing.WAITED_OUT),
        )
        self._facts = record.with_invoice(self.facts, invoice, workflow.now())

    def _given_for(self, attempt: Attempt) -> NewCredential | None:
        """What the customer gave to be charged by this attempt, if it is to be kept."""
        given = [new for new in self.facts.new_credentials if new.keep and not new.renewed]
        return next((new for new in given if new.action_id == attempt.action_id), None)

    def _look_up_of(self, attempt: Attempt) -> LookUpRequest:
        gateway = attempt.gateway or self.facts.invoice.gateway
        return LookUpRequest(key=attempt.key, gateway=gateway, attempted_at=attempt.at, now=workflow.now())

    def _add(self, field: str, fact: Any) -> None:
        self._facts = record.with_fact(self.facts, field, fact)

    def _lane(self, gateway: str | None, priority: int) -> dict[str, Any]:
        """Each gateway account has a queue with a rate of its own; in a backlog the important go first, and no merchant
        account keeps the others waiting. Decisions from before there were several name no gateway."""
        if gateway is None:
            return {}
        return {
            "task_queue": charging_queue(workflow.info().task_queue, gateway),
            "priority": Priority(priority_key=priority, fairness_key=fairness_key(self._case)),
        }

    def _outside(self, step: AnyStep, waited_out: timedelta) -> dict[str, Any]:
        return {
            "start_to_close_timeout": timing.ONE_CALL,
            "schedule_to_close_timeout": waited_out,
            "heartbeat_timeout": timing.HEARTBEAT,
            "retry_policy": timing.OUTSIDE_RETRY,
            "summary": summary_of(step),
        }


def _as_said(step: Notify | Offer, request: MessageRequest, ordinal: int, answer: Messaged) -> Message:
    return Message(
        ordinal=ordinal,
        at=request.now,
        name=step.name,
        template=step.template,
        status=answer.status,
        channel=answer.channel,
        because=step.because,
        asked=answer.asked or step.channels,
        covers=answer.covers,
        covered_by=answer.covered_by,
        variant=step.variant,
    )


def _as_answered(attempt: Attempt, answer: Attempted) -> Attempt:
    """After a Reset the ledger may answer for an attempt that this history has forgotten: it used no rung, no card."""
    outcome = {"outcome": answer.outcome, "decline": answer.decline}
    if answer.credential_id is None or answer.amount is None:
        return attempt.model_copy(update=outcome)
    because = "made before this history was reset; the ledger remembers"
    old = {"credential_id": answer.credential_id, "amount": answer.amount, "rung": None, "action_id": None}
    owed = attempt.amount.amount_minor + (attempt.left.amount_minor if attempt.left else 0)
    less = owed - answer.amount.amount_minor
    left = Money(amount_minor=less, currency=answer.amount.currency) if less > 0 else None
    return attempt.model_copy(update={**outcome, **old, "left": left, "because": because})
