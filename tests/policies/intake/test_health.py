"""When a source is healthy, degraded, silent or failing, told as hours."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.intake.health import Hour, SourceHealth, SourceState, judge

# A Wednesday, half past ten.
NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
THIS_HOUR = NOW.replace(minute=0)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


def weeks(count: int, an_hour: int = 60, but: timedelta = timedelta()) -> list[Hour]:
    """The same in every hour of so many weeks, up to `but` before this hour."""
    last = THIS_HOUR - HOUR - but
    return [Hour(hour=last - n * HOUR, events=an_hour) for n in range(count * 168)]


def judged(hours: list[Hour], last: datetime | None = NOW, oldest: datetime | None = None) -> SourceHealth:
    return judge("stripe", "default", hours, last, oldest, waiting=3 if oldest else 0, now=NOW)


def test_a_source_that_speaks_as_usual_is_healthy() -> None:
    seen = judged([*weeks(4), Hour(hour=THIS_HOUR, events=30)])
    assert (seen.state, seen.because) == (SourceState.HEALTHY, "as usual")
    assert (seen.rate, seen.usual) == (60.0, 60.0)


def test_the_hour_of_the_week_counts_and_not_the_hour_before() -> None:
    """On Wednesday mornings nothing ever comes, so nothing is missing."""
    quiet = [each for each in weeks(4) if not (each.hour.weekday() == 2 and 6 <= each.hour.hour <= 12)]
    seen = judged(quiet, last=NOW - timedelta(hours=4, minutes=35))
    assert seen.state is SourceState.HEALTHY
    assert seen.usual == 0.0


@pytest.mark.parametrize(
    ("minutes", "state"), [(6, SourceState.HEALTHY), (7, SourceState.SILENT), (120, SourceState.SILENT)]
)
def test_silence_is_measured_in_events_that_should_have_come(minutes: int, state: SourceState) -> None:
    """At sixty an hour seven minutes of silence are no chance any more."""
    this = Hour(hour=THIS_HOUR, events=60)
    seen = judged([*weeks(4), this], last=NOW - timedelta(minutes=minutes))
    assert seen.state is state
    assert seen.missing == pytest.approx(minutes, abs=0.1)


def test_a_rare_source_may_be_quiet_for_days() -> None:
    """One event a day: six days are chance, eight are not."""
    rare = [each for each in weeks(6, an_hour=1) if each.hour.hour == 3]
    assert judged(rare, last=NOW - timedelta(days=6)).state is SourceState.HEALTHY
    silent = judged(rare, last=NOW - timedelta(days=8))
    assert silent.state is SourceState.SILENT
    assert silent.because == "8 events should have come since 2026-02-24 10:30 UTC"


def test_in_its_first_week_a_source_is_not_called_silent() -> None:
    young = weeks(1)[: 6 * 24]
    assert judged(young, last=NOW - timedelta(hours=5)).state is SourceState.HEALTHY


def test_a_source_that_has_never_spoken_is_silent_and_says_what_to_look_at() -> None:
    never = judged([], last=None)
    assert never.state is SourceState.SILENT
    assert "dashboard" in never.because


@pytest.mark.parametrize(
    ("failed", "state"),
    [(4, SourceState.HEALTHY), (6, SourceState.DEGRADED), (100, SourceState.FAILING)],
)
@pytest.mark.parametrize("what", ["bad_signatures", "malformed", "refused", "dead"])
def test_what_fails_degrades_a_source_and_when_it_is_most_of_it_the_source_fails(
    what: str, failed: int, state: SourceState
) -> None:
    this = Hour.model_validate({"hour": THIS_HOUR, "events": 100, what: failed})
    seen = judged([*weeks(4, an_hour=0), this])
    assert seen.state is state
    assert seen.failure_share == pytest.approx(failed / (100 + failed), abs=0.001)


@pytest.mark.parametrize(
    ("waits", "state"),
    [(59, SourceState.HEALTHY), (60, SourceState.DEGRADED), (600, SourceState.FAILING)],
)
def test_an_event_that_waits_for_the_relay_is_lag(waits: int, state: SourceState) -> None:
    seen = judged([Hour(hour=THIS_HOUR, events=1)], oldest=NOW - timedelta(seconds=waits))
    assert (seen.state, seen.lag, seen.waiting) == (state, timedelta(seconds=waits), 3)


def test_half_as_much_as_usual_is_degraded() -> None:
    fewer = [*weeks(4)[1:], Hour(hour=THIS_HOUR - HOUR, events=20), Hour(hour=THIS_HOUR, events=18)]
    seen = judged(fewer)
    assert (seen.state, seen.because) == (SourceState.DEGRADED, "28 events in the last hour instead of 60")


def test_a_little_less_of_very_little_is_nothing_to_speak_of() -> None:
    fewer = [*weeks(4, an_hour=4)[1:], Hour(hour=THIS_HOUR, events=1)]
    assert judged(fewer).state is SourceState.HEALTHY
