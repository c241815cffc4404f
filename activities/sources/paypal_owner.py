"""PayPal as the owner of what its subscriptions owe. The claim is the subscription (`I-…`), and what it owes is its
outstanding balance; while PayPal itself still retries a payment, that payment. What PayPal sends PayPalSpeaker reads.

Sources: PayPal's published API descriptions (billing subscriptions v1, payments v1 and v2, customer disputes v1,
notifications webhooks v1; github.com/paypal/paypal-rest-api-specifications), read 2026-11.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
from yarl import URL

from activities.customers import Customer
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.gateways.accounts import PayPalAccount
from activities.paypal_claims import due_of, invoice_of, why_refused
from activities.paypal_client import Answer, NoAnswer, PayPalClient, in_path
from activities.paypal_payments import (
    TAKEN,
    Subscriber,
    Subscription,
    Transaction,
    as_money,
    as_text,
    subscription,
    transactions,
)
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from activities.sources.customer_news import customer_news, full_name
from activities.sources.paypal_events import REFERENCE_AGREEMENT
from activities.sources.reading import Wrong, elements_of, object_of, place_of
from policies.base import Record
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.money import Money

ATTEMPTS_SINCE = timedelta(days=365)
DISPUTES_OF_THE_LAST = 3
"""Payments that are asked about; each is a call."""

EVENTS_KEPT_FOR = timedelta(days=30)
EVENTS_A_PAGE = 100
SUBSCRIBERS_REMEMBERED = 1000


class _Sale(Record):
    billing_agreement_id: str | None = None


class _Capture(Record):
    invoice_id: str | None = None


class _Dispute(Record):
    status: str = ""
    dispute_life_cycle_stage: str = ""

    @property
    def is_open(self) -> bool:
        """An inquiry has taken no money back; the Speaker ignores it too."""
        return self.status != "RESOLVED" and self.dispute_life_cycle_stage != "INQUIRY"


class _Disputes(Record):
    items: tuple[_Dispute, ...] = ()


class _Link(Record):
    rel: str
    href: str


class _Event(Record):
    id: str
    create_time: str


class _Events(Record):
    events: tuple[_Event, ...] = ()
    links: tuple[_Link, ...] = ()


class PayPalOwner:
    name = "paypal"
    capabilities = OwnerCapabilities(books_payments=True, closes_out=("cancel_subscription",), lists_events=True)

    def __init__(self, account: PayPalAccount, session: aiohttp.ClientSession) -> None:
        self._client = PayPalClient(account, session)
        self._subscribers: OrderedDict[str, Subscriber] = OrderedDict()

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        owed = await self._subscription(invoice_id)
        self._remember(owed.subscriber)
        listed = await transactions(self._client, invoice_id, now - ATTEMPTS_SINCE, now + timedelta(days=1))
        refusal = await why_refused(self._client, owed, listed)
        return invoice_of(owed, listed, refusal, now, dispute_open=await self._is_disputed(listed))

    async def customer(self, customer_id: str) -> Customer | None:
        """PayPal cannot be asked about a payer; who subscribed is remembered from the subscriptions that were read."""
        who = self._subscribers.get(customer_id)
        if who is None:
            return None
        news = customer_news(
            customer_id,
            name=full_name(who.name.given_name, who.name.surname),
            email=who.email_address,
            country=who.shipping_address.address.country_code,
            postal_code=who.shipping_address.address.postal_code,
        )
        return news.said if news else None

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        """Payments of subscriptions are sales that name their agreement; others name the merchant's own invoice."""
        sale = await self._client.read(f"/v1/payments/sale/{in_path(payment_id)}", _Sale)
        agreement = sale.billing_agreement_id if sale else None
        if agreement and not agreement.startswith(REFERENCE_AGREEMENT):
            return agreement
        paid = await self._client.read(f"/v2/payments/captures/{in_path(payment_id)}", _Capture)
        return paid.invoice_id if paid else None

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        """Lowers the balance to nothing. Of a part it could not be told later whether it was booked already."""
        owed = await self._subscription(payment.invoice_id)
        balance = owed.billing_info.outstanding_balance
        status, _ = due_of(owed, payment.at)
        if status is not InvoiceStatus.OPEN:
            return
        if balance != payment.amount:
            raise Misconfigured("PayPal can only be told that the whole outstanding balance was paid elsewhere")
        value = as_money(Money(amount_minor=0, currency=balance.currency))
        change = [{"op": "replace", "path": "/billing_info/outstanding_balance", "value": value}]
        answer = await self._told("PATCH", _path(payment.invoice_id), change, payment.key)
        if not answer.is_success:
            raise answer.misconfigured()

    async def close_out(self, ending: CloseOut) -> None:
        if ending.how != "cancel_subscription":
            raise Misconfigured("PayPal keeps no uncollectible subscriptions; cancel it, or set its balance to 0 there")
        owed = await self._subscription(ending.invoice_id)
        if owed.status in ("CANCELLED", "EXPIRED"):
            return
        body = {"reason": "The outstanding balance could not be collected"}
        answer = await self._told("POST", f"{_path(ending.invoice_id)}/cancel", body, ending.key)
        if not answer.is_success and "SUBSCRIPTION_STATUS_INVALID" not in answer.words:
            raise answer.misconfigured()

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self._told_since(since) if source == "paypal" else None

    async def _told_since(self, since: datetime) -> AsyncIterator[Item]:
        """Day by day, because PayPal promises no order: what a day told is put in order before it is handed on."""
        end = datetime.now(UTC)
        start = max(since, end - EVENTS_KEPT_FOR)
        while start < end:
            until = min(start + timedelta(days=1), end)
            told = [each async for each in self._told_between(start, until)]
            for _, item in sorted(told, key=lambda each: each[0]):
                yield item
            start = until

    async def _told_between(self, start: datetime, end: datetime) -> AsyncIterator[tuple[str, Item]]:
        path = "/v1/notifications/webhooks-events"
        query: dict[str, str] | None = {
            "page_size": str(EVENTS_A_PAGE),
            "start_time": as_text(start),
            "end_time": as_text(end),
        }
        while True:
            answer = await self._client.get(path, query)
            if not answer.is_success:
                raise answer.misconfigured()
            page, items = _events(answer)
            for event, item in zip(page.events, items, strict=True):
                yield event.create_time, item
            following = next((link.href for link in page.links if link.rel == "next"), None)
            if following is None or not page.events:
                return
            # Only the path: our token goes to no other host than the one we were told to use.
            path, query = URL(following, encoded=True).raw_path_qs, None

    async def _told(self, method: str, path: str, body: object, key: str) -> Answer:
        """What may be repeated without harm: silence is Unavailable."""
        try:
            return await self._client.send(method, path, body, key)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def _subscription(self, invoice_id: str) -> Subscription:
        found = await subscription(self._client, invoice_id)
        if found is None:
            raise NotFound(f"PayPal has no subscription {invoice_id}")
        return found

    async def _is_disputed(self, listed: tuple[Transaction, ...]) -> bool:
        paid = [each for each in listed if each.status in TAKEN]
        for each in paid[-DISPUTES_OF_THE_LAST:]:
            told = await self._client.read("/v1/customer/disputes", _Disputes, {"disputed_transaction_id": each.id})
            if told and any(dispute.is_open for dispute in told.items):
                return True
        return False

    def _remember(self, who: Subscriber) -> None:
        if who.payer_id:
            self._subscribers[who.payer_id] = who
            self._subscribers.move_to_end(who.payer_id)
            while len(self._subscribers) > SUBSCRIBERS_REMEMBERED:
                self._subscribers.popitem(last=False)


def _path(subscription_id: str) -> str:
    return f"/v1/billing/subscriptions/{in_path(subscription_id)}"


def _events(answer: Answer) -> tuple[_Events, list[Item]]:
    """Each event byte for byte as it stands in the list."""
    try:
        page = answer.read_as(_Events)
        if not page.events:
            return page, []
        object_of(answer.text)
        text = answer.text.decode()
        bodies = elements_of(text, place_of(text, ("events",)), len(page.events))
        return page, [Item(event_key=each.id, body=body) for each, body in zip(page.events, bodies, strict=True)]
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from silence
    except Wrong as wrong:
        raise Unavailable(f"PayPal's list of events cannot be read: {wrong.field}") from None
