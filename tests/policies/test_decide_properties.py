"""What holds for every story: hypothesis invents the world, `simulator.py` drives the rule through it."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from policies.decide import next_step
from policies.declines import TREATMENTS, Category
from policies.document import PolicyDocument
from policies.events import CloseOutcome
from policies.facts import CaseFacts, Outcome
from policies.said import ARRIVED, MessageStatus
from policies.steps import Charge, Close, Limit, Notify, Offer, Reinstate, Step, Suspend
from policies.surroundings import Surroundings
from tests.policies.simulator import LAPS_MAX, Lap, Scenario, walk
from tests.policies.timeline import ENTERPRISE, PREMIUM, SELF_SERVE, SHIPPED, START

# Late retries, immediate rungs that lie among the ladder, a short gap, nothing to say, nothing to take away.
ODD = SELF_SERVE.model_copy(
    update={
        "name": "odd",
        "messages": (),
        "offers": (),
        "limit": None,
        "retries": SELF_SERVE.retries.model_copy(
            update={
                "immediate": (timedelta(minutes=15), timedelta(days=4)),
                "ladder": (timedelta(days=2), timedelta(days=5), timedelta(days=14)),
                "gap": timedelta(hours=1),
                "maximum": 4,
            }
        ),
    }
)
# Words about access by text first, and everything by text alone; service is lost early, inside silent windows.
TEXTING = SELF_SERVE.model_copy(
    update={
        "name": "texting",
        "access_channels": ("sms", "email"),
        "limit": SELF_SERVE.limit.model_copy(update={"failures": 2}) if SELF_SERVE.limit else None,
        "contact": SELF_SERVE.contact.model_copy(
            update={"silent_window": dict.fromkeys(Category, timedelta(days=3)), "opens": time(10), "closes": time(18)}
        ),
    }
)
ONLY_TEXT = TEXTING.model_copy(
    update={
        "name": "only_text",
        "access_channels": ("sms",),
        "messages": tuple(message.model_copy(update={"channels": ("sms",)}) for message in SELF_SERVE.messages),
    }
)
NEWS = """paid part void cancelled close card card card pause pause resume resume
    dispute_opened dispute_won dispute_lost
    failed_expired_card failed_gateway_error failed_lost_or_stolen failed_insufficient_funds""".split()

scenarios = st.builds(
    Scenario,
    policy=st.sampled_from([*SHIPPED, ODD, TEXTING, ONLY_TEXT]),
    category=st.none() | st.sampled_from(Category),
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"]),
    zones=st.sampled_from([(), (), (), ("America/New_York", "Pacific/Honolulu")]),
    start=st.integers(0, 23).map(lambda hours: START + timedelta(hours=hours)),
    news=st.lists(
        st.tuples(st.integers(0, 24 * 40), st.sampled_from([kind.replace("_", " ", 1) for kind in NEWS])), max_size=8
    ).map(tuple),
    answers=st.lists(
        st.sampled_from(Category)
        | st.sampled_from([Outcome.UNKNOWN, Outcome.PENDING, Outcome.SUCCEEDED])
        | st.sampled_from(["refused", "refused for good", "suspicious"]),
        min_size=1,
        max_size=6,
    ).map(tuple),
    found=st.lists(st.sampled_from(Outcome), min_size=1, max_size=4).map(tuple),
    delivered=st.lists(st.sampled_from(MessageStatus), min_size=1, max_size=4).map(tuple),
    earlier_attempts=st.sampled_from([0, 0, 5, 14, 15]),
    disputes_won=st.booleans(),
)
walks = scenarios.map(lambda scenario: (scenario, walk(scenario)))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(walks)
def test_nothing_is_charged_once_the_case_is_paid_ended_unclear_held_or_disputed(
    told: tuple[Scenario, list[Lap]],
) -> None:
    for lap in told[1]:
        if isinstance(lap.step, Charge):
            facts = lap.facts
            over = (facts.is_paid, facts.ending, facts.close_asked, facts.lost_dispute)
            blocked = (facts.open_attempt, facts.open_stop, facts.open_dispute)
            assert not any(over)
            assert not any(blocked)


@quick
@given(walks)
def test_attempts_never_exceed_what_policy_and_customer_allow(told: tuple[Scenario, list[Lap]]) -> None:
    scenario, laps = told
    facts, retries = laps[-1].facts, scenario.policy.retries
    rungs = Counter(attempt.rung for attempt in facts.attempts if attempt.rung)
    assert facts.attempts_made <= retries.maximum
    # Times that the model chooses lie in the window, a gap apart.
    planned = retries.window // retries.gap if retries.window else len(retries.ladder)
    assert len(facts.attempts) <= planned + len(retries.immediate) + 2 * len(facts.new_credentials)
    assert max(rungs.values(), default=0) <= 1
    # A request with a new card that was lost on the way is made once more; one that arrived is not.
    with_card = [attempt for attempt in facts.attempts if attempt.action_id]
    assert max(Counter(attempt.action_id for attempt in with_card).values(), default=0) <= 2
    arrived = Counter(attempt.action_id for attempt in with_card if attempt.outcome is not Outcome.NOT_ACCEPTED)
    assert max(arrived.values(), default=0) <= 1


@quick
@given(walks)
def test_ladder_attempts_keep_their_distance(told: tuple[Scenario, list[Lap]]) -> None:
    attempts = told[1][-1].facts.attempts
    for earlier, later in pairwise(attempts):
        if later.rung and later.rung.startswith("ladder-"):
            assert later.at - earlier.at >= told[0].policy.retries.gap


@quick
@given(walks)
def test_after_a_payment_there_is_only_service_thanks_and_the_end(told: tuple[Scenario, list[Lap]]) -> None:
    after = [lap.step for lap in told[1] if lap.facts.is_paid]
    for step in after:
        if isinstance(step, Notify):
            assert step.name in THANKS
        elif isinstance(step, Close):
            assert step.outcome is CloseOutcome.RECOVERED
        else:
            assert isinstance(step, Reinstate)
    assert len(after) <= 3 + len(told[0].news)


@quick
@given(walks)
def test_every_case_closes_when_every_hold_ends(told: tuple[Scenario, list[Lap]]) -> None:
    laps = told[1]
    assert len(laps) < LAPS_MAX
    assert isinstance(laps[-1].step, Close)
    assert laps[-1].acted


@quick
@given(walks)
def test_a_recovered_case_leaves_nobody_without_service(told: tuple[Scenario, list[Lap]]) -> None:
    last = told[1][-1]
    if isinstance(last.step, Close) and last.step.outcome is CloseOutcome.RECOVERED:
        assert last.facts.access.value in ("full", "notice")


@quick
@given(walks)
def test_no_service_is_lost_while_an_allowed_charge_was_due_earlier(told: tuple[Scenario, list[Lap]]) -> None:
    policy = told[0].policy
    for lap in told[1]:
        part = {"suspend": policy.suspend, "limit": policy.limit}.get(lap.step.kind)
        if part and isinstance(lap.step, Suspend | Limit):
            times = [lap.facts.failed_at + lap.facts.held_for + part.after] if part.after else []
            times += lap.facts.tally.failed_times[part.failures - 1 : part.failures] if part.failures else []
            due = f"charge at {min(times):%Y-%m-%d %H:%M}"
            earlier = [r for r in lap.step.basis.rejected if r.startswith("charge at ") and r[: len(due)] < due]
            assert not earlier, (lap.step, earlier)


@quick
@given(walks)
def test_nobody_loses_service_for_a_fault_that_is_not_theirs(told: tuple[Scenario, list[Lap]]) -> None:
    for lap in told[1]:
        if isinstance(lap.step, Suspend | Limit) and lap.facts.decline:
            assert TREATMENTS[lap.facts.category].blames_customer


def clocks(scenario: Scenario, moment: datetime) -> list[datetime]:
    """The customer's own, all that theirs may be."""
    return [moment.astimezone(ZoneInfo(zone)) for zone in scenario.zones or (scenario.zone,)]


