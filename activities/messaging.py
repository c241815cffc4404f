"""Writes to people. A message is sent at most once: a row left `sending` is never sent again.

Touches the source (freshness), the customer directory, the contact ledger and the channels. An explicit refusal moves
on to the next channel of the policy's order; silence ends the message as `unclear`.
"""

from temporalio import activity

from activities.adapters import Adapters
from activities.channels.contract import Accepted, Letter, NotSent
from activities.channels.render import Person, Renderer
from activities.contracts import EscalateRequest, MessageAnswer, Messaged, MessageRequest, MessagingActivities
from activities.customers import Customer
from activities.errors import Misconfigured, OutsideError
from activities.freshness import stale
from activities.store.cases import Task
from activities.store.store import Store
from policies.facts import MessageStatus
from policies.keys import CaseRef
from policies.steps import Words


class Messaging(MessagingActivities):
    def __init__(self, store: Store, adapters: Adapters, renderer: Renderer) -> None:
        self._store = store
        self._adapters = adapters
        self._renderer = renderer

    @activity.defn
    async def send_message(self, request: MessageRequest) -> MessageAnswer:
        known = await self._already(request.key)
        if known:
            return known
        if request.only_while_unpaid:
            old_news = await stale(self._store, self._adapters, request.case, request.now, request.words.due)
            if old_news:
                return old_news
        customer = await self._customer(request.case, request.customer_id)
        await self._store.messages.reserve(
            request.case, request.key, request.customer_id, request.template, request.now
        )
        person = _person(customer, request.case)
        for channel in request.channels:
            address = customer.address_on(channel)
            if address:
                said = await self._say(request.key, channel, address, request.template, request.words, person, request)
                if said:
                    return said
        detail = "no channel of the policy reached the customer"
        await self._store.messages.ended(request.key, None, MessageStatus.UNDELIVERED, detail, request.now)
        return Messaged(status=MessageStatus.UNDELIVERED)

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
        known = await self._already(request.key)
        if known:
            return known
        customer = await self._customer(request.case, request.customer_id)
        if request.to != "support_contact" or customer.support_contact is None:
            return Messaged(status=MessageStatus.UNDELIVERED)
        await self._store.messages.reserve(request.case, request.key, request.customer_id, "handover", request.now)
        address, person = customer.support_contact.email, _person(customer, request.case)
        said = await self._say(request.key, "email", address, "handover", request.words, person, request)
        return said or Messaged(status=MessageStatus.UNDELIVERED)

    async def _already(self, key: str) -> Messaged | None:
        """What the ledger says of an earlier run of this activity; None when no channel was asked yet."""
        state = await self._store.messages.state_of(key)
        if state is None or (state.status is None and not state.sending):
            return None
        return Messaged(status=state.status or MessageStatus.UNCLEAR, channel=state.channel)

    async def _customer(self, case: CaseRef, customer_id: str) -> Customer:
        return await self._store.customers.get(case.source, case.account, customer_id)

    async def _say(
        self,
        key: str,
        channel: str,
        address: str,
        template: str,
        words: Words,
        person: Person,
        request: MessageRequest | EscalateRequest,
    ) -> Messaged | None:
        """None when this channel certainly did not send it and the next may be tried."""
        adapter = self._adapters.channels.get(channel)
        if adapter is None:
            raise Misconfigured(f"no channel {channel} is set up; there are: {', '.join(self._adapters.channels)}")
        rendered = self._renderer.render(template, channel, words, person)
        letter = Letter(
            key=f"{key}.{channel}",
            case_id=request.case.case_id,
            address=address,
            subject=rendered.subject,
            text=rendered.text,
            now=request.now,
        )
        if not await self._store.messages.sending(key, channel, request.now):
            return await self._already(key)
        try:
            outcome = await adapter.send(letter)
        except OutsideError as error:
            # Certainly not sent: take the mark back, so that Temporal's next try may send it.
            await self._store.messages.not_sent(key, channel, type(error).__name__, request.now)
            raise
        if isinstance(outcome, NotSent):
            await self._store.messages.not_sent(key, channel, outcome.reason, request.now)
            return None
        status = MessageStatus.ACCEPTED if isinstance(outcome, Accepted) else MessageStatus.UNCLEAR
        detail = outcome.reference if isinstance(outcome, Accepted) else outcome.reason
        await self._store.messages.ended(key, channel, status, detail, request.now)
        return Messaged(status=status, channel=channel)


def _person(customer: Customer, case: CaseRef) -> Person:
    return Person(
        name=customer.name,
        locale=customer.locale,
        zone=customer.view().zone,
        invoice_id=case.invoice_id,
        segment=customer.segment,
        support_contact=customer.support_contact.name if customer.support_contact else None,
        support_contact_email=customer.support_contact.email if customer.support_contact else None,
    )
