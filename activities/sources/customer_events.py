"""Events about a customer rather than about an invoice: their data and their ways to pay. The relay finds the cases."""

from datetime import datetime
from typing import Protocol

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from policies.events import CustomerChanged, MethodChange, PaymentMethodChanged


class Told(Protocol):
    """What every source's own event has."""

    @property
    def event_id(self) -> str: ...

    @property
    def happened_at(self) -> datetime: ...


def customer_changed(told: Told, customer_id: str, news: CustomerNews | None) -> Addressed:
    return Addressed(
        event=CustomerChanged(
            event_id=told.event_id, happened_at=told.happened_at, invoice_id=UNRESOLVED, customer_id=customer_id
        ),
        lookup=Lookup(customer_id=customer_id),
        customer=news,
    )


def method_changed(
    told: Told,
    change: MethodChange,
    lookup: Lookup,
    *,
    credential_id: str | None,
    customer_id: str | None = None,
    news: CustomerNews | None = None,
) -> Addressed:
    return Addressed(
        event=PaymentMethodChanged(
            event_id=told.event_id,
            happened_at=told.happened_at,
            invoice_id=UNRESOLVED,
            customer_id=customer_id,
            change=change,
            credential_id=credential_id,
        ),
        lookup=lookup,
        customer=news,
    )
