"""Cases as JSON, and what people do to them: kept before it is done, done once, told who did it (P1, P2, P9)."""

import asyncio
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client

from activities.store.store import Store
from tests.fixtures.store import RunningApi, dead_temporal, running_api
from tests.fixtures.town import SECRET as WEBHOOK_SECRET
from tests.fixtures.town import TOKEN, Town
from workers.relay import Relay, make_relay
from workers.wiring import SPEAKERS

NOBODY = "/cases/stripe/default/in_nobody"
CARD_NUMBER = "4242424242424242"


async def row_of_action(store: Store, action_id: str) -> dict[str, Any]:
    (row,) = await store.pool.fetch("select * from inbox_keys where event_key like '%#' || $1", action_id)
    return dict(row)


def relay_of(town: Town, store: Store, temporal: Client) -> Relay:
    return make_relay(store, temporal, SPEAKERS, town.wiring.adapters, town.settings.task_queue)


# Reading


async def test_a_running_case_tells_its_own_status_and_a_closed_one_what_was_stored(town: Town) -> None:
    case = await town.fails("do_not_honor")
    path = f"/cases/{case.ref.case_id}"
    status, running = await town.api("GET", path)
    assert (status, running["state"], running["segment"]) == (200, "retrying", "self_serve")
    assert running["step"]["because"] == running["because"]
    _, listed = await town.api("GET", "/cases")
    mine = next(one for one in listed["cases"] if one["case_id"] == case.ref.case_id)
    assert (mine["outcome"], mine["amount_minor"], mine["currency"]) == (None, 4900, "EUR")
    assert "timeline" not in mine
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    status, closed = await town.api("GET", path)
    assert (status, closed["outcome"], closed["attempts"]) == (200, "recovered", 0)
    assert closed["timeline"][0]["what"].startswith("case opened")


