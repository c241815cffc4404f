"""When service is taken: never at night, never in the silent window, never over the turn of the year."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.decide import next_step
from policies.declines import Category
from policies.document import Contact, LimitAccess, PolicyDocument
from policies.facts import AccessLevel, CaseFacts, Refusal
from policies.steps import AnyStep, Charge, Close, Limit, Notify, Suspend
from policies.surroundings import CustomerView, Surroundings
from tests.policies.timeline import (
    LOW_VALUE,
    OLD_CARD,
    SELF_SERVE,
    access,
    at,
    case,
    day,
    entry,
    everything_told,
    told,
    tried,
)

QUIET = everything_told(SELF_SERVE, day(-9))
BERLIN = Surroundings(customer=CustomerView(zone="Europe/Berlin", country="DE"))
NOWHERE = Surroundings()
LIMITED = access(AccessLevel.LIMITED, day(8))
TOLD_OF_LIMITS = (*QUIET, told("limited", day(8)))
AT_NIGHT = datetime(2026, 3, 18, 2, tzinfo=UTC)
"""Three in the morning in Berlin, two days after the suspension was due."""


def step_of(
    facts: CaseFacts, now: datetime, around: Surroundings = BERLIN, policy: PolicyDocument = SELF_SERVE
) -> AnyStep:
    return next_step(policy, facts, around, now)


def unpaid(**facts: object) -> CaseFacts:
    """Limited on day 8 and told so; nothing is charged any more by itself."""
    return case(Category.EXPIRED_CARD, **{"messages": TOLD_OF_LIMITS, "access_changes": (LIMITED,), **facts})


def since(failed_at: datetime, policy: PolicyDocument = SELF_SERVE) -> CaseFacts:
    messages = (*everything_told(policy, failed_at), told("limited", failed_at))
    limited = access(AccessLevel.LIMITED, failed_at)
    return unpaid(failed_at=failed_at, opened_at=failed_at, messages=messages, access_changes=(limited,))


# --- hours ------------------------------------------------------------------------------------------------------------


def test_service_that_is_overdue_at_night_is_taken_in_the_morning() -> None:
    step = step_of(unpaid(), AT_NIGHT)
    assert isinstance(step, Suspend)
    assert step.at == datetime(2026, 3, 18, 7, tzinfo=UTC)
    limit = step_of(unpaid(messages=QUIET, access_changes=()), AT_NIGHT)
    assert isinstance(limit, Limit)
    assert limit.at == step.at


def test_what_comes_up_before_the_morning_goes_before_a_loss_that_waits_for_it() -> None:
    facts = case(
        messages=TOLD_OF_LIMITS,
        access_changes=(LIMITED,),
        attempts=(tried(1, day(16) - timedelta(hours=12), "ladder-5"),),
    )
    early = SELF_SERVE.model_copy(
        update={"close": SELF_SERVE.close.model_copy(update={"after": AT_NIGHT + timedelta(hours=1) - day(0)})}
    )
    step = step_of(facts, AT_NIGHT, policy=early)
    assert isinstance(step, Close)


def test_what_is_overdue_in_contact_hours_is_taken_at_once() -> None:
    noon = AT_NIGHT + timedelta(hours=9)
    assert step_of(unpaid(), noon).at == noon


# --- silence ----------------------------------------------------------------------------------------------------------


def test_service_is_not_taken_while_nothing_may_be_said() -> None:
    silent = SELF_SERVE.model_copy(
        update={
            "contact": Contact(silent_window={Category.INSUFFICIENT_FUNDS: timedelta(days=3)}),
            "limit": LimitAccess(failures=2, takes=("extras",)),
            "retries": SELF_SERVE.retries.model_copy(update={"ladder": (timedelta(hours=1), timedelta(days=9))}),
        }
    )
    facts = case(messages=QUIET, attempts=(tried(1, at(1), "ladder-1"),))
    step = step_of(facts, at(1), NOWHERE, silent)
    assert isinstance(step, Limit)
    assert step.at == day(3)


def test_a_loss_that_came_before_the_silence_is_not_spoken_of_until_it_ends() -> None:
    """Limited for want of funds; then another refusal, of a kind in which the first words wait for a day."""
    changes = (access(AccessLevel.LIMITED, at(1)),)
    late = tried(1, at(1), "ladder-1", category=Category.VELOCITY_LIMIT)
    step = step_of(case(messages=QUIET, access_changes=changes, attempts=(late,)), at(1), NOWHERE)
    assert isinstance(step, Notify)
    assert (step.name, step.at) == ("limited", day(1))


# --- a charge that comes first ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["as a fact", "in the ledger"])
def test_a_retry_that_a_rule_moved_is_not_waited_for(seen: str) -> None:
    """The same for a refusal when the charge was tried and for one that is seen in the ledger before."""
    attempts = tuple(tried(n, day(d), f"ladder-{n}") for n, d in enumerate((1, 3, 6, 9), start=1))
    refused = Refusal(at=day(13), credential_id=OLD_CARD, rule="r", free_at=day(28), rung="ladder-5")
    facts = case(
        messages=TOLD_OF_LIMITS,
        access_changes=(LIMITED,),
        attempts=attempts,
        refusals=(refused,) if seen == "as a fact" else (),
    )
    full = tuple(entry(day(-1) + timedelta(hours=n)) for n in range(15)) if seen == "in the ledger" else ()
    step = step_of(facts, day(13.1), Surroundings(ledger=full))
    assert isinstance(step, Suspend)
    assert step.at == day(14)


def test_a_retry_that_the_rule_has_freed_is_waited_for_again() -> None:
    refused = Refusal(at=day(13), credential_id=OLD_CARD, rule="r", free_at=day(15), rung="ladder-5")
    attempts = tuple(tried(n, day(d), f"ladder-{n}") for n, d in enumerate((1, 3, 6, 9), start=1))
    facts = case(messages=TOLD_OF_LIMITS, access_changes=(LIMITED,), attempts=attempts, refusals=(refused,))
    step = step_of(facts, day(16), NOWHERE)
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == ("ladder-5", day(16))


# --- the turn of the year ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "suspended"),
    [
        (datetime(2026, 12, 9, 10, tzinfo=UTC), datetime(2026, 12, 23, 10, tzinfo=UTC)),
        (datetime(2026, 12, 10, 10, tzinfo=UTC), datetime(2027, 1, 3, 7, tzinfo=UTC)),
        (datetime(2026, 12, 9, 20, tzinfo=UTC), datetime(2027, 1, 3, 7, tzinfo=UTC)),
        (datetime(2026, 12, 19, 10, tzinfo=UTC), datetime(2027, 1, 3, 7, tzinfo=UTC)),
        (datetime(2026, 12, 20, 10, tzinfo=UTC), datetime(2027, 1, 3, 10, tzinfo=UTC)),
    ],
)
def test_nobody_is_suspended_from_christmas_eve_to_the_second_of_january(failed: datetime, suspended: datetime) -> None:
    step = step_of(since(failed), failed + timedelta(days=13))
    assert isinstance(step, Suspend)
    assert step.at == suspended


def test_a_suspension_that_is_overdue_on_christmas_waits_for_the_new_year() -> None:
    failed = datetime(2026, 12, 8, 10, tzinfo=UTC)
    step = step_of(since(failed), datetime(2026, 12, 25, 12, tzinfo=UTC))
    assert isinstance(step, Suspend)
    assert step.at == datetime(2027, 1, 3, 7, tzinfo=UTC)


def test_a_message_names_the_day_after_the_turn_of_the_year() -> None:
    failed = datetime(2026, 12, 15, 10, tzinfo=UTC)
    facts = case(Category.EXPIRED_CARD, failed_at=failed, opened_at=failed)
    step = step_of(facts, failed)
    assert isinstance(step, Notify)
    assert step.words.suspend_at == datetime(2027, 1, 2, 23, tzinfo=UTC)


def test_who_may_live_in_several_zones_is_spared_until_the_turn_is_over_in_all() -> None:
    wide = ("America/New_York", "Pacific/Honolulu")
    around = Surroundings(customer=CustomerView(zone=wide[0], zones=wide, country="US"))
    failed = datetime(2026, 12, 15, 10, tzinfo=UTC)
    step = step_of(since(failed), failed + timedelta(days=13), around)
    assert isinstance(step, Suspend)
    assert step.at == datetime(2027, 1, 3, 18, tzinfo=UTC)


def test_limits_may_be_set_over_the_turn_of_the_year() -> None:
    failed = datetime(2026, 12, 18, 10, tzinfo=UTC)
    facts = case(
        Category.EXPIRED_CARD, failed_at=failed, opened_at=failed, messages=everything_told(SELF_SERVE, failed)
    )
    step = step_of(facts, failed)
    assert isinstance(step, Limit)
    assert step.at == datetime(2026, 12, 26, 10, tzinfo=UTC)


# --- a window that is avoided -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("december", [18, 19, 20, 21, 22])
def test_the_retry_that_a_season_put_off_comes_before_the_suspension(december: int) -> None:
    """Small sums wait out the year's end, which swallows the whole of their window."""
    failed = datetime(2026, 12, december, 10, tzinfo=UTC)
    facts = case(failed_at=failed, opened_at=failed, messages=everything_told(LOW_VALUE, failed))
    charge = step_of(facts, failed, policy=LOW_VALUE)
    assert isinstance(charge, Charge)
    assert charge.at.date().isoformat() == "2027-01-07"
    tried_then = facts.model_copy(update={"attempts": (tried(1, charge.at, charge.rung),)})
    assert isinstance(step_of(tried_then, charge.at, policy=LOW_VALUE), Suspend)
