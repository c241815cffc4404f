"""The evidence of a case: what was said, as it was said, for whoever has a token."""

import pytest

from activities.store.store import Store
from tests.activities.store.spoken import HASH_OF_ADDRESS, Spoken
from tests.fixtures.store import RunningApi

MESSAGES = "/cases/stripe/default/in_1/messages"


@pytest.fixture
def spoken(store: Store) -> Spoken:
    return Spoken(store)


async def test_of_a_case_that_nobody_knows_nothing_was_said(api: RunningApi) -> None:
    reply = await api.ask("GET", MESSAGES)
    assert (reply.status, reply.body) == (200, {"messages": []})


async def test_a_message_is_told_word_by_word_until_the_person_is_forgotten(api: RunningApi, spoken: Spoken) -> None:
    key = await spoken.reserve(await spoken.open())
    await spoken.say(key, text="Dear Ada")
    await spoken.hear(key, "delivered")
    (one,) = (await api.ask("GET", MESSAGES)).body["messages"]
    assert (one["key"], one["name"], one["template"], one["status"]) == (key, "reminder", "reminder", "accepted")
    assert (one["channel"], one["at"]) == ("email", "2026-03-02T09:00:00Z")
    assert [receipt["what"] for receipt in one["receipts"]] == ["delivered"]
    (said,) = one["said"]
    assert (said["subject"], said["text"], said["address_hash"]) == ("Your payment", "Dear Ada", HASH_OF_ADDRESS)
    assert (said["locale"], said["edition"], len(said["body_sha256"])) == ("de", "reminder@1", 64)

    erased = await api.ask("DELETE", "/customers/stripe/default/cus_ada")
    assert (erased.status, erased.body["texts"]) == (200, 1)
    (left,) = (await api.ask("GET", MESSAGES)).body["messages"]
    (kept,) = left.pop("said")
    assert kept["erased_at"] == erased.body["erased_at"]
    assert kept == {**said, "subject": None, "text": None, "erased_at": kept["erased_at"]}
    assert left == {name: value for name, value in one.items() if name != "said"}


async def test_without_a_token_nobody_reads_what_was_said(api: RunningApi) -> None:
    assert (await api.ask("GET", MESSAGES, token=None)).status == 401


async def test_an_id_that_is_no_id_is_refused(api: RunningApi) -> None:
    reply = await api.ask("GET", "/cases/stripe/default/in%20_1/messages")
    assert (reply.status, reply.body["error"]) == (400, "invalid")


async def test_without_a_database_one_is_asked_to_come_back(api_without_database: RunningApi) -> None:
    reply = await api_without_database.ask("GET", MESSAGES)
    assert (reply.status, reply.body["error"]) == (503, "unavailable")
