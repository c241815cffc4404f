"""Replaying the whole inbox changes nothing: not what became of a row, no case, no customer, nobody's money."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from tests.fixtures.town import Case, Town, building_town, new_databases
from tests.workflows.test_intake_to_case import failure, post

EVER = datetime(2000, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
async def town(temporal: Client, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Its profile holds back what happened later than it came."""
    profiles = tmp_path_factory.mktemp("intake") / "profiles.yaml"
    profiles.write_text('profiles: [{accounts: ["*/*"], rules: [{check: ahead, by: 1d, action: quarantine}]}]')
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("RECOUP_INTAKE_PROFILES", str(profiles))
        async with building_town(temporal, *await new_databases(database_url)) as built:
            yield built


def told(kind: str, about: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """An event of Stripe's."""
    created = int((at or datetime.now(UTC)).timestamp())
    envelope = {"id": f"evt_{uuid.uuid4().hex[:12]}", "object": "event", "created": created, "type": kind}
    return {**envelope, "data": {"object": about}}


async def unheard(case: Case, change: str, seconds: int) -> dict[str, Any]:
    """The event of a change at the source that nobody has delivered yet."""
    path = f"/world/invoices/{case.ref.invoice_id}/{change}"
    answer = await case.town.sandbox("POST", path, {"deliver": False}, datetime.now(UTC) + timedelta(seconds=seconds))
    return dict(answer["event"])


async def replay(town: Town) -> int:
    """Until nothing is left to be delivered once more."""
    rows = await town.store.inbox.replay(EVER, datetime.now(UTC) + timedelta(days=1), None, None)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await town.store.pool.fetchval("select count(*) from inbox_keys where replay or state = 'waiting'"):
            await asyncio.sleep(0.05)
    return rows


TABLES = {
    "inbox_keys": ("tries", "next_try_at", "claimed_until", "replay"),
    "intake_findings": (),
    "dead_letter_actions": (),
    "invoices": (),
    "cases": (),
    "customers": ("updated_at",),
    "attempts": (),
    "attempt_results": (),
    "messages": (),
    "message_results": (),
    "tasks": (),
}
"""Every table that an event can change, without the columns that only say when it was tried."""


async def everything(town: Town, cases: list[Case]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for table, aside in TABLES.items():
        rows = await town.store.pool.fetch(f"select to_jsonb(t) as row from {table} t")
        plain = [{name: value for name, value in row["row"].items() if name not in aside} for row in rows]
        known[table] = sorted(json.dumps(row, sort_keys=True) for row in plain)
    for case in cases:
        if await town.store.cases.latest(case.ref.case_id) and await case.is_open():
            known[case.ref.case_id] = await settled_status(case)
        known[f"charges of {case.ref.case_id}"] = await case.charges()
        known[f"letters of {case.ref.case_id}"] = await case.letters()
        known[f"access of {case.ref.case_id}"] = await case.access()
    return known


async def settled_status(case: Case) -> dict[str, Any]:
    """What is held is held as of the last look at it."""
    status = (await case.status()).model_dump(mode="json")
    if status["step"]["kind"] == "hold":
        del status["step"]["at"]
    return status


# --- what there is in an inbox ----------------------------------------------------------------------------------------


async def open_case(town: Town) -> list[Case]:
    return [await town.fails("insufficient_funds")]


async def recovered(town: Town) -> list[Case]:
    case = await town.fails("do_not_honor")
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return [case]


async def reopened(town: Town) -> list[Case]:
    (case,) = await recovered(town)
    assert (await post(town, await unheard(case, "take-back", 2)))["state"] == "delivered"
    assert (await case.until_decided()).case.reopen == 1
    return [case]


async def money_after_we_gave_up(town: Town) -> list[Case]:
    case = await town.fails("do_not_honor")
    await case.acts("close", outcome="written_off", reason="gone")
    assert await case.until_closed() == "written_off"
    row = await post(town, await unheard(case, "pay", 5))
    assert (row["state"], row["reason"]) == ("ignored", "late")
    return [case]


async def customers_who_changed(town: Town) -> list[Case]:
    (case,) = await open_case(town)
    person = {"id": case.customer_id, "object": "customer", "email": "ada@customers.example", "name": "Ada New"}
    assert (await post(town, told("customer.updated", person)))["state"] == "delivered"
    old = told("customer.updated", {**person, "name": "Ada Old"}, datetime.now(UTC) - timedelta(days=2))
    assert (await post(town, old))["state"] == "delivered"
    return [case]


async def a_card_that_was_there_before_the_payment_failed(town: Town) -> list[Case]:
    case = await town.describe()
    card = {"id": f"pm_{case.customer_id}", "object": "payment_method", "customer": case.customer_id, "type": "card"}
    assert (await post(town, told("payment_method.attached", card)))["state"] == "ignored"
    await case.fail("expired_card")
    await case.until_decided()
    return [case]


async def a_payment_that_was_taken_back_before_a_case_was_open(town: Town) -> list[Case]:
    case = await town.describe()
    await failure(town, case)
    assert (await post(town, await unheard(case, "pay", 1)))["reason"] == "not_dunning"
    assert (await post(town, await unheard(case, "take-back", 3)))["state"] == "delivered"
    await case.until_decided()
    return [case]


async def a_failure_that_came_after_the_payment(town: Town) -> list[Case]:
    case = await town.describe()
    failed = await failure(town, case)
    await post(town, await unheard(case, "pay", 1))
    assert (await post(town, failed))["reason"] == "superseded"
    return [case]


async def an_action_that_was_refused_and_could_happen_by_now(town: Town) -> list[Case]:
    (case,) = await open_case(town)
    assert (await case.acts("resume", reason="too early"))[0] == 409
    assert (await case.acts("pause", reason="on the phone"))[0] == 200
    await case.until_state("on_hold")
    return [case]


async def an_action_on_a_case_that_was_opened_later(town: Town) -> list[Case]:
    case = await town.describe()
    assert (await case.acts("close", outcome="written_off", reason="by mistake"))[0] == 404
    await case.fail("insufficient_funds")
    await case.until_decided()
    return [case]


async def rows_that_became_nothing(town: Town) -> list[Case]:
    assert (await post(town, told("invoice.finalized", {"id": "in_1"})))["reason"] == "unknown_type"
    unreadable = await post(town, told("invoice.payment_failed", {"id": "no id at all"}))
    assert (unreadable["state"], unreadable["reason"]) == ("dead", "unreadable")
    case = await town.describe()
    held = await failure(town, case)
    held["created"] += 10 * 86400
    assert (await post(town, held))["reason"] == "quarantined"
    return []


STORIES = (
    open_case,
    recovered,
    reopened,
    money_after_we_gave_up,
    customers_who_changed,
    a_card_that_was_there_before_the_payment_failed,
    a_payment_that_was_taken_back_before_a_case_was_open,
    a_failure_that_came_after_the_payment,
    an_action_that_was_refused_and_could_happen_by_now,
    an_action_on_a_case_that_was_opened_later,
    rows_that_became_nothing,
)


async def test_replaying_the_whole_inbox_twice_changes_nothing(town: Town) -> None:
    cases = [case for story in STORIES for case in await story(town)]
    before = await everything(town, cases)
    delivered_or_ignored = sum(
        rows for state, rows in (await town.store.inbox.counts()).items() if not state.startswith(("dead", "refused"))
    )
    for _ in range(2):
        assert await replay(town) == delivered_or_ignored
        after = await everything(town, cases)
        for name, known in before.items():
            assert after[name] == known, name


async def test_a_dead_letter_is_not_replayed_before_a_person_lets_it_through(town: Town) -> None:
    await rows_that_became_nothing(town)
    await replay(town)
    counts = await town.store.dead_letters.counts()
    assert counts["quarantined"] >= 1
    assert counts["unreadable"] >= 1


async def test_what_a_person_lets_through_reaches_its_case(town: Town) -> None:
    case = await town.describe()
    held = await failure(town, case)
    held["created"] += 10 * 86400
    letter_id = str((await post(town, held))["id"])
    done = await town.api("POST", f"/dead-letters/{letter_id}/release", {"reason": "their clock runs wrong"})
    assert done == (200, {"id": letter_id, "result": "done"})
    assert await case.until_decided()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (row := await town.store.inbox.row(letter_id)) is None or row["state"] != "delivered":
            await asyncio.sleep(0.02)
    assert (row["case_id"], row["released"]) == (case.ref.case_id, True)


async def test_only_what_came_in_that_time_from_there_is_replayed(town: Town) -> None:
    began = datetime.now(UTC)
    await post(town, told("invoice.finalized", {"id": "in_1"}))
    ended = datetime.now(UTC)
    inbox = town.store.inbox
    assert await inbox.replay(began, ended, "adyen", None) == 0
    assert await inbox.replay(began, ended, "stripe", "eu") == 0
    assert await inbox.replay(ended, ended + timedelta(days=1), None, None) == 0
    assert await inbox.replay(began, ended, "stripe", "default") == 1
