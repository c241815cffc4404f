"""What becomes of one inbox row: a case is opened, told or reopened, or the row is ignored or dead, with a reason.

Only PaymentFailed and ActionRequired open a case; everything else is told to a running one or remembered. Order is
repaired by the source's own times: what is older than the word that settled an invoice changes nothing, and says so.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters import Adapters
from activities.channels.news import MessageNews
from activities.errors import Misconfigured
from activities.payments_elsewhere import tell_owner
from activities.sources.contract import UNRESOLVED, Addressed, Lookup, Rejected, Speaker
from activities.store.attempts import LedgerState
from activities.store.cases import CaseRow, Task
from activities.store.inbox import InboxRow
from activities.store.store import Store
from api.actions import ACTIONS_SOURCE
from api.notices import NOTICES_SOURCE
from policies.declines import classify
from policies.events import (
    ActionRequired,
    AttemptSettled,
    CaseEvent,
    CloseOutcome,
    CustomerChanged,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    OpeningEvent,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    Unreadable,
)
from policies.facts import Outcome
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.keys import CaseRef
from workers.attempt_news import as_paid, overturns, paid_after_all
from workers.fates import RPC_PATIENCE, Dead, Delivered, Fate
from workers.message_news import MessageDesk
from workers.notices import start_notice
from workflows.contracts import TASK_QUEUE, ActionEnvelope, DunningInput
from workflows.dunning import DunningWorkflow

_NOT_DUNNING = IgnoredBecause.NOT_DUNNING
_NO_CASE = Ignored(reason=_NOT_DUNNING, detail="no case is open for the invoice")


class UnknownSource(Exception):
    """Nobody here understands the source."""


class Deliveries:
    """Raises what the outside raises (OutsideError, RPCError, the database's errors); the relay then tries again."""

    def __init__(
        self,
        store: Store,
        temporal: Client,
        speakers: Mapping[str, Speaker],
        adapters: Adapters,
        webhook_secrets: Mapping[str, Sequence[str]],
        task_queue: str = TASK_QUEUE,
    ) -> None:
        self._store = store
        self._temporal = temporal
        self._speakers = speakers
        self._adapters = adapters
        self._webhook_secrets = webhook_secrets
        self._task_queue = task_queue
        self._desk = MessageDesk(store, self._signal)

    def group_of(self, row: InboxRow) -> str:
        """Events of one invoice are delivered in order; what cannot be read is a group of its own."""
        speaker = self._speakers.get(row.source)
        said = speaker.normalise(row.body, row.id) if speaker else None
        if isinstance(said, Addressed) and said.lookup is None:
            return f"{row.source}/{row.account}/{said.event.invoice_id}"
        return row.id

    async def fate_of(self, row: InboxRow) -> Fate:
        if row.source == ACTIONS_SOURCE:
            return await self._deliver_action(row)
        if row.source == NOTICES_SOURCE:
            return await start_notice(self._temporal, self._task_queue, row)
        speaker = self._speakers.get(row.source)
        if speaker is None:
            raise UnknownSource(f"no source {row.source} is set up here")
        if row.unproven and (forged := await self._forged(row)):
            return forged
        said = speaker.normalise(row.body, row.id)
        match said:
            case Ignored():
                return said
            case Unreadable():
                return Dead(reason="unreadable", field=said.field, detail=said.reason)
            case MessageNews():
                return Delivered(case_id=await self._desk.take(row.id, said, row.received_at))
            case Addressed():
                return await self._deliver_event(row, said.dated(row.received_at))

    async def _forged(self, row: InboxRow) -> Dead | None:
        """What could not be checked when it came is checked before anything else is done with it."""
        prover = self._adapters.provers.get(row.source)
        if prover is None:
            raise Misconfigured(f"nobody can prove deliveries of {row.source}")
        secrets = self._webhook_secrets.get(f"{row.source}/{row.account}")
        if not secrets:
            raise Misconfigured(
                f"no secret of {row.source}/{row.account} is set up here, so nothing of it can be proven"
            )
        verdict = await prover.prove(row.headers or {}, row.body, secrets, row.received_at)
        if isinstance(verdict, Rejected):
            return Dead(reason="bad_signature", detail=verdict.reason)
        await self._store.inbox.proven(row.id)
        return None

    async def _deliver_event(self, row: InboxRow, said: Addressed) -> Fate:
        source, account, event = row.source, row.account, said.event
        if said.customer:
            told = said.customer
            await self._store.customers.hear(source, account, told.customer_id, told.said, event.happened_at)
        if isinstance(event, CustomerChanged):
            return Delivered(case_id=None, customer_id=event.customer_id)
        ours = await self._attempt_of_ours(row.source, said)
        if ours and not overturns(ours, said):
            return await self._deliver_outcome(ours, said)
        if ours:
            return await self._deliver_overturned(ours, said)
        if isinstance(event, PaymentFailed) and not row.replay:
            await self._store.declines.seen(event.decline, event.happened_at)
        fates: list[Fate] = []
        for invoice_id in await self._invoices_of(row, said):
            case = CaseRef(source=source, account=account, invoice_id=invoice_id)
            await self._count_attempt(case, said)
            about = event.model_copy(update={"invoice_id": invoice_id})
            stands = await self._stands(row, case, about) if row.replay else None
            fates.append(stands or await self._deliver_about(case, about, said))
        nothing = Ignored(reason=_NOT_DUNNING, detail="it belongs to no invoice that is being recovered")
        # One case that heard it makes it delivered.
        return next((fate for fate in fates if isinstance(fate, Delivered)), fates[0] if fates else nothing)

    async def _attempt_of_ours(self, source: str, said: Addressed) -> LedgerState | None:
        """The attempt that the event is about, when a gateway tells what became of one of ours."""
        if not isinstance(said.event, PaymentSucceeded | PaymentFailed):
            return None
        ledger, key = self._store.attempts, said.attempt_key
        if key is None and said.reference:
            key = await ledger.key_of(source, said.reference)
        return await ledger.state_of(key) if key else None

    async def _deliver_outcome(self, ours: LedgerState, said: Addressed) -> Fate:
        """Settles it in the ledger, then tells the case whose invoice it was to pay, wherever that is owned. What was
        settled already is told as well: the case may still wait."""
        event, case = said.event, CaseRef.from_case_id(ours.case_id or "")
        assert isinstance(event, PaymentSucceeded | PaymentFailed)  # noqa: S101 - _attempt_of_ours finds no other
        paid = isinstance(event, PaymentSucceeded)
        outcome = Outcome.SUCCEEDED if paid else Outcome.DECLINED
        decline = event.decline or classify(ours.gateway or "", None) if isinstance(event, PaymentFailed) else None
        await self._store.attempts.settle(ours.key, outcome, decline, said.reference, event.happened_at)
        settled = AttemptSettled(event_id=event.event_id, happened_at=event.happened_at, key=ours.key)
        if await self._signal(case, settled.kind, settled):
            return Delivered(case_id=case.case_id)
        row = await self._store.cases.latest(case.case_id)
        if row and paid and not ours.told and ours.outcome is not Outcome.SUCCEEDED:
            await self._store.cases.add_task(paid_after_all(row, ours, event))
        return Ignored(reason=IgnoredBecause.LATE, detail=f"the case of attempt {ours.key} has ended")

    async def _deliver_overturned(self, ours: LedgerState, said: Addressed) -> Fate:
        """Money that came was taken back, or a refused attempt was paid after all: the ledger keeps the first word, the
        case hears of the invoice what it would hear if somebody else had tried."""
        event, case = said.event, CaseRef.from_case_id(ours.case_id or "")
        assert isinstance(event, PaymentSucceeded | PaymentFailed)  # noqa: S101 - _attempt_of_ours finds no other
        about = event.model_copy(update={"invoice_id": case.invoice_id})
        if isinstance(about, PaymentSucceeded):
            await tell_owner(self._store, self._adapters, case, as_paid(ours, said), about.happened_at)
            return await self._deliver_about(case, about, said.model_copy(update={"one_payment": True}))
        return await self._deliver_about(case, about, said)

    async def _count_attempt(self, case: CaseRef, said: Addressed) -> None:
        """What somebody else tried counts for the networks from when it is told (P4)."""
        event = said.event
        if isinstance(event, PaymentFailed) and said.reference and event.credential_id and event.amount:
            seen = SeenAttempt(
                key=said.reference,
                credential_id=event.credential_id,
                amount=event.amount,
                at=event.happened_at,
                decline=event.decline or classify(case.source, None),
            )
            await self._store.attempts.record_seen(case, seen)

    async def _invoices_of(self, row: InboxRow, said: Addressed) -> list[str]:
        """The invoice that the event names; else that of its payment, or those that are being recovered."""
        if said.lookup is None or said.event.invoice_id != UNRESOLVED:
            return [said.event.invoice_id]
        lookup: Lookup = said.lookup
        if lookup.payment_id:
            invoice = await self._adapters.owner_of(row.source, row.account).invoice_of_payment(lookup.payment_id)
            return [invoice] if invoice else []
        return await self._store.cases.open_invoices(
            row.source, row.account, **lookup.model_dump(exclude={"payment_id"})
        )

    async def _stands(self, row: InboxRow, case: CaseRef, event: CaseEvent) -> Ignored | None:
        """Delivered once more: a case that was opened after it came was opened knowing it. Only the failure that opened
        it goes there again, should the case have been lost."""
        known = await self._store.cases.latest(case.case_id)
        opened_it = row.state == "delivered" and isinstance(event, PaymentFailed | ActionRequired)
        if known is None or known.opened_at <= row.received_at or opened_it:
            return None
        return Ignored(reason=IgnoredBecause.LATE, detail="it came before the case was opened")

    async def _deliver_about(self, case: CaseRef, event: CaseEvent, said: Addressed) -> Fate:
        # An event that names no invoice does not tell what kind of invoice it is about either; its owner does.
        opens_unseen = said.lookup is not None and isinstance(event, PaymentFailed | ActionRequired)
        if opens_unseen and (why := _not_dunning(await self._invoice_now(case))):
            return why
        if isinstance(event, PaymentMethodChanged) and event.credential_id is None:
            event = event.model_copy(update={"credential_id": (await self._invoice_now(case)).credential_id})
        return await self._deliver_to_case(case, event, said)

    async def _deliver_to_case(self, case: CaseRef, event: CaseEvent, said: Addressed) -> Fate:
        row = await self._store.cases.latest(case.case_id)
        if row and row.settled_at and event.happened_at <= row.settled_at:
            return await self._late(row, event)
        if row and row.outcome:
            return await self._deliver_to_closed(row, event, said)
        if isinstance(event, PaymentSucceeded) and said.one_payment:
            # Where no case asks, nobody does, and an invoice that may be paid in part only is not remembered as paid.
            return await self._tell_what_is_left(case, event) if row else _NO_CASE
        if isinstance(event, PaymentFailed | ActionRequired):
            return await self._open_or_tell(case, event)
        return await self._remember_and_tell(case, event)

    async def _tell_what_is_left(self, case: CaseRef, event: PaymentSucceeded) -> Fate:
        """Only the invoice says whether one payment was all."""
        invoice = await self._invoice_now(case)
        left = invoice.due if invoice.status is InvoiceStatus.OPEN and invoice.due.amount_minor > 0 else None
        return await self._remember_and_tell(case, event.model_copy(update={"remaining": left}))

    async def _deliver_to_closed(self, row: CaseRow, event: CaseEvent, said: Addressed) -> Fate:
        """Money that came and was taken back opens the case again, and so does a new debt of a running account that was
        written off; everything else comes late."""
        may_open = {CloseOutcome.RECOVERED, *([CloseOutcome.WRITTEN_OFF] if said.running_account else [])}
        if row.outcome not in may_open or not isinstance(event, PaymentFailed | ActionRequired):
            return await self._late(row, event)
        if (await self._invoice_now(row.ref)).status is not InvoiceStatus.OPEN:
            return await self._late(row, event)
        again = row.ref.model_copy(update={"reopen": row.reopen + 1})
        return await self._open(again, event, WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _open_or_tell(self, case: CaseRef, event: OpeningEvent) -> Fate:
        remembered = await self._store.cases.remembered_invoice(case)
        if remembered and remembered.is_newer_than(event):
            newer = f"{remembered.happened_at:%Y-%m-%d %H:%M:%S}"
            detail = f"the invoice was {remembered.status.value} at {newer}, which is not older than the failure"
            return Ignored(reason=IgnoredBecause.SUPERSEDED, detail=detail)
        return await self._open(case, event, WorkflowIDReusePolicy.REJECT_DUPLICATE)

    async def _open(self, case: CaseRef, event: OpeningEvent, reuse: WorkflowIDReusePolicy) -> Fate:
        """Starts the case, or tells the one that runs."""
        try:
            await self._temporal.start_workflow(
                DunningWorkflow.run,
                DunningInput(case=case),
                id=case.workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=reuse,
                start_signal=event.kind,
                start_signal_args=[event],
                static_summary=f"recovers invoice {case.invoice_id}",
                static_details=_STATIC_DETAILS.format(case=case, at=event.happened_at),
                rpc_timeout=RPC_PATIENCE,
            )
        except WorkflowAlreadyStartedError:
            return Ignored(reason=IgnoredBecause.LATE, detail=f"the case of {case.case_id} is closed")
        return Delivered(case_id=case.case_id)

    async def _remember_and_tell(self, case: CaseRef, event: CaseEvent) -> Fate:
        status = _settles(event)
        if status:
            await self._store.cases.remember_invoice(case, status, event)
        if await self._signal(case, event.kind, event):
            return Delivered(case_id=case.case_id)
        row = await self._store.cases.latest(case.case_id)
        if row and row.outcome:
            return await self._late(row, event)
        return _NO_CASE

    async def _deliver_action(self, row: InboxRow) -> Fate:
        if row.replay and row.state == "ignored":
            # What was refused then could happen by now, and nobody asks for it any more.
            return Ignored(reason=IgnoredBecause.LATE, detail="it was refused or came late the first time")
        envelope = ActionEnvelope.model_validate_json(row.body)
        case = await self._store.cases.latest(envelope.case.case_id)
        is_late = case is not None and case.ended_at is not None and row.received_at <= case.ended_at
        if not is_late and await self._signal(envelope.case, envelope.action.kind, envelope.action):
            return Delivered(case_id=envelope.case.case_id)
        return Ignored(reason=IgnoredBecause.LATE, detail="no case is open for the invoice")

    async def _signal(self, case: CaseRef, name: str, news: Any) -> bool:
        """False when no run of the case is open."""
        try:
            await self._temporal.get_workflow_handle(case.workflow_id).signal(name, news, rpc_timeout=RPC_PATIENCE)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _invoice_now(self, case: CaseRef) -> InvoiceNow:
        owner = self._adapters.owner_of(case.source, case.account)
        return await owner.invoice_now(case.invoice_id, datetime.now(UTC))

    async def _late(self, closed: CaseRow, event: CaseEvent) -> Ignored:
        """Money that arrives after we gave up is good news that a person must book."""
        gave_up = closed.outcome in (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED)
        if isinstance(event, PaymentSucceeded) and gave_up:
            await self._store.cases.add_task(
                Task(
                    # One for each end of a case: of a running account every later payment is late for it.
                    key=f"late_payment/{closed.case_id}/{closed.reopen}",
                    case_id=closed.case_id,
                    kind="late_payment",
                    assignee="ops",
                    summary=f"a payment arrived after the case was {closed.outcome}; book it, and give service back",
                    created_at=datetime.now(UTC),
                )
            )
        if closed.outcome:
            detail = f"the case closed as {closed.outcome} at {closed.closed_at:%Y-%m-%d %H:%M}"
        else:
            detail = (
                f"it is older than the end of the case at {closed.settled_at:%Y-%m-%d %H:%M}; it was reopened since"
            )
        return Ignored(reason=IgnoredBecause.LATE, detail=detail)


_STATIC_DETAILS = """Recovers invoice `{case.invoice_id}` of source `{case.source}`, account `{case.account}`.

First failure reported {at:%Y-%m-%d %H:%M} UTC. **Current details** say who owes how much, why, and what is next.
Act on it with *More Actions*: `pause`, `resume`, `close` (updates answer, signals are delivered later)."""


def _not_dunning(invoice: InvoiceNow) -> Ignored | None:
    if invoice.first_payment:
        return Ignored(reason=_NOT_DUNNING, detail="first payment of a new subscription")
    if invoice.collected_manually or invoice.due.amount_minor <= 0:
        return Ignored(reason=_NOT_DUNNING, detail="the invoice is collected manually or nothing is owed")
    return None


def _settles(event: CaseEvent) -> InvoiceStatus | None:
    if isinstance(event, PaymentSucceeded):
        settled = event.remaining is None or event.remaining.amount_minor <= 0
        return InvoiceStatus.PAID if settled else None
    return InvoiceStatus.VOID if isinstance(event, InvoiceVoided) else None
