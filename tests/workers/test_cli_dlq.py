"""`recoup dlq` as people meet it: a process, its words and its exit code."""

import asyncio
import getpass
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activities.store.dead_letters import Act, By
from activities.store.store import Store
from api.wake import CHANNEL
from policies.money import Money
from tests.activities.store.test_dead_letters import Letters
from tests.workers.test_cli import DEAD, mistaken, recoup
from workers.cli import app


def a_week_ago() -> datetime:
    """Worked out when it is asked: what a letter weighs grows while a long run of tests goes on."""
    return datetime.now(UTC) - timedelta(days=7, minutes=1)


WHY = ("--why", "the mapping was mended")


@pytest.fixture
def letters(store: Store) -> Letters:
    return Letters(store)


@pytest.fixture
def database(database_url: str) -> str:
    return database_url.replace("/postgres?", "/one_store?")


async def bury(letters: Letters, name: str = "evt_1", **burial: Any) -> str:
    return await letters.bury(name, **{"came": a_week_ago(), "stake": 2900, **burial})


async def dlq(database: str, *arguments: str, **settings: str) -> Result:
    """In a thread: it has a loop of its own."""
    environment = {"RECOUP_DATABASE_URL": database, **settings}
    ended = await asyncio.to_thread(CliRunner().invoke, app, ("dlq", *arguments), env=environment)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_the_list_says_what_each_is_about_and_what_it_weighs(letters: Letters, database: str) -> None:
    dear = await bury(
        letters,
        "evt_1",
        stake=14500,
        field="data.object.id",
        kind="payment_failed",
        invoice_id="in_1",
        customer_id="cus_1",
        amount=Money(amount_minor=2900, currency="EUR"),
    )
    await bury(
        letters, "evt_2", reason="gave_up", detail="Misconfigured: no key", came=a_week_ago() + timedelta(days=7)
    )
    ended = await dlq(database, "list", "--limit", "1")
    assert (ended.exit_code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"{dear}  impact 290.0")
    assert lines[0].endswith(" EUR  stripe/default payment_failed in_1 29.00 EUR cus_1")
    assert lines[1:3] == [
        "    unreadable: data.object.id is missing; waits 7 days, came once",
        "2 dead letters: 1 gave_up, 1 unreadable",
    ]
    more = await dlq(database, "list", *lines[3].removeprefix("more: ").split())
    assert "gave_up: Misconfigured: no key; waits 0 hours, came once" in more.stdout
    assert dear not in more.stdout


async def test_the_list_is_json_for_programs_and_knows_the_base_currency(letters: Letters, database: str) -> None:
    letter_id = await bury(letters)
    ended = await dlq(database, "list", "--json", RECOUP_BASE_CURRENCY="USD")
    said = json.loads(ended.stdout)
    assert [letter["id"] for letter in said["dead_letters"]] == [letter_id]
    assert (said["next"], said["currency"], said["counts"]) == (None, "USD", {"unreadable": 1})


async def test_every_option_of_the_list_is_a_filter(letters: Letters, database: str) -> None:
    await bury(letters, "a", source="adyen", account="eu", kind="payment_failed", invoice_id="in_a")
    await bury(letters, "b", reason="quarantined", rules=("old",), customer_id="cus_b", detail="rule old: odd")
    pairs = {
        ("--source", "adyen"): "a",
        ("--account", "default"): "b",
        ("--reason", "quarantined"): "b",
        ("--rule", "old"): "b",
        ("--text", "ODD"): "b",
        ("--kind", "payment_failed"): "a",
        ("--invoice", "in_a"): "a",
        ("--customer", "cus_b"): "b",
        ("--older-than", "9d"): "",
        ("--newer-than", "9d"): "ab",
    }
    found = []
    for options in pairs:
        said = json.loads((await dlq(database, "list", "--json", *options)).stdout)
        found.append("".join(sorted(each["event_key"] for each in said["dead_letters"])))
    assert found == list(pairs.values())


async def test_a_reason_that_no_letter_has_is_told_with_the_nearest(letters: Letters, database: str) -> None:
    await bury(letters)
    ended = await dlq(database, "list", "--reason", "unreadabel")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == "1 dead letter: 1 unreadable\nnone has the reason 'unreadabel'; did you mean unreadable?\n"


async def test_one_letter_is_shown_whole_and_what_is_private_only_raw(letters: Letters, database: str) -> None:
    body = b'{"email": "ada@customers.example", "odd": "\x1b[2J"}'
    letter_id = await bury(letters, body=body, headers={"user-agent": "Stripe/1.0", "authorization": "Basic c2VjcmV0"})
    await letters.store.dead_letters.act(
        Act.DISCARD, [letter_id], By(actor="bob", reason="a test of theirs"), a_week_ago()
    )
    ended = await dlq(database, "show", letter_id)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert f"id              {letter_id}" in ended.stdout
    assert "detail          data.object.id is missing" in ended.stdout
    assert "stake           29.00 EUR" in ended.stdout
    assert "discarded by bob (unreadable): a test of theirs" in ended.stdout
    assert "header          user-agent: Stripe/1.0" in ended.stdout
    assert ended.stdout.endswith('body, text:\n{"email": "***@***", "odd": "\ufffd[2J"}\n')
    assert "c2VjcmV0" not in ended.stdout
    raw = await dlq(database, "show", letter_id, "--raw", "--json")
    assert json.loads(raw.stdout)["body"] == body.decode()
    await letters.store.pool.execute("delete from inbox_bodies")
    assert (await dlq(database, "show", letter_id)).stdout.endswith("its bytes are gone\n")


