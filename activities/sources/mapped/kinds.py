"""Which fields each kind of event has and needs, as policies/events.py says it."""

from typing import get_args

from policies.events import CaseEvent, CustomerChanged, SourceEvent

_ALL: tuple[type[SourceEvent], ...] = (*get_args(get_args(CaseEvent)[0]), CustomerChanged)
EVENTS: dict[str, type[SourceEvent]] = {event.model_fields["kind"].default: event for event in _ALL}

_GIVEN_BY_US = frozenset({"kind", "event_id"})
_BESIDE = frozenset({"lookup", "customer"})
"""What goes with an event of any kind, and is no part of it."""

_REPLACEABLE = frozenset({"invoice_id", "happened_at"})
"""By a lookup, or by the time of receipt where a source sends no times."""


def had_by(kind: str) -> frozenset[str]:
    return (frozenset(EVENTS[kind].model_fields) - _GIVEN_BY_US) | _BESIDE


def needed_by(kind: str) -> frozenset[str]:
    required = {name for name, field in EVENTS[kind].model_fields.items() if field.is_required()}
    return frozenset(required) - _GIVEN_BY_US - _REPLACEABLE
