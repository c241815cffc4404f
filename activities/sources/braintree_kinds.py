"""What each kind of Braintree's notifications becomes. To understand one more: a function from Notification, a row in
HANDLERS, a row in the table of the test. What is known and says nothing for dunning stands in NOT_DUNNING.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.sources.braintree_payments import (
    FAILED,
    PAID,
    Claim,
    credential_of,
    currency_of,
    customer_of,
    decline_of,
    news_of,
    our_key_of,
    payments_of,
)
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_events import customer_changed, method_changed
from activities.sources.customer_news import customer_news, full_name
from activities.sources.reading import Node, Wrong, not_dunning, shown
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    MethodChange,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.money import Money

PAST_DUE = "Past Due"


@dataclass(frozen=True)
class Notification:
    event_id: str
    happened_at: datetime
    subject: Node

    def about(self, name: str) -> Node:
        found = self.subject.node(name)
        if found is None:
            raise self.subject.wrong(name, f"the {name.replace('_', ' ')} that the notification is about")
        return found

    def the_only_one(self) -> Node:
        """Ways to pay stand under the name of their kind: `paypal_account`, `credit_card`, `venmo_account` …"""
        found = _only_object_in(self.subject)
        if found is None:
            raise Wrong("subject", "subject names no way to pay")
        return found


def _only_object_in(node: Node) -> Node | None:
    return next(filter(None, map(node.node, node.fields)), None)


def _subscription_failed(said: Notification) -> Addressed | Ignored:
    """The charge was refused, or the subscription went past due because of it."""
    subscription = said.about("subscription")
    claim = Claim.of_subscription(subscription)
    if claim.is_first_payment:
        return not_dunning("first payment of a new subscription")
    latest = next(payments_of(claim, FAILED), None)
    past_due = subscription.optional_text("status") == PAST_DUE
    failed = _failed(
        said,
        claim,
        latest,
        _owed(subscription, latest),
        # While it is past due, that is the day of Braintree's next automatic retry.
        retries_at=subscription.optional_moment_of_text("next_billing_date") if past_due else None,
    )
    return _of_attempt(failed, latest) if latest and latest.node("subscription") else failed


def _of_attempt(said: Addressed | Ignored, transaction: Node) -> Addressed | Ignored:
    """With the transaction, as the owner names it among the attempts of others. Not where another way to pay was tried
    than the event names: the attempt would count on the wrong one."""
    if isinstance(said, Ignored) or not isinstance(said.event, PaymentFailed):
        return said
    if credential_of(transaction) not in (None, said.event.credential_id):
        return said
    return said.model_copy(update={"reference": transaction.id_or_none("id")})


def _subscription_paid(said: Notification) -> Addressed | Ignored:
    """Sent as `charged_successfully` for a renewal, and as `went_active` alone when a manual retry succeeds."""
    subscription = said.about("subscription")
    claim = Claim.of_subscription(subscription)
    latest = next(payments_of(claim, PAID), None)
    if latest is None:
        return not_dunning("no payment of this billing period was made")
    past_due = subscription.optional_text("status") == PAST_DUE
    return _paid(said, claim, latest, remaining=_behind_with(subscription, latest) if past_due else None)


def _subscription_ended(said: Notification) -> Addressed:
    subscription_id = said.about("subscription").id("id")
    return Addressed(
        event=SubscriptionCancelled(event_id=said.event_id, happened_at=said.happened_at, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id=subscription_id),
    )


def _transaction(said: Notification) -> Addressed | Ignored:
    """News of one transaction: a bank debit that settled or came back, a declined one that was tried again."""
    transaction = said.about("transaction")
    status = transaction.text("status")
    claim = Claim.of_transaction(transaction)
    if transaction.optional_text("type") == "credit":
        return not_dunning("a refund")
    if status in FAILED:
        return _marked(_of_attempt(_failed(said, claim, transaction, _amount(transaction)), transaction), transaction)
    if status in PAID:
        return _marked(_paid(said, claim, transaction), transaction)
    return not_dunning(f"the transaction is {shown(status)}")


def _marked(said: Addressed | Ignored, transaction: Node) -> Addressed | Ignored:
    """A sale of ours carries the key of its attempt, whoever owns the invoice that it was for."""
    key = our_key_of(transaction)
    if key is None or isinstance(said, Ignored):
        return said
    return said.model_copy(update={"attempt_key": key, "reference": transaction.id("id")})


def _failed(
    said: Notification, claim: Claim, latest: Node | None, amount: Money | None, retries_at: datetime | None = None
) -> Addressed | Ignored:
    if amount is not None and amount.amount_minor == 0:
        return not_dunning("nothing is owed (the amount is 0)")
    return Addressed(
        event=PaymentFailed(
            event_id=said.event_id,
            happened_at=said.happened_at,
            invoice_id=claim.invoice_id or UNRESOLVED,
            customer_id=customer_of(latest),
            subscription_id=claim.subscription_id,
            credential_id=claim.credential_id or credential_of(latest),
            amount=amount,
            retries_at=retries_at,
            decline=decline_of(latest),
        ),
        lookup=None if claim.invoice_id else Lookup(payment_id=claim.payment_id),
        customer=news_of(latest),
    )


def _paid(said: Notification, claim: Claim, payment: Node, remaining: Money | None = None) -> Addressed:
    paid = _amount(payment, claim.about)
    if paid is None:
        raise payment.wrong("currency_iso_code" if payment.fields.get("amount") else "amount", "what was paid")
    return Addressed(
        event=PaymentSucceeded(
            event_id=said.event_id,
            happened_at=said.happened_at,
            invoice_id=claim.invoice_id or UNRESOLVED,
            customer_id=customer_of(payment),
            paid=paid,
            remaining=remaining,
        ),
        lookup=None if claim.invoice_id else Lookup(payment_id=claim.payment_id),
        customer=news_of(payment),
    )


def _amount(payment: Node, subscription: Node | None = None) -> Money | None:
    """None where nobody names a currency, as in Braintree's own samples."""
    currency = currency_of(payment, subscription)
    return payment.major_money("amount", currency) if currency else None