async def test_an_unknown_letter_is_named(letters: Letters, database: str) -> None:
    unknown = "0c5a3cb1-0b0f-4f0c-8f0a-000000000000"
    ended = await dlq(database, "show", unknown)
    assert (ended.exit_code, ended.stderr) == (
        2,
        f"recoup: there is no dead letter {unknown}; `recoup dlq list` names them\n",
    )


# --- acting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "reason", "says", "state"),
    [
        ("retry", "unreadable", "retried", "waiting"),
        ("release", "refused", "released", "waiting"),
        ("discard", "unreadable", "discarded", "dead"),
    ],
)
async def test_one_is_acted_on_without_a_question_and_twice_is_once(
    letters: Letters, database: str, act: str, reason: str, says: str, state: str
) -> None:
    letter_id = await bury(letters, reason=reason)
    done = await dlq(database, act, letter_id, *WHY)
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{says} 1 dead letter\n", "")
    again = await dlq(database, act, letter_id, *WHY)
    assert again.exit_code == 0
    assert again.stdout.startswith(f"{says} 0 dead letters\n{letter_id}: it wa")
    assert "nothing was changed" in again.stdout
    assert await letters.state(letter_id) == state
    assert await letters.actions(letter_id) == [(act, getpass.getuser(), "the mapping was mended", reason)]


async def test_what_another_act_is_meant_for_stays_and_the_exit_code_says_so(letters: Letters, database: str) -> None:
    letter_id = await bury(letters, reason="quarantined")
    ended = await dlq(database, "retry", letter_id, *WHY, "--json")
    assert ended.exit_code == 1
    said = json.loads(ended.stdout)
    assert (said["count"], said["ids"]) == (0, [])
    assert [(left["id"], left["why"]) for left in said["left_alone"]] == [(letter_id, "use_release")]
    assert await letters.state(letter_id) == "dead"


async def test_many_are_looked_at_first_and_moved_only_with_a_yes(letters: Letters, database: str) -> None:
    ids = [await bury(letters, f"evt_{number}", stake=100 - number) for number in range(3)]
    await bury(letters, "held", reason="quarantined")
    await bury(letters, "other", source="adyen")
    stripe = ("--source", "stripe", *WHY)
    unasked = await dlq(database, "retry", *stripe)
    assert unasked.exit_code == 2
    assert unasked.stderr == (
        "recoup: nobody is there to confirm; look with `recoup dlq retry --dry-run`, then repeat this with --yes\n"
    )
    dry = await dlq(database, "retry", *stripe, "--dry-run")
    assert dry.stdout.splitlines() == ["would retry 3 dead letters", *ids]
    assert [await letters.state(each) for each in ids] == ["dead"] * 3
    some = await dlq(database, "retry", *stripe, "--yes", "--limit", "2", "--actor", "alice")
    assert (some.exit_code, some.stdout) == (0, "retried 2 dead letters\n")
    assert [await letters.state(each) for each in ids] == ["waiting", "waiting", "dead"]
    assert await letters.actions(ids[0]) == [("retry", "alice", "the mapping was mended", "unreadable")]
    rest = await dlq(database, "discard", "--every", "--yes", "--json", *WHY)
    assert json.loads(rest.stdout)["count"] == 3
    nothing = await dlq(database, "discard", "--every", "--yes", *WHY)
    assert (nothing.exit_code, nothing.stdout) == (0, "discarded 0 dead letters\n")


async def test_the_relays_are_woken(letters: Letters, database: str, store: Store) -> None:
    letter_id, woken = await bury(letters), asyncio.Event()
    async with store.pool.acquire() as listening:
        await listening.add_listener(CHANNEL, wake := lambda *_: woken.set())
        assert (await dlq(database, "retry", letter_id, *WHY)).exit_code == 0
        async with asyncio.timeout(5):
            await woken.wait()
        await listening.remove_listener(CHANNEL, wake)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "--older-than", "long"), "--older-than 'long': 'long' is no duration; write minutes, hours or days"),
        (("list", "--invoice", ""), "--invoice '': String should have at least 1 character"),
        (("list", "--after", "nowhere"), "--after 'nowhere' is no place in a list; send what `next` said"),
        (("list", "--limit", "501"), "--limit"),
        (("show", "evt_1"), "'evt_1' is no id of a dead letter; `recoup dlq list` names them"),
        (("retry", "evt_1", *WHY), "'evt_1' is no id of a dead letter"),
        (("retry", *WHY), "say which dead letters: their ids, or options such as --source stripe, or --every"),
        (("retry", "x", "--every", *WHY), "or --every; one of these"),
        (("retry", "x", "--dry-run", *WHY), "--dry-run is for many; `recoup dlq show` looks at one"),
        (("retry", "--every"), "--why"),
        (("retry", "--every", "--why", " "), "--why: String should have at least 1 character"),
        (("retry", "--every", "--why", "4242424242424242"), "--why: looks like a card number"),
        (("retry", "--every", "--actor", "", *WHY), "--actor: String should have at least 1 character"),
        (("retry", "--reason", "quarantined", *WHY), "--reason quarantined: a rule holds it back"),
        (("release", "--reason", "gave_up", *WHY), "--reason gave_up: no rule holds it back"),
        (("burn",), "burn"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments: tuple[str, ...], says: str) -> None:
    assert says in mistaken("dlq", *arguments)


async def test_a_process_of_its_own_does_the_same(letters: Letters, database: str) -> None:
    letter_id = await bury(letters)
    ended = await recoup("dlq", "retry", letter_id, *WHY, RECOUP_DATABASE_URL=database)
    assert (ended.code, ended.out, ended.err) == (0, "retried 1 dead letter\n", "")
    away = await recoup("dlq", "list", **DEAD)
    assert away.code == 2
    assert away.err.startswith("recoup: the database cannot be asked (")
    assert len(away.err.splitlines()) == 1
