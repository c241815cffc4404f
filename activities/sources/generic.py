"""The generic source, for senders that their operators write: Standard Webhooks sign, CloudEvents wrap.

A delivery is one event (`application/cloudevents+json`) or a JSON list of them (`application/cloudevents-batch+json`):
`{"specversion": "1.0", "id", "source", "type": "recoup.<kind>", "time", "data": {...}}`. Sources: standardwebhooks.com
and the CloudEvents 1.0.2 specification with its JSON format. What `data` holds stands in `generic_data.py`, a model per
kind; one more kind is a row in its DATA.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError

from activities.sources.contract import Addressed, Item, Rejected, Verified
from activities.sources.generic_data import DATA, PARTS
from activities.sources.reading import (
    Node,
    ReadingSpeaker,
    Wrong,
    elements_of,
    object_of,
    parsed,
    place_of,
    shown,
    unknown_type,
)
from activities.sources.signatures import STANDARD_HEADERS, standard_webhook_complaint, standard_webhook_matches
from policies.card_numbers import looks_like_card_number
from policies.events import Ignored
from policies.nearest_word import suggestion

_KIND = re.compile(r"(?:.*\.)?recoup\.(.+)", re.DOTALL)
_PRINTABLE = re.compile(r"[!-~]{1,200}")
_ZONE = re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}")


class GenericSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in."""

    name = "generic"
    kept_headers = STANDARD_HEADERS

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return standard_webhook_matches(headers, body, secrets, now)

    def complaint_about(self, secret: str) -> str | None:
        return standard_webhook_complaint(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        text, value = parsed(body)
        if not isinstance(value, list):
            return (Item(event_key=_key(value), body=body),)
        if not value:
            raise Wrong("body", "the list holds no event")
        keys = [_key(each) for each in value]
        bodies = elements_of(text, place_of(text, ()), len(value))
        return tuple(Item(event_key=key, body=each) for key, each in zip(keys, bodies, strict=True))

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        envelope = object_of(body)
        kind = envelope.text("type")
        ours = _KIND.fullmatch(kind)
        if not ours:
            return unknown_type(kind)
        model = DATA.get(ours[1])
        if model is None:
            raise Wrong("type", f"{shown(ours[1])} is no kind of event{suggestion(ours[1], sorted(DATA))}")
        happened_at = _time(envelope)
        data = envelope.node("data")
        if data is None:
            raise envelope.wrong("data", "an object (data_base64 is not read)")
        try:
            return model.model_validate_json(json.dumps(data.fields)).said(ours[1], event_id, happened_at)
        except ValidationError as error:
            raise _complaint(error, ours[1]) from None


def _key(value: object) -> str:
    """An id is unique among the events of its source. Neither holds a space, so the pair is one of a kind."""
    if not isinstance(value, dict):
        raise Wrong("body", "the body is no event: not a JSON object")
    envelope = Node("", value)
    if envelope.text("specversion") != "1.0":
        raise envelope.wrong("specversion", "'1.0', the version of CloudEvents")
    envelope.text("type")
    source, event_id = envelope.text("source"), envelope.text("id")
    for name, text in (("source", source), ("id", event_id)):
        if not _PRINTABLE.fullmatch(text) or looks_like_card_number(text):
            raise envelope.wrong(name, "1 to 200 printable ASCII characters without spaces")
    return f"{source} {event_id}"


def _time(envelope: Node) -> datetime:
    """With a zone: a sender who forgets it would have failures and payments in the wrong order."""
    moment = envelope.moment_of_text("time")
    if not _ZONE.search(envelope.text("time").strip()[10:]):
        raise envelope.wrong("time", "a time with its zone, such as 2026-03-02T10:00:00Z")
    return moment


def _complaint(error: ValidationError, kind: str) -> Wrong:
    """The first thing that is wrong. Values are not repeated; a name that is unknown is the sender's own text."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = tuple(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        field = ".".join(("data", *place))
        return Wrong(field, f"{field}: {first['msg'].removeprefix('Value error, ')}")
    *way, name = place
    known = (PARTS[way[0]] if way else DATA[kind]).model_fields
    field = ".".join(("data", *way))
    return Wrong(field, f"{field} has no field {shown(name)}{suggestion(name, list(known))}")
