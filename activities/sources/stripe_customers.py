"""What Stripe says of customers, their ways to pay and their mandates. Sources: docs.stripe.com/api/customers,
/api/payment_methods, /api/mandates. To understand one more type: a function, a row in CUSTOMER_HANDLERS.

None of these events names an invoice: the relay tells the customer's open cases.
"""

from collections.abc import Callable

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_events import customer_changed, method_changed
from activities.sources.customer_news import CustomerNews, customer_news
from activities.sources.reading import Node, not_dunning, shown
from activities.sources.stripe_reading import StripeEvent
from policies.declines import Category, Decline, classify
from policies.events import Ignored, MandateChanged, MethodChange


def news_of_invoice(invoice: Node) -> CustomerNews | None:
    """An invoice keeps a copy of what was known of its customer; an expanded customer says more."""
    person = invoice.part("customer")
    return customer_news(
        invoice.optional_id("customer"),
        name=invoice.optional_text("customer_name") or person.optional_text("name"),
        email=invoice.optional_text("customer_email") or person.optional_text("email"),
        phone=invoice.optional_text("customer_phone") or person.optional_text("phone"),
        locale=_locale(person),
        **_place(invoice.node("customer_address") or person.part("address")),
    )


def _news_of_customer(customer: Node) -> CustomerNews | None:
    return customer_news(
        customer.id("id"),
        name=customer.optional_text("name"),
        email=customer.optional_text("email"),
        phone=customer.optional_text("phone"),
        locale=_locale(customer),
        since=customer.optional_moment("created"),
        **_place(customer.part("address")),
    )


def _place(address: Node) -> dict[str, str | None]:
    return {
        "country": address.optional_text("country"),
        "subdivision": address.optional_text("state"),
        "postal_code": address.optional_text("postal_code"),
    }


def _locale(customer: Node) -> str | None:
    """The one that the customer prefers most."""
    preferred = customer.fields.get("preferred_locales")
    first = preferred[0] if isinstance(preferred, list) and preferred else None
    return first if isinstance(first, str) else None


# Customers


def _customer_told(event: StripeEvent) -> Addressed:
    customer_id = event.about.id("id")
    return customer_changed(event, customer_id, _news_of_customer(event.about))


def _customer_updated(event: StripeEvent) -> Addressed:
    """Another default is another way to pay; the rest is news of the customer either way."""
    before, now = _default_before(event), _default(event.about)
    if before == now:
        return _customer_told(event)
    change = MethodChange.ADDED if now else MethodChange.REMOVED
    told = _method_changed(event, change, now or before, event.about.id("id"))
    return told.model_copy(update={"customer": _news_of_customer(event.about)})


def _default(customer: Node) -> str | None:
    """A payment method goes before a source of the older kind, at Stripe as here."""
    settings = customer.part("invoice_settings")
    return settings.optional_id("default_payment_method") or customer.optional_id("default_source")


def _default_before(event: StripeEvent) -> str | None:
    """Only what changed is told; the rest was as it is."""
    customer, before = event.about, event.before
    settings = before.part("invoice_settings")
    method = settings if "default_payment_method" in settings.fields else customer.part("invoice_settings")
    source = before if "default_source" in before.fields else customer
    return method.optional_id("default_payment_method") or source.optional_id("default_source")


# Ways to pay


def _method_attached(event: StripeEvent) -> Addressed:
    return _method_changed(event, MethodChange.ADDED, event.about.id("id"), event.about.id("customer"))


def _method_renewed(event: StripeEvent) -> Addressed:
    """The network gave Stripe the new number or date of the same card."""
    return _method_changed(event, MethodChange.UPDATED, event.about.id("id"), event.about.id("customer"))


def _method_detached(event: StripeEvent) -> Addressed:
    """The object no longer says whose it was; what changed does."""
    return _method_changed(event, MethodChange.REMOVED, event.about.id("id"), event.before.optional_id("customer"))


def _source_expiring(event: StripeEvent) -> Addressed:
    return _method_changed(event, MethodChange.EXPIRED, event.about.id("id"), event.about.optional_id("customer"))


def _method_changed(
    event: StripeEvent, change: MethodChange, credential_id: str | None, customer_id: str | None
) -> Addressed:
    lookup = Lookup(customer_id=customer_id) if customer_id else Lookup(credential_id=credential_id)
    return method_changed(event, change, lookup, credential_id=credential_id, customer_id=customer_id)


# Mandates


def _mandate_updated(event: StripeEvent) -> Addressed | Ignored:
    """A mandate belongs to one payment method, and that is what is charged: so its id stands for the mandate."""
    mandate = event.about
    status = mandate.text("status")
    if mandate.fields.get("type") == "single_use":
        return not_dunning("the mandate was for one payment only")
    if status not in ("active", "inactive"):
        return not_dunning(f"the mandate is {shown(status)}: nothing changed yet")
    if not {"status", "payment_method_details"} & event.before.fields.keys():
        return not_dunning("the mandate holds or does not, as before")
    credential_id = mandate.id("payment_method")
    return Addressed(
        event=MandateChanged(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            mandate_id=credential_id,
            active=status == "active",
            decline=None if status == "active" else _why_revoked(mandate),
        ),
        lookup=Lookup(credential_id=credential_id),
    )


def _why_revoked(mandate: Node) -> Decline | None:
    """Bacs says why, in words that the tables of bank debits know; None: it ended, and nobody says why."""
    reason = mandate.part("payment_method_details").part("bacs_debit").code("revocation_reason")
    decline = classify("stripe", reason) if reason else None
    return decline if decline and decline.category is not Category.UNKNOWN else None


CUSTOMER_HANDLERS: dict[str, Callable[[StripeEvent], Addressed | Ignored]] = {
    "customer.created": _customer_told,
    "customer.updated": _customer_updated,
    "customer.source.expiring": _source_expiring,
    "payment_method.attached": _method_attached,
    "payment_method.automatically_updated": _method_renewed,
    "payment_method.detached": _method_detached,
    "mandate.updated": _mandate_updated,
}
