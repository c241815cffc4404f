"""The events of those who write their own sender: a strict model of `data` per kind, and its JSON Schema.

Strict, since what is spelled wrong here is found by the person who can mend it: unknown fields are refused, numbers are
no texts, times have a zone. To let an event carry more: a field here under the name it has in `policies/events.py`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, model_validator
from pydantic.json_schema import models_json_schema

from activities.customers import OneLine, Tag
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews, customer_news
from activities.sources.reading import AMOUNT_MAX, EARLIEST, LATEST, not_dunning
from policies.base import Code, Identifier, Request
from policies.card_numbers import looks_like_card_number
from policies.declines import Decline, classify
from policies.events import AnyEvent, Ignored, MethodChange
from policies.instruments import Network, PaymentType
from policies.money import Currency, Money


def _no_card_number(text: str) -> str:
    if looks_like_card_number(text):
        raise ValueError("looks like a card number; send the gateway's token of it")
    return text


def _in_reach(moment: datetime) -> datetime:
    """Before it is moved to UTC, which overflows at the ends of the calendar."""
    if not EARLIEST <= moment.timestamp() < LATEST:
        raise ValueError("lies outside of 2000 to 2100")
    return moment.astimezone(UTC)


Id = Annotated[Identifier, AfterValidator(_no_card_number)]
Word = Annotated[Code, AfterValidator(_no_card_number)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_reach)]
Line = Annotated[OneLine, Field(min_length=1, max_length=320)]


class Amount(Request):
    """`amount_minor` in the currency's smallest unit of ISO 4217: 1050 EUR is 10.50 euros, 1050 JPY is 1050 yen."""

    amount_minor: Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
    currency: Currency

    def canonical(self) -> Money:
        return Money(amount_minor=self.amount_minor, currency=self.currency)


class DeclineData(Request):
    """Why the payment was refused, in the words of whoever refused it; what they mean is looked up in our tables.

    `gateway`: whose words they are, such as stripe, adyen, braintree; `network_code`: the scheme's own (ISO 8583
    response, ACH return, SEPA reason); `advice_code`: a Mastercard advice code, a Visa category or Stripe's advice.
    """

    gateway: Word = "generic"
    code: Word | None = None
    network_code: Word | None = None
    advice_code: Word | None = None
    network: Network = Network.OTHER
    payment_type: PaymentType = PaymentType.CARD

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.code or self.network_code or self.advice_code):
            raise ValueError("says nothing; write a code, network_code or advice_code, or leave it out")
        return self

    def canonical(self) -> Decline:
        return classify(
            self.gateway,
            self.code,
            self.network_code,
            self.advice_code,
            network=self.network,
            payment_type=self.payment_type,
        )


class CustomerData(Request):
    """What is known of the customer; goes to the customer directory and into no case. A country, zone, locale … that is
    none is left out there, since no event is held up by an address."""

    id: Id
    name: Line | None = None
    email: Line | None = None
    phone: Annotated[str, Field(pattern=r"^\+[0-9]{6,15}$")] | None = None
    country: Line | None = None
    subdivision: Line | None = None
    postal_code: Line | None = None
    zone: Line | None = None
    locale: Line | None = None
    segment: Line | None = None
    since: Moment | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=20)] = ()

    def news(self) -> CustomerNews | None:
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "id"}
        return customer_news(self.id, **fields)


class EventData(Request):
    """What every kind has. `invoice_id`: the claim that is being recovered; an event that does not know it names the
    payment, the subscription or the customer instead. `version`: a count of changes of the claim, if there is one; it
    orders what happened in one second."""

    invoice_id: Id | None = None
    payment_id: Id | None = None
    subscription_id: Id | None = None
    customer_id: Id | None = None
    version: Annotated[int, Field(ge=0, lt=2**53)] = 0
    customer: CustomerData | None = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if self.customer and self.customer_id not in (None, self.customer.id):
            raise ValueError("customer_id and customer.id differ")
        if self.invoice_id is None and self._lookup() is None:
            raise ValueError("names nothing; write invoice_id, or payment_id, subscription_id or customer_id")
        return self

    def said(self, kind: str, event_id: str, happened_at: datetime) -> Addressed | Ignored:
        event = {name: _canonical(getattr(self, name)) for name in type(self).model_fields}
        event |= {"kind": kind, "event_id": event_id, "happened_at": happened_at}
        event |= {"invoice_id": self.invoice_id or UNRESOLVED, "customer_id": self._whose()}
        return Addressed(
            event=_EVENT.validate_python(event),
            lookup=None if self.invoice_id else self._lookup(),
            customer=self.customer.news() if self.customer else None,
        )

    def _whose(self) -> str | None:
        return self.customer_id or (self.customer.id if self.customer else None)

    def _lookup(self) -> Lookup | None:
        """By what is nearest to the claim."""
        near = {"payment_id": self.payment_id, "subscription_id": self.subscription_id, "customer_id": self._whose()}
        near["credential_id"] = self._credential()
        return next((Lookup(**{name: value}) for name, value in near.items() if value), None)

    def _credential(self) -> str | None:
        return None


