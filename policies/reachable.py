"""Which policies of a list no case can ever get, because those before it take all of its cases.

A search for one case that gets the policy: dimension by dimension, over the values that the conditions tell apart. It
is exact for any mixture of `all`, `any` and `not`, also where several earlier policies take the cases together. A
search that grows beyond MOST_STEPS gives up and calls the policy reachable: what is called unreachable never is.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar, get_args

from policies.conditions import (
    AmountRange,
    Condition,
    Known,
    PlanInterval,
    TenureRange,
    every,
    holds,
    listed,
    opposite,
)
from policies.instruments import PaymentType
from policies.money import Money
from policies.risk import RiskLevel

Value = TypeVar("Value", int, timedelta)

MOST_STEPS = 5_000

ANOTHER = "\0"
"""Stands for all segments, or countries, that no condition names."""

_ALL_VALUES: dict[str, tuple[Any, ...]] = {
    "plan_interval": (*get_args(PlanInterval), None),
    "payment_type": tuple(PaymentType),
    "risk": tuple(RiskLevel),
}

_Dimensions = dict[str, dict[Any, None]]


def is_reachable(condition: Condition | None, earlier: Sequence[Condition] = ()) -> bool:
    """Whether some case meets the condition (None: every case does) and none of the earlier ones."""
    wanted = [condition] if condition else []
    return _Search(wanted, earlier).succeeds({}, list(_dimensions([*wanted, *earlier]).items()))


class _Search:
    def __init__(self, wanted: Sequence[Condition], unwanted: Sequence[Condition]) -> None:
        self._wanted, self._unwanted, self._steps = wanted, unwanted, 0

    def succeeds(self, known: dict[str, Any], undecided: list[tuple[str, dict[Any, None]]]) -> bool:
        self._steps += 1
        answer = self._answer(known)
        if answer is not None or self._steps > MOST_STEPS:
            return answer is not False
        (dimension, values), *rest = undecided
        return any(self.succeeds({**known, dimension: value}, rest) for value in values)

    def _answer(self, known: Known) -> bool | None:
        """None: not decided yet."""
        answers = [holds(condition, known) for condition in self._wanted]
        return every(answers + [opposite(holds(condition, known)) for condition in self._unwanted])


def _dimensions(conditions: Sequence[Condition]) -> _Dimensions:
    """Each dimension that a condition looks at, with one value of every kind that is told apart."""
    found: _Dimensions = {}
    for condition in _with_inner_ones(conditions):
        for dimension, named in listed(condition):
            found.setdefault(dimension, {}).update(dict.fromkeys(_ALL_VALUES.get(dimension, (*named, ANOTHER))))
        for tag in condition.tags or ():
            found[f"tag:{tag}"] = {True: None, False: None}
        if condition.amount:
            found.setdefault("amount", {}).update(dict.fromkeys(_amounts(condition.amount)))
        if condition.tenure:
            found.setdefault("tenure", {}).update(dict.fromkeys(_tenures(condition.tenure)))
    return found


def _with_inner_ones(conditions: Sequence[Condition]) -> Iterator[Condition]:
    for condition in conditions:
        yield condition
        yield from _with_inner_ones(condition.parts)


def _amounts(asked: AmountRange) -> Iterator[Money | None]:
    yield None
    for minor in _told_apart((asked.at_least, asked.below), 1, 0):
        yield Money(amount_minor=minor, currency=asked.currency)


def _tenures(asked: TenureRange) -> Iterator[timedelta | None]:
    yield None
    yield from _told_apart((asked.at_least, asked.below), timedelta.resolution, timedelta())


def _told_apart(bounds: Sequence[Value | None], step: Value, least: Value) -> list[Value]:
    """The least there can be, each bound and the value before it; between them nothing changes."""
    values: list[Value] = [least]
    for bound in bounds:
        if bound is not None:
            values += [bound - step, bound]
    return [value for value in values if value >= least]
