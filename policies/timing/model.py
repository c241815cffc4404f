"""The timing model: features of a time -> log-odds, each part with its name. Coefficients are data, `timing.toml`.

Deterministic and explainable: the parts add up to the score. A learned file with the same names replaces the shipped
one; code stays. What times there are to choose from stands in `candidates.py`.
"""

import math
from datetime import date
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from policies.calendars.paydays import days_from_payday
from policies.calendars.seasons import season_on
from policies.declines import Category
from policies.package_data import settings

Points = dict[str, float]

# Not `calendar.day_name`: that one speaks the machine's language.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple("January February March April May June July August September October November December".split())


class TimingModel(BaseModel):
    """Log-odds per feature; see the comments of `timing.toml` for units and sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1)
    base: Points
    per_failed_try: Points
    too_soon: Points
    payday: Points
    weekday: dict[str, list[float]]
    night: Points
    month: Points
    own: Points
    late: Points
    health: Points
    waiting: Points

    @property
    def edition(self) -> str:
        return f"timing {self.version}"


class Features(NamedTuple):
    """One time, as the model sees it; `hour` and `day` are local. `health`: 1 is normal."""

    hours_since_try: float
    days_since_failure: float
    day: date
    hour: int
    country: str | None
    same_hour: bool
    same_day_of_month: bool
    active_hour: bool
    health: float


class Coefficients(NamedTuple):
    """Those of one category, the same for all times among which a case chooses. `always`: the parts that each has."""

    always: tuple[tuple[str, float], ...]
    too_soon: float
    night: float
    waits_for_payday: bool


def load_model(raw: dict[str, Any]) -> TimingModel:
    """Raises pydantic.ValidationError when a coefficient is missing or unknown."""
    return TimingModel.model_validate(raw)


SHIPPED = load_model(settings(__package__, "timing.toml"))


def coefficients_of(model: TimingModel, category: str, failed_tries: int) -> Coefficients:
    tried = f"after {failed_tries} failed tries", failed_tries * _of(model.per_failed_try, category)
    return Coefficients(
        always=((category, _of(model.base, category)), tried),
        too_soon=_of(model.too_soon, category),
        night=_of(model.night, category),
        waits_for_payday=category == Category.INSUFFICIENT_FUNDS,
    )


def parts_of(model: TimingModel, own: Coefficients, seen: Features) -> list[tuple[str, float]]:
    """The log-odds of success by feature; what says nothing is left out."""
    parts = [*own.always]
    if seen.hours_since_try < model.too_soon["hours"]:
        parts.append(("soon after the last try", own.too_soon))
    if seen.days_since_failure > model.late["after_days"]:
        parts.append(("late", (seen.days_since_failure - model.late["after_days"]) * model.late["per_day"]))
    if own.waits_for_payday:
        parts.append(_payday(model, seen))
    if model.night["from"] <= seen.hour < model.night["until"]:
        parts.append(("night", own.night))
    if seen.same_hour:
        parts.append(("an hour at which they have paid before", model.own["same_hour"]))
    if seen.same_day_of_month:
        parts.append(("a day of the month on which they have paid before", model.own["same_day_of_month"]))
    if seen.active_hour:
        parts.append(("an hour at which they are active", model.own["active_hour"]))
    if seen.health < 1:
        parts.append(("the gateway is unwell", math.log(max(seen.health, 0.01))))
    parts += _calendar_parts(model, seen.day, seen.country)
    return [part for part in parts if part[1]]


def chance(parts: list[tuple[str, float]]) -> float:
    return 1 / (1 + math.exp(-sum(points for _, points in parts)))


def _of(points: Points, category: str) -> float:
    return points.get(category, points["other"])


def _payday(model: TimingModel, seen: Features) -> tuple[str, float]:
    since, until = days_from_payday(seen.day, seen.country)
    if since <= model.payday["days_after"]:
        night = model.payday["night_bonus"] if since == 0 and seen.hour < 6 else 0.0
        return "payday" if since == 0 else f"payday {since} days ago", model.payday["after"] + night
    if until <= model.payday["days_before"]:
        return f"payday in {until} days", model.payday["before"]
    return "", 0.0


def _calendar_parts(model: TimingModel, day: date, country: str | None) -> list[tuple[str, float]]:
    season = season_on(day, country)
    parts = [
        (WEEKDAYS[day.weekday()], model.weekday["points"][day.weekday()]),
        (MONTHS[day.month - 1], model.month.get(str(day.month), 0.0)),
    ]
    if season:
        parts.append((season.name, math.log(season.weight)))
    return parts
