"""What strangers send, read with suspicion: every complaint names the field and shows no more of the value than it may.

`ReadingSpeaker` is what most sources build on; `Node` reads a JSON object, or whatever `xml_reading.py` and
`form_reading.py` made into one. `Wrong` is caught by the speaker and never seen outside.
"""

import hashlib
import json
import math
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from pydantic import ValidationError

from activities.sources.contract import Addressed, Item, Malformed, Speaker
from policies.card_numbers import looks_like_card_number
from policies.events import Ignored, IgnoredBecause, Unreadable
from policies.money import EXPONENTS, Money

DEPTH_MAX = 60
"""The deepest event of a source read so far nests about ten levels."""

AMOUNT_MAX = 10**15
"""Far above any gateway's limit of twelve digits, far below a 64-bit column."""

EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2100))

NO_TIME = datetime.fromtimestamp(EARLIEST, UTC)
"""Stands in an undated event until the relay puts the time of receipt there."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:\-]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
"""An amount in major units. `Decimal` alone reads more than anybody means: 1_000, digits of every script, and exponents
that no arithmetic survives. Kill Bill writes nine decimals."""

_SPACE = " \t\n\r"
SHOWN_MAX = 80


def shown(value: object) -> str:
    """A value for an error sentence: at most 80 characters, no card number, no address, nothing nested."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    text = ascii(value)
    if looks_like_card_number(text):
        return "digits that look like a card number"
    if "@" in text:
        return "text that looks like an e-mail address"
    return text[:SHOWN_MAX]


class Wrong(Exception):
    """Caught by the speaker, never seen outside. `field` is the path in the event."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class ReadingSpeaker(Speaker):
    """A speaker whose parts may raise Wrong; nothing of that leaves it."""

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed:
        try:
            return tuple(self._items(body))
        except Wrong as wrong:
            return Malformed(reason=wrong.reason)

    def normalise(self, body: bytes, event_id: str) -> Addressed | Ignored | Unreadable:
        try:
            return self._said(body, event_id)
        except Wrong as wrong:
            return Unreadable(field=wrong.field, reason=wrong.reason)
        except ValidationError as error:
            # Our own vocabulary is the last guard, so that its growing stricter can never break the relay.
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return Unreadable(field=".".join(map(str, first["loc"])) or "event", reason=first["msg"][:SHOWN_MAX])

    @abstractmethod
    def _items(self, body: bytes) -> Iterable[Item]:
        """The events of a delivery, each byte for byte; may raise Wrong."""

    @abstractmethod
    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        """What one item says; may raise Wrong or ValidationError."""


def not_dunning(detail: str) -> Ignored:
    return Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=detail)


def unknown_type(kind: str) -> Ignored:
    return Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail=f"{shown(kind)} is no type we act on")


def key_by_hash(body: bytes) -> str:
    """For sources whose events have no id: the same bytes are the same event."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def object_of(body: bytes) -> "Node":
    _, value = parsed(body)
    if not isinstance(value, dict):
        raise Wrong("body", "the body is no event: not a JSON object")
    return Node("", value)


@lru_cache(maxsize=4)
def parsed(body: bytes) -> tuple[str, object]:
    """Text and value; nobody may change the value. An event is split and understood one right after the other, so the
    last few are kept."""
    try:
        text = body.decode()
        value: object = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise Wrong("body", "the body is not UTF-8") from None
    except RecursionError:
        raise Wrong("body", f"the body nests deeper than {DEPTH_MAX} levels") from None
    except ValueError as error:
        raise Wrong("body", f"the body is not JSON: {str(error)[:SHOWN_MAX]}") from None
    if _deeper_than(value, DEPTH_MAX):
        raise Wrong("body", f"the body nests deeper than {DEPTH_MAX} levels")
    return text, value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _deeper_than(value: object, levels: int) -> bool:
    """Level by level instead of recursively: the value may nest as deep as the parser let it."""
    layer = [value]
    for _ in range(levels):
        layer = [child for parent in layer for child in _children(parent) if isinstance(child, dict | list)]
        if not layer:
            return False
    return True


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def event_key(value: object) -> str:
    if not isinstance(value, dict):
        raise Wrong("body", "the body is no event: not a JSON object")
    event = Node("", value)
    event.text("type")
    event.text("id")
    return event.id("id")


def items_of(text: str, values: list[object]) -> Iterator[Item]:
    """Elements of a delivery that is a list."""
    if not values:
        raise Wrong("body", "the list holds no event")
    keys = [event_key(value) for value in values]
    for key, body in zip(keys, elements_of(text, place_of(text, ()), len(values)), strict=True):
        yield Item(event_key=key, body=body)


def elements_of(text: str, start: int, count: int) -> Iterator[bytes]:
    """The elements of the list that starts there, as they were written, so that their hash does not depend on how we
    would write JSON."""
    decoder = json.JSONDecoder()
    position = start + 1
    for _ in range(count):
        position = _after_space(text, position)
        _, end = decoder.raw_decode(text, position)
        yield text[position:end].encode()
        position = _after_space(text, end) + 1


