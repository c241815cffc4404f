"""A case's first and last act: read the truth and choose the policy; store how it ended.

Repeating either is safe: rows are written once per case and reopen number.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.adapters import Adapters
from activities.charging import renewed_card
from activities.contracts import (
    CaseActivities,
    ChargingActivities,
    CloseRequest,
    LookUpRequest,
    Opened,
    OpenRequest,
)
from activities.customers import Customer
from activities.errors import Misconfigured, NotFound, OutsideError
from activities.freshness import invoice_now
from activities.payments_elsewhere import tell_owner
from activities.sources.contract import CloseOut
from activities.store.cases import Task
from activities.store.pay_links import Because
from activities.store.store import Store
from policies.choose import Subject, choose_policy
from policies.declines import CustomerAction, classify
from policies.document import PolicyDocument, PolicySnapshot
from policies.events import CloseOutcome, OpeningEvent
from policies.facts import CaseFacts, Outcome
from policies.invoices import InvoiceNow, SeenAttempt
from policies.keys import CaseRef, ending_key, task_key
from policies.record import with_invoice, with_renewed_credential
from policies.risk import Risk, assess


class Casework(CaseActivities):
    def __init__(
        self, store: Store, adapters: Adapters, policies: Sequence[PolicyDocument], charging: ChargingActivities
    ) -> None:
        self._store = store
        self._charging = charging
        self._adapters = adapters
        self._policies = policies

    @activity.defn
    async def open_case(self, request: OpenRequest) -> Opened:
        """Reads invoice, customer and last decline; the attempts others made go into the ledger."""
        case = request.case
        invoice = await invoice_now(self._adapters, case, request.now)
        asked = await self._fill_directory(case, invoice.customer_id, request.now)
        customer = await self._store.customers.get(case.source, case.account, invoice.customer_id)
        for seen in invoice.attempts or _first_failure(case, invoice, request.now):
            card = invoice.instrument.fingerprint if seen.credential_id == invoice.credential_id else None
            await self._store.attempts.record_seen(case, seen, card)
        history = await self._store.history.before(case, invoice.customer_id, customer.since, request.now)
        risk = assess(history)
        document = choose_policy(self._policies, _subject(customer, invoice, risk, request.now))
        facts = CaseFacts(
            case=case,
            opened_at=request.now,
            failed_at=await self._failed_at(case, invoice, request.now),
            invoice=invoice,
            risk=risk,
            fetched=(*_fetched(request.told, invoice), *(["customer"] if asked else [])),
        )
        facts = with_invoice(facts, invoice, request.now)
        facts = await self._with_renewed_card(facts, request.now)
        opened = Opened(facts=facts, policy=PolicySnapshot.of(document), segment=customer.segment)
        await self._store.cases.opened(opened)
        await self._store.declines.seen(invoice.last_decline, request.now)
        return opened

    @activity.defn
    async def read_invoice(self, request: OpenRequest) -> InvoiceNow:
        """Only reads, so repeating is safe."""
        return await invoice_now(self._adapters, request.case, request.now)

    async def _with_renewed_card(self, facts: CaseFacts, now: datetime) -> CaseFacts:
        """The card on file may be another than the one that was refused, or the network may have replaced that one;
        then nobody needs to be asked."""
        invoice, decline = facts.invoice, facts.decline
        if decline is None or decline.customer_action is not CustomerAction.UPDATE_METHOD:
            return facts
        if invoice.attempts and invoice.attempts[-1].credential_id != invoice.credential_id:
            return with_renewed_credential(facts, invoice.credential_id, invoice.instrument, now)
        try:
            gateway = self._adapters.gateway(self._adapters.routes.route_of(facts.case)[0])
        except Misconfigured:
            # The first charge says so to a person; what is said to the customer needs no gateway.
            return facts
        renewed = await renewed_card(gateway, invoice.customer_id, invoice.credential_id, decline, now)
        return with_renewed_credential(facts, renewed.credential_id, renewed.instrument, now) if renewed else facts

    async def _failed_at(self, case: CaseRef, invoice: InvoiceNow, now: datetime) -> datetime:
        """A source's clock that runs ahead must not push the timeline into the future; what failed, was paid and was
        taken back has failed anew."""
        failed_at = invoice.failed_at or now
        before = await self._store.cases.latest(case.case_id) if case.reopen else None
        if before and before.settled_at:
            failed_at = max(failed_at, before.settled_at)
        return min(failed_at, now)

    async def _fill_directory(self, case: CaseRef, customer_id: str, now: datetime) -> bool:
        """The source is asked only about strangers; whether it knew them."""
        if await self._store.customers.knows(case.source, case.account, customer_id):
            return False
        described = await self._adapters.owner_of(case.source, case.account).customer(customer_id)
        if described:
            await self._store.customers.hear(case.source, case.account, customer_id, described, now)
        return described is not None

    @activity.defn
    async def close_case(self, request: CloseRequest) -> None:
        """Outcome and timeline outlive the history. The owner knows of every payment before its case ends, and its
        invoice ends as the policy says. Money that may still be moving is looked up once more, so that its
        ledger row does not block the card; what stays unclear, or was paid twice, becomes a person's task."""
        for key in await self._store.attempts.untold(request.case):
            paid = await self._store.attempts.state_of(key)
            if paid:
                await tell_owner(self._store, self._adapters, request.case, paid, request.now)
        await self._end_at_source(request)
        await self._store.cases.closed(request)
        await self._store.feed.withdraw(request.case.case_id, request.now)
        await self._end_links(request)
        if request.unsettled is None:
            return
        outcome = await self._outcome_of(request.unsettled)
        summary = _LEFT_OPEN.get(outcome)
        if summary:
            task = Task(
                key=task_key(request.case, 0),
                case_id=request.case.case_id,
                kind="unsettled_attempt",
                assignee="ops",
                summary=summary,
                created_at=request.now,
            )
            await self._store.cases.add_task(task)

    async def _end_links(self, request: CloseRequest) -> None:
        """Once nothing is owed any more no link leads to the page; the next failure makes new ones."""
        case, row = request.case, await self._store.cases.latest(request.case.case_id)
        if row is None or await self._store.cases.open_invoices(case.source, case.account, customer_id=row.customer_id):
            return
        because: Because = "paid" if request.outcome is CloseOutcome.RECOVERED else "closed"
        await self._store.pay_links.revoke_all(case.customer(row.customer_id), because, datetime.now(UTC))

    async def _end_at_source(self, request: CloseRequest) -> None:
        """What its owner cannot do, or does not find any more, a person does."""
        if request.at_source == "leave":
            return
        case, owner = request.case, self._adapters.owner_of(request.case.source, request.case.account)
        try:
            invoice = await owner.invoice_now(case.invoice_id, request.now)
            ending = CloseOut(
                key=ending_key(case),
                invoice_id=case.invoice_id,
                subscription_id=invoice.subscription_id,
                how=request.at_source,
                at=request.now,
            )
            await owner.close_out(ending)
        except (Misconfigured, NotFound) as refusal:
            asked = request.at_source.replace("_", " ")
            task = Task(
                key=ending_key(case),
                case_id=case.case_id,
                kind="end_at_source",
                assignee="ops",
                summary=f"{asked} at the source by hand; it refused: {refusal}"[:500],
                created_at=request.now,
            )
            await self._store.cases.add_task(task)

    async def _outcome_of(self, attempt: LookUpRequest) -> Outcome:
        try:
            # Nobody's card is charged for a claim that was given up.
            return (await self._charging.look_up(attempt.model_copy(update={"only_reads": True}))).outcome
        except OutsideError:
            return Outcome.UNKNOWN


