"""Who a customer is and where each channel reaches them: written by the merchant, or filled from the source."""

import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from policies.base import WHOLE, Identifier, Request
from policies.calendars.zones import zone_of
from policies.channels import CHANNELS
from policies.events import TokenOfCard
from policies.instruments import Instrument, Network, PaymentType
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


def _known_country(code: str) -> str:
    if code not in Locale("en").territories or not (len(code) == 2 and code.isalpha() and code.isupper()):
        raise ValueError("is no country; write its ISO 3166 code, such as DE")
    return code


def written_as_a_date(moment: Any) -> Any:
    """A number, also one in quotes, would be read as seconds since 1970."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", moment)):
        return moment
    raise ValueError("is no moment; write one in ISO 8601 with a zone, such as 2024-05-01T09:00:00Z")


def _format(name: str) -> Any:
    """What the schema cannot say, such as a list of all zones."""
    return Field(json_schema_extra={"format": name})


OneLine = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""No line breaks (they would add headers to an e-mail) and no character that PostgreSQL cannot store."""


Tag = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,40}$")]
Hour = Annotated[int, Field(ge=0, le=23), WHOLE]


ChannelName = Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$")]


class ContactPoint(Request):
    """Where one channel reaches the customer. Without consent the channel is never used."""

    address: Annotated[OneLine, Field(min_length=1, max_length=320)]
    consent: bool = True


class PushConsent(Request):
    """Devices register themselves; here stands only whether they may be used."""

    consent: bool = True


class SupportContact(Request):
    name: Annotated[OneLine, Field(min_length=1, max_length=200)]
    email: Annotated[OneLine, Field(min_length=3, max_length=320)]


class StoredWay(Request):
    """Another way to pay that a gateway stores, by its token. Without consent it is never charged.

    `gateway`: "gateway/account", left out: the one that collects the invoices. `gateway_customer_id`: the customer as
    that gateway names them, left out: as the source does. `fingerprint`: the gateway's mark of the same card under any
    token; then the networks' limits hold for the card.
    """

    credential_id: TokenOfCard
    consent: bool = False
    gateway: Annotated[str, Field(pattern="^[a-z]+(/[A-Za-z0-9_.-]+)?$", max_length=200)] | None = None
    gateway_customer_id: Identifier | None = None
    payment_type: Annotated[PaymentType, Field(strict=False)] = PaymentType.CARD
    network: Annotated[Network, Field(strict=False)] = Network.OTHER
    country: Annotated[str, AfterValidator(_known_country), _format("country")] | None = None
    fingerprint: Identifier | None = None

    @property
    def instrument(self) -> Instrument:
        return Instrument(
            payment_type=self.payment_type, network=self.network, country=self.country, fingerprint=self.fingerprint
        )


class Customer(Request):
    """What `PUT /customers/{source}/{account}/{id}` takes; what is left out has the default shown here."""

    name: Annotated[OneLine, Field(max_length=200)] | None = None
    segment: Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")] = "self_serve"
    zone: Annotated[str, AfterValidator(_known_zone), _format("time-zone")] | None = None
    country: Annotated[str, AfterValidator(_known_country), _format("country")] | None = None
    subdivision: Annotated[str, Field(pattern="^[A-Z]{2}-[A-Z0-9]{1,3}$|^[A-Z0-9]{1,3}$")] | None = None
    postal_code: Annotated[OneLine, Field(max_length=20)] | None = None
    since: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_as_a_date)] | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=20, strict=False)] = ()
    active_hours: Annotated[tuple[Hour, ...], Field(max_length=24, strict=False)] = ()
    learn_active_hours: bool = False
    """They agreed that we note in which hours they are busy on their page; only used where none are given."""
    locale: Annotated[str, AfterValidator(_known_locale), _format("locale")] = "en"
    email: ContactPoint | None = None
    sms: ContactPoint | None = None
    in_app: ContactPoint | None = None
    push: PushConsent = PushConsent()
    webhook: ContactPoint | None = None
    preferred_channels: Annotated[tuple[ChannelName, ...], Field(max_length=5, strict=False)] = ()
    """Favourites first; they outrank a policy's order, and add no channel to it."""
    support_contact: SupportContact | None = None
    ways_to_pay: Annotated[tuple[StoredWay, ...], Field(max_length=10, strict=False)] = ()
    """In the order in which the customer wants them to be charged."""

    @property
    def addresses(self) -> dict[str, str]:
        """Channel -> address, of those that the customer consented to. Devices for push stand elsewhere."""
        points = {"email": self.email, "sms": self.sms, "in_app": self.in_app, "webhook": self.webhook}
        return {channel: point.address for channel, point in points.items() if point and point.consent}

    def view(self) -> CustomerView:
        """Without names and addresses. The zone is the one that was given, else the one where they live, else any of
        their country's, and then messages wait until it is day in all of them."""
        guess = zone_of(self.country, self.subdivision, self.postal_code, self.sms.address if self.sms else None)
        known = self.zone or guess.zone
        return CustomerView(
            segment=self.segment,
            zone=known or next(iter(guess.candidates), "UTC"),
            zones=() if known else guess.candidates,
            country=self.country,
            subdivision=self.subdivision.removeprefix(f"{self.country}-") if self.subdivision else None,
            active_hours=self.active_hours,
            since=self.since,
            tags=self.tags,
        )
