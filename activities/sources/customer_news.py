"""What an event tells of a person. Goes to the customer directory; never into a history, a log or an error (P9)."""

from typing import Any

from pydantic import ValidationError

from activities.customers import ContactPoint, Customer
from policies.base import Identifier, Record


class CustomerNews(Record):
    """`said` holds only what the event said, each field good enough for the directory."""

    customer_id: Identifier
    said: Customer


def customer_news(
    customer_id: str | None, *, email: str | None = None, phone: str | None = None, **fields: Any
) -> CustomerNews | None:
    """`fields` are those of Customer: name, country, subdivision, postal_code, locale, since (a datetime), tags.

    What is missing or could not stand in the directory is left out: an event must not be lost for a misspelled address.
    None when nothing is left, or nobody is named."""
    if customer_id is None:
        return None
    points = {"email": _point(email), "sms": _point(phone if phone and phone.startswith("+") else None)}
    given = {name: value for name, value in {**fields, **points}.items() if value not in (None, "", ())}
    good = {name: value for name, value in given.items() if _is_good(name, value)}
    return CustomerNews(customer_id=customer_id, said=Customer(**good)) if good else None


def full_name(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _point(address: str | None) -> ContactPoint | None:
    try:
        return ContactPoint(address=address.strip()) if address else None
    except ValidationError:
        return None


def _is_good(name: str, value: Any) -> bool:
    try:
        Customer.model_validate({name: value})
    except ValidationError:
        return False
    return True
