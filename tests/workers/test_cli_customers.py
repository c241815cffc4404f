"""`recoup customers erase` as people meet it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from activities.customers import Customer
from activities.store.store import Store
from tests.activities.store.spoken import NOW, Spoken
from tests.fixtures.store import DEAD_DATABASE
from workers.cli import app

ROOT = Path(__file__).parents[2]
ADA = ("stripe", "default", "cus_ada")


@pytest.fixture
def database(database_url: str) -> str:
    return database_url.replace("/postgres?", "/one_store?")


@pytest.fixture
async def spoken(store: Store) -> Spoken:
    await store.customers.put(*ADA, Customer(name="Ada"), NOW)
    return Spoken(store)


async def erase(database: str, *arguments: str) -> Result:
    """In a thread: it has a loop of its own."""
    environment = {"RECOUP_DATABASE_URL": database}
    ended = await asyncio.to_thread(CliRunner().invoke, app, ("customers", "erase", *arguments), env=environment)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


@dataclass(frozen=True)
class Ended:
    code: int
    said: str


async def at_a_terminal(database: str, typed: bytes, *arguments: str) -> Ended:
    """A process of its own, whose terminal is a pseudo one."""
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "workers", *arguments),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RECOUP_DATABASE_URL": database},
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        os.write(ours, typed)
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode is not None
    return Ended(process.returncode, said.decode())


async def test_what_went_and_what_goes_on_is_told(spoken: Spoken, database: str) -> None:
    await spoken.say(await spoken.reserve(await spoken.open()))
    ended = await erase(database, *ADA, "--yes")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "erased:",
        "  their record",
        "  the words of 1 messages (that and when they were sent stays)",
        "  0 messages of the feed, 0 devices",
        "  the bytes of 0 events",
        "1 of their cases are open; they find no address any more and make tasks instead",
    ]
    assert not await spoken.store.customers.knows(*ADA)
    assert "no record: there was none" in (await erase(database, *ADA, "--yes")).stdout


async def test_without_a_yes_nothing_is_erased(spoken: Spoken, database: str) -> None:
    ended = await erase(database, *ADA)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == "recoup: nobody is there to confirm; repeat this with --yes\n"
    assert await spoken.store.customers.knows(*ADA)


@pytest.mark.parametrize(("typed", "known"), [(b"n\n", True), (b"y\n", False)])
async def test_at_a_terminal_a_person_is_asked_first(spoken: Spoken, database: str, typed: bytes, known: bool) -> None:
    await spoken.open()
    ended = await at_a_terminal(database, typed, "customers", "erase", *ADA)
    assert "Forget stripe/default/cus_ada for good? 1 of their cases are open. [y/N]" in ended.said
    assert await spoken.store.customers.knows(*ADA) == known
    assert (ended.code, "nothing was erased" in ended.said) == ((1, True) if known else (0, False))


async def test_what_was_kept_is_told_and_ends_with_1(spoken: Spoken, database: str) -> None:
    of, inbox = await spoken.open(), spoken.store.inbox
    row = await inbox.receive("stripe", "default", "evt_1", {}, b"{}", NOW)
    await inbox.finish(row.id, "dead", NOW, "gave_up", case_id=of.case_id)
    ended = await erase(database, *ADA, "--yes")
    assert ended.exit_code == 1
    assert "1 events about them wait or are dead letters and were kept" in ended.stdout


async def test_programs_get_json(spoken: Spoken, database: str) -> None:
    said = json.loads((await erase(database, *ADA, "--yes", "--json")).stdout)
    assert (said["known"], said["texts"], said["open_cases"], said["bodies_kept"]) == (True, 0, 0, 0)


async def test_an_id_that_is_no_id_is_named(database: str) -> None:
    ended = await erase(database, "stripe", "default", "a b", "--yes")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("recoup: customer_id: ")
    assert "a b" not in ended.stderr


async def test_a_database_that_is_away_is_told_in_one_sentence() -> None:
    ended = await erase(DEAD_DATABASE, *ADA, "--yes")
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
