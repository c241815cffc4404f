"""Which cases a policy is for: a typed tree of conditions on what is known when a case opens.

Several fields in one node must all hold; `all`, `any` and `not` combine nodes. What nobody knows of a case (no country,
no tenure) meets no condition on it. Whether a policy can be reached at all is worked out in `reachable.py`. To add a
field: here and in `docs/policies.md`, what it looks at in `Subject`, and the values it tells apart in `reachable.py`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from policies.base import Record
from policies.instruments import PaymentType
from policies.money import Currency, Money
from policies.risk import RiskLevel
from policies.written import Duration, Part, Text, Whole

PlanInterval = Literal["day", "week", "month", "year"]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Given = Field(default=None, min_length=1)


class AmountRange(Part):
    """Minor units of the currency, `at_least` up to, not including, `below`; an amount in another currency is outside,
    since nothing is converted."""

    currency: Currency
    at_least: Whole | None = None
    below: Whole | None = None


class TenureRange(Part):
    """How long they have been a customer when the payment fails."""

    at_least: Duration | None = None
    below: Duration | None = None


class Condition(Part):
    """A list of values: the case has one of them; `tags`: at least one."""

    # `not` is a word of Python's: the alias must stand in every written form, or a history would lose the condition.
    model_config = ConfigDict(serialize_by_alias=True)

    segments: tuple[str, ...] | None = Given
    countries: tuple[Country, ...] | None = Given
    plan_intervals: tuple[PlanInterval, ...] | None = Given
    payment_types: tuple[PaymentType, ...] | None = Given
    risks: tuple[RiskLevel, ...] | None = Given
    tags: tuple[Text, ...] | None = Given
    amount: AmountRange | None = None
    tenure: TenureRange | None = None
    all: tuple["Condition", ...] | None = Given
    any: tuple["Condition", ...] | None = Given
    not_: "Condition | None" = Field(default=None, alias="not")

    @property
    def parts(self) -> tuple["Condition", ...]:
        """The conditions right inside it."""
        inside = (*(self.all or ()), *(self.any or ()))
        return (*inside, self.not_) if self.not_ else inside


class Subject(Record):
    """What the choice may look at. None or empty: not known. `tenure`: at the failure."""

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
    return condition is None or holds(condition, _known(subject)) is True


Known = Mapping[str, Any]
"""What is known of a case, by dimension: those of `LISTED`, `amount`, `tenure`, and `tags` (all of them) or `tag:<tag>`
(bool). A dimension that stands there as None is one that nobody can tell; one that is missing is not decided yet."""

LISTED = {
    "segments": "segment",
    "countries": "country",
    "plan_intervals": "plan_interval",
    "payment_types": "payment_type",
    "risks": "risk",
}
"""Field that lists values -> the dimension it looks at."""


def listed(condition: Condition) -> list[tuple[str, tuple[Any, ...]]]:
    """The dimensions it names values of, with these."""
    named = [(dimension, getattr(condition, field)) for field, dimension in LISTED.items()]
    return [(dimension, values) for dimension, values in named if values]


def holds(condition: Condition, known: Known) -> bool | None:
    """None: that depends on what is not decided yet."""
    answers = [_is_one_of(known, dimension, values) for dimension, values in listed(condition)]
    if condition.tags:
        answers.append(_any([_has_tag(known, tag) for tag in condition.tags]))
    if condition.amount:
        answers.append(_has_amount(known, condition.amount))
    if condition.tenure:
        answers.append(_has_tenure(known, condition.tenure))
    answers += [holds(part, known) for part in condition.all or ()]
    if condition.any:
        answers.append(_any([holds(part, known) for part in condition.any]))
    if condition.not_:
        answers.append(opposite(holds(condition.not_, known)))
    return every(answers)


def every(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _any(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _known(subject: Subject) -> Known:
    return {name: getattr(subject, name) for name in (*LISTED.values(), "tags", "amount", "tenure")}


def _is_one_of(known: Known, dimension: str, values: tuple[Any, ...]) -> bool | None:
    return known[dimension] in values if dimension in known else None


def _has_tag(known: Known, tag: str) -> bool | None:
    return tag in known["tags"] if "tags" in known else known.get(f"tag:{tag}")


def _has_amount(known: Known, wanted: AmountRange) -> bool | None:
    if "amount" not in known:
        return None
    amount: Money | None = known["amount"]
    if amount is None or amount.currency != wanted.currency:
        return False
    return _within(amount.amount_minor, wanted.at_least, wanted.below)


def _has_tenure(known: Known, wanted: TenureRange) -> bool | None:
    if "tenure" not in known:
        return None
    return known["tenure"] is not None and _within(known["tenure"], wanted.at_least, wanted.below)


def _within(value: Any, at_least: Any, below: Any) -> bool:
    return (at_least is None or value >= at_least) and (below is None or value < below)
