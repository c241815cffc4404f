"""A billing system of the merchant's own as the owner of invoices, over a small HTTP contract that we define:
docs/sources/merchant.md. Its events are those of the generic source, and are read by that source's Speaker.

What it answers is read strictly: a field that is wrong or unknown is Misconfigured and named, since somebody can mend
it there. A repeated booking or ending is harmless by the contract, so silence is always Unavailable.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from activities.customers import Customer
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.http_client import Answer, HttpClient, NoAnswer, in_path
from activities.sources.contract import CloseOut, Item, Malformed, OwnerCapabilities, PaymentElsewhere
from activities.sources.generic import GenericSpeaker
from activities.sources.generic_data import Amount, DeclineData, Id, Line, Moment, Word
from activities.sources.reading import key_by_hash
from policies.base import Request
from policies.instruments import Initiator, Instrument, Network, PaymentType
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt

SPOKEN_LIKE = "generic"
"""The source whose events the list holds."""

WHOSE = "the billing system"
Shape = TypeVar("Shape", bound=BaseModel)


class InstrumentData(Request):
    payment_type: PaymentType = PaymentType.CARD
    network: Network = Network.OTHER
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    issuer: Line | None = None
    fingerprint: Id | None = None

    def canonical(self) -> Instrument:
        return Instrument(**self.model_dump())


class AttemptData(Request):
    """One try to collect the invoice. `reference`: the gateway's id of it. `recoup_key`: the key under which Recoup
    told of it; such a one is Recoup's own. Without `decline` it succeeded."""

    reference: Id
    credential_id: Id
    amount: Amount
    at: Moment
    decline: DeclineData | None = None
    actor: Literal["gateway", "staff", "customer"] = "gateway"
    initiator: Initiator = Initiator.MERCHANT
    recoup_key: Id | None = None

    def canonical(self) -> SeenAttempt:
        return SeenAttempt(
            key=self.reference,
            credential_id=self.credential_id,
            amount=self.amount.canonical(),
            at=self.at,
            decline=self.decline.canonical() if self.decline else None,
            actor=self.actor,
            initiator=self.initiator,
        )


class InvoiceData(Request):
    """`due`: what is still owed, 0 once nothing is. `gateway`: whose token `credential_id` is, such as adyen."""

    id: Id
    status: InvoiceStatus
    due: Amount
    customer_id: Id
    credential_id: Id
    gateway: Word
    subscription_id: Id | None = None
    failed_at: Moment | None = None
    changed_at: Moment | None = None
    first_payment: bool = False
    collected_manually: bool = False
    dispute_open: bool = False
    last_decline: DeclineData | None = None
    attempts: Annotated[tuple[AttemptData, ...], Field(max_length=500)] = ()
    instrument: InstrumentData = InstrumentData()
    plan_interval: Literal["day", "week", "month", "year"] | None = None
    retries_at: Moment | None = None
    retries_itself: bool = False

    def canonical(self, as_of: datetime) -> InvoiceNow:
        same = self.model_dump(exclude={"id", "due", "last_decline", "attempts", "instrument"})
        return InvoiceNow(
            **same,
            as_of=as_of,
            due=self.due.canonical(),
            last_decline=self.last_decline.canonical() if self.last_decline else None,
            attempts=tuple(attempt.canonical() for attempt in self.attempts if attempt.recoup_key is None),
            instrument=self.instrument.canonical(),
        )


class PaymentData(Request):
    invoice_id: Id | None


class EventsData(Request):
    """`events`: of the generic source, oldest first. `next`: where the next page begins; null at the end."""

    events: list[Any]
    next: Annotated[str, Field(min_length=1, max_length=500)] | None


