"""What goes wrong on our side: decisions that fail, resets, long histories, changed policies. No case is lost by it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from activities.contracts import Decided, DecideRequest
from activities.deciding import Deciding
from policies.document import PolicyDocument
from tests.fixtures.ordinary_days import zone_by_day
from tests.fixtures.temporal import TemporalServer
from tests.fixtures.town import Case, Town, building_town, new_databases
from workers.settings import Settings
from workers.wiring import read_policies
from workers.worker import activities_of, working
from workflows.contracts import DunningInput
from workflows.dunning import DunningWorkflow


class FailingDecisions(Deciding):
    """The real decision behind a switch."""

    broken = True
    calls = 0

    @activity.defn
    async def decide(self, request: DecideRequest) -> Decided:
        self.calls += 1
        if self.broken:
            raise ValueError("a rule that nobody tested met ada@customers.example")
        return await super().decide(request)


@asynccontextmanager
async def second_worker(
    town: Town, policies: tuple[PolicyDocument, ...], cached: int = 1000, **replaced: Any
) -> AsyncIterator[Settings]:
    """A worker on a task queue of its own; `replaced` activities by name. Yields its settings."""
    own = {"task_queue": f"second-{uuid.uuid4().hex[:8]}", "max_cached_workflows": cached}
    settings = town.settings.model_copy(update=own)
    activities = [a for a in activities_of(town.wiring, policies, settings) if a.__name__ not in replaced]
    async with working(town.temporal, [*activities, *replaced.values()], settings):
        yield settings


async def start_on(town: Town, settings: Settings, story: str) -> Case:
    case = await town.describe()
    await case.fail(story, deliver=False)
    await town.temporal.start_workflow(
        DunningWorkflow.run, DunningInput(case=case.ref), id=case.ref.workflow_id, task_queue=settings.task_queue
    )
    return case


async def test_a_decision_that_keeps_failing_does_not_spin_but_holds_and_says_so(town: Town) -> None:
    decisions = FailingDecisions(town.store, town.wiring.adapters.routes)
    async with second_worker(town, read_policies([]), decide=decisions.decide) as settings:
        case = await start_on(town, settings, "do_not_honor")
        status = await case.until_state("on_hold")
        assert decisions.calls == 3
        assert "ValueError" in status.because
        await asyncio.sleep(2)
        assert decisions.calls == 3
        described = await case.handle.describe()
        assert described.search_attributes["RecoupState"] == ["on_hold"]
        decisions.broken = False
        answer = await case.handle.execute_update(
            "resume", {"action_id": "mended", "actor": "ops", "reason": "deployed the mended rule"}
        )
        assert answer["result"] == "done"
        await case.until_state("retrying")
        assert await case.to_the_end() == "written_off"
        # What an unexpected error says stays in the worker's log; its text may quote anything.
        history = "\n".join(str(event) for event in (await case.handle.fetch_history()).events)
        assert "ValueError" in history
        assert "nobody tested" not in history


async def test_a_decision_that_works_again_needs_no_person(town: Town) -> None:
    """A database that was down for a while must not leave every case to be resumed by hand."""
    decisions = FailingDecisions(town.store, town.wiring.adapters.routes)
    async with second_worker(town, read_policies([]), decide=decisions.decide) as settings:
        case = await start_on(town, settings, "do_not_honor")
        await case.until_state("on_hold")
        decisions.broken = False
        await case.to_day(0.02)
        await case.until_state("retrying")


async def test_news_after_a_failed_decision_is_decided_on_without_a_person(town: Town) -> None:
    decisions = FailingDecisions(town.store, town.wiring.adapters.routes)
    async with second_worker(town, read_policies([]), decide=decisions.decide) as settings:
        case = await start_on(town, settings, "do_not_honor")
        await case.until_state("on_hold")
        decisions.broken = False
        await case.world("pay")
        assert await case.until_closed() == "recovered"


async def test_a_reset_from_the_ui_charges_nobody_again_and_writes_nobody_again(town: Town) -> None:
    case = await town.fails("do_not_honor", zone=zone_by_day())
    await case.to_day(1.5)
    charges, letters = await case.charges(), await case.letters()
    assert (len(charges), len(letters)) == (1, 1)
    await reset(case)
    await case.until_decided()
    # The new run lives through the first day once more: the same keys, which ledger and channel know already.
    await case.to_day(2.5)
    assert [what for _, what in await case.timeline() if what.startswith(("attempt", "message"))] == [
        "message first_notice by email",
        "attempt 1 of 49.00 EUR: declined (do_not_honor)",
    ]
    assert await case.charges() == charges
    assert await case.letters() == letters


async def test_after_a_reset_a_new_card_is_tried_although_its_number_was_used_before(town: Town) -> None:
    """The history forgets the card that was refused; the ledger does not, and the next card gets the next key."""
    case = await town.fails("lost_card")
    await case.to_day(1)
    status, answer = await case.gives_card("do_not_honor")
    assert (status, answer["result"]) == (200, "refused")
    await reset(case, ResetReapplyType.RESET_REAPPLY_TYPE_NONE)
    await case.until_decided()
    facts = (await case.status()).facts
    assert facts is not None
    assert facts.attempts == ()
    status, answer = await case.gives_card()
    assert (status, answer["result"]) == (200, "paid")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["declined", "succeeded"]


async def reset(case: Case, reapply: ResetReapplyType.ValueType = ResetReapplyType.RESET_REAPPLY_TYPE_SIGNAL) -> None:
    """Back to the beginning, as somebody does it in the Temporal UI."""
    await case.town.temporal.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=case.town.temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=case.ref.workflow_id),
            reason="somebody clicked Reset",
            request_id=uuid.uuid4().hex,
            workflow_task_finish_event_id=await first_workflow_task(case),
            reset_reapply_type=reapply,
        )
    )


async def first_workflow_task(case: Case) -> int:
    async for event in case.handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return event.event_id
    raise AssertionError("no workflow task was completed")


async def test_a_long_case_goes_on_in_a_new_run_with_all_it_knows(database_url: str) -> None:
    server = TemporalServer(extra_config=("limit.historyCount.suggestContinueAsNew=60",))
    client = await server.start()
    try:
        async with building_town(client, *await new_databases(database_url)) as own_town:
            case = await own_town.fails("do_not_honor")
            first_run = (await case.handle.describe()).run_id
            assert await case.to_the_end() == "written_off"
            assert (await case.handle.describe()).run_id != first_run
            assert len(await case.charges()) == 6
            assert len([what for _, what in await case.timeline() if what.startswith("attempt")]) == 6
    finally:
        await server.stop()


async def test_a_changed_policy_file_changes_new_cases_and_leaves_running_ones_alone(town: Town) -> None:
    old = read_policies([])
    sooner = old[-1].close.model_copy(update={"after": timedelta(days=23)})
    rushed = old[-1].model_copy(update={"version": 2, "close": sooner})
    async with second_worker(town, old) as settings:
        running = await start_on(town, settings, "do_not_honor")
        await running.until_decided()
    activities = activities_of(town.wiring, (*old[:-1], rushed), settings)
    async with working(town.temporal, activities, settings):
        fresh = await start_on(town, settings, "do_not_honor")
        await fresh.until_decided()
        assert (await running.status()).policy == "policy self_serve@1"
        assert (await fresh.status()).policy == "policy self_serve@2"
        await running.to_day(25)
        await fresh.to_day(25)
        assert await running.is_open()
        assert await fresh.until_closed() == "written_off"


async def test_a_case_that_cannot_read_its_invoice_waits_for_a_person(town: Town) -> None:
    case = await town.describe()
    await town.temporal.start_workflow(
        DunningWorkflow.run, DunningInput(case=case.ref), id=case.ref.workflow_id, task_queue=town.settings.task_queue
    )
    status = await case.until_state("on_hold")
    assert "NotFound" in status.because
    await case.fail("do_not_honor", deliver=False)
    await case.handle.signal("resume", {"action_id": "r", "actor": "ops", "reason": "the invoice is there now"})
    await case.until_state("retrying")


async def test_a_workflow_cancelled_in_temporal_closes_its_case_in_order(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.handle.cancel()
    assert await case.until_closed() == "cancelled"
    row = await town.store.cases.latest(case.ref.case_id)
    assert row is not None
    assert row.because == "Temporal closed the case: the workflow was cancelled"
    described = await case.handle.describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED


async def test_a_worker_that_remembers_nothing_replays_every_step_and_comes_to_the_same_end(town: Town) -> None:
    async with second_worker(town, read_policies([]), cached=0) as settings:
        case = await start_on(town, settings, "do_not_honor")
        await case.until_decided()
        await case.to_day(2)
        assert (await case.handle.execute_update("pause", {"action_id": "p", "actor": "ops", "reason": "look"}))[
            "result"
        ]
        await case.handle.cancel()
        assert await case.until_closed() == "cancelled"
