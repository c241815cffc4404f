"""Notices before anything fails, on real Temporal: stored, said once when it may be said, never as old news."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper

from tests.fixtures.town import Town
from workflows.contracts import NoticeResult
from workflows.notice import NoticeWorkflow

PATIENCE_SECONDS = 20
IN_A_WEEK = timedelta(days=7)


async def asked(town: Town, notice_id: str, customer_id: str, **body: Any) -> tuple[int, Any]:
    on = (datetime.now(UTC) + IN_A_WEEK).isoformat()
    told = {"customer_id": customer_id, "template": "card_expiring", "on": on, **body}
    return await town.api("PUT", f"/notices/stripe/default/{notice_id}", told)


async def handle_of(town: Town, notice_id: str) -> WorkflowHandle[Any, NoticeResult]:
    handle = town.temporal.get_workflow_handle_for(NoticeWorkflow.run, f"notice/stripe/default/{notice_id}")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await town.store.pool.fetchval(
            "select count(*) from inbox_keys where source = 'recoup_notices' and state = 'waiting'"
        ):
            await asyncio.sleep(0.02)
    return handle


async def result_of(town: Town, notice_id: str) -> NoticeResult:
    handle = await handle_of(town, notice_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await TimeSkipper(town.temporal).fast_forward(handle)
        return await handle.result()


async def letters(town: Town, about: str) -> list[dict[str, Any]]:
    answer = await town.sandbox("GET", f"/outbox.json?case=stripe/default/{about}")
    return list(answer["messages"])


async def test_a_card_that_ends_is_told_once(town: Town) -> None:
    case = await town.describe()
    notice = f"not_{uuid.uuid4().hex[:8]}"
    assert await asked(town, notice, case.customer_id) == (202, {"notice_id": notice, "status": "stored"})
    result = await result_of(town, notice)
    assert (result.status, result.channel) == ("accepted", "email")
    [letter] = await letters(town, notice)
    assert "card" in letter["subject"].lower()
    assert (await asked(town, notice, case.customer_id))[0] in (202, 409)
    assert len(await letters(town, notice)) == 1


async def test_what_renews_says_how_much_and_when(town: Town) -> None:
    case = await town.describe()
    notice = f"not_{uuid.uuid4().hex[:8]}"
    due = {"amount_minor": 4900, "currency": "USD"}
    await asked(town, notice, case.customer_id, template="upcoming_renewal", due=due)
    assert (await result_of(town, notice)).status == "accepted"
    [letter] = await letters(town, notice)
    assert "49.00" in letter["text"]


async def test_two_notices_on_one_day_keep_the_gap(town: Town) -> None:
    case = await town.describe()
    first, second = (f"not_{uuid.uuid4().hex[:8]}" for _ in range(2))
    await asked(town, first, case.customer_id)
    assert (await result_of(town, first)).status == "accepted"
    await asked(town, second, case.customer_id, template="upcoming_renewal", due={"amount_minor": 1, "currency": "EUR"})
    assert (await result_of(town, second)).status == "accepted"
    times = [datetime.fromisoformat(each["at"]) for name in (first, second) for each in await letters(town, name)]
    assert times[1] - times[0] >= timedelta(hours=20)


async def test_what_may_not_be_said_in_time_is_not_said(town: Town) -> None:
    case = await town.describe()
    first, late = (f"not_{uuid.uuid4().hex[:8]}" for _ in range(2))
    await asked(town, first, case.customer_id)
    await result_of(town, first)
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    await asked(town, late, case.customer_id, not_after=soon)
    result = await result_of(town, late)
    assert result.status == "not_said"
    assert result.because
    assert await letters(town, late) == []


async def test_an_invoice_that_is_paid_is_not_spoken_of(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.world("pay")
    await case.to_the_end()
    notice = f"not_{uuid.uuid4().hex[:8]}"
    due = {"amount_minor": 4900, "currency": "USD"}
    await asked(town, notice, case.customer_id, template="instalment_due", due=due, invoice_id=case.ref.invoice_id)
    assert await result_of(town, notice) == NoticeResult(status="not_said", because="the invoice is not open any more")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"template": "upcoming_renewal"}, 409, "says what will be charged: give due"),
        ({"template": "welcome"}, 400, "template"),
        ({"on": "2020-01-01T00:00:00Z"}, 409, "old news"),
        ({"on": "soon"}, 400, "on"),
        ({"name": "Ada"}, 400, "name"),
    ],
)
async def test_a_notice_that_cannot_be_said_is_refused(
    town: Town, body: dict[str, Any], status: int, says: str
) -> None:
    got, answer = await asked(town, f"not_{uuid.uuid4().hex[:8]}", "cus_1", **body)
    assert got == status, answer
    assert says in answer["detail"]
