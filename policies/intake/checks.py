"""What the rules of a profile say of one event. A verdict names every rule that spoke; the strictest decides."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from policies.base import Record
from policies.declines import Category
from policies.events import ActionRequired, AnyEvent, PaymentFailed, PaymentSucceeded
from policies.intake.profile import (
    STRICTNESS,
    Action,
    Ahead,
    Conflict,
    Missing,
    Old,
    OtherCurrency,
    Profile,
    Rule,
    TooMuch,
    UnknownDecline,
)
from policies.money import Money

CONFLICT = "event_id"
"""The field of a finding that needs to know what was here before; no other check names it."""


class Finding(Record):
    """`field`: of the canonical event. A shadow finding changes nothing."""

    rule: str
    action: Action
    shadow: bool
    field: str
    detail: str


def findings_of(
    profile: Profile, event: AnyEvent, received_at: datetime, is_conflict: bool = False
) -> tuple[Finding, ...]:
    return tuple(
        Finding(rule=rule.called, action=rule.action, shadow=rule.shadow, field=field, detail=detail)
        for rule in profile.rules
        for field, detail in _complaints(rule, event, received_at, is_conflict)
    )


def strictest(findings: tuple[Finding, ...]) -> Finding | None:
    """The one that decides what happens to the event; None when no rule that counts has spoken."""
    counting = [finding for finding in findings if not finding.shadow]
    return max(counting, key=lambda finding: STRICTNESS.index(finding.action), default=None)


def limited(findings: tuple[Finding, ...], strongest: Action) -> tuple[Finding, ...]:
    """Where nobody can be told no any more, what would refuse does what is next to it."""
    return tuple(
        finding.model_copy(update={"action": min(finding.action, strongest, key=STRICTNESS.index)})
        for finding in findings
    )


def _complaints(rule: Rule, event: AnyEvent, received_at: datetime, is_conflict: bool) -> Iterator[tuple[str, str]]:
    match rule:
        case Ahead():
            if event.happened_at - received_at > rule.by:
                yield "happened_at", f"happened {_in_words(event.happened_at - received_at)} after it came"
        case Old():
            if received_at - event.happened_at > rule.older_than:
                yield "happened_at", f"happened {_in_words(received_at - event.happened_at)} before it came"
        case OtherCurrency():
            sum_of_it = amount_of(event)
            if sum_of_it and sum_of_it.currency not in rule.expected:
                yield "amount", f"{sum_of_it.currency} is not expected here, but {', '.join(rule.expected)}"
        case TooMuch():
            sum_of_it = amount_of(event)
            if sum_of_it and sum_of_it.currency == rule.currency and sum_of_it.amount_minor > rule.above:
                yield "amount", f"{sum_of_it} is more than {Money(amount_minor=rule.above, currency=rule.currency)}"
        case Missing():
            if isinstance(event, PaymentFailed | ActionRequired):
                yield from ((name, f"{name} is missing") for name in rule.fields if _lacks(event, name))
        case UnknownDecline():
            if isinstance(event, PaymentFailed) and event.decline and event.decline.category is Category.UNKNOWN:
                yield "decline", f"the code {event.decline.code} of {event.decline.gateway} stands in no table"
        case Conflict():
            if is_conflict:
                yield CONFLICT, "the id of this event was here before with other content"
        case _:
            assert_never(rule)


def _lacks(event: PaymentFailed | ActionRequired, name: str) -> bool:
    """An action that the customer must take has no decline to tell of."""
    return getattr(event, name, "none to have") is None


def amount_of(event: AnyEvent) -> Money | None:
    """The sum that an event is about, as far as it says."""
    if isinstance(event, PaymentFailed | ActionRequired):
        return event.amount
    return event.paid if isinstance(event, PaymentSucceeded) else None


def _in_words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
