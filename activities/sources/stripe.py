"""What Stripe says, in our words. Decides nothing about a case; leaves finding an unnamed invoice to the relay.

Events: `{"id", "type", "created": unix seconds, "data": {"object": {...}}}`; amounts are integers in Stripe's smallest
unit (`money_from_stripe`). Sources: docs.stripe.com/webhooks, /api/events, /declines and the changelog of 2025-03-31
(basil): invoices lost `charge`, `payment_intent`, `paid`, `paid_out_of_band`; payments lost `invoice`.
To understand one more type: a function from `_Event`, a row in HANDLERS, a row in the table of the test.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Verified
from activities.sources.signatures import (
    any_matches,
    header_values,
    hmac_sha256,
    outside_tolerance,
    unix_seconds,
    usable_secrets,
)
from policies.declines import Category, Decline, classify
from policies.events import (
    ActionRequired,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import EXPONENTS, Money

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE = timedelta(seconds=300)
"""As in Stripe's own libraries, which look at the past only."""

DEPTH_MAX = 60
"""Stripe's deepest event nests about ten levels."""

AMOUNT_MAX = 10**15
"""Far above Stripe's limit of twelve digits, far below a 64-bit column."""

STRIPE_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's smallest unit is not ISO 4217's: docs.stripe.com/currencies, "special cases" and "zero-decimal"."""

EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2100))

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:\-]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
# Digits between letters are part of a random id: one in some hundred of those would pass the Luhn check by chance.
_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
_DIGITS_APART = re.compile(r"(?<![A-Za-z0-9])[0-9](?:[-_.: ]?[0-9])+(?![A-Za-z0-9])")
_SPACE = " \t\n\r"
_SHOWN_MAX = 80


class StripeSpeaker:
    """Stateless; secrets and the clock are handed in."""

    name = "stripe"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """`Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`, each v1 an HMAC-SHA256 of `<t>.<body>`.

        While a secret is rolled Stripe signs with both, and so may we know both: any match counts.
        """
        keys = usable_secrets(secrets)
        if not keys:
            return Rejected(reason="no signing secret is configured for this endpoint")
        values = header_values(headers, SIGNATURE_HEADER)
        if len(values) != 1:
            return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
        parts = _signature_parts(values[0])
        if isinstance(parts, Rejected):
            return parts
        stamp, signed_at, signatures = parts
        signed = stamp.encode() + b"." + body
        if not any_matches((hmac_sha256(key, signed).hex() for key in keys), signatures):
            return Rejected(reason=f"no v1 signature of {SIGNATURE_HEADER} belongs to this body and our secrets")
        if late := outside_tolerance(signed_at, now, TOLERANCE):
            return Rejected(reason=late)
        return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed:
        """One event as it was sent, or each element of a list of events, byte for byte."""
        try:
            text, value = _parsed(body)
            if isinstance(value, list):
                return tuple(_items(text, value))
            return (Item(event_key=_event_key(value), body=body),)
        except _Wrong as wrong:
            return Malformed(reason=wrong.reason)

    def normalise(self, body: bytes, event_id: str) -> Addressed | Ignored | Unreadable:
        try:
            return _normalised(body, event_id)
        except _Wrong as wrong:
            return Unreadable(field=wrong.field, reason=wrong.reason)
        except ValidationError as error:
            # Our own vocabulary is the last guard, so that its growing stricter can never break the relay.
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return Unreadable(field=".".join(map(str, first["loc"])) or "event", reason=first["msg"][:_SHOWN_MAX])


def money_from_stripe(amount: int, currency: str) -> Money:
    """Stripe's amount as ISO minor units; raises ValueError for an unknown currency or a fraction ISO does not know."""
    code = currency.upper()
    if code not in EXPONENTS:
        raise ValueError(f"{shown(currency)} is no ISO 4217 currency code")
    shift = EXPONENTS[code] - STRIPE_EXPONENTS.get(code, EXPONENTS[code])
    if shift >= 0:
        return Money(amount_minor=amount * 10**shift, currency=code)
    whole, rest = divmod(amount, 10**-shift)
    if rest:
        raise ValueError(f"{amount} is no multiple of {10**-shift}, as Stripe promises for {code}")
    return Money(amount_minor=whole, currency=code)


