"""What Adyen says, in our words. Decides nothing about a case; leaves finding an unnamed invoice to the relay.

Two families. Standard webhooks: `{"live", "notificationItems": [{"NotificationRequestItem": {"eventCode", "eventDate",
"pspReference", "success": "true", ...}}]}`, many items in one delivery; and newer ones, each an object with `type`,
`createdAt` and `data`. Sources (November 2026): docs.adyen.com/development-resources/webhooks and its pages
/verify-hmac-signatures and /handle-webhook-events, docs.adyen.com/api-explorer/Webhooks/1 and /Tokenization-webhooks/1,
/risk-management/disputes-api/dispute-notifications, /online-payments/auto-rescue and
/development-resources/currency-codes.
To understand one more type: a function from `_Event`, a row in HANDLERS (or a sentence in SAYS_NOTHING), a row in the
table of the test.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from activities.sources.adyen_deliveries import items_of_delivery, reference, standard_items
from activities.sources.adyen_refusals import network_of, reason_code, refusal, return_of_debit
from activities.sources.adyen_signatures import SIGNATURE_HEADER, usable_keys, why_body_fails, why_items_fail
from activities.sources.adyen_signatures import complaint_about as complaint_about_key
from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Rejected, Verified
from activities.sources.customer_events import method_changed
from activities.sources.customer_news import customer_news
from activities.sources.reading import Node, ReadingSpeaker, Wrong, not_dunning, object_of, unknown_type
from activities.sources.signatures import header_values
from policies.declines import Decline
from policies.events import (
    AnyEvent,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    MethodChange,
    PaymentFailed,
    PaymentSucceeded,
)
from policies.money import EXPONENTS, Money

ADYEN_EXPONENTS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}
"""Where Adyen's smallest unit is not ISO 4217's: docs.adyen.com, "Currency codes and minor units"."""

_ORDER = re.compile(r"order-(?:[0-9]+-)?pspReference")
"""Names in `additionalData` of a payment that is one part of an order; notifications that others recorded number the
parts. `merchantOrderReference` says nothing: Auto Rescue has it too."""

MARK = "metadata.recoup_attempt"
_KEY_OF_OURS = re.compile("att_[0-9a-f]{40}")
"""Metadata is the merchant's own, so another's value under that name may be anything."""

DISPUTE_ENDED = {"won": True, "lost": False, "accepted": False, "expired": False}
"""By `disputeStatus`: whether the merchant won. Any other (Undefended, Pending) leaves the dispute open."""


class AdyenSpeaker(ReadingSpeaker):
    """Stateless; keys and the clock are handed in."""

    name = "adyen"
    kept_headers = (SIGNATURE_HEADER.lower(),)
    accepted = "[accepted]"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """A header signs the body as a whole; without one each standard item carries its own signature, and every one
        of them must hold. No time is signed, so a replay is caught by the inbox alone."""
        keys = usable_keys(secrets)
        if not keys:
            return Rejected(reason="no HMAC key is configured for this endpoint")
        values = header_values(headers, SIGNATURE_HEADER)
        if len(values) > 1:
            return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
        try:
            why = why_body_fails(keys, values[0], body) if values else why_items_fail(keys, standard_items(body))
        except Wrong as wrong:
            return Rejected(reason=wrong.reason)
        return Rejected(reason=why) if why else Verified()

    def complaint_about(self, secret: str) -> str | None:
        return complaint_about_key(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        return items_of_delivery(body)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        told = object_of(body)
        is_standard = "eventCode" in told.fields
        kind = told.text("eventCode" if is_standard else "type")
        if kind in SAYS_NOTHING:
            return not_dunning(SAYS_NOTHING[kind])
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        if is_standard:
            return handler(_Event(event_id, told.moment_of_text("eventDate"), told, told.part("additionalData")))
        data = told.node("data")
        if data is None:
            raise told.wrong("data", "the object that the event is about")
        return handler(_Event(event_id, told.moment_of_text("createdAt"), data, data))


# From event to fact


@dataclass(frozen=True)
class _Event:
    """`extra`: `additionalData` of a standard item, all of whose values are texts; of a newer event `data` again."""

    event_id: str
    happened_at: datetime
    about: Node
    extra: Node

    @property
    def customer_id(self) -> str | None:
        """The merchant chooses it, so it may be anything; one that could not stand in a history counts as absent."""
        names = ("recurring.shopperReference", "tokenization.shopperReference", "shopperReference")
        return next((found for name in names if (found := self.extra.id_or_none(name))), None)

    @property
    def credential_id(self) -> str | None:
        names = ("recurring.recurringDetailReference", "tokenization.storedPaymentMethodId", "storedPaymentMethodId")
        return next((found for name in names if (found := reference(self.extra, name))), None)

    @property
    def payment_id(self) -> str:
        """Modifications and disputes have a reference of their own and name the payment's as the original."""
        return reference(self.about, "originalReference") or self.psp_reference

    @property
    def psp_reference(self) -> str:
        """Of a payment, of what was done to it, or of a dispute, all of whose events have the same."""
        found = reference(self.about, "pspReference")
        if found is None:
            raise self.about.wrong("pspReference", "an id")
        return found

    @property
    def succeeded(self) -> bool:
        success = self.about.fields.get("success")
        if success not in ("true", "false"):
            raise self.about.wrong("success", 'the text "true" or "false"')
        return success == "true"

    @property
    def dispute_outcome(self) -> bool | None:
        """None while it is open, and where nothing is said."""
        return DISPUTE_ENDED.get((self.extra.optional_text("disputeStatus") or "").lower())

    @property
    def amount(self) -> Money:
        amount = self.about.part("amount")
        value, code = amount.minor("value"), amount.text("currency")
        if code not in EXPONENTS:
            raise amount.wrong("currency", "an ISO 4217 currency code")
        minor = Decimal(value).scaleb(EXPONENTS[code] - ADYEN_EXPONENTS.get(code, EXPONENTS[code]))
        if minor != minor.to_integral_value():
            raise amount.wrong("value", f"whole units of {code}, as Adyen counts them")
        return Money(amount_minor=int(minor), currency=code)