THANKS = ("recovered", "reinstated")


@quick
@given(walks)
def test_no_words_leave_the_hours_of_their_channel_or_break_the_silence(told: tuple[Scenario, list[Lap]]) -> None:
    """A text from nine to eight on working days; thanks answer what the customer did, so they break no silence."""
    for lap in told[1]:
        step = lap.step
        if isinstance(step, Notify | Offer):
            assert step.channels
            if "sms" in step.channels:
                assert all(time(9) <= wall.time() < time(20) for wall in clocks(told[0], step.at))
                assert all(wall.weekday() < 6 for wall in clocks(told[0], step.at))
            silence = told[0].policy.silence_for(lap.facts.category)
            assert step.name in THANKS or step.at >= lap.facts.failed_at + silence


@quick
@given(walks)
def test_service_is_taken_in_contact_hours_and_not_in_silence(told: tuple[Scenario, list[Lap]]) -> None:
    contact = told[0].policy.contact
    for lap in told[1]:
        if isinstance(lap.step, Suspend | Limit):
            assert all(contact.opens <= wall.time() < contact.closes for wall in clocks(told[0], lap.step.at))
            assert lap.step.at >= lap.facts.failed_at + told[0].policy.silence_for(lap.facts.category)


@quick
@given(walks)
def test_scheduled_words_respect_the_customers_own_hours_and_the_gap(told: tuple[Scenario, list[Lap]]) -> None:
    scenario, laps = told
    policy = scenario.policy
    scheduled = {message.name for message in policy.messages} | {f"offer_{n + 1}" for n in range(len(policy.offers))}
    for lap in laps:
        step = lap.step
        if isinstance(step, Notify | Offer) and step.name in scheduled:
            walls = clocks(scenario, step.at)
            assert all(policy.contact.opens <= wall.time() < policy.contact.closes for wall in walls)
            sent = [m.at for m in lap.facts.messages if m.status in SENT]
            assert not sent or step.at - max(sent) >= policy.contact.gap