class _UnpaidData(EventData):
    amount: Amount | None = None
    credential_id: Id | None = None
    retries_at: Moment | None = None
    retries_itself: bool = False

    def said(self, kind: str, event_id: str, happened_at: datetime) -> Addressed | Ignored:
        if self.amount and self.amount.amount_minor == 0:
            return not_dunning("nothing is owed (amount is 0)")
        return super().said(kind, event_id, happened_at)


class PaymentFailedData(_UnpaidData):
    """A payment was tried and refused. `amount`: what is still owed. `retries_at`: when you will try again yourself;
    `retries_itself`: you will, at a time that you do not tell."""

    decline: DeclineData | None = None


class ActionRequiredData(_UnpaidData):
    """The payment waits for the customer to confirm it. `amount`, `retries_at`, `retries_itself`: as of a failure."""


class PaymentSucceededData(EventData):
    """`paid`: left out, all that was owed was paid. `remaining`: what is still owed after a part payment; left out, the
    claim is settled. `out_of_band`: by transfer, cheque or cash rather than by the way to pay that had failed."""

    paid: Amount | None = None
    remaining: Amount | None = None
    out_of_band: bool = False


class InvoiceVoidedData(EventData):
    """Nothing is owed any more, and nothing was paid."""


class SubscriptionCancelledData(EventData):
    """What the claim was for has ended."""


class DisputeOpenedData(EventData):
    """The customer's bank took the money back, or means to."""

    dispute_id: Id


class DisputeClosedData(EventData):
    """`won`: you keep the money."""

    dispute_id: Id
    won: bool


class FraudWarningData(EventData):
    """A network or a gateway suspects the payment. `signal`: its own word for the reason."""

    signal: Word


class PaymentMethodChangedData(EventData):
    """`credential_id`: what is charged from now on, or what was removed or has expired."""

    change: MethodChange
    credential_id: Id | None = None

    def _credential(self) -> str | None:
        return self.credential_id


class MandateChangedData(EventData):
    """`mandate_id`: the credential that debits are collected under. `active`: they may be collected again, under
    `replaced_by` if that is set; otherwise the mandate has ended, and `decline` says why."""

    mandate_id: Id
    active: bool
    replaced_by: Id | None = None
    decline: DeclineData | None = None

    def _credential(self) -> str | None:
        return self.mandate_id


class CustomerChangedData(EventData):
    """News of a customer for the directory; no case is told."""

    customer: CustomerData


DATA: dict[str, type[EventData]] = {
    "payment_failed": PaymentFailedData,
    "action_required": ActionRequiredData,
    "payment_succeeded": PaymentSucceededData,
    "invoice_voided": InvoiceVoidedData,
    "subscription_cancelled": SubscriptionCancelledData,
    "dispute_opened": DisputeOpenedData,
    "dispute_closed": DisputeClosedData,
    "fraud_warning": FraudWarningData,
    "payment_method_changed": PaymentMethodChangedData,
    "mandate_changed": MandateChangedData,
    "customer_changed": CustomerChangedData,
}

PARTS: dict[str, type[Request]] = {
    "amount": Amount,
    "paid": Amount,
    "remaining": Amount,
    "decline": DeclineData,
    "customer": CustomerData,
}
"""Which model a field of `data` is, for the sentence that says which fields there are."""

_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def _canonical(value: Any) -> Any:
    return value.canonical() if isinstance(value, Amount | DeclineData) else value


def json_schema() -> dict[str, Any]:
    """Of a whole event: the envelope, and `data` by its type. `docs/sources/generic.schema.json` is this."""
    _, defs = models_json_schema([(model, "validation") for model in DATA.values()])
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event for Recoup's generic source (CloudEvents 1.0, structured JSON)",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "description": "unique among the events of its source"},
            "source": text,
            "type": {**text, "description": "ends in recoup. and the kind, such as recoup.payment_failed"},
            "time": {**text, "format": "date-time"},
        },
        "allOf": [
            {
                "if": {"properties": {"type": {"pattern": rf"(^|\.)recoup\.{kind}$"}}},
                "then": {"properties": {"data": {"$ref": f"#/$defs/{model.__name__}"}}},
            }
            for kind, model in DATA.items()
        ],
        "$defs": defs["$defs"],
    }