async def test_nothing_that_is_shown_names_a_person(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.to_day(1)
    for path in ("/cases", f"/cases/{case.ref.case_id}", "/tasks"):
        _, shown = await town.api("GET", path)
        for personal in ("Ada Example", "customers.example", "+15005550006", "sam.support"):
            assert personal not in str(shown), path


async def test_from_the_webhook_to_the_end_nothing_is_logged_that_names_a_person_or_a_secret(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """API, relay, workflow, activities and adapters all run in this process."""
    with caplog.at_level(logging.DEBUG):
        case = await town.describe(email="ada.lovelace@customers.example")
        await case.fail("expired_card")
        await case.until_decided()
        await case.to_day(5)
        assert (await case.gives_card())[0] == 200
        assert await case.until_closed() == "recovered"
    assert await case.letters()
    assert case.ref.case_id in caplog.text
    for hidden in ("ada.lovelace", "Ada Example", "+15005550006", "sam.support", "Sam Support", TOKEN, WEBHOOK_SECRET):
        assert hidden not in caplog.text


async def test_a_case_that_never_was_is_a_404(town: Town) -> None:
    status, answer = await town.api("GET", NOBODY)
    assert (status, answer["error"]) == (404, "unknown_case")
    assert "in_nobody" in answer["detail"]


@pytest.mark.parametrize("case_id", ["a%20b/c/d", "a/b/%00", "a/b/%ff", "a/b/" + "x" * 201, "a/b/c%0a", "a/%2f/c"])
async def test_what_is_no_case_id_is_refused(api: RunningApi, case_id: str) -> None:
    for method, path in (("GET", f"/cases/{case_id}"), ("POST", f"/cases/{case_id}/actions/pause")):
        reply = await api.ask(method, path, {"action_id": "1", "reason": "r"} if method == "POST" else None)
        assert (reply.status, reply.body["error"]) == (400, "invalid")


async def test_without_temporal_a_closed_case_is_still_shown_and_a_running_one_asks_to_come_back(
    api: RunningApi,
) -> None:
    reply = await api.ask("GET", NOBODY)
    assert (reply.status, reply.body["error"]) == (503, "unavailable")
    assert "Temporal" in reply.body["detail"]
    insert = """
        insert into cases (case_id, reopen, source, account, invoice_id, customer_id, segment, policy, policy_sha256,
            gateway, amount_minor, currency, category, opened_at, outcome)
        values ('stripe/default/in_nobody', 0, 'stripe', 'default', 'in_nobody', 'cus_1', 's', 'p', 'h', 'g', 1, 'EUR',
            'unknown', now(), 'written_off')
    """
    await api.parts.store.pool.execute(insert)
    reply = await api.ask("GET", NOBODY)
    assert (reply.status, reply.body["outcome"]) == (200, "written_off")
    assert (await api.ask("GET", "/cases")).body["cases"][0]["case_id"] == "stripe/default/in_nobody"
    assert (await api.ask("GET", "/tasks")).body == {"tasks": []}


# Acting


async def test_the_actor_is_the_one_the_token_stands_for_whatever_the_body_says(town: Town) -> None:
    case = await town.fails("do_not_honor")
    assert (await case.acts("pause", reason="a look", actor="mallory"))[0] == 200
    status = await case.status()
    assert status.facts is not None
    assert [stop.actor for stop in status.facts.stops] == ["tester"]
    assert "mallory" not in status.because
    body = await town.store.pool.fetchval(
        "select convert_from(body, 'utf8') from inbox_bodies join inbox_keys using (id) where case_id = $1 "
        "and source = 'recoup'",
        case.ref.case_id,
    )
    assert "mallory" not in body


async def test_a_customer_action_takes_no_actor_at_all(api: RunningApi) -> None:
    body = {"action_id": "1", "credential_id": "card_1", "actor": "mallory"}
    reply = await api.ask("POST", f"{NOBODY}/actions/update_payment_method", body)
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert "actor" in reply.body["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "names"),
    [
        ("pause", b"", "JSON"),
        ("pause", b"[]", "object"),
        ("pause", b"\xff", "JSON"),
        ("pause", {"action_id": "1"}, "reason"),
        ("pause", {"reason": "r"}, "action_id"),
        ("pause", {"action_id": "", "reason": "r"}, "action_id"),
        ("pause", {"action_id": "x" * 201, "reason": "r"}, "action_id"),
        ("pause", {"action_id": 7, "reason": "r"}, "action_id"),
        ("pause", {"action_id": "1", "reason": "   "}, "reason"),
        ("pause", {"action_id": "1", "reason": "r" * 501}, "reason"),
        ("pause", {"action_id": "1", "reason": "a\x00b"}, "reason"),
        ("pause", {"action_id": "1", "reason": "r", "secretly": "x"}, "secretly"),
        ("close", {"action_id": "1", "reason": "r"}, "outcome"),
        ("close", {"action_id": "1", "reason": "r", "outcome": "recovered"}, "outcome"),
        ("close", {"action_id": "1", "reason": "r", "outcome": "disputed"}, "outcome"),
        ("update_payment_method", {"action_id": "1", "credential_id": "a b"}, "credential_id"),
        ("pause", {"action_id": "a\x00b", "reason": "r"}, "action_id"),
        ("pause", {"action_id": "a\nb", "reason": "r"}, "action_id"),
        ("pause", {"action_id": "1", "reason": "r", "kind": "close"}, "kind"),
    ],
)
async def test_an_action_that_makes_no_sense_is_refused_and_not_kept(
    api: RunningApi, store: Store, kind: str, body: Any, names: str
) -> None:
    reply = await api.ask("POST", f"{NOBODY}/actions/{kind}", body)
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert names in reply.body["detail"]
    assert await store.pool.fetchval("select count(*) from inbox_keys") == 0


@pytest.mark.parametrize("kind", ["charge_twice", "PAUSE", "pause/", "a%00b", "%ff"])
async def test_an_action_that_nobody_knows_has_no_address(api: RunningApi, store: Store, kind: str) -> None:
    reply = await api.ask("POST", f"{NOBODY}/actions/{kind}", {"action_id": "1", "reason": "r"})
    assert (reply.status, reply.body["error"]) == (404, "not_found")
    assert await store.pool.fetchval("select count(*) from inbox_keys") == 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("update_payment_method", {"credential_id": CARD_NUMBER}),
        ("update_payment_method", {"credential_id": "4242-4242-4242-4242"}),
        ("pause", {"reason": f"he wants to pay by {CARD_NUMBER}"}),
        ("pause", {"reason": "he wants to pay by 4242 4242 4242 4242"}),
    ],
)
async def test_card_numbers_are_turned_away_at_the_door(
    api: RunningApi, store: Store, caplog: pytest.LogCaptureFixture, kind: str, body: dict[str, str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        reply = await api.ask("POST", f"{NOBODY}/actions/{kind}", {"action_id": uuid.uuid4().hex, **body})
    assert reply.status == 400
    assert "4242" not in reply.text + caplog.text
    assert await store.pool.fetchval("select count(*) from inbox_bodies") == 0


async def test_an_action_on_no_case_is_kept_as_late(town: Town) -> None:
    status, answer = await town.api("POST", f"{NOBODY}/actions/pause", {"action_id": "a-1", "reason": "r"})
    assert (status, answer["error"]) == (404, "no_open_case")
    row = await row_of_action(town.store, "a-1")
    assert (row["state"], row["reason"]) == ("ignored", "late")


async def test_what_was_done_is_kept_as_delivered(town: Town) -> None:
    case = await town.fails("do_not_honor")
    action_id = uuid.uuid4().hex
    assert (await case.acts("pause", action_id, reason="a look"))[0] == 200
    row = await row_of_action(town.store, action_id)
    assert (row["state"], row["case_id"], row["tries"]) == ("delivered", case.ref.case_id, 0)


async def test_a_refused_action_stays_refused_under_its_id_and_goes_through_under_a_new_one(town: Town) -> None:
    """Its row is finished, so nobody would deliver it: to promise anything else would lose it."""
    case = await town.fails("do_not_honor")
    action_id = uuid.uuid4().hex
    first = await case.acts("resume", action_id, reason="go on")
    await case.acts("pause", reason="a look")
    again = await case.acts("resume", action_id, reason="go on")
    assert first == again == (409, {"error": "cannot_happen_now", "detail": "the case is neither paused nor held"})
    assert (await case.acts("resume", reason="go on"))[0] == 200
    row = await row_of_action(town.store, action_id)
    assert (row["state"], row["reason"], row["times_received"]) == ("ignored", "superseded", 2)


async def test_one_action_id_is_one_action(town: Town) -> None:
    case = await town.fails("do_not_honor")
    assert (await case.acts("pause", "the-id", reason="a look"))[0] == 200
    status, answer = await case.acts("resume", "the-id", reason="go on")
    assert (status, answer["error"]) == (409, "conflict")
    assert (await case.status()).state == "on_hold"
    query = "select state, reason, conflict from inbox_keys where event_key = $1 order by received_at"
    rows = [tuple(row) for row in await town.store.pool.fetch(query, f"{case.ref.case_id}#the-id")]
    assert rows == [("delivered", None, False), ("ignored", "duplicate", True)]


async def test_while_temporal_is_down_an_action_is_kept_and_delivered_later(
    town: Town, store: Store, temporal: Client
) -> None:
    case = await town.fails("do_not_honor")
    async with running_api(store, await dead_temporal()) as api:
        body = {"action_id": "later-1", "reason": "a look"}
        for _ in range(2):
            reply = await api.ask("POST", f"/cases/{case.ref.case_id}/actions/pause", body)
            assert (reply.status, reply.body["result"]) == (202, "processing")
    row = await row_of_action(store, "later-1")
    assert (row["state"], row["claimed_until"], row["times_received"]) == ("waiting", None, 2)
    assert row["next_try_at"] <= datetime.now(UTC)
    assert await relay_of(town, store, temporal).deliver_batch() == 1
    assert (await row_of_action(store, "later-1"))["state"] == "delivered"
    status = await case.until_state("on_hold")
    assert "alice" in status.because


async def test_an_action_is_not_delivered_by_a_relay_while_the_api_is_at_it(town: Town) -> None:
    """The town's relay runs all the time; the same action by update and by signal would be heard twice."""
    cases = [await town.fails("do_not_honor") for _ in range(2)]
    ids = [uuid.uuid4().hex for _ in cases]
    await asyncio.gather(*(case.acts("pause", one, reason="r") for case, one in zip(cases, ids, strict=True)))
    assert [(await row_of_action(town.store, one))["tries"] for one in ids] == [0, 0]


async def test_without_a_database_an_action_is_not_accepted(api_without_database: RunningApi) -> None:
    reply = await api_without_database.ask("POST", f"{NOBODY}/actions/pause", {"action_id": "1", "reason": "r"})
    assert (reply.status, reply.body["error"]) == (503, "unavailable")
