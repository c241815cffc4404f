"""A mapping: where everything stands in what a source sends, in our words. Strict: what is not known is refused.

How it is read from YAML stands in `load.py`, what it must not say although it is spelled right in `lint.py`. To add a
field that events have: here, its reading in `picking.py`, a row in docs/sources/mapping.md.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, core_schema

from activities.sources.mapped.expressions import Expression
from activities.sources.mapped.kinds import had_by
from policies.base import Request, ShortText
from policies.written import Duration

TOLERANCE_MAX = timedelta(hours=1)


class _OrPath:
    """A field may be written as a path alone: `invoice_id: data.invoice` for `invoice_id: {path: data.invoice}`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(cls._spelled_out, handler(source))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # The fields first: that is where `schema_places.py` looks for them.
        return {"anyOf": [handler(schema), {"type": "string", "title": "JMESPath"}]}

    @staticmethod
    def _spelled_out(raw: Any) -> Any:
        return {"path": raw} if isinstance(raw, str) else raw


def _is_word(raw: Any) -> Any:
    if isinstance(raw, str | int | bool):
        return raw
    raise ValueError("is no word; write a text, a whole number, true or false")


Word = Annotated[Any, AfterValidator(_is_word), WithJsonSchema({"type": ["string", "integer", "boolean"]})]


class Pick(Request):
    """One word: found by `path`, told in our words by `map`, or always `value`. `default`: when nothing is found, and
    for what `map` does not name; without it that stays as it was sent."""

    path: Expression | None = None
    map: Annotated[dict[str, Word], Field(min_length=1)] | None = None
    default: Word | None = None
    value: Word | None = None

    @model_validator(mode="after")
    def _is_found_or_given(self) -> Self:
        if (self.path is None) == (self.value is None):
            raise ValueError("write either a path or a value")
        if self.value is not None and (self.map is not None or self.default is not None):
            raise ValueError("map and default go with a path; a value is always the same")
        return self


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone; write an IANA name such as Europe/Berlin")
    return ZoneInfo(name).key


def _names_a_day(layout: str) -> str:
    """Written and read again it must be the same day, else something is missing or no such letter is known."""
    day = datetime(2031, 12, 24, tzinfo=UTC)
    try:
        # A layout may have no zone: here only the day is compared, and a document names the zone beside the layout.
        read = datetime.strptime(day.strftime(layout), layout) if len(layout) <= 60 else None  # noqa: DTZ007
    except (ValueError, re.error):
        read = None
    if read is None or read.date() != day.date():
        raise ValueError("is no layout of a time; write one such as %d.%m.%Y %H:%M, with the letters of strptime")
    return layout


class Moment(Request):
    """`as`: how it is written; left out: a number is unix seconds, a text is ISO 8601. `format`: for texts of another
    layout, in the letters of strptime. `zone`: of times that name none; UTC when left out."""

    path: Expression
    as_: Literal["unix", "unix_ms", "iso8601"] | None = Field(default=None, alias="as")
    format: Annotated[str, AfterValidator(_names_a_day)] | None = None
    zone: Annotated[str, AfterValidator(_known_zone)] | None = None

    @model_validator(mode="after")
    def _is_written_in_one_way(self) -> Self:
        if self.as_ and self.format:
            raise ValueError("write either as or format: both say how the time is written")
        return self


OnePick = Annotated[Pick, _OrPath]
OneMoment = Annotated[Moment, _OrPath]


class Amount(Request):
    """`unit`: minor, such as 2900 (cents), or major, such as "29.00". `less`: what is taken off, in the same unit."""

    path: Expression
    less: Expression | None = None
    unit: Literal["minor", "major"]
    currency: OnePick


class DeclineOf(Request):
    """`table`: the gateway whose words `code` is in, once it is told in ours; left out: the code stands in no table."""

    table: str | None = None
    code: OnePick | None = None
    network_code: OnePick | None = None
    advice_code: OnePick | None = None
    network: OnePick | None = None
    payment_type: OnePick | None = None


class LookupOf(Request):
    """By what the invoices are found when the event names none."""

    payment_id: OnePick | None = None
    subscription_id: OnePick | None = None
    credential_id: OnePick | None = None
    customer_id: OnePick | None = None


class CustomerOf(Request):
    """What the event tells of the customer; goes to the customer directory, never into a case."""

    name: OnePick | None = None
    email: OnePick | None = None
    phone: OnePick | None = None
    country: OnePick | None = None
    subdivision: OnePick | None = None
    postal_code: OnePick | None = None
    locale: OnePick | None = None
    zone: OnePick | None = None
    segment: OnePick | None = None
    since: OneMoment | None = None
    tags: OnePick | None = None


class Fields(Request):
    """All that any kind of event has; which of them a kind has, and needs, stands in policies/events.py."""

    happened_at: OneMoment | None = None
    version: OnePick | None = None
    invoice_id: OnePick | None = None
    customer_id: OnePick | None = None
    subscription_id: OnePick | None = None
    credential_id: OnePick | None = None
    amount: Amount | None = None
    retries_at: OneMoment | None = None
    retries_itself: OnePick | None = None
    decline: DeclineOf | None = None
    paid: Amount | None = None
    remaining: Amount | None = None
    out_of_band: OnePick | None = None
    dispute_id: OnePick | None = None
    won: OnePick | None = None
    signal: OnePick | None = None
    change: OnePick | None = None
    mandate_id: OnePick | None = None
    active: OnePick | None = None
    replaced_by: OnePick | None = None
    lookup: LookupOf | None = None
    customer: CustomerOf | None = None

    @property
    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


