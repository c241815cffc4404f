"""A source that a document describes: its deliveries are verified, split and read as the mapping says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Item, Rejected, Verified
from activities.sources.form_reading import form_of
from activities.sources.mapped.document import Fields, MappingDocument, Rule
from activities.sources.mapped.expressions import STEPS_MAX, Budget, Expression, Look, holds
from activities.sources.mapped.kinds import EVENTS, needed_by
from activities.sources.mapped.picking import READINGS, decline_of, lookup_of, news_of
from activities.sources.mapped.signing import verifier_of
from activities.sources.reading import (
    NO_TIME,
    SHOWN_MAX,
    ReadingSpeaker,
    Wrong,
    elements_of,
    key_by_hash,
    not_dunning,
    object_of,
    parsed,
    place_of,
    unknown_type,
)
from activities.sources.xml_reading import xml_of
from policies.card_numbers import looks_like_card_number
from policies.events import CustomerChanged, Ignored, IgnoredBecause
from policies.money import Money

KEY_LONGEST = 200
STEPS_A_KEY = 50
"""What finding the id of one event among many may take."""


class MappedSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in."""

    def __init__(self, document: MappingDocument) -> None:
        self.document = document
        self.name = document.source
        self.accepted = document.accepted
        self._verifier = verifier_of(document.signature)
        self.kept_headers = self._verifier.headers
        self._fields = {id(rule): document.fields_of(rule) for rule in document.rules}

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return self._verifier.verify(headers, body, secrets, now)

    def complaint_about(self, secret: str) -> str | None:
        return super().complaint_about(secret) or self._verifier.complaint_about(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        """A delivery is one event, or has a list of them where `events` says; its elements byte for byte."""
        if self.document.format != "json":
            return (Item(event_key=self._key(body, Look(self.event_of(body))), body=body),)
        text, value = parsed(body)
        names = self.document.events.names if self.document.events else None
        events = _at(value, names) if names is not None else None
        if names is not None and isinstance(events, list):
            return self._elements(text, events, names)
        if not isinstance(value, dict):
            raise Wrong("body", "the body is no event: not a JSON object")
        return (Item(event_key=self._key(body, Look(value)), body=body),)

    def _elements(self, text: str, events: list[Any], names: Sequence[str]) -> Iterator[Item]:
        if not events:
            raise Wrong("body", "the list holds no event")
        for number, event in enumerate(events, start=1):
            if not isinstance(event, dict):
                raise Wrong("body", f"event {number} of the list is no JSON object")
            if isinstance(_at(event, names), list):
                raise Wrong("body", f"event {number} of the list holds a list of events itself")
        bodies = elements_of(text, place_of(text, names), len(events))
        budget = Budget(STEPS_MAX + STEPS_A_KEY * len(events))
        for event, body in zip(events, bodies, strict=True):
            yield Item(event_key=self._key(body, Look(event, budget)), body=body)

    def _key(self, body: bytes, look: Look) -> str:
        key = look(self.document.id) if self.document.id else None
        text = str(key) if isinstance(key, str | int) and not isinstance(key, bool) else ""
        is_one = 0 < len(text) <= KEY_LONGEST and text.isprintable() and not looks_like_card_number(text)
        return text if is_one else key_by_hash(body)

    def event_of(self, body: bytes) -> Any:
        """What the expressions look at. Raises Wrong."""
        match self.document.format:
            case "form":
                return form_of(body).fields
            case "xml":
                root, content = xml_of(body)
                return {root: content.fields}
            case _:
                return object_of(body).fields

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        look = Look(self.event_of(body))
        rule = self.rule_for(look)
        return self.said_by(rule, event_id, look) if rule else self._unknown(look)

    def rule_for(self, look: Look) -> Rule | None:
        """The first that takes the event."""
        return next((rule for rule in self.document.rules if holds(look(rule.when))), None)

    def _unknown(self, look: Look) -> Ignored:
        kind = look(self.document.type) if self.document.type else None
        if isinstance(kind, str):
            return unknown_type(kind)
        return Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail=f"no rule of {self.document.edition} takes it")

    def said_by(self, rule: Rule, event_id: str, look: Look) -> Addressed | Ignored:
        """What the rule makes of the event. Raises Wrong."""
        if rule.kind is None:
            return not_dunning(str(rule.ignore))
        fields = self._fields[id(rule)]
        values = self._values(rule.kind, fields, look)
        owed: Money | None = values.get("amount")
        if owed is not None and owed.amount_minor == 0:
            return not_dunning("nothing is owed (amount is 0)")
        lookup = lookup_of(fields.lookup, look) if values.get("invoice_id") is None else None
        if lookup is None and EVENTS[rule.kind] is not CustomerChanged:
            _there("invoice_id", values, fields)
        if not self.document.undated:
            _there("happened_at", values, fields)
        given = {"happened_at": NO_TIME, "invoice_id": UNRESOLVED, "event_id": event_id}
        event: Any = EVENTS[rule.kind](**{**given, **values})
        customer = news_of(fields.customer, event.customer_id, look)
        return Addressed(event=event, lookup=lookup, customer=customer, undated="happened_at" not in values)

    def _values(self, kind: str, fields: Fields, look: Look) -> dict[str, Any]:
        """What was found of the event's own fields; what it needs is there."""
        given = {name: pick for name, pick in fields.given.items() if name not in ("lookup", "customer")}
        values = {name: self._value(name, pick, look) for name, pick in given.items()}
        found = {name: value for name, value in values.items() if value is not None}
        if "remaining" in found and found["remaining"].amount_minor == 0:
            del found["remaining"]  # left out, the claim is settled
        for name in sorted(needed_by(kind)):
            _there(name, found, fields)
        return found

    def _value(self, name: str, pick: Any, look: Look) -> Any:
        if name == "decline":
            return decline_of(pick, look, self.name)
        try:
            return READINGS[name](name, pick, look)
        except Wrong as wrong:
            raise Wrong(wrong.field, f"{wrong.reason}{_found_at(pick)}") from None


def _there(name: str, values: Mapping[str, Any], fields: Fields) -> None:
    if name not in values:
        raise Wrong(name, f"{name} is missing{_found_at(getattr(fields, name)) or '; the mapping does not have it'}")


def _found_at(pick: Any) -> str:
    path: Expression | None = getattr(pick, "path", None)
    return f"; the mapping looks at {path.text[:SHOWN_MAX]}" if path else ""


def _at(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