class MerchantOwner:
    name = "merchant"
    capabilities = OwnerCapabilities(
        books_payments=True, closes_out=("mark_uncollectible", "cancel_subscription"), lists_events=True
    )

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, token: str, timeout_seconds: float = 20.0
    ) -> None:
        bearer = {"Authorization": f"Bearer {token}"}
        self._http = HttpClient(session, base_url, timeout_seconds, WHOSE, bearer)
        self._speaker = GenericSpeaker()

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        answer = await self._ask("GET", f"/invoices/{in_path(invoice_id)}")
        invoice = _read(_with_invoice(answer, invoice_id), InvoiceData)
        if invoice.id != invoice_id:
            raise Misconfigured(f"{WHOSE} answered with another invoice than {invoice_id}")
        return invoice.canonical(now)

    async def customer(self, customer_id: str) -> Customer | None:
        answer = await self._ask("GET", f"/customers/{in_path(customer_id)}")
        return None if _is(answer, "no_such_customer") else _read(answer, Customer)

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        answer = await self._ask("GET", f"/payments/{in_path(payment_id)}")
        return None if _is(answer, "no_such_payment") else _read(answer, PaymentData).invoice_id

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        body = payment.model_dump(mode="json", include={"key", "amount", "gateway", "reference", "at"})
        await self._tell(f"/invoices/{in_path(payment.invoice_id)}/payments", payment.invoice_id, body)

    async def close_out(self, ending: CloseOut) -> None:
        body = ending.model_dump(mode="json", include={"key", "how", "subscription_id"})
        await self._tell(f"/invoices/{in_path(ending.invoice_id)}/close", ending.invoice_id, body)

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self._told_since(since) if source == SPOKEN_LIKE else None

    async def _told_since(self, since: datetime) -> AsyncIterator[Item]:
        """Empty when the billing system says that it keeps no list."""
        address, after = f"/events?since={in_path(since.isoformat())}", None
        while True:
            answer = await self._ask("GET", address + (f"&after={in_path(after)}" if after else ""))
            if _is(answer, "no_event_list"):
                return
            page = _read(answer, EventsData)
            for event in page.events:
                for item in self._items(event):
                    yield item
            if page.next is None:
                return
            if page.next == after:
                raise Misconfigured(f"{WHOSE} lists events whose next page is the same page")
            after = page.next

    def _items(self, event: Any) -> Iterator[Item]:
        """What is no event is kept as well: it becomes a dead letter, and the rest of the list is not held up."""
        body = json.dumps(event).encode()
        items = self._speaker.split(body)
        yield from [Item(event_key=key_by_hash(body), body=body)] if isinstance(items, Malformed) else items

    async def _tell(self, path: str, invoice_id: str, body: Mapping[str, Any]) -> None:
        answer = _with_invoice(await self._ask("POST", path, body, {"Idempotency-Key": body["key"]}), invoice_id)
        if answer.status >= 300:
            raise _refused(answer)

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            return await self._http.ask(method, path, body, headers)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence


def _with_invoice(answer: Answer, invoice_id: str) -> Answer:
    if _is(answer, "no_such_invoice"):
        raise NotFound(f"{WHOSE} owns no invoice {invoice_id}")
    return answer


def _is(answer: Answer, code: str) -> bool:
    """On the billing system's own word; the 404 of somebody else has no code."""
    return answer.status == 404 and answer.code == code


def _refused(answer: Answer) -> Misconfigured:
    """Its code alone: a sentence of theirs might name a person."""
    code = answer.code if isinstance(answer.code, str) and re.fullmatch("[a-z0-9_]{1,60}", answer.code) else None
    return Misconfigured(f"{WHOSE} refused: {answer.status} {code or 'without a code'}")


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    """An answer that is no JSON object may come from a proxy: it is asked again."""
    if answer.status >= 300:
        raise _refused(answer)
    if not answer.body:
        raise Unavailable(f"{WHOSE} answered {answer.status} with a body that says nothing")
    try:
        return shape.model_validate_json(json.dumps(answer.body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        places = [str(part) for part in first["loc"] if isinstance(part, int) or part in _known_names()]
        raise Misconfigured(f"{WHOSE} answered with a wrong field: {'.'.join(places) or 'unknown'}") from None


def _known_names() -> frozenset[str]:
    """Ours; a name that is none of them is the sender's own text."""
    models = (InvoiceData, AttemptData, InstrumentData, Amount, DeclineData, PaymentData, EventsData, Customer)
    return frozenset(name for model in models for name in model.model_fields)
