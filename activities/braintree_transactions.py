"""A transaction and a stored way to pay as Braintree's client hands them over, read into our words.

Sources: developer.paypal.com/braintree/docs, reference/response/transaction, reference/general/statuses and
reference/response/payment-method, read 2026-11-25. The same words in notifications: `sources/braintree_payments.py`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.core import get_global

from activities.braintree_client import NoAnswer, braintree, told_at
from activities.gateways.contract import Declined, Pending, Succeeded, Unknown
from activities.sources.braintree_payments import BANKS, FAILED, OUR_KEY, WALLETS
from policies.declines import Category, CustomerAction, Decline, Retryable, classify
from policies.instruments import Initiator, Instrument, Network, PaymentType
from policies.money import EXPONENTS, Money

GATEWAY = "braintree"
FINAL = frozenset("settled settlement_confirmed".split())
TAKEN = FINAL | frozenset("settling submitted_for_settlement".split())
"""The money was asked for. Of a bank debit only FINAL says that it came."""

WAITING = frozenset("authorized settlement_pending".split())
"""Accepted; nobody has asked for the money yet, or a bank has still to answer."""

UNDER_WAY = "authorizing"

HARD = "hard_declined"
"""Braintree's word for a code that no repetition helps; it is asked where we do not know the code."""

_VOIDED = "voided"
_REFUSED = FAILED | {_VOIDED}
_DETAILS = (
    "credit_card_details apple_pay_details android_pay_card_details paypal_details venmo_account_details "
    "us_bank_account sepa_direct_debit_account_details visa_checkout_card_details"
).split()


_KINDS = {
    braintree.UsBankAccount: "us_bank_account",
    braintree.SepaDirectDebitAccount: "sepa_debit_account",
    braintree.PayPalAccount: "paypal_account",
    braintree.VenmoAccount: "venmo_account",
}


def field(thing: Any, name: str) -> Any:
    """None when it is absent or empty: the SDK sets only what an answer holds."""
    value = getattr(thing, name, None)
    return None if value == "" else value


def outcome_of(transaction: Any, initiator: Initiator) -> Succeeded | Declined | Pending | Unknown:
    reference, status = str(transaction.id), transaction.status
    settles_later = instrument_of(transaction).payment_type is PaymentType.BANK_DEBIT
    if status in FINAL or (status in TAKEN and not settles_later):
        return Succeeded(reference=reference)
    if status in TAKEN or status in WAITING:
        return Pending(reference=reference)
    if status in _REFUSED:
        return Declined(reference=reference, decline=decline_of(transaction, initiator))
    return Unknown(reason=f"Braintree says {status!r} of transaction {reference}")


def is_paid(transaction: Any) -> bool:
    """As Braintree's subscriptions count it: the period is paid until the money comes back."""
    return transaction.status in TAKEN | WAITING


def is_refused(transaction: Any) -> bool:
    return transaction.status in _REFUSED


def decline_of(transaction: Any, initiator: Initiator = Initiator.MERCHANT) -> Decline:
    instrument = instrument_of(transaction)
    decline = classify(
        GATEWAY,
        _code(transaction) or transaction.status,
        _text(transaction, "network_response_code"),
        _text(transaction, "merchant_advice_code"),
        network=instrument.network,
        payment_type=instrument.payment_type,
        initiator=initiator,
    )
    if decline.category is Category.UNKNOWN and field(transaction, "processor_response_type") == HARD:
        return decline.model_copy(
            update={
                "retryable": Retryable.NO,
                "customer_action": CustomerAction.UPDATE_METHOD,
                "decided_by": f"{decline.decided_by}; Braintree calls it hard",
            }
        )
    return decline


def decline_of_verification(verification: Any) -> Decline:
    """Why a card was not taken in: the bank, Braintree's own rules or nobody that answered. Its card is told as plain
    fields, which the SDK makes no object of."""
    card = field(verification, "credit_card") or {}
    return classify(
        GATEWAY,
        _code(verification) or verification.status,
        _text(verification, "network_response_code"),
        network=Network.named(card.get("card_type")),
        initiator=Initiator.CUSTOMER,
    )


def _code(transaction: Any) -> str | None:
    """Which field tells why depends on who refused. A processor's code of 1xxx says that it approved."""
    match transaction.status:
        case "gateway_rejected":
            return _text(transaction, "gateway_rejection_reason")
        case "settlement_declined":
            return _text(transaction, "processor_settlement_response_code")
        case _:
            code = _text(transaction, "processor_response_code")
            return None if code is None or code.startswith("1") else code


def _text(thing: Any, name: str) -> str | None:
    value = field(thing, name)
    return None if value is None else str(value)


# Money


def amount_text(amount: Money) -> str:
    """Braintree takes amounts as decimal text in the currency's major unit."""
    return str(amount.as_decimal)


def money(amount: Decimal, currency: str) -> Money:
    minor = amount.scaleb(EXPONENTS[currency])
    if minor != minor.to_integral_value():
        raise NoAnswer(f"Braintree tells an amount that {currency} does not have")
    return Money(amount_minor=int(minor), currency=currency)


def money_of(transaction: Any) -> Money:
    return money(transaction.amount, transaction.currency_iso_code)


# What it was taken from


def credential_of(transaction: Any) -> str | None:
    return next((token for name in _DETAILS if (token := field(field(transaction, name), "token"))), None)


def instrument_of(transaction: Any) -> Instrument:
    kind = field(transaction, "payment_instrument_type") or ""
    details = next((found for name in _DETAILS if field(found := field(transaction, name), "token")), None)
    return _instrument(kind, details)


def instrument_of_method(method: Any) -> Instrument:
    kind = next((kind for shape, kind in _KINDS.items() if isinstance(method, shape)), "credit_card")
    return _instrument(kind, method)


def _instrument(kind: str, details: Any) -> Instrument:
    if kind in BANKS:
        return Instrument(payment_type=PaymentType.BANK_DEBIT, network=BANKS[kind])
    if kind in WALLETS:
        return Instrument(payment_type=PaymentType.WALLET)
    issuer = _told(details, "issuing_bank")
    return Instrument(
        network=Network.named(field(details, "card_type")),
        country=_alpha2(_told(details, "country_of_issuance")),
        issuer=issuer,
        fingerprint=field(details, "unique_number_identifier"),
    )


def _told(details: Any, name: str) -> str | None:
    value = _text(details, name)
    return None if value == "Unknown" else value


def _alpha2(alpha3: str | None) -> str | None:
    """Braintree tells countries of issuance in three letters."""
    aliases: list[str] = get_global("territory_aliases").get(alpha3 or "", [])
    return aliases[0] if alpha3 and len(alpha3) == 3 and len(aliases) == 1 else None


# Times and periods


def created_at(transaction: Any) -> datetime:
    return told_at(transaction.created_at)


def sales_of(subscription: Any) -> list[Any]:
    """The oldest first. Braintree tells the newest twenty, newest first, and its times have whole seconds."""
    told = reversed(subscription.transactions)
    return sorted((each for each in told if each.type == braintree.Transaction.Type.Sale), key=created_at)


def period_of(transaction: Any) -> date | None:
    """The first day of the billing period that it belongs to."""
    return day_of(field(transaction, "subscription_details"), "billing_period_start_date")


def day_of(thing: Any, name: str) -> date | None:
    """The SDK makes a date of what is marked as one, and leaves the rest a text."""
    value = field(thing, name)
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None


def key_of(transaction: Any) -> str | None:
    order_id = field(transaction, "order_id")
    return order_id if order_id and OUR_KEY.fullmatch(order_id) else None
