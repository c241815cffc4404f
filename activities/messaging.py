"""Writes to people: asks once more whether it may be said, names all that the customer owes, hands it to a channel.

Touches the source (freshness), the customer directory, the contact ledger and the channels. At most once is the matter
of `sending.py`; how often and when, of `policies/contact_rules.py`.
"""

from collections.abc import Sequence

from temporalio import activity

from activities.adapters import Adapters
from activities.channels.contract import Attachment
from activities.channels.render import Person
from activities.contracts import (
    Deferred,
    EscalateRequest,
    MessageAnswer,
    Messaged,
    MessageRequest,
    MessagingActivities,
)
from activities.customers import Customer
from activities.errors import OutsideError
from activities.freshness import invoice_now, is_open, stale
from activities.reach import Reach, reach_of
from activities.sending import Draft, Sender
from activities.store.cases import Task
from activities.store.messages import Planned
from activities.store.store import Store
from policies.contact_rules import Allowed, CoveredBy, PutOff, Verdict, Wish, judge
from policies.document import STAGES, TONE
from policies.keys import CaseRef, CustomerRef
from policies.said import MessageStatus
from policies.steps import OtherClaim
from policies.story import Line
from policies.surroundings import Contacted


class Messaging(MessagingActivities):
    def __init__(self, store: Store, adapters: Adapters, sender: Sender) -> None:
        self._store = store
        self._adapters = adapters
        self._sender = sender

    @activity.defn
    async def send_message(self, request: MessageRequest) -> MessageAnswer:
        known = await self._sender.already(request.key)
        if known:
            return known
        if request.only_while_unpaid:
            owed = request.words.owed or request.words.due
            old_news = await stale(self._store, self._adapters, request.case, request.now, owed)
            if old_news:
                return old_news
        ref = request.case.customer(request.customer_id)
        reach = await reach_of(self._store, ref)
        others = await self._other_claims(request, ref)
        planned = _planned(request, others)
        verdict = await self._store.messages.reserve(planned, lambda ledger: _judged(request, reach, ledger))
        match verdict:
            case PutOff():
                return Deferred(because=verdict.because, until=verdict.until)
            case CoveredBy():
                said = verdict.contact
                return Messaged(status=MessageStatus.COVERED, channel=said.channel, covered_by=said.key)
        if request.held_out:
            await self._store.messages.ended(request.key, None, MessageStatus.HELD_OUT, "held out", request.now)
            return Messaged(status=MessageStatus.HELD_OUT)
        words = request.words.model_copy(update={"others": tuple(others.values())})
        draft = Draft(planned, words, person_of(reach.customer, request.case), request.wording)
        sent = await self._sender.send(draft, reach.in_order(verdict.channels))
        return sent if verdict.channels == request.channels else sent.model_copy(update={"asked": verdict.channels})

    async def _other_claims(self, request: MessageRequest, ref: CustomerRef) -> dict[str, OtherClaim]:
        """Case id -> what else the customer owes, read at its owner; what cannot be read now is not spoken of."""
        if STAGES.get(request.template) not in TONE or not request.only_while_unpaid:
            return {}
        found: dict[str, OtherClaim] = {}
        for case in await self._store.messages.other_open_claims(ref, request.case.case_id, request.now):
            try:
                invoice = await invoice_now(self._adapters, case, request.now)
            except OutsideError:
                continue
            if is_open(invoice):
                found[case.case_id] = OtherClaim(invoice_id=case.invoice_id, due=invoice.due)
        return found

    @activity.defn
    async def escalate(self, request: EscalateRequest) -> Messaged:
        """A task for a person, and for a named support contact a message with the case's story."""
        await self._store.cases.add_task(
            Task(
                key=request.key,
                case_id=request.case.case_id,
                kind="escalation",
                assignee=request.to,
                summary=request.words.because,
                created_at=request.now,
            )
        )
        known = await self._sender.already(request.key)
        if known:
            return known
        customer = (await reach_of(self._store, request.case.customer(request.customer_id))).customer
        if request.to != "support_contact" or customer.support_contact is None:
            return Messaged(status=MessageStatus.UNDELIVERED)
        planned = Planned(
            key=request.key,
            case=request.case,
            customer_id=request.customer_id,
            name="handover",
            template="handover",
            stage="handover",
            at=request.now,
            counted=False,
        )
        await self._store.messages.note(planned)
        person = person_of(customer, request.case)
        draft = Draft(planned, request.words, person, attachments=_story(request.story))
        return await self._sender.send(draft, {"email": customer.support_contact.email})


def _judged(request: MessageRequest, reach: Reach, ledger: Sequence[Contacted]) -> Verdict:
    if request.rules is None:
        return Allowed(request.channels)
    wish = Wish(
        case_id=request.case.case_id,
        template=request.template,
        channels=request.channels,
        purpose=request.purpose,
    )
    return judge(request.rules, ledger, reach.view(), wish, request.now)


def _planned(request: MessageRequest, others: dict[str, OtherClaim]) -> Planned:
    return Planned(
        key=request.key,
        case=request.case,
        customer_id=request.customer_id,
        name=request.name or request.template,
        template=request.template,
        stage=STAGES.get(request.template, request.template),
        at=request.now,
        covers=tuple(others),
        variant=request.variant,
    )


def _story(lines: tuple[Line, ...]) -> tuple[Attachment, ...]:
    if not lines:
        return ()
    told = [f"{line.at:%Y-%m-%d %H:%M} UTC  {line.what}{f': {line.because}' if line.because else ''}" for line in lines]
    return (Attachment(name="case.txt", content_type="text/plain", text="\n".join(told) + "\n"),)


def person_of(customer: Customer, case: CaseRef) -> Person:
    return Person(
        name=customer.name,
        locale=customer.locale,
        zone=customer.view().zone,
        invoice_id=case.invoice_id,
        segment=customer.segment,
        support_contact=customer.support_contact.name if customer.support_contact else None,
        support_contact_email=customer.support_contact.email if customer.support_contact else None,
    )
