"""What Braintree's subscriptions and transactions carry: whose claim, which payment, why it was refused, by whom.

A subscription has no invoices. Its claim is one billing period, and `billing_period_start_date` names it: automatic
retries of a subscription that is past due do not change it (reference/response/subscription, read 2026-11-25).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from activities.sources.customer_news import CustomerNews, customer_news, full_name
from activities.sources.reading import Node
from policies.declines import Decline, classify
from policies.instruments import Network, PaymentType

FAILED = frozenset(
    "authorization_expired failed gateway_rejected processor_declined settlement_declined settlement_failed".split()
)
PAID = frozenset("settled settlement_confirmed settlement_pending settling submitted_for_settlement".split())
"""Statuses of a transaction. `authorized` is neither: nobody has asked for the money yet."""

BANKS = {"us_bank_account": Network.ACH, "sepa_debit_account": Network.SEPA, "sepa_direct_debit_account": Network.SEPA}
WALLETS = frozenset({"paypal_account", "venmo_account"})
TOKEN_HOLDERS = (
    "credit_card apple_pay android_pay_card paypal venmo_account us_bank_account sepa_debit_account_detail".split()
)

OUR_KEY = re.compile("att_[0-9a-f]{40}")
"""The key of an attempt of ours, which a sale through `gateways/braintree.py` carries as its order id."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Claim:
    """`about`: the subscription, or the transaction when it is the news. `invoice_id` None: find it by the payment."""

    about: Node
    invoice_id: str | None
    subscription_id: str | None = None
    credential_id: str | None = None
    payment_id: str | None = None
    is_first_payment: bool = False

    @classmethod
    def of_subscription(cls, subscription: Node) -> "Claim":
        """A first payment that fails at once makes no subscription and is not told; one after a trial or a later start
        is, and nothing is paid through any date then."""
        subscription_id = subscription.id("id")
        never_paid = subscription.fields.get("paid_through_date") in (None, "")
        return cls(
            about=subscription,
            invoice_id=_of_period(subscription_id, subscription),
            subscription_id=subscription_id,
            credential_id=subscription.id_or_none("payment_method_token"),
            is_first_payment=never_paid and subscription.fields.get("current_billing_cycle") in ("0", "1"),
        )

    @classmethod
    def of_transaction(cls, transaction: Node) -> "Claim":
        subscription_id = transaction.optional_id("subscription_id")
        period = transaction.node("subscription")
        return cls(
            about=transaction,
            invoice_id=_of_period(subscription_id, period or transaction) if subscription_id else None,
            subscription_id=subscription_id,
            payment_id=transaction.id("id"),
        )


def _of_period(subscription_id: str, dated: Node) -> str:
    """The subscription alone where the notification does not say which period, as in Braintree's samples."""
    start = dated.optional_text("billing_period_start_date")
    return f"{subscription_id}.{start}" if start and _DATE.fullmatch(start) else subscription_id


def subscription_of(invoice_id: str) -> str:
    return invoice_id.rpartition(".")[0] if first_day_of(invoice_id) else invoice_id


def first_day_of(invoice_id: str) -> date | None:
    """The first day of the period that is claimed; None where the claim names only the subscription."""
    day = invoice_id.rpartition(".")[2]
    try:
        return date.fromisoformat(day) if _DATE.fullmatch(day) else None
    except ValueError:
        return None


def our_key_of(payment: Node) -> str | None:
    order_id = payment.optional_text("order_id")
    return order_id if order_id and OUR_KEY.fullmatch(order_id) else None


def payments_of(claim: Claim, statuses: frozenset[str]) -> Iterator[Node]:
    """The newest first. A notification holds the last 20 transactions, those of older periods too."""
    own = [
        payment
        for payment in claim.about.nodes("transactions")
        if payment.optional_text("status") in statuses
        and payment.fields.get("type") != "credit"
        and _may_be_of(claim, payment)
    ]
    return iter(sorted(own, key=lambda payment: payment.optional_text("created_at") or "", reverse=True))


def _may_be_of(claim: Claim, payment: Node) -> bool:
    period = payment.node("subscription")
    return period is None or _of_period(claim.subscription_id or "", period) == claim.invoice_id


def currency_of(payment: Node | None, subscription: Node | None) -> str | None:
    """A subscription has no currency of its own, but its payments have, and its history."""
    history = subscription.nodes("status_history") if subscription else []
    told = [node.optional_text("currency_iso_code") for node in (payment, *history) if node]
    return next(filter(None, told), None)


def credential_of(payment: Node | None) -> str | None:
    if payment is None:
        return None
    return next(filter(None, (payment.part(name).id_or_none("token") for name in TOKEN_HOLDERS)), None)


def decline_of(payment: Node | None) -> Decline | None:
    """None when no code was sent: `open_case` reads it at the source."""
    code = _code(payment) if payment else None
    if payment is None or code is None:
        return None
    kind = payment.optional_text("payment_instrument_type") or ""
    return classify(
        "braintree",
        code,
        payment.code("network_response_code"),
        payment.code("merchant_advice_code"),
        network=BANKS.get(kind) or Network.named(payment.part("credit_card").optional_text("card_type")),
        payment_type=_payment_type(kind),
    )


def _code(payment: Node) -> str | None:
    """Which field tells why depends on who refused. A processor's code of 1xxx says that it approved; a payment that
    came back or expired later keeps it."""
    match payment.fields.get("status"):
        case "gateway_rejected":
            return payment.code("gateway_rejection_reason")
        case "settlement_declined":
            return payment.code("processor_settlement_response_code")
        case _:
            code = payment.code("processor_response_code")
            return None if code is None or code.startswith("1") else code


def _payment_type(kind: str) -> PaymentType:
    if kind in BANKS:
        return PaymentType.BANK_DEBIT
    return PaymentType.WALLET if kind in WALLETS else PaymentType.CARD


def customer_of(payment: Node | None) -> str | None:
    return payment.part("customer").id_or_none("id") if payment else None


def news_of(payment: Node | None) -> CustomerNews | None:
    if payment is None:
        return None
    customer, billing = payment.part("customer"), payment.part("billing")
    return customer_news(
        customer.id_or_none("id"),
        name=full_name(customer.optional_text("first_name"), customer.optional_text("last_name")),
        email=customer.optional_text("email"),
        phone=customer.optional_text("phone"),
        country=billing.optional_text("country_code_alpha2"),
        subdivision=billing.optional_text("region"),
        postal_code=billing.optional_text("postal_code"),
    )
