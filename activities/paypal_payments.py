"""What PayPal tells of payments, as values: captures, a subscription's transactions, money and refusals.

Used by gateway and owner. Sources: PayPal's published API descriptions (payments v2, billing subscriptions v1,
vault v3; github.com/paypal/paypal-rest-api-specifications), read 2026-11.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from activities.errors import Misconfigured
from activities.paypal_client import PayPalClient, in_path
from policies.base import Record, UtcTime
from policies.declines import Decline, classify
from policies.instruments import Initiator, Instrument, Network, PaymentType
from policies.money import EXPONENTS, Money

WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
"""Where PayPal refuses decimals although ISO 4217 has some for two of them."""

TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
"""The money came. That some of it went back later is its owner's news, not the attempt's."""

REFUSED = frozenset({"DECLINED", "FAILED", "DENIED"})

_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


def _money(amount: Any) -> Any:
    if not isinstance(amount, dict):
        return amount
    value, currency = str(amount.get("value", amount.get("total"))), amount.get("currency_code", amount.get("currency"))
    if currency not in EXPONENTS or not _AMOUNT.fullmatch(value):
        raise ValueError("is no amount of money")
    minor = Decimal(value).scaleb(EXPONENTS[currency])
    if minor != minor.to_integral_value():
        raise ValueError("is smaller than its currency's smallest unit")
    return Money(amount_minor=int(minor), currency=currency)


def _code(word: Any) -> Any:
    """A code of an odd shape counts as absent."""
    return word if isinstance(word, str) and _CODE.fullmatch(word) else None


PayPalMoney = Annotated[Money, BeforeValidator(_money)]
PayPalCode = Annotated[str | None, BeforeValidator(_code)]


class _ProcessorResponse(Record):
    response_code: PayPalCode = None
    payment_advice_code: PayPalCode = None


class _StatusDetails(Record):
    reason: PayPalCode = None


class _NetworkReference(Record):
    network: str | None = None


class Capture(Record):
    """One payment. `custom_id` carries our key where we took it by an order."""

    id: str
    status: str
    invoice_id: str | None = None
    custom_id: str | None = None
    status_details: _StatusDetails | None = None
    processor_response: _ProcessorResponse | None = None
    network_transaction_reference: _NetworkReference | None = None


class _Breakdown(Record):
    gross_amount: PayPalMoney


class Transaction(Record):
    """A payment of a subscription, as the subscription lists it."""

    id: str
    status: str = ""
    time: UtcTime
    amount_with_breakdown: _Breakdown
    status_details: _StatusDetails | None = None

    @property
    def amount(self) -> Money:
        return self.amount_with_breakdown.gross_amount


class _Transactions(Record):
    transactions: tuple[Transaction, ...] = ()
    total_pages: int = 1


class FailedPayment(Record):
    amount: PayPalMoney
    time: UtcTime
    reason_code: PayPalCode = None
    next_payment_retry_time: UtcTime | None = None


class LastPayment(Record):
    amount: PayPalMoney
    time: UtcTime


class CycleExecution(Record):
    cycles_completed: int = 0


class BillingInfo(Record):
    outstanding_balance: PayPalMoney | None = None
    failed_payments_count: int = 0
    cycle_executions: tuple[CycleExecution, ...] = ()
    last_payment: LastPayment | None = None
    next_billing_time: UtcTime | None = None
    last_failed_payment: FailedPayment | None = None


class _VaultCard(Record):
    brand: str | None = None
    expiry: str | None = None
    last_digits: str | None = None

    @property
    def month_of_expiry(self) -> str | None:
        return self.expiry if self.expiry and _MONTH.fullmatch(self.expiry) else None

    @property
    def last4(self) -> str | None:
        return self.last_digits[-4:] if self.last_digits and self.last_digits.isdecimal() else None


class PaymentSource(Record):
    """Which of them is set says what it is."""

    card: _VaultCard | None = None
    paypal: dict[str, Any] | None = None
    venmo: dict[str, Any] | None = None
    apple_pay: dict[str, Any] | None = None
    bank: dict[str, Any] | None = None

    @property
    def payer_id(self) -> str | None:
        """Whose PayPal wallet it is."""
        payer_id = (self.paypal or {}).get("payer_id")
        return payer_id if isinstance(payer_id, str) else None

    @property
    def instrument(self) -> Instrument:
        if self.card is not None:
            return Instrument(payment_type=PaymentType.CARD, network=Network.named(self.card.brand))
        return Instrument(payment_type=PaymentType.BANK_DEBIT if self.bank is not None else PaymentType.WALLET)


class _Name(Record):
    given_name: str | None = None
    surname: str | None = None


class _Address(Record):
    country_code: str | None = None
    postal_code: str | None = None


class _Shipping(Record):
    address: _Address = _Address()


class Subscriber(Record):
    payer_id: str | None = None
    email_address: str | None = None
    name: _Name = _Name()
    shipping_address: _Shipping = _Shipping()
    payment_source: PaymentSource = PaymentSource()


class _Frequency(Record):
    interval_unit: str = ""


class _BillingCycle(Record):
    tenure_type: str = ""
    frequency: _Frequency = _Frequency()


class _Preferences(Record):
    auto_bill_outstanding: bool = False


class Plan(Record):
    """As the subscription uses it."""

    billing_cycles: tuple[_BillingCycle, ...] = ()
    payment_preferences: _Preferences = _Preferences()

    @property
    def interval(self) -> str | None:
        regular = (each.frequency.interval_unit for each in self.billing_cycles if each.tenure_type == "REGULAR")
        unit = next(regular, "").lower()
        return unit if unit in ("day", "week", "month", "year") else None


class Subscription(Record):
    id: str
    status: str
    status_update_time: UtcTime | None = None
    update_time: UtcTime | None = None
    subscriber: Subscriber = Subscriber()
    billing_info: BillingInfo = BillingInfo()
    plan: Plan = Plan()


async def subscription(client: PayPalClient, subscription_id: str) -> Subscription | None:
    path = f"/v1/billing/subscriptions/{in_path(subscription_id)}"
    return await client.read(path, Subscription, {"fields": "last_failed_payment,plan"})


async def transactions(
    client: PayPalClient, subscription_id: str, start: datetime, end: datetime
) -> tuple[Transaction, ...]:
    """Oldest first; none when there is no such subscription. Pages count from 1."""
    path = f"/v1/billing/subscriptions/{in_path(subscription_id)}/transactions"
    found: list[Transaction] = []
    page, pages = 1, 1
    while page <= pages:
        query = {"start_time": as_text(start), "end_time": as_text(end), "page": str(page)}
        told = await client.read(path, _Transactions, query)
        if told is None:
            break
        found.extend(told.transactions)
        page, pages = page + 1, told.total_pages
    return tuple(sorted(set(found), key=lambda each: (each.time, each.id)))


async def capture(client: PayPalClient, payment_id: str) -> Capture | None:
    return await client.read(f"/v2/payments/captures/{in_path(payment_id)}", Capture)


def as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_money(money: Money) -> dict[str, str]:
    """As PayPal wants it. Raises Misconfigured for parts of a unit that PayPal does not know."""
    exponent = 0 if money.currency in WITHOUT_DECIMALS else EXPONENTS[money.currency]
    value = money.as_decimal
    if exponent == 0 and value != value.to_integral_value():
        raise Misconfigured(f"PayPal takes no decimals of {money.currency}")
    return {"currency_code": money.currency, "value": f"{value:.{exponent}f}"}


def decline_of(
    payment: Capture | None, otherwise: str | None, instrument: Instrument, initiator: Initiator = Initiator.MERCHANT
) -> Decline:
    """Cards have the processor's answer; what PayPal itself refuses has a reason in words."""
    said = payment.processor_response if payment else None
    reason = payment.status_details.reason if payment and payment.status_details else None
    network = (
        payment.network_transaction_reference.network if payment and payment.network_transaction_reference else None
    )
    return classify(
        "paypal",
        (said.response_code if said else None) or otherwise or reason,
        None,
        said.payment_advice_code if said else None,
        network=Network.named(network) if network else instrument.network,
        payment_type=instrument.payment_type,
        initiator=initiator,
    )
