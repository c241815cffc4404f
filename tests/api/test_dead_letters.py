"""Dead letters over HTTP: strict about what is asked, silent about what is private, and the token says who acts."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.store.store import Store
from api.wake import CHANNEL
from tests.activities.store.test_dead_letters import Letters
from tests.fixtures.store import ALICE, BOB, RunningApi

AGO = datetime.now(UTC) - timedelta(days=1)
WHY = {"reason": "the mapping was mended"}


@pytest.fixture
def letters(store: Store) -> Letters:
    return Letters(store)


async def bury(letters: Letters, name: str = "evt_1", **burial: Any) -> str:
    return await letters.bury(name, **{"came": AGO, **burial})


async def listed(api: RunningApi, query: str = "") -> list[str]:
    reply = await api.ask("GET", f"/dead-letters{query}")
    assert reply.status == 200, reply.text
    return [letter["event_key"] for letter in reply.body["dead_letters"]]


async def act(api: RunningApi, letter_id: str, action: str, body: Any = WHY, token: str = ALICE) -> Any:
    return await api.ask("POST", f"/dead-letters/{letter_id}/{action}", body, token=token)


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dead-letters"),
        ("GET", f"/dead-letters/{uuid.uuid4()}"),
        ("POST", f"/dead-letters/{uuid.uuid4()}/retry"),
        ("POST", "/dead-letters/bulk"),
    ],
)
async def test_without_a_token_nobody_sees_or_does_anything(api: RunningApi, method: str, path: str) -> None:
    assert (await api.ask(method, path, {}, token=None)).status == 401


async def test_the_list_is_the_heaviest_first_with_counts_and_the_currency_of_the_stakes(
    api: RunningApi, letters: Letters
) -> None:
    await bury(letters, "light", stake=10)
    await bury(letters, "heavy", stake=500, reason="gave_up")
    reply = await api.ask("GET", "/dead-letters")
    assert [letter["event_key"] for letter in reply.body["dead_letters"]] == ["heavy", "light"]
    assert reply.body["counts"] == {"gave_up": 1, "unreadable": 1}
    assert (reply.body["currency"], reply.body["next"]) == ("EUR", None)
    heavy = reply.body["dead_letters"][0]
    assert heavy["impact"] == pytest.approx(500 * 8 / 7, rel=1e-3)
    assert "body" not in heavy


async def test_every_filter_is_a_parameter(api: RunningApi, letters: Letters) -> None:
    await bury(letters, "a", source="adyen", account="eu", kind="payment_failed", invoice_id="in_a")
    await bury(letters, "b", reason="quarantined", rules=("old",), customer_id="cus_b", detail="rule old: odd")
    for query, found in {
        "": ["a", "b"],
        "?source=adyen": ["a"],
        "?account=default": ["b"],
        "?reason=quarantined": ["b"],
        "?rule=old": ["b"],
        "?text=ODD": ["b"],
        "?kind=payment_failed": ["a"],
        "?invoice_id=in_a": ["a"],
        "?customer_id=cus_b": ["b"],
        "?older_than=2d": [],
        "?newer_than=2d": ["a", "b"],
        "?source=adyen&account=default": [],
    }.items():
        assert sorted(await listed(api, query)) == found, query


async def test_pages_are_walked_by_what_the_one_before_said(api: RunningApi, letters: Letters) -> None:
    for number in range(5):
        await bury(letters, f"evt_{number}", stake=100 - number)
    seen, query = [], "?limit=2"
    while True:
        reply = await api.ask("GET", f"/dead-letters{query}")
        seen += [letter["event_key"] for letter in reply.body["dead_letters"]]
        if reply.body["next"] is None:
            break
        query = f"?limit=2&after={reply.body['next']}"
    assert seen == [f"evt_{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?colour=red", "colour: Extra inputs are not permitted"),
        ("?source=", "source: String should have at least 1 character"),
        ("?source=a%00b", "source: holds a control character"),
        ("?source=a&source=b", "source: is given twice"),
        ("?limit=0", "limit: Input should be greater than or equal to 1"),
        ("?limit=501", "limit: Input should be less than or equal to 500"),
        ("?limit=many", "limit: Input should be a valid integer"),
        ("?older_than=long", "older_than: 'long' is no duration"),
        ("?after=nowhere", "after: is no place in a list"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_named(api: RunningApi, query: str, says: str) -> None:
    reply = await api.ask("GET", f"/dead-letters{query}")
    assert (reply.status, reply.body["error"]) == (400, "invalid"), reply.text
    assert reply.body["detail"].startswith(says)


async def test_one_letter_shows_its_body_and_what_is_private_only_when_it_is_asked_for(
    api: RunningApi, letters: Letters
) -> None:
    body = b'{"email": "ada@customers.example"}'
    letter_id = await bury(letters, body=body, headers={"content-type": "x", "authorization": "Basic c2VjcmV0"})
    shown = (await api.ask("GET", f"/dead-letters/{letter_id}")).body
    assert (shown["id"], shown["body"], shown["body_encoding"]) == (letter_id, '{"email": "***@***"}', "text")
    assert shown["headers"] == {"content-type": "x"}
    raw = (await api.ask("GET", f"/dead-letters/{letter_id}?raw=true")).body
    assert (raw["body"], raw["headers"]) == (body.decode(), {"content-type": "x"})


@pytest.mark.parametrize("query", ["?raw=perhaps", "?secret=1", "?raw=true&raw=true"])
async def test_one_letter_is_asked_for_strictly_as_well(api: RunningApi, letters: Letters, query: str) -> None:
    assert (await api.ask("GET", f"/dead-letters/{await bury(letters)}{query}")).status == 400


@pytest.mark.parametrize("letter_id", ["x", str(uuid.uuid4()), "a%00b", "%ff"])
async def test_a_letter_that_is_not_there_is_a_404(api: RunningApi, letter_id: str) -> None:
    for reply in (await api.ask("GET", f"/dead-letters/{letter_id}"), await act(api, letter_id, "retry")):
        assert (reply.status, reply.body["error"]) == (404, "unknown_dead_letter")


# --- acting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "reason", "state"),
    [("retry", "unreadable", "waiting"), ("release", "quarantined", "waiting"), ("discard", "unreadable", "dead")],
)
async def test_an_act_is_done_once_under_the_name_of_the_token(
    api: RunningApi, letters: Letters, action: str, reason: str, state: str
) -> None:
    letter_id = await bury(letters, reason=reason)
    done = await act(api, letter_id, action)
    assert (done.status, done.body) == (200, {"id": letter_id, "result": "done"})
    again = await act(api, letter_id, action, token=BOB)
    assert (again.status, again.body["result"]) == (200, "unchanged")
    assert "nothing was changed" in again.body["detail"]
    assert await letters.state(letter_id) == state
    shown = (await api.ask("GET", f"/dead-letters/{letter_id}")).body
    (did,) = shown["actions"]
    assert (did["action"], did["actor"], did["reason"], did["was"]) == (action, "alice", WHY["reason"], reason)
    assert await listed(api) == []


@pytest.mark.parametrize(
    ("action", "reason", "error"), [("release", "unreadable", "use_retry"), ("retry", "quarantined", "use_release")]
)
async def test_the_other_act_is_named_when_it_is_meant(
    api: RunningApi, letters: Letters, action: str, reason: str, error: str
) -> None:
    letter_id = await bury(letters, reason=reason)
    reply = await act(api, letter_id, action)
    assert (reply.status, reply.body["error"]) == (409, error)
    many = {"action": action, "filter": {"reason": reason}, **WHY}
    reply = await api.ask("POST", "/dead-letters/bulk", many)
    assert (reply.status, reply.body["error"]) == (409, error)
    assert f"letters of reason {reason}" in reply.body["detail"]
    assert await letters.state(letter_id) == "dead"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": 7},
        {"reason": "two\nlines"},
        {"reason": "it paid with 4242424242424242"},
        {**WHY, "actor": "mallory"},
        b"",
        b"junk",
    ],
)
async def test_whoever_acts_says_why_and_nothing_else(api: RunningApi, letters: Letters, body: Any) -> None:
    letter_id = await bury(letters)
    reply = await act(api, letter_id, "retry", body)
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert await letters.state(letter_id) == "dead"


async def test_an_act_that_is_none_is_named(api: RunningApi, letters: Letters) -> None:
    reply = await act(api, await bury(letters), "burn")
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert reply.body["detail"] == "action: Input should be 'retry', 'release' or 'discard'"


async def test_many_are_counted_first_and_then_acted_on(api: RunningApi, letters: Letters) -> None:
    ids = [await bury(letters, f"evt_{number}", stake=100 - number) for number in range(3)]
    await bury(letters, "of another source", source="adyen")
    many = {"action": "retry", "filter": {"source": "stripe"}, **WHY}
    look = await api.ask("POST", "/dead-letters/bulk", {**many, "dry_run": True})
    assert look.body == {"action": "retry", "dry_run": True, "count": 3, "ids": ids, "left_alone": []}
    assert [await letters.state(each) for each in ids] == ["dead"] * 3
    two = await api.ask("POST", "/dead-letters/bulk", {**many, "limit": 2})
    assert two.body == {"action": "retry", "dry_run": False, "count": 2, "ids": ids[:2], "left_alone": []}
    assert [await letters.state(each) for each in ids] == ["waiting", "waiting", "dead"]
    assert await letters.actions(ids[0]) == [("retry", "alice", WHY["reason"], "unreadable")]


async def test_many_are_those_that_the_act_can_be_done_to(api: RunningApi, letters: Letters) -> None:
    held, unreadable = await bury(letters, "evt_1", reason="quarantined"), await bury(letters, "evt_2")
    for action, done in {"retry": [unreadable], "release": [held]}.items():
        reply = await api.ask("POST", "/dead-letters/bulk", {"action": action, "filter": {}, **WHY})
        assert reply.body["ids"] == done


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"action": "burn"}, "action: "),
        ({"action": None}, "action: "),
        ({"filter": None}, "filter: "),
        ({"filter": {"colour": "red"}}, "filter.colour: Extra inputs"),
        ({"filter": {"older_than": "long"}}, "filter.older_than: 'long' is no duration"),
        ({"limit": 0}, "limit: "),
        ({"limit": 10_001}, "limit: "),
        ({"limit": "10"}, "limit: "),
        ({"dry_run": "yes"}, "dry_run: "),
        ({"actor": "mallory"}, "actor: Extra inputs"),
    ],
)
async def test_what_is_asked_for_many_is_read_strictly(
    api: RunningApi, letters: Letters, change: dict[str, Any], says: str
) -> None:
    letter_id = await bury(letters)
    reply = await api.ask("POST", "/dead-letters/bulk", {"action": "discard", "filter": {}, **WHY, **change})
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert reply.body["detail"].startswith(says), reply.body
    assert await letters.listed() == ["evt_1"]
    assert await letters.actions(letter_id) == []


async def test_a_filter_that_is_left_out_does_not_mean_everything(api: RunningApi, letters: Letters) -> None:
    await bury(letters)
    reply = await api.ask("POST", "/dead-letters/bulk", {"action": "discard", **WHY})
    assert (reply.status, reply.body["detail"]) == (400, "filter: Field required")


async def test_after_an_act_the_relays_are_woken(api: RunningApi, letters: Letters, store: Store) -> None:
    letter_id, woken = await bury(letters), asyncio.Event()
    async with store.pool.acquire() as listening:
        await listening.add_listener(CHANNEL, wake := lambda *_: woken.set())
        await act(api, letter_id, "retry")
        async with asyncio.timeout(5):
            await woken.wait()
        await listening.remove_listener(CHANNEL, wake)


async def test_without_a_database_everything_asks_to_come_back(api_without_database: RunningApi) -> None:
    letter_id = str(uuid.uuid4())
    for method, path, body in (
        ("GET", "/dead-letters", None),
        ("GET", f"/dead-letters/{letter_id}", None),
        ("POST", f"/dead-letters/{letter_id}/retry", WHY),
        ("POST", "/dead-letters/bulk", {"action": "retry", "filter": {}, **WHY}),
    ):
        reply = await api_without_database.ask(method, path, body)
        assert (reply.status, reply.body["error"]) == (503, "unavailable")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(["source", "reason", "text", "older_than", "limit", "after", "kind", "x"]), st.text(max_size=30)
    )
)
async def test_no_query_is_an_unexpected_error(api: RunningApi, query: dict[str, str]) -> None:
    plain = {name: value.encode("utf-8", "surrogatepass").hex() for name, value in query.items()}
    pairs = "&".join(
        f"{name}={''.join(f'%{text[i : i + 2]}' for i in range(0, len(text), 2))}" for name, text in plain.items()
    )
    assert (await api.ask("GET", f"/dead-letters?{pairs}")).status in (200, 400)
