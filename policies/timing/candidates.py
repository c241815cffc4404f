"""The times a retry may choose from, each with its chance of success and the reasons for it.

The grid hangs on the case (its last try, its window), never on the present moment, so that asking again later gives
the same times less those that are past.
"""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policies.allowed_days import allowed_among, on_an_allowed_day
from policies.calendars.paydays import days_from_payday
from policies.calendars.seasons import is_spread_on
from policies.declines import Category
from policies.situation import Situation
from policies.timing.model import SHIPPED, Coefficients, Features, TimingModel, chance, coefficients_of, parts_of

MOST = 40
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
PAYDAY_MORNING, USUAL = time(0, 30), time(10)
SPREAD_IN_SEASON = 3
"""In a season that only spreads, cases are kept so many times further apart."""


class Candidate(NamedTuple):
    """`due`: the time itself, or an earlier one that the policy avoids. `score`: the chance of success, 0 to 1, to four
    digits. `parts`: feature -> log-odds, in order of the model."""

    at: datetime
    due: datetime
    score: float
    parts: tuple[tuple[str, float], ...]


def candidate_times(here: Situation, now: datetime, model: TimingModel = SHIPPED) -> tuple[Candidate, ...]:
    """At most MOST times from `now` to the end of the policy's window, earliest first."""
    return scored(here, times_left(here, now), now, model)


def times_left(here: Situation, now: datetime) -> dict[datetime, datetime]:
    """Time of the retry -> when the policy wanted it, earliest first."""
    since, until = window_of(here)
    usual, mornings = _grid(here, since, until)
    allowed = allowed_among(here, sorted({*usual, *mornings}))
    times = {moment: moment for moment in _thinned(allowed)} or _put_off(here, usual)
    return {at: due for at, due in times.items() if at >= now}


def scored(
    here: Situation, times: dict[datetime, datetime], now: datetime, model: TimingModel
) -> tuple[Candidate, ...]:
    known = _known(here, now, model)
    return tuple([_scored(known, at, due, model) for at, due in times.items()])


def _put_off(here: Situation, wanted: list[datetime]) -> dict[datetime, datetime]:
    """What the policy avoids has swallowed the window: then it ends as much later, but not after the case."""
    end = here.started + here.policy.close.after
    moved = {on_an_allowed_day(here, moment): moment for moment in reversed(wanted)}
    return {at: moved[at] for at in _thinned(sorted([at for at in moved if at < end]))}


def window_of(here: Situation) -> tuple[datetime, datetime]:
    """From when the next try is of use, to when the policy gives up trying."""
    retries, attempts = here.policy.retries, here.facts.attempts
    since = (attempts[-1].at if attempts else here.started) + retries.gap
    if here.refusal and here.refusal[1].earliest_retry:
        since = max(since, here.refusal[0] + here.refusal[1].earliest_retry)
    return since, here.started + (retries.window or timedelta())


def spread_of(case_id: str, spread: timedelta) -> timedelta:
    """How much later this case is served than its book: the same in every process, even over all cases."""
    if not spread:
        return timedelta()
    share = int.from_bytes(hashlib.blake2b(case_id.encode(), digest_size=8).digest()) / 2**64
    return timedelta(seconds=int(spread.total_seconds() * share))


def _grid(here: Situation, since: datetime, until: datetime) -> tuple[list[datetime], list[datetime]]:
    """Each day the hour that suits it; and around a payday the early morning, which is worth nothing on another day."""
    zone, country = here.around.customer.zone, _country(here)
    info, hour = ZoneInfo(zone), _usual_hour(here)
    offset = spread_of(here.facts.case.case_id, here.policy.retries.spread)
    funds = here.category is Category.INSUFFICIENT_FUNDS
    day, last = since.astimezone(info).date(), until.astimezone(info).date()
    usual: list[datetime] = []
    mornings: list[datetime] = []
    while day <= last:
        later = offset * SPREAD_IN_SEASON if offset and is_spread_on(day, country) else offset
        if funds and days_from_payday(day, country).since == 0:
            mornings.append(_in_utc(day, PAYDAY_MORNING, zone) + later)
        usual.append(_in_utc(day, hour, zone) + later)
        day += _DAY
    return [each for each in usual if since <= each <= until], [each for each in mornings if since <= each <= until]


def _usual_hour(here: Situation) -> time:
    """That of most of their payments; of several the one of the latest, so that every process chooses the same."""
    info = ZoneInfo(here.around.customer.zone)
    own = [moment.astimezone(info).time().replace(minute=0, second=0, microsecond=0) for moment in _paid_at(here)]
    return max(reversed(own), key=own.count) if own else USUAL


@lru_cache(maxsize=16384)
def _in_utc(day: date, clock: time, zone: str) -> datetime:
    """The same for every case of that day."""
    return datetime.combine(day, clock, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _thinned(moments: list[datetime]) -> list[datetime]:
    """Evenly, first and last kept."""
    if len(moments) <= MOST:
        return moments
    step = (len(moments) - 1) / (MOST - 1)
    return [moments[round(n * step)] for n in range(MOST)]


class _Known(NamedTuple):
    """What is the same for every candidate. `hours`, `days`: of payments that went well, once there are enough."""

    info: ZoneInfo
    country: str | None
    coefficients: Coefficients
    hours: frozenset[int]
    days: frozenset[int]
    active_hours: frozenset[int]
    failed_at: datetime
    last_try: datetime
    health: float
    unwell_until: datetime


def _known(here: Situation, now: datetime, model: TimingModel) -> _Known:
    info = ZoneInfo(here.around.customer.zone)
    paid = [moment.astimezone(info) for moment in _paid_at(here)]
    if len(paid) < model.own["successes_needed"]:
        paid = []
    days = [moment.day for moment in paid]
    return _Known(
        info=info,
        country=_country(here),
        coefficients=coefficients_of(model, here.category.value, len(here.failed_times) - 1),
        hours=frozenset([moment.hour for moment in paid]),
        days=frozenset([day for day in days if 2 * days.count(day) >= len(days)]),
        active_hours=frozenset(here.around.customer.active_hours),
        failed_at=here.started,
        last_try=here.facts.attempts[-1].at if here.facts.attempts else here.started,
        health=here.around.gateway_health,
        unwell_until=now + timedelta(hours=model.health["hours"]),
    )


def _scored(known: _Known, moment: datetime, due: datetime, model: TimingModel) -> Candidate:
    local = moment.astimezone(known.info)
    features = Features(
        hours_since_try=(moment - known.last_try) / _HOUR,
        days_since_failure=(moment - known.failed_at) / _DAY,
        day=local.date(),
        hour=local.hour,
        country=known.country,
        same_hour=local.hour in known.hours,
        same_day_of_month=local.day in known.days,
        active_hour=local.hour in known.active_hours,
        health=known.health if moment < known.unwell_until else 1.0,
    )
    parts = parts_of(model, known.coefficients, features)
    return Candidate(moment, due, round(chance(parts), 4), tuple(parts))


def _paid_at(here: Situation) -> tuple[datetime, ...]:
    return here.around.customer.paid_at


def _country(here: Situation) -> str | None:
    """Whose paydays and seasons count: the customer's, else the issuer's."""
    return here.around.customer.country or here.facts.instrument.country
