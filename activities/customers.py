"""Who a customer is and where each channel reaches them: written by the merchant, or filled from the source."""

from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, Field, StringConstraints

from policies.base import Request
from policies.surroundings import CustomerView


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone; write an IANA name such as Europe/Berlin")
    return ZoneInfo(name).key


def _known_locale(name: str) -> str:
    try:
        return str(Locale.parse(name, sep="-" if "-" in name else "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise ValueError("is no locale; write one such as en, de or pt_BR") from error


OneLine = Annotated[str, StringConstraints(pattern="^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""No line breaks (they would add headers to an e-mail) and no character that PostgreSQL cannot store."""


class ContactPoint(Request):
    """Where one channel reaches the customer. Without consent the channel is never used."""

    address: Annotated[OneLine, Field(min_length=1, max_length=320)]
    consent: bool = True


class SupportContact(Request):
    name: Annotated[OneLine, Field(min_length=1, max_length=200)]
    email: Annotated[OneLine, Field(min_length=3, max_length=320)]


class Customer(Request):
    """What `PUT /customers/{source}/{account}/{id}` takes; what is left out has the default shown here."""

    name: Annotated[OneLine, Field(max_length=200)] | None = None
    segment: Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")] = "self_serve"
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    locale: Annotated[str, AfterValidator(_known_locale)] = "en"
    email: ContactPoint | None = None
    sms: ContactPoint | None = None
    in_app: ContactPoint | None = None
    support_contact: SupportContact | None = None

    def address_on(self, channel: str) -> str | None:
        """None when the channel is unknown, has no address, or the customer did not consent."""
        point = {"email": self.email, "sms": self.sms, "in_app": self.in_app}.get(channel)
        return point.address if point and point.consent else None

    def view(self) -> CustomerView:
        return CustomerView(segment=self.segment, zone=self.zone)
