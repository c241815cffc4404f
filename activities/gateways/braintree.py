"""Braintree as a gateway, through its own client.

Two ways to charge. Where Braintree owns the claim (a billing period of one of its subscriptions) the subscription that
is past due is retried, so that Braintree knows that it is paid. A claim of somebody else is a sale of its own, and
carries our key as its order id. Neither knows idempotency keys: the SDK's `retry_charge` takes no id of ours at all,
and `apiRequestKey` is promised for GraphQL only. So the records are read before anything is sent, and `keys_live_for`
is zero: what was sent once is never sent again.

A retry takes the money from the subscription's own way to pay, so another one is put on the subscription first and
stays there: nobody lends a card to a subscription for once.

Whatever sum a retry collects, Braintree sets the balance to zero and the subscription active again: so no part of what
is owed is collected that way.

Sources: developer.paypal.com/braintree/docs, reference/request/subscription/retry-charge, guides/recurring-billing
(overview, manage), reference/request/transaction/sale and /search, reference/general/validation-errors, and
www.braintreepayments.com/docs/java/subscriptions/retry_charge (what a sum of ours does), read 2026-11-25.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from activities.braintree_client import (
    NO_SUCH_SHAPE,
    BraintreeClient,
    NoAnswer,
    accepted,
    braintree,
    clear,
    codes_of,
)
from activities.braintree_methods import BraintreeMethods
from activities.braintree_transactions import (
    GATEWAY,
    UNDER_WAY,
    amount_text,
    created_at,
    credential_of,
    field,
    is_paid,
    is_refused,
    money,
    money_of,
    outcome_of,
    sales_of,
)
from activities.errors import Misconfigured
from activities.gateways.accounts import BraintreeAccount
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    NotGiven,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Unknown,
    UpdateSession,
)
from activities.sources.braintree_payments import subscription_of
from activities.threads import Threads
from policies.instruments import Initiator, PaymentType

PAST_DUE = braintree.Subscription.Status.PastDue
ACTIVE = braintree.Subscription.Status.Active

CLOCKS_APART = timedelta(minutes=2)
"""By so much Braintree's clock may be behind ours when a retry is looked for by its time."""

REMEMBERED = 10_000
DUPLICATE = "duplicate"
_NOT_PAST_DUE = braintree.ErrorCodes.Transaction.SubscriptionStatusMustBePastDue