def looks_like_card_number(text: str) -> bool:
    """13 to 19 digits, written together or apart, that pass the Luhn check and do not start with 0 (Stripe's own test
    ids are runs of zeros, which pass it)."""
    runs = _DIGITS.findall(text) + [re.sub(r"[^0-9]", "", run) for run in _DIGITS_APART.findall(text)]
    return any(13 <= len(run) <= 19 and run[0] != "0" and _luhn(run) for run in runs)


def shown(value: object) -> str:
    """A value for an error sentence: at most 80 characters, no card number, no address, nothing nested."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    text = ascii(value)
    if looks_like_card_number(text):
        return "digits that look like a card number"
    if "@" in text:
        return "text that looks like an e-mail address"
    return text[:_SHOWN_MAX]


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0


# The signature header


def _signature_parts(header: str) -> tuple[str, int, tuple[str, ...]] | Rejected:
    """The time stamp as text (it is signed as text) and as number, and the v1 signatures."""
    if not header.isascii():
        return Rejected(reason=f"{SIGNATURE_HEADER} contains characters outside ASCII")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for key, _, value in pairs if key == "t"]
    signatures = tuple(value for key, _, value in pairs if key == "v1" and value)
    if len(stamps) != 1:
        return Rejected(reason=f"{SIGNATURE_HEADER} must have one time stamp t=, not {len(stamps)}")
    signed_at = unix_seconds(stamps[0])
    if signed_at is None:
        return Rejected(reason=f"the time stamp t= of {SIGNATURE_HEADER} is no number of seconds since 1970")
    if not signatures:
        return Rejected(reason=f"{SIGNATURE_HEADER} has no v1 signature; no other scheme is accepted")
    return stamps[0], signed_at, signatures


# JSON, read with suspicion


class _Wrong(Exception):
    """Caught by the speaker, never seen outside. `field` is the path in the event."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def _parsed(body: bytes) -> tuple[str, object]:
    try:
        text = body.decode()
        value: object = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise _Wrong("body", "the body is not UTF-8") from None
    except RecursionError:
        raise _Wrong("body", f"the body nests deeper than {DEPTH_MAX} levels") from None
    except ValueError as error:
        raise _Wrong("body", f"the body is not JSON: {str(error)[:_SHOWN_MAX]}") from None
    if _deeper_than(value, DEPTH_MAX):
        raise _Wrong("body", f"the body nests deeper than {DEPTH_MAX} levels")
    return text, value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _deeper_than(value: object, levels: int) -> bool:
    """Level by level instead of recursively: the value may nest as deep as the parser let it."""
    layer = [value]
    for _ in range(levels):
        layer = [child for parent in layer for child in _children(parent) if isinstance(child, dict | list)]
        if not layer:
            return False
    return True


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def _event_key(value: object) -> str:
    if not isinstance(value, dict):
        raise _Wrong("body", "the body is no event: not a JSON object")
    event = _Node("", value)
    event.text("type")
    event.text("id")
    return event.id("id")


def _items(text: str, values: list[object]) -> Iterator[Item]:
    """Elements as they were written, so that their hash does not depend on how we would write JSON."""
    if not values:
        raise _Wrong("body", "the list holds no event")
    keys = [_event_key(value) for value in values]
    decoder = json.JSONDecoder()
    start = text.index("[") + 1
    for key in keys:
        start = _after_space(text, start)
        _, end = decoder.raw_decode(text, start)
        yield Item(event_key=key, body=text[start:end].encode())
        start = _after_space(text, end) + 1