SENT = frozenset({MessageStatus.ACCEPTED, MessageStatus.DELIVERED, MessageStatus.UNCLEAR})
"""What may have disturbed the customer; what another case said stands in the ledger, which these walks do not have."""


@quick
@given(walks)
def test_nothing_is_said_twice_on_one_channel_nor_again_once_it_arrived(told: tuple[Scenario, list[Lap]]) -> None:
    messages = told[1][-1].facts.messages
    """Of what may have been sent nobody knows whether it arrived, so the next channel may say it as well."""
    tried = Counter((message.name, channel) for message in messages for channel in message.tried)
    assert max(tried.values(), default=0) <= 1
    arrived = Counter(message.name for message in messages if message.status in ARRIVED)
    assert max(arrived.values(), default=0) <= 1


@quick
@given(walks)
def test_nothing_is_written_where_it_is_not_the_customers_matter(told: tuple[Scenario, list[Lap]]) -> None:
    for lap in told[1]:
        if isinstance(lap.step, Notify | Offer) and lap.facts.decline:
            assert TREATMENTS[lap.facts.category].contact


@quick
@given(walks)
def test_no_step_lies_in_the_past_and_every_step_says_why(told: tuple[Scenario, list[Lap]]) -> None:
    for lap in told[1]:
        assert lap.step.at >= lap.now
        assert lap.step.because
        assert lap.step.basis.editions


def spared(scenario: Scenario) -> bool:
    """Whether the case may live to see the turn of the year, over which nobody is suspended."""
    last = scenario.start + scenario.policy.close.after + timedelta(days=60)
    return (last.year, last.month, last.day) >= (scenario.start.year, 12, 24) or scenario.start.timetuple().tm_yday < 3