Kind = Literal[
    "payment_failed",
    "action_required",
    "payment_succeeded",
    "invoice_voided",
    "subscription_cancelled",
    "dispute_opened",
    "dispute_closed",
    "fraud_warning",
    "payment_method_changed",
    "mandate_changed",
    "customer_changed",
]


class Rule(Request):
    """Takes the events for which `when` holds, and either ignores them, for a reason, or says what they are."""

    when: Expression
    ignore: ShortText | None = None
    kind: Kind | None = None
    fields: Fields = Fields()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.ignore is None) == (self.kind is None):
            raise ValueError("write either what kind of event it is, or why it is ignored")
        if self.ignore is not None and self.fields.given:
            raise ValueError("an event that is ignored has no fields; leave them out")
        return self


# --- how a delivery is signed -----------------------------------------------------------------------------------------


def _header_name(name: str) -> str:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 60:
        raise ValueError("is no name of a header; write letters, digits and hyphens")
    return name


HeaderName = Annotated[str, AfterValidator(_header_name)]


def _is_short(tolerance: timedelta) -> timedelta:
    if not timedelta(seconds=60) <= tolerance <= TOLERANCE_MAX:
        raise ValueError("must be between 1m and 1h: within it a delivery that was seen can be sent again")
    return tolerance


class SignedAt(Request):
    """Where the time stamp of a signature stands: a header of its own, or a part of the signature's header."""

    header: HeaderName | None = None
    part: str | None = None
    as_: Literal["unix", "unix_ms", "iso8601"] = Field(default="unix", alias="as")

    @model_validator(mode="after")
    def _stands_in_one_place(self) -> Self:
        if (self.header is None) == (self.part is None):
            raise ValueError("write either a header or a part")
        return self


class Hmac(Request):
    """`part`: the header is made of parts, such as `t=1,v1=…`, and the signature is this one. `separator`: between
    parts, or between several signatures. `signed`: the text that is signed, made of {body}, {timestamp} and
    {header:Name}. `secret`: how the key is written."""

    scheme: Literal["hmac"]
    algorithm: Literal["sha1", "sha256", "sha512"]
    header: HeaderName
    encoding: Literal["hex", "base64"]
    prefix: Annotated[str, Field(max_length=60)] = ""
    part: str | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    timestamp: SignedAt | None = None
    signed: Annotated[str, Field(max_length=200)] = "{body}"
    tolerance: Annotated[Duration, Field(strict=False), AfterValidator(_is_short)] = timedelta(minutes=5)
    secret: Literal["text", "hex", "base64"] = "text"  # noqa: S105 - how it is written, not what it is


class StandardWebhooks(Request):
    """standardwebhooks.com; `prefix`: of its three headers."""

    scheme: Literal["standard_webhooks"]
    prefix: Literal["webhook", "svix"] = "webhook"


class BasicAuth(Request):
    """A name and a password over HTTPS; the secret is `name:password`."""

    scheme: Literal["basic_auth"]


class Bearer(Request):
    """`Authorization: Bearer <secret>`."""

    scheme: Literal["bearer"]


class SharedToken(Request):
    """The secret itself in a header of its own."""

    scheme: Literal["shared_token"]
    header: HeaderName


Signature = Annotated[Hmac | StandardWebhooks | BasicAuth | Bearer | SharedToken, Field(discriminator="scheme")]


# --- the whole --------------------------------------------------------------------------------------------------------


def _source_name(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and plain == plain.lower()) or len(name) > 40:
        raise ValueError("is no name of a source; write up to 40 small letters, digits, - and _")
    return name


class MappingDocument(Request):
    """`events`: where the list of events stands in a batch; left out, a delivery is one event. `id`: of an event; left
    out, or not found: a hash of it. `type`: the source's own word for what happened, for reports. `undated`: the source
    sends no times. `accepted`: what it wants to read. `fields`: what is the same for every kind that has it; a rule's
    own win."""

    source: Annotated[str, AfterValidator(_source_name)]
    version: Annotated[int, Field(ge=1)]
    format: Literal["json", "form", "xml"] = "json"
    signature: Signature
    accepted: Annotated[str, Field(max_length=1000)] | None = None
    events: Expression | None = None
    id: Expression | None = None
    type: Expression | None = None
    undated: bool = False
    fields: Fields = Fields()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, strict=False)]

    @property
    def edition(self) -> str:
        return f"mapping {self.source}@{self.version}"

    def fields_of(self, rule: Rule) -> Fields:
        """Its own fields, and of those that all have the ones that its kind has."""
        shared = {name: pick for name, pick in self.fields.given.items() if rule.kind and name in had_by(rule.kind)}
        return Fields.model_construct(**{**shared, **rule.fields.given})
