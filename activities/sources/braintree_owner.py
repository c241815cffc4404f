"""Braintree as the owner of a claim: one billing period of one of its subscriptions, see docs/sources/braintree.md.

A subscription has no invoices, so the claim's state is read from the subscription and its newest twenty transactions:

- past due in this period: open, and its balance is owed;
- past due in a later period: void, because Braintree adds what is owed to that period's claim;
- cancelled or expired: cancelled, unless this period was paid;
- active or pending: paid, unless the last payment of this period came back.

Sources: developer.paypal.com/braintree/docs, reference/response/subscription, guides/recurring-billing (overview,
manage), reference/request/subscription/cancel, read 2026-11-25.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from activities.braintree_client import BraintreeClient, accepted, braintree, clear, codes_of, told_at
from activities.braintree_transactions import (
    GATEWAY,
    created_at,
    credential_of,
    day_of,
    decline_of,
    field,
    instrument_of,
    is_paid,
    is_refused,
    key_of,
    money,
    money_of,
    period_of,
    sales_of,
)
from activities.customers import Customer
from activities.errors import Misconfigured, NotFound
from activities.gateways.accounts import BraintreeAccount
from activities.sources.braintree_payments import first_day_of, subscription_of
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from activities.sources.customer_news import customer_news, full_name
from activities.threads import Threads
from policies.instruments import Instrument
from policies.invoices import Actor, InvoiceNow, InvoiceStatus, SeenAttempt
from policies.money import Money

_STATUS = braintree.Subscription.Status
_ENDED = frozenset({_STATUS.Canceled, _STATUS.Expired})
_DISPUTE_RUNS = frozenset({"open", "under_review", "disputed"})
_ALREADY_CANCELLED = braintree.ErrorCodes.Subscription.StatusIsCanceled
_BY_HAND = frozenset({"api", "control_panel"})
YEAR_DAYS = 360


class BraintreeOwner:
    name = GATEWAY
    capabilities = OwnerCapabilities(books_payments=False, closes_out=("cancel_subscription",), lists_events=False)

    def __init__(self, account: BraintreeAccount, threads: Threads) -> None:
        self._client = BraintreeClient(account, threads)

    def close(self) -> None:
        self._client.close()

    @clear
    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        subscription = await self._subscription(subscription_of(invoice_id))
        period = first_day_of(invoice_id) or day_of(subscription, "billing_period_start_date")
        sales = sales_of(subscription)
        own = [sale for sale in sales if period_of(sale) in (None, period)]
        latest = next(reversed(own), None) or next(reversed(sales), None)
        currency = latest.currency_iso_code if latest else await self._currency(subscription)
        status = await self._status(subscription, period, own)
        refused = [sale for sale in own if is_refused(sale)]
        due = _owed(subscription, refused, currency) if status is InvoiceStatus.OPEN else None
        return InvoiceNow(
            status=status,
            due=due or Money(amount_minor=0, currency=currency),
            customer_id=await self._customer_of(subscription, latest),
            credential_id=subscription.payment_method_token,
            gateway=GATEWAY,
            as_of=now,
            subscription_id=subscription.id,
            failed_at=created_at(refused[0]) if refused else None,
            changed_at=_moment(subscription, "updated_at"),
            first_payment=_is_first_payment(subscription),
            dispute_open=any(_is_disputed(sale) for sale in own),
            last_decline=decline_of(refused[-1]) if refused else None,
            attempts=tuple(_seen(sale, subscription) for sale in own if _is_decided(sale) and key_of(sale) is None),
            instrument=instrument_of(latest) if latest else Instrument(),
            plan_interval=_interval(subscription),
            retries_at=_next_try(subscription) if status is InvoiceStatus.OPEN else None,
        )

    @clear
    async def customer(self, customer_id: str) -> Customer | None:
        known = await self._client.find(
            lambda gateway: gateway.customer.find(customer_id),
            lambda gateway: gateway.customer.search(braintree.CustomerSearch.id == customer_id),
        )
        if known is None:
            return None
        address = next(iter(field(known, "addresses") or []), None)
        news = customer_news(
            known.id,
            name=full_name(field(known, "first_name"), field(known, "last_name")) or field(known, "company"),
            email=field(known, "email"),
            phone=field(known, "phone"),
            country=field(address, "country_code_alpha2"),
            subdivision=field(address, "region"),
            postal_code=field(address, "postal_code"),
            since=_moment(known, "created_at"),
        )
        return news.said if news else Customer()

    @clear
    async def invoice_of_payment(self, payment_id: str) -> str | None:
        payment = await self._client.find(
            lambda gateway: gateway.transaction.find(payment_id),
            lambda gateway: gateway.transaction.search(braintree.TransactionSearch.id == payment_id),
        )
        subscription_id = field(payment, "subscription_id")
        if subscription_id is None:
            return None
        period = period_of(payment)
        return f"{subscription_id}.{period.isoformat()}" if period else str(subscription_id)

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        """A credit would have to change the price, and Braintree refuses that while a subscription is past due."""
        raise Misconfigured(
            "Braintree books no payment that came another way: collect its subscriptions through Braintree itself"
        )

    @clear
    async def close_out(self, ending: CloseOut) -> None:
        if ending.how != "cancel_subscription":
            raise Misconfigured("Braintree writes nothing off: let the policy end with cancel_subscription")
        subscription_id = ending.subscription_id or subscription_of(ending.invoice_id)
        if (await self._subscription(subscription_id)).status in _ENDED:
            return
        result = await self._client.read(lambda gateway: gateway.subscription.cancel(subscription_id))
        if _ALREADY_CANCELLED not in codes_of(result):
            accepted(result)

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        """Braintree keeps no list of its notifications."""
        return None

    # What an invoice is put together from

    async def _subscription(self, subscription_id: str) -> Any:
        found = await self._client.find(
            lambda gateway: gateway.subscription.find(subscription_id),
            lambda gateway: gateway.subscription.search(braintree.SubscriptionSearch.id == subscription_id),
        )
        if found is None:
            raise NotFound("Braintree has no such subscription")
        return found

    async def _status(self, subscription: Any, period: date | None, own: Sequence[Any]) -> InvoiceStatus:
        paid = [sale for sale in own if is_paid(sale)]
        if subscription.status == _STATUS.PastDue:
            return InvoiceStatus.VOID if _is_past(subscription, period) else InvoiceStatus.OPEN
        if paid and await self._all_refunded(paid):
            return InvoiceStatus.REFUNDED
        if paid:
            return InvoiceStatus.PAID
        if subscription.status in _ENDED:
            return InvoiceStatus.CANCELLED
        came_back = bool(own) and is_refused(own[-1]) and not _is_past(subscription, period)
        return InvoiceStatus.OPEN if came_back else InvoiceStatus.PAID

    async def _all_refunded(self, paid: Sequence[Any]) -> bool:
        for sale in paid:
            refunds = [await self._refund(refund_id) for refund_id in field(sale, "refund_ids") or []]
            if sum(refund.amount for refund in refunds if not is_refused(refund)) < sale.amount:
                return False
        return True

    async def _refund(self, refund_id: str) -> Any:
        return await self._client.read(lambda gateway: gateway.transaction.find(refund_id))

    async def _currency(self, subscription: Any) -> str:
        merchant_account_id = subscription.merchant_account_id
        account = await self._client.read(lambda gateway: gateway.merchant_account.find(merchant_account_id))
        currency: str = account.currency_iso_code
        return currency

    async def _customer_of(self, subscription: Any, latest: Any) -> str:
        """A subscription names no customer, but its payments and its way to pay do."""
        customer_id = field(field(latest, "customer_details"), "id")
        if customer_id is None:
            token = subscription.payment_method_token
            method = await self._client.read(lambda gateway: gateway.payment_method.find(token))
            customer_id = method.customer_id
        return str(customer_id)


def _owed(subscription: Any, refused: Sequence[Any], currency: str) -> Money | None:
    if subscription.status == _STATUS.PastDue and subscription.balance > 0:
        return money(subscription.balance, currency)
    return money_of(refused[-1]) if refused else None


def _is_past(subscription: Any, period: date | None) -> bool:
    current = day_of(subscription, "billing_period_start_date")
    return period is not None and current is not None and period < current


def _is_first_payment(subscription: Any) -> bool:
    never_paid = field(subscription, "paid_through_date") is None
    return never_paid and field(subscription, "current_billing_cycle") in (0, 1)


def _is_disputed(sale: Any) -> bool:
    """A retrieval is only an inquiry."""
    disputes = field(sale, "disputes") or []
    return any(dispute.status in _DISPUTE_RUNS and field(dispute, "kind") != "retrieval" for dispute in disputes)


def _is_decided(sale: Any) -> bool:
    return is_paid(sale) or is_refused(sale)


def _seen(sale: Any, subscription: Any) -> SeenAttempt:
    return SeenAttempt(
        key=sale.id,
        credential_id=credential_of(sale) or subscription.payment_method_token,
        amount=money_of(sale),
        at=created_at(sale),
        decline=decline_of(sale) if is_refused(sale) else None,
        actor=_actor(sale),
    )


def _actor(sale: Any) -> Actor:
    """A retry of ours comes through the API and carries no mark; the ledger knows it by its reference."""
    sources = {field(event, "transaction_source") for event in field(sale, "status_history") or []}
    return "staff" if sources & _BY_HAND else "gateway"


def _interval(subscription: Any) -> str | None:
    start, end = day_of(subscription, "billing_period_start_date"), day_of(subscription, "billing_period_end_date")
    if start is None or end is None:
        return None
    return "year" if (end - start).days >= YEAR_DAYS else "month"


def _next_try(subscription: Any) -> datetime | None:
    """While it is past due, that is the day of Braintree's next automatic try, or of the next period's charge."""
    day = day_of(subscription, "next_billing_date")
    return datetime.combine(day, time(), UTC) if day and subscription.status == _STATUS.PastDue else None


def _moment(thing: Any, name: str) -> datetime | None:
    moment = field(thing, name)
    return told_at(moment) if moment else None
