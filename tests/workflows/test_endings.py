"""The last moments of a case: news that comes while it closes, acts that keep failing after a payment, cases that never
opened. Nothing is lost, nothing spins."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError

from activities.contracts import AccessAnswer, AccessRequest, CloseRequest
from activities.errors import NotFound
from policies.facts import AccessLevel
from tests.fixtures.town import Town
from tests.workflows.test_faults import second_worker, start_on
from workers.wiring import read_policies
from workers.worker import activities_of
from workflows.contracts import DunningInput
from workflows.dunning import DunningWorkflow


def real(town: Town, name: str) -> Callable[..., Any]:
    return next(a for a in activities_of(town.wiring, read_policies([]), town.settings) if a.__name__ == name)


class Gate:
    """Holds an activity until the test lets it go."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> None:
        self.reached.set()
        await self.open.wait()

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_payment_that_arrives_while_the_case_closes_is_not_lost(town: Town) -> None:
    gate, close_for_real = Gate(), real(town, "close_case")

    @activity.defn(name="close_case")
    async def close_case(request: CloseRequest) -> None:
        async with gate:
            await close_for_real(request)

    async with second_worker(town, read_policies([]), close_case=close_case) as settings:
        case = await start_on(town, settings, "lost_card")
        await case.until_decided()
        await case.to_day(25)
        assert (await case.access())["level"] == "suspended"
        closing = asyncio.create_task(case.acts("close", outcome="written_off", reason="given up"))
        await asyncio.wait_for(gate.reached.wait(), 20)
        await case.world("pay")
        gate.open.set()
        await closing
        assert await case.until_closed() == "recovered"
        assert (await case.access())["level"] == "full"


async def test_what_fails_for_good_after_a_payment_is_asked_of_a_person_and_does_not_spin(town: Town) -> None:
    calls, broken, change_for_real = [0], [True], real(town, "change_access")

    @activity.defn(name="change_access")
    async def change_access(request: AccessRequest) -> AccessAnswer:
        if request.level is AccessLevel.FULL and broken[0]:
            calls[0] += 1
            raise NotFound("the customer is gone from the access system")
        answer: AccessAnswer = await change_for_real(request)
        return answer

    async with second_worker(town, read_policies([]), change_access=change_access) as settings:
        case = await start_on(town, settings, "lost_card")
        await case.until_decided()
        await case.to_day(15)
        await case.world("pay")
        status = await case.until_state("on_hold")
        await asyncio.sleep(1)
        assert calls == [1]
        assert "NotFound" in status.because
        broken[0] = False
        assert (await case.acts("resume", reason="put back"))[0] == 200
        assert await case.until_closed() == "recovered"
        assert (await case.access())["level"] == "full"


async def test_a_new_card_in_the_last_days_of_a_case_is_charged_before_the_customer_is_answered(town: Town) -> None:
    case = await town.fails("lost_card")
    await case.to_day(25)
    assert (await case.status()).state == "suspended"
    status, answer = await case.gives_card()
    assert (status, answer["result"]) == (200, "paid")
    assert await case.until_closed() == "recovered"


async def test_a_customer_never_hears_what_colleagues_said(town: Town) -> None:
    case = await town.fails("lost_card")
    await case.acts("pause", reason="he sounds drunk")
    status, answer = await case.gives_card()
    assert (status, answer) == (202, {"result": "processing", "because": "accepted; still under way", "advice": None})


async def test_a_card_that_the_fraud_check_stops_is_refused_without_a_reason(town: Town) -> None:
    case = await town.fails("lost_card")
    status, answer = await case.gives_card("fraud_suspect")
    assert (status, answer["result"]) == (200, "refused")
    assert "fraud" not in answer["because"]
    assert await case.charges() == []


async def test_a_case_that_never_opened_can_be_closed(town: Town) -> None:
    case = await town.describe()
    handle = await town.temporal.start_workflow(
        DunningWorkflow.run, DunningInput(case=case.ref), id=case.ref.workflow_id, task_queue=town.settings.task_queue
    )
    await case.until_state("on_hold")
    said = {"action_id": uuid.uuid4().hex, "actor": "ops", "reason": "a test invoice", "outcome": "cancelled"}
    answer = await case.handle.execute_update("close", said)
    assert answer["result"] == "done"
    result = await asyncio.wait_for(handle.result(), 20)
    assert result.outcome == "cancelled"


async def test_a_dispute_nobody_told_us_of_ends_when_the_invoice_says_so(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.world("dispute", deliver=False)
    await case.to_day(1.2)
    assert (await case.status()).state == "dispute_open"
    await case.world("win-dispute", deliver=False)
    await case.to_day(3)
    assert (await case.status()).state == "retrying"


async def test_what_cannot_be_stored_or_must_not_be_kept_is_refused_from_the_temporal_ui_as_well(town: Town) -> None:
    """A NUL would keep the closing step from storing the timeline; a card number must not enter."""
    case = await town.fails("do_not_honor")
    nul = {"action_id": "1", "actor": "ops", "reason": "a\x00b"}
    card = {"action_id": "2", "credential_id": "4242424242424242"}
    for name, payload in (("pause", nul), ("update_payment_method", card)):
        with pytest.raises(WorkflowUpdateFailedError):
            await case.handle.execute_update(name, payload)
    # What becomes of a signal with a card number: test_no_card_numbers.py.
    await case.handle.signal("pause", nul)
    status, answer = await case.acts("close", outcome="cancelled", reason="tidy")
    assert (status, answer["result"]) == (200, "done")
    assert await case.until_closed() == "cancelled"
    assert await case.charges() == []