def _first_failure(case: CaseRef, invoice: InvoiceNow, now: datetime) -> tuple[SeenAttempt, ...]:
    """A source that lists no attempts has made one all the same: the networks count it as the first presentment (P4).
    Why it failed may not be known yet."""
    if invoice.failed_at is None:
        return ()
    return (
        SeenAttempt(
            key=f"first failure of {case.invoice_id}",
            credential_id=invoice.credential_id,
            amount=invoice.due,
            at=min(invoice.failed_at, now),
            decline=invoice.last_decline or classify(invoice.gateway, None),
        ),
    )


def _fetched(told: OpeningEvent | None, invoice: InvoiceNow) -> list[str]:
    """What the event did not say and the source knew."""
    known = {
        "amount": invoice.due,
        "customer_id": invoice.customer_id,
        "credential_id": invoice.credential_id,
        "subscription_id": invoice.subscription_id,
        "decline": invoice.last_decline,
    }
    return [name for name, value in known.items() if value is not None and getattr(told, name, None) is None]


def _subject(customer: Customer, invoice: InvoiceNow, risk: Risk, now: datetime) -> Subject:
    return Subject(
        segment=customer.segment,
        amount=invoice.due,
        plan_interval=invoice.plan_interval,
        country=customer.country or invoice.instrument.country,
        tenure=now - customer.since if customer.since and customer.since <= now else None,
        payment_type=invoice.instrument.payment_type,
        tags=customer.tags,
        risk=risk.level,
    )


_UNCLEAR = "closed while an attempt had no clear answer; check the gateway for a second payment"
_LEFT_OPEN = {
    Outcome.UNKNOWN: _UNCLEAR,
    Outcome.PENDING: _UNCLEAR,
    Outcome.SUCCEEDED: "an attempt without an answer took the money after all; if it was paid twice, refund it",
}
