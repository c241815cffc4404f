"""What a local Braintree knows: cards that behave, customers, subscriptions past due, transactions; see
`braintree_server.py`."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.activities.gateways.braintree_xml import Items
from tests.fixtures.sandbox import START

PERIOD = date(2026, 3, 2)
PRICE = Decimal("29.00")


@dataclass
class Method:
    """`status` and the codes: what every charge of it comes to. `bank`: a US bank account instead of a card."""

    token: str
    customer_id: str
    status: str = "submitted_for_settlement"
    code: str = "1000"
    network_code: str = "00"
    advice_code: str | None = None
    response_type: str = "soft_declined"
    bank: bool = False
    default: bool = False
    expiration: str = "12/2027"
    expired: bool = False
    updated_at: datetime = START - timedelta(days=100)

    @property
    def card(self) -> dict[str, Any]:
        month, year = self.expiration.split("/")
        return {
            "token": self.token,
            "bin": "520082",
            "last_4": "0007",
            "card_type": "MasterCard",
            "country_of_issuance": "DEU",
            "issuing_bank": "Some Bank",
            "unique_number_identifier": f"same_{self.customer_id}",
            "expiration_month": month,
            "expiration_year": year,
        }

    @property
    def stored(self) -> dict[str, Any]:
        common = {"default": self.default, "customer_id": self.customer_id, "updated_at": self.updated_at}
        if self.bank:
            return {"token": self.token, "bank_name": "Some Bank", "last_4": "0000", **common}
        return {**self.card, "expired": self.expired, **common}


@dataclass
class Subscription:
    id: str
    customer_id: str
    payment_method_token: str
    status: str = "Past Due"
    balance: Decimal = PRICE
    period: date = PERIOD
    never_paid: bool = False
    cycle: int = 5
    transactions: list[dict[str, Any]] = field(default_factory=list)
    updated_at: datetime = START

    def as_told(self) -> dict[str, Any]:
        past_due = self.status == "Past Due"
        end = self.period + timedelta(days=30)
        return {
            "id": self.id,
            "status": self.status,
            "price": PRICE,
            "balance": self.balance,
            "payment_method_token": self.payment_method_token,
            "billing_period_start_date": self.period,
            "billing_period_end_date": end,
            "next_billing_date": self.period + timedelta(days=3) if past_due else end + timedelta(days=1),
            "paid_through_date": None if self.never_paid else self.period - timedelta(days=1),
            "current_billing_cycle": self.cycle,
            "failure_count": 1 if past_due else 0,
            "merchant_account_id": "shop_eur",
            "updated_at": self.updated_at,
            "status_history": Items(
                "status_event",
                [{"timestamp": START, "status": self.status, "balance": self.balance, "price": PRICE}],
            ),
            "transactions": Items("transaction", list(reversed(self.transactions))[:20]),
        }


@dataclass
class World:
    """`proration`: the switch of the control panel; with it a new way to pay is charged at once. `nonces`: what a card
    that was typed in comes to: a refused `verification`, `codes` of validation errors, or nothing of both.
    `loses_the_next_answer`: of a card that is made."""

    now: datetime = START
    proration: bool = True
    loses_the_next_answer: bool = False
    nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def typed(self, **comes_to: Any) -> str:
        """The nonce of a card that a customer typed into Braintree's fields."""
        nonce = f"tokencc_bh_{len(self.nonces) + 1:06d}"
        self.nonces[nonce] = comes_to
        return nonce

    def known(self, customer_id: str) -> str:
        person = {"first_name": "Ada", "last_name": "Example", "email": "ada@shop.example"}
        self.customers[customer_id] = {"id": customer_id, **person}
        return customer_id

    def past_due(self, method: Method, declined_with: str = "2001", **more: Any) -> Subscription:
        """A subscription whose renewal was refused at `START` on another card of the customer, which it still has."""
        number = len(self.subscriptions) + 1
        customer_id = self.known(method.customer_id)
        old = self.add(Method(f"old_{number}", customer_id, "processor_declined", declined_with, "51"))
        self.add(method)
        subscription = Subscription(f"sub{number}", customer_id, old.token, **more)
        self.subscriptions[subscription.id] = subscription
        self.transact(old, PRICE, subscription, source="recurring")
        return subscription

    def add(self, method: Method) -> Method:
        self.methods[method.token] = method
        return method

    def transact(
        self,
        method: Method,
        amount: Decimal,
        subscription: Subscription | None = None,
        order_id: str | None = None,
        source: str = "api",
        currency: str = "EUR",
    ) -> dict[str, Any]:
        reference = f"txn{len(self.transactions) + 1}"
        refused_by_gateway = method.status == "gateway_rejected"
        made = {
            "id": reference,
            "type": "sale",
            "status": method.status,
            "amount": amount,
            "currency_iso_code": currency,
            "order_id": order_id,
            "created_at": self.now,
            "updated_at": self.now,
            "customer": {"id": method.customer_id},
            "payment_instrument_type": "us_bank_account" if method.bank else "credit_card",
            "us_bank_account" if method.bank else "credit_card": {"token": method.token}
            if method.bank
            else method.card,
            "processor_response_code": None if refused_by_gateway else method.code,
            "processor_response_type": method.response_type,
            "gateway_rejection_reason": method.code if refused_by_gateway else None,
            "network_response_code": method.network_code,
            "merchant_advice_code": method.advice_code,
            "refund_ids": Items("item", []),
            "disputes": Items("dispute", []),
            "status_history": Items(
                "status_event",
                [{"timestamp": self.now, "status": method.status, "amount": amount, "transaction_source": source}],
            ),
        }
        if subscription is not None:
            made["subscription_id"] = subscription.id
            made["subscription"] = {
                "billing_period_start_date": subscription.period,
                "billing_period_end_date": subscription.period + timedelta(days=30),
            }
            subscription.transactions.append(made)
            self._count(made, subscription)
        self.transactions[reference] = made
        return made

    def _count(self, made: dict[str, Any], subscription: Subscription) -> None:
        """Regardless of the sum, as Braintree says."""
        if made["status"] in ("submitted_for_settlement", "settled", "settlement_pending", "authorized"):
            subscription.balance, subscription.status = Decimal(0), "Active"

    def money_taken(self, subscription_id: str | None, order_id: str | None = None) -> int:
        return sum(
            made["status"] in ("submitted_for_settlement", "settled")
            for made in self.transactions.values()
            if (made.get("subscription_id") == subscription_id if subscription_id else made["order_id"] == order_id)
        )
