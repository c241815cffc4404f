"""Which cases a policy is for: a typed tree of conditions, and whether one tree can be met where another one cannot.

Several fields in one node must all hold; `all`, `any` and `not` combine nodes. What nobody knows of a case (no country,
no tenure) meets no condition on it. To add one: a field here, the same in `Subject`, a line in `_TESTS`.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, model_validator

from policies.base import Record
from policies.instruments import PaymentType
from policies.money import Currency, Money
from policies.risk import RiskLevel
from policies.written import Duration, Part, is_at_the_door

Words = Annotated[tuple[str, ...], Field(min_length=1)]


class AmountRange(Part):
    """Minor units of the currency; an amount in another currency is outside."""

    currency: Currency
    at_least: int | None = None
    below: int | None = None


class TenureRange(Part):
    at_least: Duration | None = None
    below: Duration | None = None


class Condition(Part):
    segments: Words | None = None
    countries: Words | None = None
    plan_intervals: Words | None = None
    payment_types: tuple[PaymentType, ...] | None = None
    risks: tuple[RiskLevel, ...] | None = None
    tags: Words | None = None
    amount: AmountRange | None = None
    tenure: TenureRange | None = None
    all: "tuple[Condition, ...] | None" = None
    any: "tuple[Condition, ...] | None" = None
    not_: "Condition | None" = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _says_something(self, info: ValidationInfo) -> Self:
        if is_at_the_door(info) and not list(pieces_of(self)):
            raise ValueError(
                "a condition without a field applies to nothing in particular; name a field or leave it out"
            )
        return self


class Subject(Record):
    """What the choice may look at. None or empty: not known."""

    segment: str
    amount: Money | None = None
    plan_interval: str | None = None
    country: str | None = None
    tenure: timedelta | None = None
    payment_type: PaymentType = PaymentType.CARD
    tags: tuple[str, ...] = ()
    risk: RiskLevel = RiskLevel.ONE_OFF


def matches(condition: Condition | None, subject: Subject) -> bool:
    """Left out: everybody."""
    return condition is None or all(_TESTS[name](wanted, subject) for name, wanted in pieces_of(condition))


def pieces_of(condition: Condition) -> Iterator[tuple[str, Any]]:
    """The fields that are given, `all` taken apart: every piece must hold."""
    for name in type(condition).model_fields:
        wanted = getattr(condition, name)
        if wanted is None:
            continue
        if name == "all":
            for part in wanted:
                yield from pieces_of(part)
        else:
            yield name, wanted


def _within(value: Any, at_least: Any, below: Any) -> bool:
    return (at_least is None or value >= at_least) and (below is None or value < below)


def _amount(wanted: AmountRange, subject: Subject) -> bool:
    amount = subject.amount
    if amount is None or amount.currency != wanted.currency:
        return False
    return _within(amount.amount_minor, wanted.at_least, wanted.below)


def _tenure(wanted: TenureRange, subject: Subject) -> bool:
    return subject.tenure is not None and _within(subject.tenure, wanted.at_least, wanted.below)


_TESTS: dict[str, Callable[[Any, Subject], bool]] = {
    "segments": lambda wanted, subject: subject.segment in wanted,
    "countries": lambda wanted, subject: subject.country in wanted,
    "plan_intervals": lambda wanted, subject: subject.plan_interval in wanted,
    "payment_types": lambda wanted, subject: subject.payment_type in wanted,
    "risks": lambda wanted, subject: subject.risk in wanted,
    "tags": lambda wanted, subject: bool(set(wanted) & set(subject.tags)),
    "amount": _amount,
    "tenure": _tenure,
    "any": lambda wanted, subject: any(matches(part, subject) for part in wanted),
    "not_": lambda wanted, subject: not matches(wanted, subject),
}


# --- which policies are never reached --------------------------------------------------------------------------------


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether everybody who meets `narrow` surely meets `wide`. Sees sets, ranges, `all` and `any`, and equal `not`s;
    what it does not see is answered with False, so that a policy is never called unreachable wrongly."""
    return all(_follows(narrow, name, wanted) for name, wanted in pieces_of(wide))


def _follows(narrow: Condition, name: str, wanted: Any) -> bool:
    if name == "any" and any(implies(narrow, part) for part in wanted):
        return True
    return any(_is_tighter(own_name, own, name, wanted) for own_name, own in pieces_of(narrow))


def _is_tighter(own_name: str, own: Any, name: str, wanted: Any) -> bool:
    if own_name == "any":
        return all(_follows(part, name, wanted) for part in own)
    if own_name != name:
        return False
    if isinstance(wanted, AmountRange):
        return bool(own.currency == wanted.currency) and _is_inside(own, wanted)
    if isinstance(wanted, TenureRange):
        return _is_inside(own, wanted)
    return bool(own == wanted) if name in ("not_", "any") else set(own) <= set(wanted)


def _is_inside(own: Any, wanted: Any) -> bool:
    starts = wanted.at_least is None or (own.at_least is not None and own.at_least >= wanted.at_least)
    ends = wanted.below is None or (own.below is not None and own.below <= wanted.below)
    return bool(starts and ends)
