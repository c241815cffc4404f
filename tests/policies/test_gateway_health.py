"""When a gateway is down, degraded or well; how an outage is probed and ends; and that nobody rushes back at once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.declines import Category, Decline, classify
from policies.facts import Outcome
from policies.gateway_health import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    NOBODY_PROBED,
    PROBES_WANTED,
    Admitted,
    Call,
    Counts,
    GatewayHealth,
    Kind,
    NotNow,
    Outage,
    Result,
    Scope,
    State,
    admission,
    after_probe,
    is_season,
    judge,
    opened,
    result_of,
    resume_at,
    scopes_of,
    why_it_breaks,
    worst,
)

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NO_CALLS = Counts()
ACCOUNT, REGION, ISSUER = scopes_of("DE", "Sparkasse")


def call(result: Result = Result.APPROVED, seconds: float = 1.0, at: datetime = NOW) -> Call:
    return Call(at=at, took_seconds=seconds, result=result)


def judged(recent: Counts, base: Counts = NO_CALLS, scope: Scope = ACCOUNT, season: bool = False) -> GatewayHealth:
    return judge("stripe/default", scope, recent, base, None, NOW, season)


def with_outage(outage: Outage, now: datetime = NOW) -> GatewayHealth:
    return judge("stripe/default", outage.scope, Counts(), Counts(), outage, now, season=False)


def refusal(code: str) -> Decline:
    return classify("stripe", code)


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code", "result"),
    [
        (Outcome.SUCCEEDED, None, Result.APPROVED),
        (Outcome.PENDING, None, Result.APPROVED),
        (Outcome.UNKNOWN, None, Result.FAILED),
        (Outcome.NOT_ACCEPTED, None, Result.FAILED),
        (None, None, Result.FAILED),
        (Outcome.DECLINED, None, Result.DECLINED),
        (Outcome.DECLINED, "insufficient_funds", Result.DECLINED),
        (Outcome.DECLINED, "processing_error", Result.FAILED),
        (Outcome.DECLINED, "issuer_not_available", Result.ISSUER_FAILED),
    ],
)
def test_what_a_call_came_to_is_read_from_outcome_and_decline(
    outcome: Outcome | None, code: str | None, result: Result
) -> None:
    assert result_of(outcome, refusal(code) if code else None) is result


def test_the_codes_above_mean_what_they_should() -> None:
    assert refusal("processing_error").category is Category.GATEWAY_ERROR
    assert refusal("issuer_not_available").category is Category.ISSUER_UNAVAILABLE


def test_a_charge_falls_under_its_account_and_what_is_known_of_its_card() -> None:
    assert scopes_of(None, None) == (ACCOUNT,)
    assert scopes_of("DE", "") == (ACCOUNT, REGION)
    assert [scope.kind for scope in (ACCOUNT, REGION, ISSUER)] == list(Kind)


def test_a_bank_out_of_reach_says_nothing_of_the_gateway_and_much_of_itself() -> None:
    assert call(Result.ISSUER_FAILED).speaks_for(Kind.ACCOUNT) is None
    assert call(Result.ISSUER_FAILED).speaks_for(Kind.REGION) is False
    assert call(Result.APPROVED, seconds=10.5).speaks_for(Kind.ACCOUNT) is False
    assert call(Result.DECLINED).speaks_for(Kind.ISSUER) is True


def test_a_season_is_that_of_the_region_or_of_the_whole_world() -> None:
    golden_week = datetime(2026, 2, 17, tzinfo=UTC)
    assert is_season(Scope(Kind.REGION, "CN"), golden_week)
    assert not is_season(ACCOUNT, golden_week)
    assert not is_season(Scope(Kind.ISSUER, "CN"), golden_week)


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recent", "breaks", "breaks_in_season"),
    [
        (Counts(failed=4), False, False),
        (Counts(failed=5), True, True),
        (Counts(failed=5, approved=5), True, False),
        (Counts(failed=5, declined=6), False, False),
        (Counts(failed=65, approved=35), True, True),
        (Counts(slow=5, approved=10), True, False),
        (Counts(slow=5, approved=11), False, False),
        (Counts(slow=7, approved=10), True, True),
    ],
)
def test_an_outage_begins_at_half_the_calls_and_in_a_season_later(
    recent: Counts, breaks: bool, breaks_in_season: bool
) -> None:
    assert (why_it_breaks(ACCOUNT, recent, season=False) is not None) is breaks
    assert (why_it_breaks(ACCOUNT, recent, season=True) is not None) is breaks_in_season


def test_banks_out_of_reach_are_the_accounts_fault_only_when_they_are_many() -> None:
    assert why_it_breaks(ACCOUNT, Counts(issuer_failed=9, issuers_failing=2), season=False) is None
    assert why_it_breaks(ACCOUNT, Counts(issuer_failed=9, issuers_failing=3), season=False)
    assert why_it_breaks(REGION, Counts(issuer_failed=9), season=False)
    assert why_it_breaks(ISSUER, Counts(issuer_failed=9), season=False)


@pytest.mark.parametrize(
    ("recent", "season", "because"),
    [
        (Counts(), False, None),
        (Counts(failed=5, approved=15), False, "5 of 20 calls failed in the last ten minutes"),
        (Counts(failed=5, approved=15), True, None),
        (Counts(slow=5, approved=20), False, "5 of 20 calls took more than ten seconds in the last ten minutes"),
        (Counts(approved=10, declined=40), False, "approves 20%, usually 60%"),
        (Counts(approved=9, declined=40), False, None),
        (Counts(approved=15, declined=35), False, None),
    ],
)
def test_half_of_what_ends_in_an_outage_is_degraded_and_so_is_a_fall_of_approvals(
    recent: Counts, season: bool, because: str | None
) -> None:
    found = judged(recent, Counts(approved=600, declined=400), season=season)
    assert found.state is (State.DEGRADED if because else State.HEALTHY)
    assert found.because == (because or "as usual")
    assert not found.holds(NOW)


def test_without_a_usual_rate_nothing_has_fallen() -> None:
    assert judged(Counts(declined=60)).state is State.HEALTHY


def test_the_figures_are_those_of_the_window_and_of_the_day() -> None:
    recent = Counts(approved=3, declined=1, failed=1, slow=2, seconds=25, longest=12.3456)
    figures = judged(recent, Counts(approved=1, declined=1)).figures
    assert (figures.calls, figures.failure_share, figures.slow_share) == (5, 0.2, 0.4)
    assert (figures.approval_rate, figures.usual_approval_rate) == (0.75, 0.5)
    assert (figures.mean_seconds, figures.longest_seconds) == (5.0, 12.346)
    assert judged(Counts()).figures.approval_rate is None


def test_the_worst_counts_and_among_equals_the_widest() -> None:
    well, degraded = judged(Counts()), judged(Counts(failed=5, approved=15), scope=REGION)
    down = with_outage(opened(ISSUER, "x", NOW))
    assert worst([well, degraded, down]) is down
    assert worst([well, judged(Counts(), scope=REGION)]) is well


# --- outages ----------------------------------------------------------------------------------------------------------


def test_an_open_outage_is_down_until_its_probe_is_due_and_then_probing() -> None:
    outage = opened(ACCOUNT, "5 of 5 calls failed", NOW)
    assert (with_outage(outage).state, with_outage(outage).because) == (State.DOWN, "5 of 5 calls failed")
    assert with_outage(outage).holds(NOW)
    due = with_outage(outage, NOW + FIRST_PAUSE)
    assert (due.state, due.holds(NOW + FIRST_PAUSE), due.since) == (State.PROBING, False, NOW)
    one_good = after_probe(outage, call())
    assert with_outage(one_good).state is State.PROBING
    assert with_outage(one_good).holds(NOW)


def test_failed_probes_double_the_pause_up_to_its_longest_and_a_good_one_resets_it() -> None:
    outage, pauses = opened(ACCOUNT, "x", NOW), []
    for _ in range(6):
        outage = after_probe(outage, call(Result.FAILED, seconds=20))
        pauses.append(outage.pause // MINUTE)
    assert pauses == [2, 4, 8, 15, 15, 15]
    assert outage.next_probe_at == NOW + timedelta(seconds=20) + LONGEST_PAUSE
    assert after_probe(outage, call(Result.DECLINED)).pause == FIRST_PAUSE


def test_three_good_probes_in_a_row_end_it_and_a_failed_one_starts_the_count_anew() -> None:
    outage = opened(REGION, "x", NOW)
    for result in (Result.APPROVED, Result.DECLINED, Result.ISSUER_FAILED, Result.APPROVED, Result.DECLINED):
        outage = after_probe(outage, call(result))
        assert outage.ended_at is None
    assert after_probe(outage, call()).ended_at == NOW + timedelta(seconds=1)


def test_a_probe_that_shows_nothing_changes_nothing_but_the_time_of_the_next() -> None:
    outage = after_probe(after_probe(opened(ACCOUNT, "x", NOW), call(Result.FAILED)), call(Result.ISSUER_FAILED))
    assert (outage.pause, outage.good_probes, outage.ended_at) == (2 * FIRST_PAUSE, 0, None)


def test_who_has_the_probe_keeps_it_and_others_wait() -> None:
    outage = opened(ACCOUNT, "x", NOW).model_copy(update={"probe_key": "att_1"})
    assert admission([outage], "att_1", NOW) == Admitted(probes=(ACCOUNT,))
    assert admission([outage], "att_2", NOW) == NotNow(because="x", free_at=NOW + FIRST_PAUSE)
    assert admission([outage], "att_2", NOW + FIRST_PAUSE) == Admitted(probes=(ACCOUNT,))
    assert admission([], "att_2", NOW) == Admitted()


def test_of_several_outages_the_last_to_be_probed_decides() -> None:
    due = opened(ACCOUNT, "account", NOW - MINUTE)
    later = opened(REGION, "region", NOW)
    assert admission([due, later], "att_1", NOW) == NotNow(because="region", free_at=NOW + FIRST_PAUSE)


def test_nobody_waits_longer_than_the_longest_pause_whatever_another_cases_clock_says() -> None:
    outage = opened(ACCOUNT, "x", NOW + timedelta(days=7))
    assert admission([outage], "att_1", NOW) == NotNow(because="x", free_at=NOW + LONGEST_PAUSE)
    assert with_outage(outage).next_probe_at == NOW + LONGEST_PAUSE


# --- coming back ------------------------------------------------------------------------------------------------------


@given(st.text(), st.integers(0, 600))
def test_a_held_case_looks_again_after_the_probe_within_half_of_the_outage(case_id: str, minutes: int) -> None:
    outage = opened(ACCOUNT, "x", NOW - minutes * MINUTE).model_copy(update={"next_probe_at": NOW + MINUTE})
    health, most = with_outage(outage), min(timedelta(minutes=30), minutes * MINUTE / 2)
    assert NOW + MINUTE <= resume_at(health, case_id, NOW) <= NOW + MINUTE + most


@given(st.text(), st.integers(0, 120))
def test_after_an_outage_cases_come_back_spread_and_never_in_the_past(case_id: str, minutes: int) -> None:
    ended = NOW - timedelta(minutes=minutes)
    health = judge("g/a", ACCOUNT, Counts(), Counts(), None, NOW, False, last=(ended - timedelta(hours=4), ended))
    assert NOW <= resume_at(health, case_id, NOW) <= max(NOW, ended + timedelta(minutes=30))


def test_many_cases_do_not_come_back_at_once() -> None:
    health = judge("g/a", ACCOUNT, Counts(), Counts(), None, NOW, False, last=(NOW - timedelta(hours=4), NOW))
    minutes = [(resume_at(health, f"case {n}", NOW) - NOW) // MINUTE for n in range(3000)]
    counts = [minutes.count(each) for each in range(30)]
    assert min(counts) > 50
    assert max(counts) < 150


def test_a_case_goes_at_once_when_nothing_holds_it() -> None:
    assert resume_at(judged(Counts()), "case", NOW) == NOW
    due = with_outage(opened(ACCOUNT, "x", NOW - MINUTE))
    assert resume_at(due, "case", NOW) == NOW


class Probing(RuleBasedStateMachine):
    """Cases that ask, answers that come or never do, and time that passes, in any order, during one outage."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.asked = NOW, 0
        self.outage = opened(ACCOUNT, "x", NOW)
        self.good_in_a_row = 0

    @rule(seconds=st.integers(1, 1200))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.outage.ended_at is None)
    @rule()
    def a_case_asks(self) -> None:
        self.asked += 1
        key, was_due = f"att_{self.asked}", self.outage.next_probe_at <= self.now
        answer = admission([self.outage], key, self.now)
        assert isinstance(answer, Admitted) is was_due
        if isinstance(answer, Admitted):
            self.outage = self.outage.model_copy(update={"probe_key": key, "next_probe_at": self.now + LEASE})
            assert isinstance(admission([self.outage], "att_other", self.now), NotNow)
        else:
            assert self.now < answer.free_at <= self.now + LONGEST_PAUSE

    @precondition(lambda self: self.outage.probe_key is not None)
    @rule(result=st.sampled_from(Result), seconds=st.sampled_from([0.5, 20.0]))
    def its_answer_comes(self, result: Result, seconds: float) -> None:
        made = call(result, seconds, self.now)
        shows = made.speaks_for(Kind.ACCOUNT)
        self.good_in_a_row = self.good_in_a_row + 1 if shows else self.good_in_a_row if shows is None else 0
        self.outage = after_probe(self.outage, made)

    @invariant()
    def it_ends_with_the_third_good_answer_in_a_row_and_never_before(self) -> None:
        assert (self.outage.ended_at is not None) is (self.good_in_a_row >= PROBES_WANTED)

    @invariant()
    def pauses_stay_between_the_first_and_the_longest(self) -> None:
        assert FIRST_PAUSE <= self.outage.pause <= LONGEST_PAUSE


TestProbing = Probing.TestCase


# --- words meanwhile --------------------------------------------------------------------------------------------------


def test_nobody_is_written_to_until_a_probe_went_well() -> None:
    outage = opened(ACCOUNT, "5 of 5 calls failed", NOW)
    due = outage.next_probe_at
    assert with_outage(outage).silences(NOW)
    assert with_outage(outage, due).silences(due)
    works = after_probe(outage, call(at=due))
    again = works.next_probe_at
    assert with_outage(works, again).silences(again - MINUTE / 2), "the next probe is not due yet"
    assert not with_outage(works, again).silences(again)


def test_where_nobody_has_a_charge_to_try_words_do_not_wait_for_ever() -> None:
    outage = opened(ACCOUNT, "5 of 5 calls failed", NOW)
    late = outage.next_probe_at + NOBODY_PROBED
    assert not with_outage(outage, late).silences(late)


def test_without_an_outage_nothing_waits() -> None:
    assert not judged(Counts(approved=3)).silences(NOW)
