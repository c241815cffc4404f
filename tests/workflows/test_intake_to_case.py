"""From webhook to case: one case per invoice, whatever the order, the repetitions and the delays (promises P1, P3)."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.town import SECRET, Case, Town
from workers.sandbox.stripe_events import body_of_event, sign


async def post(town: Town, event: dict[str, Any]) -> dict[str, Any]:
    """Delivers a Stripe-shaped event as Stripe would; returns the inbox row when the relay is done with it."""
    body = body_of_event(event)
    headers = {"Stripe-Signature": sign(body, SECRET, datetime.now(UTC))}
    url = f"{town.api_url}/webhooks/stripe/default"
    async with town.session.post(url, data=body, headers=headers) as response:
        assert response.status == 200, await response.text()
    query = "select * from inbox_keys where event_key = $1"
    async with asyncio.timeout(20):
        while True:
            row = await town.store.pool.fetchrow(query, event["id"])
            if row["state"] != "waiting":
                return dict(row)
            await asyncio.sleep(0.02)


async def failure(town: Town, case: Case, story: str = "do_not_honor") -> dict[str, Any]:
    """The event of a failed payment that nobody has delivered yet."""
    answer = await case.fail(story, deliver=False)
    return dict(answer["event"])


async def test_a_second_webhook_reaches_the_running_case(town: Town) -> None:
    case = await town.describe()
    first = await failure(town, case)
    assert (await post(town, first))["state"] == "delivered"
    assert (await post(town, {**first, "id": first["id"] + "_again"}))["state"] == "delivered"
    await case.until_decided()
    facts = (await case.status()).facts
    assert facts is not None
    assert len(facts.failures) == 2
    assert await town.store.cases.latest(case.ref.case_id) is not None


async def test_the_same_event_twice_is_one_row(town: Town) -> None:
    case = await town.describe()
    event = await failure(town, case)
    await post(town, event)
    row = await post(town, event)
    assert row["times_received"] == 2


async def test_a_late_event_of_a_closed_case_opens_nothing(town: Town) -> None:
    case = await town.describe()
    event = await failure(town, case)
    await post(town, event)
    await case.until_decided()
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    row = await post(town, {**event, "id": event["id"] + "_late"})
    assert (row["state"], row["reason"]) == ("ignored", "late")
    assert not await case.is_open()


async def test_a_failure_that_is_older_than_a_payment_opens_nothing(town: Town) -> None:
    case = await town.describe()
    failed = await failure(town, case)
    paid = await case_changes_unheard(case, "pay")
    first = await post(town, paid)
    assert (first["state"], first["reason"]) == ("ignored", "not_dunning")
    row = await post(town, failed)
    assert (row["state"], row["reason"]) == ("ignored", "superseded")


async def case_changes_unheard(case: Case, change: str) -> dict[str, Any]:
    path = f"/world/invoices/{case.ref.invoice_id}/{change}"
    later = datetime.now(UTC) + timedelta(seconds=1)
    answer = await case.town.sandbox("POST", path, {"deliver": False}, later)
    return dict(answer["event"])


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order)))
async def test_whatever_the_order_the_end_is_the_same(town: Town, order: tuple[int, ...]) -> None:
    """Failed, the same again with another id, paid, paid again: no order charges, and no case stays open."""
    case = await town.describe()
    failed = await failure(town, case)
    paid = await case_changes_unheard(case, "pay")
    events = [failed, {**failed, "id": failed["id"] + "_2"}, paid, {**paid, "id": paid["id"] + "_2"}]
    for position in order:
        await post(town, events[position])
    row = await town.store.cases.latest(case.ref.case_id)
    if row is not None:
        assert await case.until_closed() == "recovered"
    assert await case.charges() == []
    assert await case.letters() == []


async def test_events_that_are_not_dunning_say_so(town: Town) -> None:
    first_payment = await town.describe()
    answer = await first_payment.fail("do_not_honor", deliver=False, first_payment=True)
    row = await post(town, answer["event"])
    assert (row["state"], row["reason"]) == ("ignored", "not_dunning")
    manual = await town.describe()
    answer = await manual.fail("do_not_honor", deliver=False, collected_manually=True)
    row = await post(town, answer["event"])
    assert (row["state"], row["reason"]) == ("ignored", "not_dunning")


async def test_money_after_a_write_off_is_a_task_for_a_person(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.acts("close", outcome="written_off", reason="gone")
    assert await case.until_closed() == "written_off"
    row = await post(town, await case_changes_unheard(case, "pay"))
    assert (row["state"], row["reason"]) == ("ignored", "late")
    _, answer = await town.api("GET", "/tasks")
    task = next(task for task in answer["tasks"] if task["case_id"] == case.ref.case_id)
    assert task["kind"] == "late_payment"
    assert (await town.api("POST", f"/tasks/{task['key']}/done"))[0] == 200
    assert (await town.api("POST", f"/tasks/{task['key']}/done"))[0] == 404


async def test_an_invoice_paid_by_the_time_it_is_read_closes_at_once(town: Town) -> None:
    case = await town.describe()
    await case.fail("already_paid")
    assert await case.until_closed() == "recovered"
    assert await case.charges() == []
    assert await case.letters() == []