def _after_space(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


@dataclass(frozen=True)
class _Node:
    """A JSON object and where it stood, so that every complaint names its path."""

    path: str
    fields: dict[str, object]

    def wrong(self, name: str, expected: str) -> _Wrong:
        path = f"{self.path}.{name}".lstrip(".")
        if name not in self.fields:
            return _Wrong(path, f"{path} is missing, expected {expected}")
        return _Wrong(path, f"{path} is {shown(self.fields[name])}, expected {expected}")

    def node(self, name: str) -> "_Node | None":
        """None also when the object is not expanded: an id, null or absent."""
        value = self.fields.get(name)
        return _Node(f"{self.path}.{name}".lstrip("."), value) if isinstance(value, dict) else None

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, "a text")
        return value

    def id(self, name: str) -> str:
        """The field is an id, or an expanded object that has one."""
        value = self.optional_id(name)
        if value is None:
            raise self.wrong(name, "an id")
        return value

    def optional_id(self, name: str) -> str | None:
        if expanded := self.node(name):
            return expanded.id("id")
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or looks_like_card_number(value):
            raise self.wrong(name, "an id")
        return value

    def optional_minor(self, name: str) -> int | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= AMOUNT_MAX:
            raise self.wrong(name, "an amount in the currency's smallest unit")
        return value

    def minor(self, name: str) -> int:
        value = self.optional_minor(name)
        if value is None:
            raise self.wrong(name, "an amount in the currency's smallest unit")
        return value

    def moment(self, name: str) -> datetime:
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not EARLIEST <= value < LATEST:
            raise self.wrong(name, "unix seconds between 2000 and 2100")
        return datetime.fromtimestamp(value, UTC)

    def code(self, name: str) -> str | None:
        """A decline code. One of an odd shape counts as absent: the failure must not be lost for it, and `open_case`
        reads the decline at the source."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return None
        if looks_like_card_number(value):
            raise self.wrong(name, "a code")
        return value if _CODE.fullmatch(value) else None


# From event to fact


@dataclass(frozen=True)
class _Event:
    event_id: str
    happened_at: datetime
    about: _Node


def _normalised(body: bytes, event_id: str) -> Addressed | Ignored:
    _, value = _parsed(body)
    if not isinstance(value, dict):
        raise _Wrong("body", "the body is no event: not a JSON object")
    envelope = _Node("", value)
    kind = envelope.text("type")
    handler = HANDLERS.get(kind)
    if handler is None:
        return Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail=f"{shown(kind)} is no type we act on")
    data = envelope.node("data")
    about = data.node("object") if data else None
    if about is None:
        raise _Wrong("data.object", "data.object is missing, expected the object that the event is about")
    return handler(_Event(event_id, envelope.moment("created"), about))


def _invoice_failed(event: _Event) -> Addressed | Ignored:
    if why := _not_dunning(event.about):
        return why
    return Addressed(
        event=PaymentFailed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer"),
            decline=_decline_of_invoice(event.about),
        )
    )


def _invoice_needs_action(event: _Event) -> Addressed | Ignored:
    if why := _not_dunning(event.about):
        return why
    return Addressed(
        event=ActionRequired(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer"),
        )
    )


def _invoice_paid(event: _Event) -> Addressed:
    """`paid` is all that was paid on the invoice, not this payment alone. From 2025-03-31 on Stripe counts money that
    came in another way into `amount_paid` and no longer says so in the event."""
    out_of_band = event.about.fields.get("paid_out_of_band") is True
    amount = event.about.minor("amount_paid")
    if out_of_band and amount == 0:
        amount = event.about.minor("amount_due")
    return Addressed(
        event=PaymentSucceeded(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            paid=_money(event.about, amount),
            out_of_band=out_of_band,
        )
    )


def _invoice_given_up(event: _Event) -> Addressed:
    return Addressed(
        event=InvoiceVoided(event_id=event.event_id, happened_at=event.happened_at, invoice_id=event.about.id("id"))
    )


def _subscription_deleted(event: _Event) -> Addressed:
    return Addressed(
        event=SubscriptionCancelled(event_id=event.event_id, happened_at=event.happened_at, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id=event.about.id("id")),
    )


def _dispute_created(event: _Event) -> Addressed | Ignored:
    status = event.about.text("status")
    if status.startswith("warning_"):
        return _ignored(f"the dispute is only an inquiry ({shown(status)}): no money was taken back")
    return Addressed(
        event=DisputeOpened(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=event.about.id("id"),
        ),
        lookup=Lookup(payment_id=_payment_of(event.about, "charge")),
    )


def _dispute_closed(event: _Event) -> Addressed:
    return Addressed(
        event=DisputeClosed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=event.about.id("id"),
            won=event.about.text("status") in {"won", "warning_closed"},
        ),
        lookup=Lookup(payment_id=_payment_of(event.about, "charge")),
    )


def _intent_failed(event: _Event) -> Addressed:
    error = event.about.node("last_payment_error")
    return _payment_failed(event, event.about.id("id"), _decline_of_error(error) if error else None)


def _charge_failed(event: _Event) -> Addressed:
    return _payment_failed(event, _payment_of(event.about, "id"), _decline_of_charge(event.about))


def _payment_failed(event: _Event, payment_id: str, decline: Decline | None) -> Addressed:
    """Payments name their invoice up to 2025-03-31 only; later the relay asks whose payment it is."""
    invoice_id = event.about.optional_id("invoice")
    return Addressed(
        event=PaymentFailed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=invoice_id or UNRESOLVED,
            customer_id=event.about.optional_id("customer"),
            decline=decline,
        ),
        lookup=None if invoice_id else Lookup(payment_id=payment_id),
    )


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "invoice.payment_failed": _invoice_failed,
    "invoice.payment_action_required": _invoice_needs_action,
    "invoice.paid": _invoice_paid,
    "invoice.payment_succeeded": _invoice_paid,
    "invoice.voided": _invoice_given_up,
    "invoice.marked_uncollectible": _invoice_given_up,
    "customer.subscription.deleted": _subscription_deleted,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.closed": _dispute_closed,
    "payment_intent.payment_failed": _intent_failed,
    "charge.failed": _charge_failed,
}


# Parts that several events share


def _ignored(detail: str) -> Ignored:
    return Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=detail)


def _not_dunning(invoice: _Node) -> Ignored | None:
    """Invoices whose failure opens no case. Before 2019 `collection_method` was called `billing`."""
    if invoice.fields.get("billing_reason") == "subscription_create":
        return _ignored("first payment of a new subscription")
    if "send_invoice" in (invoice.fields.get("collection_method"), invoice.fields.get("billing")):
        return _ignored("the invoice is sent for manual payment (send_invoice)")
    for name in ("amount_remaining", "amount_due"):
        if invoice.optional_minor(name) == 0:
            return _ignored(f"nothing is owed ({name} is 0)")
    return None


def _payment_of(node: _Node, otherwise: str) -> str:
    return node.optional_id("payment_intent") or node.id(otherwise)


def _money(invoice: _Node, amount: int) -> Money:
    try:
        return money_from_stripe(amount, invoice.text("currency"))
    except ValueError as error:
        raise _Wrong(f"{invoice.path}.currency", str(error)) from None


def _decline_of_invoice(invoice: _Node) -> Decline | None:
    """Webhooks carry ids instead of expanded payments, so mostly None: the decline comes with the payment's own event
    or is read at the source."""
    intent = invoice.node("payment_intent")
    if intent and (error := intent.node("last_payment_error")):
        return _decline_of_error(error)
    if charge := invoice.node("charge"):
        return _decline_of_charge(charge)
    if error := invoice.node("last_finalization_error"):
        return _decline_of_error(error)
    return None


def _decline_of_error(error: _Node) -> Decline | None:
    return _decline(
        error.code("decline_code"),
        error.code("code"),
        error.code("network_decline_code"),
        error.code("advice_code"),
    )


def _decline_of_charge(charge: _Node) -> Decline | None:
    """A charge spells it `failure_code` ("card_declined") and `outcome.reason` ("insufficient_funds")."""
    outcome = charge.node("outcome") or _Node(f"{charge.path}.outcome", {})
    return _decline(
        outcome.code("reason"),
        charge.code("failure_code"),
        outcome.code("network_decline_code"),
        outcome.code("advice_code"),
    )


def _decline(exact: str | None, broad: str | None, network: str | None, advice: str | None) -> Decline | None:
    """The exact code, unless we have no row for it and do for the broad one: `authentication_not_handled` under
    `authentication_required` must not be retried as an unknown refusal."""
    if not exact and not broad:
        return None
    decline = classify("stripe", exact or broad, network, advice)
    if exact and broad and decline.category is Category.UNKNOWN:
        second = classify("stripe", broad, network, advice)
        return second if second.category is not Category.UNKNOWN else decline
    return decline
