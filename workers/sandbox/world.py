"""The hand on the world: starts stories and changes the owner's truth, at the time in `X-Recoup-Now`.

Every change answers with the Stripe-shaped event it causes and, when a webhook target is known and `deliver` is true,
sends it: `delivered` is true or false, null when nothing was to be sent. What is true does not depend on delivery.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from policies.base import Identifier, Request, UtcTime
from policies.invoices import InvoiceStatus
from policies.money import Currency
from workers.sandbox import stripe_events as events
from workers.sandbox.cards import behaviour_of
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.gateway import ChargeRequest, record_charge
from workers.sandbox.http import AmountMinor, CardToken, Refused, body_of, id_in_path, now_of
from workers.sandbox.ids import new_id
from workers.sandbox.invoices import OWED, Invoice, add_invoice, mark_paid, read_invoice
from workers.sandbox.stories import STORIES, Story
from workers.sandbox.telling import Teller


def _known_story(name: str) -> str:
    if name not in STORIES:
        raise ValueError(f"there is no such story; there are {', '.join(STORIES)}")
    return name


class FailureRequest(Request):
    """Whatever is left out comes from the story. `credential_id`: an existing card of an existing customer, used as
    it is; otherwise the story's card is added and becomes the customer's default."""

    story: Annotated[str, AfterValidator(_known_story)]
    invoice_id: Identifier | None = None
    customer_id: Identifier | None = None
    credential_id: CardToken | None = None
    segment: Identifier | None = None
    amount_minor: AmountMinor | None = None
    currency: Currency | None = None
    at: UtcTime | None = None
    benefits: tuple[Identifier, ...] | None = None
    first_payment: bool = False
    collected_manually: bool = False
    api_version: Annotated[str, Field(pattern=r"^20\d\d-\d\d-\d\d(\.[a-z]+)?$")] = events.BASIL
    with_payment_intent_event: bool = False
    deliver: bool = True


class ChangeRequest(Request):
    deliver: bool = True


class CardRequest(Request):
    """`brand` to `expires`: what the customer sees of it; left out, the sandbox tells nothing of the kind."""

    kind: Annotated[str, Field(max_length=50)]
    params: dict[str, Any] = {}
    payment_type: Literal["card", "bank_debit", "wallet"] = "card"
    brand: Identifier | None = None
    last4: Annotated[str, Field(pattern=r"^[0-9A-Z]{1,4}$")] | None = None
    expires: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = None


Change = Callable[[Database, Invoice, datetime], Awaitable[events.Event]]


class World:
    def __init__(self, pool: DatabasePool, teller: Teller) -> None:
        self._pool = pool
        self._teller = teller

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/world/failures", self.fail),
            web.post("/world/invoices/{invoice_id}/{change}", self.change),
            web.post("/world/customers/{customer_id}/cards", self.add_card),
            web.post("/billing/{invoice_id}/pay", self.pay_as_the_customer),
        ]

    async def fail(self, request: web.Request) -> web.Response:
        ask = await body_of(request, FailureRequest)
        story, at = STORIES[ask.story], ask.at or now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            invoice = await _begin(database, ask, story, at)
            if story.paid_when_read:
                await mark_paid(database, invoice, invoice.due_minor, at)
        told = [events.invoice_payment_failed(invoice, at)]
        if ask.with_payment_intent_event:
            told.insert(0, events.payment_intent_payment_failed(invoice, at))
        delivered = [await self._teller.tell(event, ask.deliver) for event in told]
        return web.json_response(
            {
                "story": story.name,
                "invoice_id": invoice.invoice_id,
                "customer_id": invoice.customer_id,
                "credential_id": invoice.first_credential_id,
                "subscription_id": invoice.subscription_id,
                "payment_id": invoice.payment_intent_id,
                "segment": ask.segment or story.segment,
                "amount_minor": invoice.amount_minor,
                "currency": invoice.currency,
                "failed_at": invoice.failed_at.isoformat(),
                "event": told[-1],
                "delivered": None if None in delivered else all(delivered),
            }
        )

    async def change(self, request: web.Request) -> web.Response:
        ask = await body_of(request, ChangeRequest)
        change = CHANGES.get(request.match_info["change"])
        if change is None:
            raise Refused(404, "no_such_change", f"there is no such change; there are {', '.join(CHANGES)}")
        after, event = await self._changed(request, change)
        return web.json_response(
            {
                "invoice_id": after.invoice_id,
                "status": after.status.value,
                "dispute_open": after.dispute_open,
                "event": event,
                "delivered": await self._teller.tell(event, ask.deliver),
            }
        )

    async def pay_as_the_customer(self, request: web.Request) -> web.Response:
        """The button of the billing page; shows the page again."""
        after, event = await self._changed(request, _pay)
        await self._teller.tell(event, True)
        raise web.HTTPSeeOther(f"/billing/{after.invoice_id}")

    async def _changed(self, request: web.Request, change: Change) -> tuple[Invoice, events.Event]:
        async with self._pool.acquire() as database, database.transaction():
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"), lock=True)
            event = await change(database, invoice, now_of(request))
            return await read_invoice(database, invoice.invoice_id), event

    async def add_card(self, request: web.Request) -> web.Response:
        ask, customer_id = await body_of(request, CardRequest), id_in_path(request, "customer_id")
        async with self._pool.acquire() as database, database.transaction():
            if not await database.fetchval("select true from customers where customer_id = $1", customer_id):
                raise Refused(404, "no_such_customer", f"there is no customer {customer_id}")
            card_id = await _add_card(database, customer_id, ask.kind, ask.params)
            await database.execute(
                "update cards set payment_type = $2, brand = $3, last4 = $4, expires = $5 where card_id = $1",
                card_id,
                ask.payment_type,
                ask.brand,
                ask.last4,
                ask.expires,
            )
        return web.json_response({"credential_id": card_id})


async def _begin(database: Database, ask: FailureRequest, story: Story, at: datetime) -> Invoice:
    customer_id = ask.customer_id or new_id("cus")
    benefits = list(story.benefits if ask.benefits is None else ask.benefits)
    await database.execute(
        "insert into customers (customer_id, segment, benefits) values ($1, $2, $3) on conflict do nothing",
        customer_id,
        ask.segment or story.segment,
        benefits,
    )
    invoice = Invoice(
        invoice_id=ask.invoice_id or new_id("in"),
        customer_id=customer_id,
        subscription_id=new_id("sub"),
        payment_intent_id=new_id("pi"),
        amount_minor=ask.amount_minor or story.amount_minor,
        currency=ask.currency or story.currency,
        status=InvoiceStatus.OPEN,
        failed_at=at,
        changed_at=at,
        first_charge_id=new_id("ch"),
        first_credential_id=await _failing_card(database, ask, story, customer_id, at),
        first_code=story.code,
        first_payment=ask.first_payment,
        collected_manually=ask.collected_manually,
        api_version=ask.api_version,
    )
    await add_invoice(database, invoice)
    return invoice


async def _failing_card(database: Database, ask: FailureRequest, story: Story, customer_id: str, at: datetime) -> str:
    if ask.credential_id is not None:
        owner = await database.fetchval("select customer_id from cards where card_id = $1", ask.credential_id)
        if owner != customer_id:
            raise Refused(422, "no_such_card", "credential_id: is no card of this customer")
        return ask.credential_id
    card_id = await _add_card(database, customer_id, story.card, story.card_params(at))
    await database.execute("update customers set default_card = $2 where customer_id = $1", customer_id, card_id)
    return card_id


async def _add_card(database: Database, customer_id: str, kind: str, params: dict[str, Any]) -> str:
    try:
        behaviour_of(kind, params)
    except ValidationError as error:
        raise Refused(400, "bad_input", f"kind, params: {error.errors(include_input=False)[0]['msg']}") from None
    card_id = new_id("card")
    await database.execute(
        "insert into cards (card_id, customer_id, kind, params) values ($1, $2, $3, $4::text::jsonb)",
        card_id,
        customer_id,
        kind,
        json.dumps(params),
    )
    return card_id


async def _pay(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    """Paid by other means, such as a bank transfer that the merchant booked by hand."""
    _check_owed(invoice)
    paid = await mark_paid(database, invoice, invoice.unpaid_minor, now)
    return events.invoice_paid(paid, now, out_of_band=True)


async def _confirm(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    """The customer confirms: a pending charge settles; without one the first card is charged with her present."""
    _check_owed(invoice)
    settled = await database.fetch(
        "update charges set status = 'succeeded' where invoice_id = $1 and collects_invoice"
        " and status = 'pending' returning amount_minor",
        invoice.invoice_id,
    )
    if not settled:
        settled = [await _charge_with_customer_present(database, invoice, now)]
    paid = await mark_paid(database, invoice, sum(row["amount_minor"] for row in settled), now)
    return events.invoice_paid(paid, now, out_of_band=False)


async def _charge_with_customer_present(database: Database, invoice: Invoice, now: datetime) -> Record:
    confirmed = ChargeRequest(
        idempotency_key=f"confirmed:{invoice.invoice_id}"[:200],
        invoice_id=invoice.invoice_id,
        credential_id=invoice.first_credential_id,
        amount_minor=invoice.unpaid_minor,
        currency=invoice.currency,
    )
    return await record_charge(database, confirmed, now, "succeeded")


async def _void(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    _check_owed(invoice)
    return events.invoice_voided(await _become(database, invoice, now, status=InvoiceStatus.VOID), now)


async def _cancel(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    _check_owed(invoice)
    return events.subscription_deleted(await _become(database, invoice, now, status=InvoiceStatus.CANCELLED), now)


async def _dispute(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    if invoice.dispute_open:
        raise Refused(409, "dispute_open", "a dispute is open already")
    disputed = await _become(database, invoice, now, dispute_id=new_id("du"), dispute_open=True)
    return events.dispute_created(disputed, now)


async def _win_dispute(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    _check_disputed(invoice)
    return events.dispute_closed(await _become(database, invoice, now, dispute_open=False), now, won=True)


async def _lose_dispute(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    """A lost dispute gives back what was paid."""
    _check_disputed(invoice)
    status = InvoiceStatus.REFUNDED if invoice.status is InvoiceStatus.PAID else invoice.status
    lost = await _become(database, invoice, now, dispute_open=False, status=status)
    return events.dispute_closed(lost, now, won=False)


async def _take_back(database: Database, invoice: Invoice, now: datetime) -> events.Event:
    """The customer's bank takes a payment back, as it may for weeks with direct debits."""
    if invoice.status is not InvoiceStatus.PAID:
        raise Refused(409, "not_paid", f"the invoice is {invoice.status.value}, so nothing can be taken back")
    await database.execute("update invoices set paid_minor = 0 where invoice_id = $1", invoice.invoice_id)
    unpaid = invoice.model_copy(update={"paid_minor": 0})
    return events.invoice_payment_failed(await _become(database, unpaid, now, status=InvoiceStatus.OPEN), now)


CHANGES: dict[str, Change] = {
    "pay": _pay,
    "confirm": _confirm,
    "void": _void,
    "cancel": _cancel,
    "dispute": _dispute,
    "win-dispute": _win_dispute,
    "lose-dispute": _lose_dispute,
    "take-back": _take_back,
}


def _check_owed(invoice: Invoice) -> None:
    if invoice.status not in OWED:
        raise Refused(409, "not_open", f"the invoice is {invoice.status.value} already")


def _check_disputed(invoice: Invoice) -> None:
    if not invoice.dispute_open:
        raise Refused(409, "no_dispute", "no dispute is open")


async def _become(database: Database, invoice: Invoice, now: datetime, **changes: Any) -> Invoice:
    after = invoice.model_copy(update={**changes, "changed_at": now})
    await database.execute(
        """update invoices set status = $2, dispute_id = $3, dispute_open = $4, changed_at = $5
           where invoice_id = $1""",
        after.invoice_id,
        after.status.value,
        after.dispute_id,
        after.dispute_open,
        now,
    )
    return after