@quick
@given(scenarios, st.integers(-400, 400))
def test_shifting_all_dates_by_whole_days_shifts_the_answer(scenario: Scenario, days: int) -> None:
    """In UTC; elsewhere daylight saving moves the contact hours. Policies that look at a calendar answer otherwise, and
    texts keep their Sundays."""
    retries, channels = scenario.policy.retries, scenario.policy.access_channels
    assume(retries.timing == "ladder" and not retries.business_days and not retries.avoid.anything)
    assume("sms" not in channels and not spared(scenario.shifted(days)))

    def outline(laps: list[Lap], back: timedelta) -> list[tuple[str, datetime, str | None, bool]]:
        named = [(lap, getattr(lap.step, "name", None) or getattr(lap.step, "rung", None)) for lap in laps]
        return [(lap.step.kind, lap.step.at - back, name, lap.acted) for lap, name in named]

    scenario = replace(scenario, zone="UTC", zones=(), delivered=(MessageStatus.ACCEPTED,))
    here, there = walk(scenario), walk(scenario.shifted(days))
    assert outline(there, timedelta(days=days)) == outline(here, timedelta())


CHILD = """
import json, sys
from policies.decide import next_step
from policies.surroundings import Surroundings
from policies.document import PolicyDocument
from policies.facts import CaseFacts
from datetime import datetime
for line in sys.stdin:
    policy, facts, around, now = json.loads(line)
    step = next_step(
        PolicyDocument.model_validate_json(policy),
        CaseFacts.model_validate_json(facts),
        Surroundings.model_validate_json(around),
        datetime.fromisoformat(now),
    )
    print(step.model_dump_json())
"""


def situations() -> list[tuple[PolicyDocument, Lap]]:
    """Every lap of some stories that between them hold every step."""
    stories = [
        Scenario(policy=policy, category=category, news=news, answers=answers, zone="Europe/Berlin")
        for policy in (SELF_SERVE, PREMIUM, ENTERPRISE)
        for category in (Category.INSUFFICIENT_FUNDS, Category.GATEWAY_ERROR, Category.LOST_OR_STOLEN)
        for news, answers in (
            ((), (Category.INSUFFICIENT_FUNDS,)),
            (((30, "pause"), (90, "resume"), (400, "card")), (Outcome.UNKNOWN, Category.DO_NOT_HONOR)),
            (((600, "paid"),), (Category.INSUFFICIENT_FUNDS,)),
            (((50, "dispute opened"), (600, "paid")), (Category.INSUFFICIENT_FUNDS, "suspicious")),
        )
    ]
    return [(story.policy, lap) for story in stories for lap in walk(story)]


def test_the_answer_is_the_same_in_every_process() -> None:
    laps = situations()
    steps: TypeAdapter[Step] = TypeAdapter(Step)
    assert {lap.step.kind for _, lap in laps} == set(
        "charge notify offer limit suspend reinstate reconcile escalate hold close".split()
    )
    asked = "\n".join(
        json.dumps([p.model_dump_json(), lap.facts.model_dump_json(), lap.around.model_dump_json(), str(lap.now)])
        for p, lap in laps
    )
    answers = []
    for seed in ("1", "4242"):
        child = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=asked,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        answers.append(child.stdout.splitlines())
    assert answers[0] == answers[1] == [lap.step.model_dump_json() for _, lap in laps]
    assert [steps.validate_json(answer) for answer in answers[0]] == [lap.step for _, lap in laps]


def test_asking_twice_gives_the_same_answer_and_changes_nothing() -> None:
    for policy, lap in situations():
        before = lap.facts.model_dump_json()
        assert next_step(policy, lap.facts, lap.around, lap.now) == lap.step
        assert lap.facts.model_dump_json() == before
        again = CaseFacts.model_validate_json(before)
        around = Surroundings.model_validate_json(lap.around.model_dump_json())
        assert next_step(policy, again, around, lap.now) == lap.step
