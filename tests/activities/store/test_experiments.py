"""What came of trials, as the tables have it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.store.experiments import Experiments
from activities.store.store import Store
from policies.document import PolicyDocument
from policies.events import CloseOutcome
from policies.experiments import HELD_OUT, Tally
from policies.said import MessageStatus
from tests.activities.store.spoken import NOW, Spoken
from tests.policies.timeline import PREMIUM, SELF_SERVE

DAY = timedelta(days=1)
LOST = CloseOutcome.WRITTEN_OFF


@pytest.fixture
def spoken(store: Store) -> Spoken:
    return Spoken(store)


async def heard(
    spoken: Spoken,
    invoice_id: str,
    variant: str | None = None,
    outcome: CloseOutcome | None = CloseOutcome.RECOVERED,
    at: datetime = NOW,
    policy: PolicyDocument = SELF_SERVE,
    name: str = "reminder",
    reopen: int = 0,
) -> str:
    of = await spoken.open(invoice_id, policy=policy, reopen=reopen)
    key = await spoken.reserve(of, name, variant=variant, at=at)
    if outcome:
        await spoken.close(of, outcome)
    return key


async def tallies(spoken: Spoken, **wanted: Any) -> dict[str, tuple[int, int]]:
    """Arm -> cases and those recovered, of one message."""
    found = await Experiments(spoken.store.pool).tallies(**wanted)
    return {row.arm: (row.cases, row.recovered) for row in found}


async def test_without_a_trial_there_is_nothing_to_tell(spoken: Spoken) -> None:
    await heard(spoken, "in_1")
    assert await Experiments(spoken.store.pool).tallies() == ()


async def test_each_arm_is_counted_with_what_became_of_its_cases(spoken: Spoken) -> None:
    await heard(spoken, "in_1", "late")
    key = await heard(spoken, "in_2", None, LOST)
    await spoken.say(key)
    await spoken.hear(key, "complained")
    await spoken.hear(key, "opted_out")
    await spoken.hear(key, "delivered")
    await heard(spoken, "in_3", None, CloseOutcome.CANCELLED)
    kept_from = await heard(spoken, "in_4", HELD_OUT, LOST)
    await spoken.store.messages.ended(kept_from, None, MessageStatus.HELD_OUT, "held out", NOW)
    await heard(spoken, "in_5", "late", CloseOutcome.DISPUTED)
    ordinary = Tally(policy="self_serve", message="reminder", cases=2, recovered=0, complained=1, opted_out=1)
    none = {"complained": 0, "opted_out": 0}
    assert await Experiments(spoken.store.pool).tallies() == (
        ordinary,
        ordinary.model_copy(update={**none, "variant": HELD_OUT, "cases": 1}),
        ordinary.model_copy(update={**none, "variant": "late", "recovered": 1}),
    )


async def test_open_cases_are_not_counted_yet(spoken: Spoken) -> None:
    await heard(spoken, "in_1", "late", None)
    assert await tallies(spoken) == {}
    await heard(spoken, "in_2", None)
    assert await tallies(spoken) == {"ordinary": (1, 1)}


async def test_ordinary_cases_count_from_the_first_to_the_last_day_of_the_trial(spoken: Spoken) -> None:
    for day, variant in enumerate((None, "late", None, "late", None)):
        await heard(spoken, f"in_{day}", variant, at=NOW + day * DAY)
    assert await tallies(spoken) == {"ordinary": (1, 1), "late": (2, 2)}


async def test_cases_of_a_policy_without_the_trial_are_no_comparison(spoken: Spoken) -> None:
    await heard(spoken, "in_1", "late")
    await heard(spoken, "in_2", None)
    await heard(spoken, "in_3", None, policy=PREMIUM)
    assert await tallies(spoken) == {"ordinary": (1, 1), "late": (1, 1)}
    newer = SELF_SERVE.model_copy(update={"version": 2})
    await heard(spoken, "in_4", None, policy=newer)
    assert await tallies(spoken) == {"ordinary": (2, 2), "late": (1, 1)}


async def test_a_case_counts_once_with_the_last_run_that_heard_it(spoken: Spoken) -> None:
    await heard(spoken, "in_1", "late", LOST)
    key = await heard(spoken, "in_1", "late", at=NOW + DAY, reopen=1)
    assert await tallies(spoken) == {"late": (1, 1)}
    again = await spoken.reserve(await spoken.open("in_1", reopen=1), "reminder_2", variant="late")
    assert key != again
    assert await tallies(spoken, message="reminder") == {"late": (1, 1)}


async def test_a_complaint_of_another_run_or_message_is_not_this_ones(spoken: Spoken) -> None:
    first = await heard(spoken, "in_1", "late", LOST)
    await heard(spoken, "in_1", "late", at=NOW + DAY, reopen=1)
    other = await heard(spoken, "in_1", "late", name="warning", reopen=1)
    for key in (first, other):
        await spoken.say(key)
        await spoken.hear(key, "complained")
    (reminder, warning) = await Experiments(spoken.store.pool).tallies()
    assert (reminder.complained, warning.complained) == (0, 1)


async def test_one_may_ask_for_a_message_a_policy_and_a_time(spoken: Spoken) -> None:
    await heard(spoken, "in_1", "late")
    await heard(spoken, "in_2", "late", at=NOW + DAY)
    await heard(spoken, "in_3", "short", name="warning")
    await heard(spoken, "in_4", "late", policy=PREMIUM)
    assert await tallies(spoken, message="warning") == {"short": (1, 1)}
    assert await tallies(spoken, policy="premium") == {"late": (1, 1)}
    of_ours = {"message": "reminder", "policy": "self_serve"}
    assert await tallies(spoken, **of_ours) == {"late": (2, 2)}
    assert await tallies(spoken, **of_ours, since=NOW + DAY) == {"late": (1, 1)}
    assert await tallies(spoken, **of_ours, until=NOW + DAY) == {"late": (1, 1)}
    assert await tallies(spoken, message="nothing") == {}