def place_of(text: str, names: Iterable[str]) -> int:
    """Where the value that the names lead to, from object to object, starts in the text. It must be there."""
    decoder = json.JSONDecoder()
    position = _after_space(text, 0)
    for name in names:
        place = _after_space(text, position + 1)
        while text[place] != "}":
            key, place = decoder.raw_decode(text, place)
            place = _after_space(text, _after_space(text, place) + 1)
            if key == name:
                position = place  # of a name that stands twice the last counts, as for the parser
            _, place = decoder.raw_decode(text, place)
            place = _after_space(text, place)
            if text[place] == ",":
                place = _after_space(text, place + 1)
    return position


def value_of(text: str, name: str) -> bytes:
    """A member of the object, as it was written. It must be there."""
    return next(elements_of(text, place_of(text, (name,)) - 1, 1))


def _after_space(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


@dataclass(frozen=True)
class Node:
    """A JSON object and where it stood, so that every complaint names its path."""

    path: str
    fields: dict[str, object]

    def wrong(self, name: str, expected: str) -> Wrong:
        path = f"{self.path}.{name}".lstrip(".")
        if name not in self.fields:
            return Wrong(path, f"{path} is missing, expected {expected}")
        return Wrong(path, f"{path} is {shown(self.fields[name])}, expected {expected}")

    def node(self, name: str) -> "Node | None":
        """None also when the object is not expanded: an id, null or absent."""
        value = self.fields.get(name)
        return Node(f"{self.path}.{name}".lstrip("."), value) if isinstance(value, dict) else None

    def part(self, name: str) -> "Node":
        """Like `node`, but an empty object instead of None, so that reading on finds nothing."""
        return self.node(name) or Node(f"{self.path}.{name}".lstrip("."), {})

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, "a text")
        return value

    def id(self, name: str) -> str:
        """The field is an id, or an expanded object that has one."""
        value = self.optional_id(name)
        if value is None:
            raise self.wrong(name, "an id")
        return value

    def optional_id(self, name: str) -> str | None:
        if expanded := self.node(name):
            return expanded.id("id")
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or looks_like_card_number(value):
            raise self.wrong(name, "an id")
        return value

    def id_or_none(self, name: str) -> str | None:
        """For ids that only add to an event: one that could not stand in a history counts as absent."""
        try:
            return self.optional_id(name)
        except Wrong:
            return None

    def optional_minor(self, name: str) -> int | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= AMOUNT_MAX:
            raise self.wrong(name, "an amount in the currency's smallest unit")
        return value

    def minor(self, name: str) -> int:
        value = self.optional_minor(name)
        if value is None:
            raise self.wrong(name, "an amount in the currency's smallest unit")
        return value

    def moment(self, name: str) -> datetime:
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not EARLIEST <= value < LATEST:
            raise self.wrong(name, "unix seconds between 2000 and 2100")
        return datetime.fromtimestamp(value, UTC)

    def nodes(self, name: str) -> "list[Node]":
        """The objects of a list; absent, null or something else: none. Elements that are no objects are left out."""
        value = self.fields.get(name)
        found = value if isinstance(value, list) else []
        path = f"{self.path}.{name}".lstrip(".")
        return [Node(f"{path}.{n}", each) for n, each in enumerate(found) if isinstance(each, dict)]

    def optional_text(self, name: str) -> str | None:
        """None when it is absent, empty or no text; for what only adds to an event."""
        value = self.fields.get(name)
        return value.strip() or None if isinstance(value, str) else None

    def moment_of_text(self, name: str) -> datetime:
        """An ISO 8601 time stamp; without a zone it is UTC."""
        value = self.fields.get(name)
        try:
            moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if (
            moment is None
            or not EARLIEST <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() < LATEST
        ):
            raise self.wrong(name, "an ISO 8601 time between 2000 and 2100")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def optional_moment(self, name: str) -> datetime | None:
        """Unix seconds; None when absent or out of range."""
        try:
            return self.moment(name)
        except Wrong:
            return None

    def optional_moment_of_text(self, name: str) -> datetime | None:
        """None when it is absent or unreadable; for what only adds to an event."""
        try:
            return self.moment_of_text(name)
        except Wrong:
            return None

    def minor_money(self, name: str, currency: str) -> Money | None:
        """An amount in minor units, a number or a text of digits; None when it is absent. `currency` as it was sent."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > AMOUNT_MAX:
            raise self.wrong(name, "an amount in the currency's smallest unit")
        return Money(amount_minor=value, currency=self._known(currency))

    def major_money(self, name: str, currency: str) -> Money | None:
        """An amount in major units, such as "29.00" or 29.0; None when it is absent. `currency` as it was sent."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        code = self._known(currency)
        text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, int | float) else ""
        minor = Decimal(text).scaleb(EXPONENTS[code]) if _DECIMAL.fullmatch(text) else None
        if minor is None or abs(minor) > AMOUNT_MAX or minor != minor.to_integral_value():
            raise self.wrong(name, f"an amount of {code}")
        return Money(amount_minor=int(minor), currency=code)

    def _known(self, currency: str) -> str:
        code = currency.strip().upper()
        if code not in EXPONENTS:
            raise Wrong(f"{self.path}.currency".lstrip("."), f"{shown(currency)} is no ISO 4217 currency code")
        return code

    def code(self, name: str) -> str | None:
        """A decline code. One of an odd shape counts as absent: the failure must not be lost for it, and `open_case`
        reads the decline at the source."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return None
        if looks_like_card_number(value):
            raise self.wrong(name, "a code")
        return value if _CODE.fullmatch(value) else None
