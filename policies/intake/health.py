"""Whether a source speaks as it usually does: healthy, degraded, silent or failing, and why.

`usual` is the mean of the same hour of the week over the weeks that are known. A source is silent when so many events
should have come since its last one that chance explains it once in a thousand times (Poisson: e^-7).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from policies.base import Record, UtcTime

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
WEEKS_LOOKED_AT = 8
MISSING_TOO_MANY = 7.0
LONGEST_LOOK_BACK = timedelta(days=14)

SHARE_DEGRADED, SHARE_FAILING, ENOUGH_TO_JUDGE = 0.05, 0.5, 5
RATE_DEGRADED, ENOUGH_EXPECTED = 0.5, 20.0
LAG_DEGRADED, LAG_FAILING = timedelta(minutes=1), timedelta(minutes=10)


class SourceState(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    SILENT = "silent"
    FAILING = "failing"


class Hour(Record):
    """What came in the hour that begins at `hour`. `events` were kept; the others were not, or became nothing."""

    hour: UtcTime
    events: int = 0
    bad_signatures: int = 0
    malformed: int = 0
    refused: int = 0
    dead: int = 0

    @property
    def failures(self) -> int:
        return self.bad_signatures + self.malformed + self.refused + self.dead


class SourceHealth(Record):
    """`rate`, `usual`: events in the last hour and in such an hour usually. `missing`: events that should have come
    since the last one. `failure_share`: of all that came in the last hour. `lag`: how long its oldest event waits."""

    source: str
    account: str
    state: SourceState
    because: str
    last_event_at: UtcTime | None
    rate: float
    usual: float
    missing: float
    failure_share: float
    bad_signatures: int
    lag: timedelta
    waiting: int


def judge(
    source: str,
    account: str,
    hours: Sequence[Hour],
    last_event_at: datetime | None,
    oldest_waiting_at: datetime | None,
    waiting: int,
    now: datetime,
) -> SourceHealth:
    """`hours`: those of the last WEEKS_LOOKED_AT weeks in which anything came, in any order."""
    by_hour = {each.hour: each for each in hours}
    usual = _Usual(by_hour, now)
    recent = [each for each in hours if each.hour > now - 2 * HOUR]
    failures = sum(each.failures for each in recent)
    kept = sum(each.events for each in recent)
    share = failures / (failures + kept) if failures + kept else 0.0
    bad = sum(each.bad_signatures for each in recent)
    rate, expected = _last_hour(by_hour, usual, now)
    missing = usual.between(max(last_event_at, now - LONGEST_LOOK_BACK), now) if last_event_at else 0.0
    lag = _whole_seconds(now - oldest_waiting_at) if oldest_waiting_at else timedelta()
    state, because = _verdict(last_event_at, rate, expected, missing, failures, share, lag)
    return SourceHealth(
        source=source,
        account=account,
        state=state,
        because=because,
        last_event_at=last_event_at,
        rate=round(rate, 1),
        usual=round(expected, 1),
        missing=round(missing, 1),
        failure_share=round(share, 3),
        bad_signatures=bad,
        lag=lag,
        waiting=waiting,
    )


def _verdict(
    last_event_at: datetime | None,
    rate: float,
    expected: float,
    missing: float,
    failures: int,
    share: float,
    lag: timedelta,
) -> tuple[SourceState, str]:
    if failures >= ENOUGH_TO_JUDGE and share >= SHARE_FAILING:
        return SourceState.FAILING, f"{share:.0%} of what came lately failed"
    if lag >= LAG_FAILING:
        return SourceState.FAILING, f"its oldest event waits for {_minutes(lag)}; is a worker running, Temporal up?"
    if last_event_at is None:
        return SourceState.SILENT, "nothing has ever come; is the address set in its dashboard?"
    if missing >= MISSING_TOO_MANY:
        return SourceState.SILENT, f"{missing:.0f} events should have come since {last_event_at:%Y-%m-%d %H:%M} UTC"
    if failures >= ENOUGH_TO_JUDGE and share >= SHARE_DEGRADED:
        return SourceState.DEGRADED, f"{share:.0%} of what came lately failed"
    if lag >= LAG_DEGRADED:
        return SourceState.DEGRADED, f"its oldest event waits for {_minutes(lag)}"
    if expected >= ENOUGH_EXPECTED and rate < RATE_DEGRADED * expected:
        return SourceState.DEGRADED, f"{rate:.0f} events in the last hour instead of {expected:.0f}"
    return SourceState.HEALTHY, "as usual"


class _Usual:
    """The mean of each hour of the week, over the weeks since the first event that is known."""

    def __init__(self, by_hour: Mapping[datetime, Hour], now: datetime) -> None:
        self._by_hour = by_hour
        self._first = min(by_hour, default=now)

    def in_hour(self, hour: datetime) -> float:
        """0 while no such hour is known."""
        weeks = min(int((hour - self._first) / WEEK), WEEKS_LOOKED_AT)
        before = [self._by_hour.get(hour - week * WEEK) for week in range(1, weeks + 1)]
        return sum(each.events for each in before if each) / weeks if weeks > 0 else 0.0

    def between(self, begin: datetime, end: datetime) -> float:
        total, hour = 0.0, _begin_of_hour(begin)
        while hour < end:
            overlap = min(end, hour + HOUR) - max(begin, hour)
            total += self.in_hour(hour) * (overlap / HOUR)
            hour += HOUR
        return total


def _last_hour(by_hour: Mapping[datetime, Hour], usual: _Usual, now: datetime) -> tuple[float, float]:
    """Events of the last sixty minutes, and as many as usual; of the hour before only the part that lies in them."""
    this = _begin_of_hour(now)
    part = 1 - (now - this) / HOUR
    nothing = Hour(hour=this)
    rate = by_hour.get(this, nothing).events + part * by_hour.get(this - HOUR, nothing).events
    return rate, usual.between(now - HOUR, now)


def _begin_of_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _whole_seconds(span: timedelta) -> timedelta:
    """As a duration is written in JSON (RFC 3339), which knows no parts of a second, nor less than nothing."""
    return timedelta(seconds=max(0, span // timedelta(seconds=1)))


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes"