def _told(event: _Event, fact: Callable[..., AnyEvent], **fields: Any) -> Addressed:
    """About the claim that the merchant's reference of the payment names, or about the payment when it cannot."""
    invoice_id = event.about.id_or_none("merchantReference")
    return Addressed(
        event=fact(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=invoice_id or UNRESOLVED,
            customer_id=event.customer_id,
            **fields,
        ),
        lookup=None if invoice_id else Lookup(payment_id=event.payment_id),
        customer=customer_news(
            event.customer_id,
            email=event.extra.optional_text("shopperEmail"),
            phone=event.extra.optional_text("shopperTelephone"),
            country=event.extra.optional_text("shopperCountry"),
            locale=event.extra.optional_text("shopperLocale"),
        ),
    )


def _authorisation(event: _Event) -> Addressed | Ignored:
    if event.amount.amount_minor == 0:
        return not_dunning("a zero amount: a way to pay was checked or stored, nothing was to be paid")
    if not event.succeeded:
        refused = _failed(event)
        return _marked(event, refused.model_copy(update={"reference": reference(event.about, "pspReference")}))
    paid = _told(event, PaymentSucceeded, paid=event.amount)
    is_part = any(map(_ORDER.fullmatch, event.extra.fields))
    return _marked(event, paid.model_copy(update={"one_payment": is_part}))


def _marked(event: _Event, told: Addressed) -> Addressed:
    """With the key of our attempt, which Adyen repeats from the payment's metadata when "include metadata" is on."""
    mark = event.extra.optional_text(MARK)
    if mark is None or not _KEY_OF_OURS.fullmatch(mark):
        return told
    return told.model_copy(update={"attempt_key": mark, "reference": reference(event.about, "pspReference")})


def _capture(event: _Event) -> Addressed:
    """An authorisation can be captured in several parts."""
    if not event.succeeded:
        return _failed(event)
    return _told(event, PaymentSucceeded, paid=event.amount).model_copy(update={"one_payment": True})


def _failed(event: _Event) -> Addressed:
    """`success` is not asked: it is "true" for CAPTURE_FAILED, which did happen."""
    return _not_paid(event, refusal(event.about, event.extra))


def _not_paid(event: _Event, decline: Decline | None) -> Addressed:
    return _told(
        event,
        PaymentFailed,
        amount=event.amount,
        credential_id=event.credential_id,
        retries_itself=event.extra.fields.get("retry.rescueScheduled") == "true",
        decline=decline,
    )


def _rescue_ended(event: _Event) -> Addressed | Ignored:
    if event.succeeded:
        return _told(event, PaymentSucceeded, paid=event.amount)
    return not_dunning("Adyen's own retries ended without money; each of them was told as a refused authorisation")


def _charged_back(event: _Event) -> Addressed:
    """The return of a bank debit comes as a chargeback too. When its reason is that the debit could not be collected
    (no funds, account closed), it is a failed payment; a payer who objects, and a reason that nobody knows, dispute.
    One that was won took nothing back in the end."""
    decline = None if event.dispute_outcome else return_of_debit(event.about, event.extra)
    return _not_paid(event, decline) if decline else _dispute(event, won=None)