class BraintreeGateway:
    name = GATEWAY
    capabilities = Capabilities(
        keys_live_for=timedelta(0),
        looks_up="by_reading",
        owns_invoices=True,
        collects_others=True,
        payment_types=tuple(PaymentType),
        part_payments=False,
        lists_methods=True,
        refreshes_cards=True,
        opens_update_sessions=True,
        update_types=(PaymentType.CARD,),
        api_version=braintree.Configuration.api_version(),
    )

    def __init__(self, account: BraintreeAccount, threads: Threads) -> None:
        self._account = account
        self._client = BraintreeClient(account, threads)
        self._methods = BraintreeMethods(self._client, account)
        self._first_seen: OrderedDict[str, datetime] = OrderedDict()

    def close(self) -> None:
        self._client.close()

    @clear
    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        found = await (self._retry_since(charge, self._since(charge)) if charge.owned_here else self._sale_of(charge))
        if found is not None:
            return outcome_of(found, charge.initiator)
        return await (self._retry(charge) if charge.owned_here else self._sell(charge))

    @clear
    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        if sent.reference is not None:
            found = await self._transaction(sent.reference)
        elif sent.owned_here:
            found = await self._retry_since(sent, sent.sent_at)
        else:
            found = await self._sale_of(sent)
        return NeverArrived() if found is None else outcome_of(found, sent.initiator)

    @clear
    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        return await self._methods.listed(customer_id)

    @clear
    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        return await self._methods.refreshed(customer_id, credential_id, since)

    @clear
    async def update_session(self, request: SessionRequest) -> UpdateSession:
        return await self._methods.session(request)

    @clear
    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        return await self._methods.given(customer_id, reference, result)

    @clear
    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        await self._methods.kept(customer_id, credential_id, invoice_id)

    # Claims of Braintree's own: a subscription's billing period

    async def _retry(self, charge: GatewayCharge) -> ChargeOutcome:
        subscription_id = subscription_of(charge.invoice_id)
        subscription = await self._subscription(subscription_id)
        if subscription.status != PAST_DUE:
            return _cannot_be_retried(subscription)
        owed = money(subscription.balance, charge.amount.currency)
        if charge.amount.amount_minor < owed.amount_minor:
            raise Misconfigured("a retry of less than the balance makes Braintree forget the rest: collect all of it")
        if charge.amount.amount_minor > owed.amount_minor > 0:
            return Unknown(reason=f"Braintree's balance is {owed} by now: nothing was sent; its owner knows more")
        if subscription.payment_method_token != charge.credential_id:
            if not charge.keep:
                raise Misconfigured("Braintree retries a subscription only on the way to pay that it keeps for later")
            await self._methods.put_on_subscription(subscription_id, charge.credential_id)
        return await self._moved(
            charge,
            lambda gateway: gateway.subscription.retry_charge(subscription_id, amount_text(charge.amount), True),
        )

    async def _retry_since(self, charge: GatewayCharge, since: datetime) -> Any:
        """The subscription's transaction that may be this attempt: same sum, same credential, made since. A retry that
        somebody else made just then counts too: then nothing is sent, and the ledger knows it by its reference."""
        subscription = await self._subscription(subscription_of(charge.invoice_id))
        made = [
            transaction
            for transaction in sales_of(subscription)
            if created_at(transaction) >= since - CLOCKS_APART
            and credential_of(transaction) in (None, charge.credential_id)
            and money_of(transaction) == charge.amount
        ]
        money_moved = [transaction for transaction in made if is_paid(transaction) or transaction.status == UNDER_WAY]
        refused = [transaction for transaction in made if is_refused(transaction)]
        return next(iter([*money_moved, *refused, *made]), None)

    async def _subscription(self, subscription_id: str) -> Any:
        found = await self._client.find(
            lambda gateway: gateway.subscription.find(subscription_id),
            lambda gateway: gateway.subscription.search(braintree.SubscriptionSearch.id == subscription_id),
        )
        if found is None:
            raise Misconfigured("Braintree has no such subscription")
        return found

    def _since(self, charge: GatewayCharge) -> datetime:
        """From when on a transaction can be this attempt: since this process first heard of its key."""
        since = self._first_seen.setdefault(charge.key, charge.now)
        if len(self._first_seen) > REMEMBERED:
            self._first_seen.popitem(last=False)
        return since

    # Claims of others: a sale

    async def _sell(self, charge: GatewayCharge) -> ChargeOutcome:
        sale: dict[str, Any] = {
            "amount": amount_text(charge.amount),
            "order_id": charge.key,
            "payment_method_token": charge.credential_id,
            "options": {"submit_for_settlement": True},
        }
        if charge.initiator is Initiator.MERCHANT:
            sale["transaction_source"] = "recurring"
        if charge.amount.currency in self._account.merchant_accounts:
            sale["merchant_account_id"] = self._account.merchant_accounts[charge.amount.currency]
        return await self._moved(charge, lambda gateway: gateway.transaction.sale(sale))

    async def _sale_of(self, charge: GatewayCharge) -> Any:
        """By the order id; of several (there should be none) one that took money counts, then one that still may."""
        found = await self._client.read(
            lambda gateway: list(gateway.transaction.search(braintree.TransactionSearch.order_id == charge.key))
        )
        sales = [sale for sale in found if sale.type == braintree.Transaction.Type.Sale]
        return min(sales, key=lambda sale: (not is_paid(sale), sale.status != UNDER_WAY), default=None)

    # Both

    async def _moved(self, charge: GatewayCharge, call: Any) -> ChargeOutcome:
        """The one request that moves money. A transaction that was refused comes with an error, and is an answer."""
        try:
            return _told_of(await self._client.act(call), charge)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))
        except NO_SUCH_SHAPE as error:
            return Unknown(reason=f"Braintree's answer to the charge cannot be read: {type(error).__name__}")

    async def _transaction(self, transaction_id: str) -> Any:
        return await self._client.find(
            lambda gateway: gateway.transaction.find(transaction_id),
            lambda gateway: gateway.transaction.search(braintree.TransactionSearch.id == transaction_id),
        )


def _told_of(result: Any, charge: GatewayCharge) -> ChargeOutcome:
    if _NOT_PAST_DUE in codes_of(result):
        return Unknown(reason="the subscription is not past due any more: this request moved no money")
    if result is not None and result.transaction is not None:
        if not charge.owned_here and field(result.transaction, "gateway_rejection_reason") == DUPLICATE:
            # Our key is in the order id, which Braintree compares: this very sale was made before.
            return Unknown(reason="Braintree has a sale under this key already; its records tell what became of it")
        return outcome_of(result.transaction, charge.initiator)
    accepted(result)
    return Unknown(reason="Braintree accepted the charge and told no transaction")


def _cannot_be_retried(subscription: Any) -> Unknown:
    """Braintree collects only what is past due. Paid or ended: who did that must be found out, and the invoice tells.
    Active with a payment that came back: no request of Braintree's collects that."""
    latest = sales_of(subscription)[-1:]
    if subscription.status == ACTIVE and any(map(is_refused, latest)):
        raise Misconfigured(
            "the subscription is active though its payment failed: Braintree retries only past due ones"
        )
    return Unknown(reason=f"the subscription is {subscription.status}: nothing was sent; its owner knows more")
