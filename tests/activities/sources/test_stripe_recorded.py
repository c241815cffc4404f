"""Stripe events that other projects recorded: each becomes what one reads in it.

With RECOUP_REFERENCE_DATA set they are read from there; they are not part of this repository.
"""

import json
from datetime import UTC, datetime
from typing import Any

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Lookup, Malformed
from activities.sources.customer_news import CustomerNews
from activities.sources.reading import not_dunning, unknown_type
from policies.declines import classify
from policies.events import (
    ActionRequired,
    AnyEvent,
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.instruments import Network
from policies.money import Money
from tests.activities.sources.speaking import recorded
from tests.activities.sources.stripe_shapes import SPEAKER

N14, N24 = "0" * 14, "0" * 24
CUSTOMER = f"cus_{N14}"


def stamp(at: int, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": datetime.fromtimestamp(at, UTC), "invoice_id": invoice_id}


def usd(amount: int) -> Money:
    return Money(amount_minor=amount, currency="USD")


def news(customer_id: str, since: int | None = None, email: str | None = None, **said: Any) -> CustomerNews:
    if since:
        said["since"] = datetime.fromtimestamp(since, UTC)
    if email:
        said["email"] = ContactPoint(address=email)
    return CustomerNews(customer_id=customer_id, said=Customer(**said))


def of_customer(event: AnyEvent, customer: CustomerNews | None = None) -> Addressed:
    return Addressed(event=event, lookup=Lookup(customer_id=event.customer_id), customer=customer)


UNAUTHENTICATED = classify("stripe", "authentication_not_handled", network=Network.VISA)
LAGO_INTENT = Addressed(
    event=PaymentFailed(
        **stamp(1763737745),
        customer_id="cus_TSOWyTkxXlWiTc",
        credential_id="pm_1SVTn7Q8iJWBZFaMgjl33y0O",
        amount=usd(11880),
        decline=UNAUTHENTICATED,
    ),
    lookup=Lookup(payment_id="pi_3SVvxMQ8iJWBZFaM1Lao8ehu"),
)
PAID_BY_HAMLET = Addressed(
    event=PaymentSucceeded(
        **stamp(1000000000, "replace_payment_method--Event.list.2.json"),
        customer_id="cus_NORMALIZED",
        paid=usd(48000),
    ),
    customer=news("cus_NORMALIZED", email="hamlet@zulip.com"),
)

RECORDED: dict[str, Addressed | Ignored] = {
    "charge.dispute.closed__lago-api": Addressed(
        event=DisputeClosed(**stamp(1711724294), dispute_id="dp_1OzgpEH4tiDZlIUaZ8iWQMsb", won=False),
        lookup=Lookup(payment_id="pi_3OzgpDH4tiDZlIUa0Ezzggtg"),
    ),
    "charge.dispute.created__stripe-ruby-mock": not_dunning(
        "the dispute is only an inquiry ('warning_needs_response'): no money was taken back"
    ),
    "charge.dispute.created__subhub": Addressed(
        event=DisputeOpened(**stamp(1326853478), dispute_id=f"dp_{N14}"), lookup=Lookup(payment_id=f"ch_{N14}")
    ),
    "charge.failed__stripe-ruby-mock": Addressed(
        event=PaymentFailed(
            **stamp(1648320028),
            credential_id=f"pm_{N24}",
            amount=usd(2000),
            decline=classify("stripe", "generic_decline", network=Network.VISA),
        ),
        lookup=Lookup(payment_id=f"pi_{N24}"),
        reference=f"ch_{N24}",
    ),
    # `created` of the customer lies in 1973: no date of ours.
    "customer.created__stripe-dotnet": of_customer(
        CustomerChanged(**stamp(1533204620), customer_id="cus_123"), news("cus_123", email="test@stripe.com")
    ),
    "customer.source.expiring__subhub": of_customer(
        PaymentMethodChanged(
            **stamp(1326853478),
            customer_id=CUSTOMER,
            change=MethodChange.EXPIRED,
            credential_id="card_1EaRqsJNcmPzuWtRr0ro1vhX",
        )
    ),
    "customer.subscription.deleted__stripe-ruby-mock": Addressed(
        event=SubscriptionCancelled(**stamp(1648320097), customer_id=CUSTOMER),
        lookup=Lookup(subscription_id=f"sub_{N24}"),
    ),
    "customer.subscription.deleted__subhub": Addressed(
        event=SubscriptionCancelled(**stamp(1326853478), customer_id=CUSTOMER),
        lookup=Lookup(subscription_id=f"sub_{N14}"),
    ),
    "customer.subscription.updated__stripe-ruby-mock": unknown_type("customer.subscription.updated"),
    "customer.subscription.updated__subhub": unknown_type("customer.subscription.updated"),
    "customer.subscription.updated__subhub_2": unknown_type("customer.subscription.updated"),
    # The default payment method was taken away; the older default source is charged from now on.
    "customer.updated__lago-api": of_customer(
        PaymentMethodChanged(
            **stamp(1688816058),
            customer_id="cus_123456789",
            change=MethodChange.ADDED,
            credential_id="card_123456789",
        ),
        news("cus_123456789", since=1688679325, email="test@getlago.com", name="Test 5"),
    ),
    "customer.updated__lago-api_2": of_customer(
        CustomerChanged(**stamp(1749040510), customer_id="cus_SR8o2vcGRkVb6v"),
        news(
            "cus_SR8o2vcGRkVb6v",
            since=1749040499,
            name="Integration Test UPDATED 2025-06-04T12:35:09Z",
            country="FR",
        ),
    ),
    "customer.updated__stripe-ruby-mock": of_customer(
        CustomerChanged(**stamp(1648320110), customer_id=CUSTOMER), news(CUSTOMER, since=1648320107)
    ),
    "customer.updated__zulip": of_customer(
        CustomerChanged(**stamp(1000000000), customer_id="replace_payment_method--Customer.create.1.json"),
        news("replace_payment_method--Customer.create.1.json", since=1000000000, email="hamlet@zulip.com"),
    ),
    "foo.created__stripe-dotnet": unknown_type("foo.created"),
    "invoice.finalized__zulip": unknown_type("invoice.finalized"),
    "invoice.paid__stripe-ruby-mock": Addressed(
        event=PaymentSucceeded(**stamp(1648320015, f"in_{N24}"), customer_id=CUSTOMER, paid=usd(2000))
    ),
    "invoice.paid__zulip": PAID_BY_HAMLET,
    "invoice.payment_action_required__stripe-ruby-mock": Addressed(
        event=ActionRequired(**stamp(1648320004, f"in_{N24}"), customer_id=CUSTOMER, amount=usd(2000))
    ),
    "invoice.payment_failed__pointfreeco": Addressed(
        event=PaymentFailed(
            **stamp(1578426564, "in_1FyO1tD0Nyli3dRgJf6GaMHT"),
            customer_id="cus_GVOpkZIBdvM6Kx",
            amount=usd(2000),
            retries_at=datetime.fromtimestamp(1579031274, UTC),
        )
    ),
    "invoice.payment_failed__stripe-ruby-mock": Addressed(
        event=PaymentFailed(**stamp(1648320009, f"in_{N24}"), customer_id=CUSTOMER, amount=usd(2000))
    ),
    "invoice.payment_failed__subhub": Addressed(
        event=PaymentFailed(
            **stamp(1326853478, "in_000000"),
            customer_id="cus_00000000000",
            subscription_id="sub_000000",
            amount=usd(100),
        ),
        customer=news("cus_00000000000", email="customer@example.com"),
    ),
    "invoice.payment_failed__subhub_2": not_dunning("first payment of a new subscription"),
    "invoice.upcoming__stripe-ruby-mock": unknown_type("invoice.upcoming"),
    "invoice.updated__zulip": unknown_type("invoice.updated"),
    "mandate.updated__stripe-ruby-mock": Addressed(
        event=MandateChanged(**stamp(1326853478), mandate_id=f"pm_{N24}", active=True),
        lookup=Lookup(credential_id=f"pm_{N24}"),
    ),
    "payment_intent.canceled__lago-api": unknown_type("payment_intent.canceled"),
    "payment_intent.payment_failed__lago-api": LAGO_INTENT,
    "payment_intent.payment_failed__lago-api_2": LAGO_INTENT,
    "payment_intent.payment_failed__stripe-ruby-mock": Addressed(
        event=PaymentFailed(
            **stamp(1648320029),
            credential_id=f"pm_{N24}",
            amount=usd(2000),
            decline=classify("stripe", "generic_decline", network=Network.VISA),
        ),
        lookup=Lookup(payment_id=f"pi_{N24}"),
        reference=f"ch_{N24}",
    ),
    "payment_intent.processing__stripe-ruby-mock": unknown_type("payment_intent.processing"),
    "payment_intent.requires_action__stripe-ruby-mock": not_dunning(
        "an invoice that waits for its customer comes as invoice.payment_action_required"
    ),
    "payment_method.attached__stripe-ruby-mock": of_customer(
        PaymentMethodChanged(
            **stamp(1648320107), customer_id=CUSTOMER, change=MethodChange.ADDED, credential_id=f"card_{N24}"
        )
    ),
    "payment_method.detached__lago-api": of_customer(
        PaymentMethodChanged(
            **stamp(1749040504),
            customer_id="cus_SR8o2vcGRkVb6v",
            change=MethodChange.REMOVED,
            credential_id="pm_1RWGX3Q8iJWBZFaM6l9fORzc",
        )
    ),
    "ping__stripe-dotnet": unknown_type("ping"),
    "setup_intent.setup_failed__stripe-ruby-mock": unknown_type("setup_intent.setup_failed"),
    "setup_intent.succeeded__lago-api": unknown_type("setup_intent.succeeded"),
    "this.will.break__subhub": unknown_type("this.will.break"),
}

PAID_BY_TRANSFER = Addressed(
    event=PaymentSucceeded(
        **stamp(1000000000, "upgrade_by_invoice_to_plus_plan--Event.list.2.json"),
        customer_id="cus_NORMALIZED",
        paid=usd(1476000),
    ),
    customer=news("cus_NORMALIZED", email="hamlet@zulip.com"),
)

LISTS: dict[str, list[Addressed | Ignored]] = {
    "invoice.payment_failed__stripe-mock-data": [not_dunning("nothing is owed (amount_due is 0)")],
    "invoice.payment_failed__stripe-mock-data_3": [
        Addressed(
            event=PaymentFailed(
                **stamp(1326853478, f"in_{N14}"),
                customer_id=CUSTOMER,
                subscription_id=f"sub_{N14}",
                amount=usd(212),
            )
        )
    ],
    "event_list__zulip": [PAID_BY_HAMLET, PAID_BY_HAMLET, unknown_type("invoice.updated")],
    "event_list__zulip_2": [unknown_type("payment_intent.canceled"), PAID_BY_TRANSFER],
    "event_list__zulip_4": [
        unknown_type(kind)
        for kind in (
            *("invoice.finalized", "invoice.updated", "payment_intent.created", "invoice.updated"),
            *("invoiceitem.created", "invoice.created"),
        )
    ],
}


def said(body: bytes) -> list[Any]:
    items = SPEAKER.split(body)
    assert isinstance(items, tuple), items
    return [SPEAKER.normalise(item.body, "row-1") for item in items]


def test_every_recorded_event_becomes_what_we_read_in_it() -> None:
    bodies = recorded("stripe", "event")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert said(body) == [RECORDED[name]], name


def test_recorded_lists_of_events_are_split() -> None:
    """An answer of the events API ({"object": "list"}) is no delivery; its elements are events."""
    bodies = recorded("stripe", "list")
    assert bodies.keys() == LISTS.keys(), "read the new lists and write down what they should become"
    for name, body in bodies.items():
        if name.startswith("event_list"):
            assert isinstance(SPEAKER.split(body), Malformed)
            body = json.dumps(json.loads(body)["data"]).encode()
        assert said(body) == LISTS[name], name


def test_recorded_objects_and_errors_are_no_events() -> None:
    for name, body in recorded("stripe", "api_object", "api_error").items():
        assert isinstance(SPEAKER.split(body), Malformed), name
        assert isinstance(SPEAKER.normalise(body, "row-1"), Unreadable), name