def _dispute(event: _Event, won: bool | None) -> Addressed:
    """`won`: how a dispute ends whose event gives no status; None: it does not."""
    outcome = won if event.dispute_outcome is None else event.dispute_outcome
    if outcome is None:
        return _told(event, DisputeOpened, dispute_id=event.psp_reference)
    return _told(event, DisputeClosed, dispute_id=event.psp_reference, won=outcome)


def _fraud_reported(event: _Event) -> Addressed:
    scheme, code = (reason_code(event.extra.optional_text(name)) for name in ("nofSchemeCode", "nofReasonCode"))
    signal = "_".join(filter(None, (scheme or network_of(event.about).value, code)))
    return _told(event, FraudWarning, signal=signal)


def _method_changed(event: _Event, change: MethodChange) -> Addressed:
    """Found by the customer: the payment that an event about a token names is the one that made the token."""
    if event.customer_id is None:
        raise event.extra.wrong("shopperReference", "the shopper's id")
    return method_changed(
        event,
        change,
        Lookup(customer_id=event.customer_id),
        credential_id=event.credential_id,
        customer_id=event.customer_id,
    )


def _contract_changed(event: _Event, change: MethodChange) -> Addressed | Ignored:
    if not event.succeeded:
        return not_dunning("the way to pay was not changed (success is false)")
    return _method_changed(event, change)


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "AUTHORISATION": _authorisation,
    "CAPTURE": _capture,
    "CAPTURE_FAILED": _failed,
    "AUTORESCUE": _rescue_ended,
    "CHARGEBACK": _charged_back,
    "NOTIFICATION_OF_CHARGEBACK": _charged_back,
    "DISPUTE_OPENED_WITH_CHARGEBACK": _charged_back,
    "PREARBITRATION_OPEN": partial(_dispute, won=None),
    "SCHEME_ARBITRATION": partial(_dispute, won=None),
    "CHARGEBACK_REVERSED": partial(_dispute, won=True),
    "PREARBITRATION_WON": partial(_dispute, won=True),
    "PREARBITRATION_ISSUER_WITHDRAWN": partial(_dispute, won=True),
    "SCHEME_ARBITRATION_WON": partial(_dispute, won=True),
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": partial(_dispute, won=True),
    "SECOND_CHARGEBACK": partial(_dispute, won=False),
    "PREARBITRATION_LOST": partial(_dispute, won=False),
    "SCHEME_ARBITRATION_LOST": partial(_dispute, won=False),
    "DISPUTE_DEFENSE_PERIOD_ENDED": partial(_dispute, won=False),
    "NOTIFICATION_OF_FRAUD": _fraud_reported,
    "RECURRING_CONTRACT": partial(_contract_changed, change=MethodChange.ADDED),
    "DISABLE_RECURRING": partial(_contract_changed, change=MethodChange.REMOVED),
    "recurring.token.created": partial(_method_changed, change=MethodChange.ADDED),
    "recurring.token.alreadyExisting": partial(_method_changed, change=MethodChange.ADDED),
    "recurring.token.updated": partial(_method_changed, change=MethodChange.UPDATED),
    "recurring.token.disabled": partial(_method_changed, change=MethodChange.REMOVED),
    "ach.notificationOfChange": partial(_method_changed, change=MethodChange.UPDATED),
    "eft.notificationOfChange": partial(_method_changed, change=MethodChange.UPDATED),
}

_GIVEN_BACK = "money that was collected was given back, or was meant to be: no debit failed"
_CALLED_BACK = "a payment was called back before it was collected; whether the claim stands, its owner says"
_RESCUE = "how Adyen's own retries go on; each of them is told as an authorisation"

SAYS_NOTHING = {
    **dict.fromkeys(("REFUND", "REFUND_FAILED", "REFUNDED_REVERSED", "REFUND_WITH_DATA"), _GIVEN_BACK),
    **dict.fromkeys(("CANCELLATION", "CANCEL_OR_REFUND", "TECHNICAL_CANCEL"), _CALLED_BACK),
    **dict.fromkeys(("AUTORESCUE_NEXT_ATTEMPT", "CANCEL_AUTORESCUE"), _RESCUE),
    "EXPIRE": "an authorisation lapsed because nobody captured it; no debit failed",
    "OFFER_CLOSED": "the customer left a payment page without paying; no debit failed",
    "REQUEST_FOR_INFORMATION": "the dispute is only an inquiry: no money was taken back",
    "REPORT_AVAILABLE": "a report can be fetched",
}
"""Types that bear on payments and change nothing here, and why."""
