"""`recoup messages experiments` as people meet it."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from activities.store.store import Store
from policies.events import CloseOutcome
from policies.experiments import Tally, report
from tests.activities.store.spoken import Spoken
from tests.fixtures.store import DEAD_DATABASE
from workers.cli import app
from workers.experiment_figures import as_text


@pytest.fixture
def database(database_url: str) -> str:
    return database_url.replace("/postgres?", "/one_store?")


@pytest.fixture
def spoken(store: Store) -> Spoken:
    return Spoken(store)


async def messages(database: str, *arguments: str) -> Result:
    """In a thread: it has a loop of its own."""
    environment = {"RECOUP_DATABASE_URL": database}
    ended = await asyncio.to_thread(CliRunner().invoke, app, ("messages", *arguments), env=environment)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


async def a_small_trial(spoken: Spoken) -> None:
    for number, (variant, outcome) in enumerate(
        ((None, CloseOutcome.RECOVERED), ("late", CloseOutcome.WRITTEN_OFF), (None, CloseOutcome.WRITTEN_OFF))
    ):
        of = await spoken.open(f"in_{number}")
        await spoken.reserve(of, variant=variant)
        await spoken.close(of, outcome)


async def test_no_trial_is_said_in_a_sentence(spoken: Spoken, database: str) -> None:
    ended = await messages(database, "experiments")
    assert (ended.exit_code, ended.stdout) == (0, "no closed case has heard a message that is tried\n")


async def test_each_arm_has_a_row_and_few_cases_no_verdict(spoken: Spoken, database: str) -> None:
    await a_small_trial(spoken)
    said = (await messages(database, "experiments")).stdout
    assert "reminder (policy self_serve)" in said
    ordinary, late = (line for line in said.splitlines() if line.startswith(("│ ordinary", "│ late")))
    assert [cell.strip() for cell in ordinary.split("│")[1:-1]] == [
        "ordinary",
        "2",
        "1 (50.0%)",
        "9.5% to 90.5%",
        "-",
        "-",
        "0 (0.0%)",
        "0 (0.0%)",
    ]
    assert [cell.strip() for cell in late.split("│")[1:7]] == [
        "late",
        "1",
        "0 (0.0%)",
        "0.0% to 79.3%",
        "-50.0 (-90.5 to +39.1)",
        "too few",
    ]


async def test_programs_get_json(spoken: Spoken, database: str) -> None:
    await a_small_trial(spoken)
    arms = json.loads((await messages(database, "experiments", "--json")).stdout)["arms"]
    assert [(arm["message"], arm["arm"], arm["cases"]) for arm in arms] == [
        ("reminder", "ordinary", 2),
        ("reminder", "late", 1),
    ]
    assert (arms[1]["recovered"]["verdict"], arms[0]["recovered"]["difference"]) == ("too few", None)
    for narrowed in (("--message", "warning"), ("--policy", "premium"), ("--until", "2026-01-01T00:00:00Z")):
        assert json.loads((await messages(database, "experiments", "--json", *narrowed)).stdout) == {"arms": []}


def test_more_complaints_are_told_beside_their_number() -> None:
    ordinary = Tally(policy="self_serve", message="reminder", cases=400, recovered=200, complained=2, opted_out=40)
    changes = {"variant": "late", "recovered": 260, "complained": 30, "opted_out": 5}
    said = as_text(report([ordinary, ordinary.model_copy(update=changes)]))
    late = next(line for line in said.splitlines() if "late" in line)
    assert [cell.strip() for cell in late.split("│")[5:-1]] == [
        "+15.0 (+8.2 to +21.6)",
        "more",
        "30 (7.5%), more",
        "5 (1.2%), less",
    ]


async def test_a_time_that_ends_before_it_begins_is_a_mistake(database: str) -> None:
    ended = await messages(
        database, "experiments", "--since", "2026-03-02T00:00:00Z", "--until", "2026-03-01T00:00:00Z"
    )
    assert ended.exit_code == 2
    assert "--since" in ended.stderr


async def test_a_database_that_is_away_is_told_in_one_sentence() -> None:
    ended = await messages(DEAD_DATABASE, "experiments")
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