def _owed(subscription: Node, latest: Node | None) -> Money | None:
    """What the refused payment was for; without one, what the subscription is behind with."""
    if latest:
        return _amount(latest, subscription)
    return _behind_with(subscription, None)


def _behind_with(subscription: Node, payment: Node | None) -> Money | None:
    currency = currency_of(payment, subscription)
    balance = subscription.major_money("balance", currency) if currency else None
    return balance if balance and balance.amount_minor > 0 else None


def _dispute_opened(said: Notification) -> Addressed | Ignored:
    dispute = said.about("dispute")
    if dispute.optional_text("kind") == "retrieval":
        return not_dunning("the dispute is only an inquiry (retrieval): no money was taken back")
    return Addressed(
        event=DisputeOpened(
            event_id=said.event_id,
            happened_at=said.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=dispute.id("id"),
        ),
        lookup=_of_disputed(dispute),
    )


def _dispute_closed(won: bool) -> Callable[[Notification], Addressed]:
    def handler(said: Notification) -> Addressed:
        dispute = said.about("dispute")
        return Addressed(
            event=DisputeClosed(
                event_id=said.event_id,
                happened_at=said.happened_at,
                invoice_id=UNRESOLVED,
                dispute_id=dispute.id("id"),
                won=won,
            ),
            lookup=_of_disputed(dispute),
        )

    return handler


def _of_disputed(dispute: Node) -> Lookup:
    return Lookup(payment_id=dispute.id("transaction"))


def _method_removed(said: Notification) -> Addressed:
    method = said.the_only_one()
    customer_id = method.id_or_none("customer_id")
    token = method.id("token")
    news = customer_news(customer_id, email=method.optional_text("email"))
    return method_changed(
        said, MethodChange.REMOVED, Lookup(credential_id=token), credential_id=token, customer_id=customer_id, news=news
    )


def _method_updated(said: Notification) -> Addressed:
    """A way to pay that another merchant shares with us (Braintree's grants) has new data, such as a new expiry."""
    token = said.about("granted_payment_instrument_update").id("token")
    return method_changed(said, MethodChange.UPDATED, Lookup(credential_id=token), credential_id=token)


def _customer_data_updated(said: Notification) -> Addressed | Ignored:
    update = said.about("payment_method_customer_data_updated_metadata")
    method = _only_object_in(update.part("payment_method"))
    customer_id = method.id_or_none("customer_id") if method else None
    if customer_id is None:
        return not_dunning("data of a customer whom the notification does not name")
    profile = update.part("enriched_customer_data").part("profile_data")
    news = customer_news(
        customer_id,
        name=full_name(profile.optional_text("first_name"), profile.optional_text("last_name")),
        email=profile.optional_text("email"),
        phone=profile.optional_text("phone_number"),
        postal_code=profile.part("billing_address").optional_text("postal_code"),
    )
    return customer_changed(said, customer_id, news)


HANDLERS: dict[str, Callable[[Notification], Addressed | Ignored]] = {
    "subscription_charged_unsuccessfully": _subscription_failed,
    "subscription_went_past_due": _subscription_failed,
    "subscription_charged_successfully": _subscription_paid,
    "subscription_went_active": _subscription_paid,
    "subscription_canceled": _subscription_ended,
    "subscription_expired": _subscription_ended,
    "transaction_settled": _transaction,
    "transaction_settlement_declined": _transaction,
    "transaction_retried": _transaction,
    "dispute_opened": _dispute_opened,
    "dispute_won": _dispute_closed(won=True),
    "dispute_lost": _dispute_closed(won=False),
    "dispute_accepted": _dispute_closed(won=False),
    "dispute_auto_accepted": _dispute_closed(won=False),
    "dispute_expired": _dispute_closed(won=False),
    "payment_method_revoked_by_customer": _method_removed,
    "granted_payment_method_revoked": _method_removed,
    "grantor_updated_granted_payment_method": _method_updated,
    "recipient_updated_granted_payment_method": _method_updated,
    "payment_method_customer_data_updated": _customer_data_updated,
}

NOT_DUNNING = {
    "check": "Braintree's test of the address",
    "subscription_trial_ended": "a trial ended; what is charged then has its own notification",
    "subscription_billing_skipped": "nothing was charged: a credit covered the period",
    "dispute_under_review": "the dispute stays open",
    "dispute_disputed": "the dispute stays open",
    "account_updater_daily_report": "the report names nobody: it is an address of a file",
    "transaction_disbursed": "money that was paid to us earlier reached our bank",
    "transaction_reviewed": "a colleague's decision on a payment under review",
    "refund_failed": "a refund did not go through",
    "local_payment_completed": "a payment at the checkout, with the customer there",
    "local_payment_funded": "a payment at the checkout, with the customer there",
    "local_payment_expired": "a payment at the checkout, with the customer there",
    "local_payment_reversed": "a payment at the checkout, with the customer there",
}
"""Kinds that we know and that say nothing for dunning."""
