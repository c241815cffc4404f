"""A running case is moved to another policy on purpose: it goes on from where it stands; refused cases stay."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.contracts import AccessAnswer, AccessRequest, CloseRequest
from activities.errors import NotFound
from policies.document import PolicyDocument, PolicySnapshot
from policies.events import ActionAnswer
from policies.facts import AccessLevel
from policies.migration import MigrateRequest
from tests.fixtures.temporal import TemporalServer
from tests.fixtures.town import PATIENCE_SECONDS, Case, Town, building_town, new_databases
from tests.workflows.test_endings import Gate, real
from tests.workflows.test_faults import second_worker, start_on
from workers.wiring import read_policies
from workflows.contracts import CaseNow, DunningInput
from workflows.dunning import DunningWorkflow

SELF_SERVE = read_policies([])[-1]


def ends_on(days: int, version: int = 2) -> PolicySnapshot:
    """The shipped policy, with another end."""
    close = SELF_SERVE.close.model_copy(update={"after": timedelta(days=days)})
    return PolicySnapshot.of(SELF_SERVE.model_copy(update={"version": version, "close": close}))


async def case_now(case: Case) -> CaseNow:
    return await case.handle.query(DunningWorkflow.case_now)


async def details_of(case: Case) -> str:
    return str(await case.handle.query("__temporal_workflow_metadata"))


async def move(case: Case, policy: PolicySnapshot, **changes: Any) -> ActionAnswer:
    """From the policy the case has now; the id is new, if none is given."""
    wanted: dict[str, Any] = {"action_id": uuid.uuid4().hex, "actor": "alice", "reason": "new terms", "policy": policy}
    if "expected_sha256" not in changes:
        held = (await case_now(case)).policy
        wanted["expected_sha256"] = held.sha256 if held else "0" * 64
    return await case.handle.execute_update(DunningWorkflow.migrate_policy, MigrateRequest(**{**wanted, **changes}))


async def refused(case: Case, policy: PolicySnapshot, **changes: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as raised:
        await move(case, policy, **changes)
    cause = raised.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "ActionRefused"
    return cause.message


async def events_of(case: Case) -> int:
    return len((await case.handle.fetch_history()).events)


async def test_a_case_goes_on_under_its_new_policy_from_where_it_stands(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(10)
    answer = await move(case, ends_on(22))
    assert (answer.result, answer.because) == ("done", "goes on under policy self_serve@2")
    assert (await case.status()).policy == "policy self_serve@2"
    assert await case.to_the_end() == "written_off"
    told = await case.timeline()
    assert "moved from policy self_serve@1 to policy self_serve@2 by alice" in [what for _, what in told]
    ended = told[-1][0] - case.failed_at
    assert timedelta(days=20) < ended < timedelta(days=22)
    row = await town.store.cases.latest(case.ref.case_id)
    assert row is not None
    assert row.closed_at is not None
    assert timedelta(days=21.9) < row.closed_at - case.failed_at < timedelta(days=22.1)
    # Nothing that was done before is done again.
    assert [charge["status"] for charge in await case.charges()] == ["declined"] * 6
    subjects = [letter["subject"] for letter in await case.letters()]
    assert len(subjects) == len([what for _, what in told if what.startswith("message")])


async def test_the_query_tells_all_that_a_decision_rests_on_and_costs_no_history(town: Town) -> None:
    case = await town.fails("do_not_honor", segment="premium")
    await case.to_day(2)
    before = await events_of(case)
    now = await case_now(case)
    assert now.facts == (await case.status()).facts
    assert now.policy == PolicySnapshot.of(next(d for d in read_policies([]) if d.name == "premium"))
    assert (now.case, now.segment, now.closing) == (case.ref, "premium", False)
    assert await events_of(case) == before


async def test_the_details_in_the_temporal_ui_tell_of_the_move(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await move(case, ends_on(22), reason="fewer | letters")
    status = await case.until_decided()
    assert [line.because for line in status.timeline if line.what.startswith("moved from")] == ["fewer | letters"]
    # The details are written anew a moment after the move, with the next decision.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "policy self_serve@2" not in (details := await details_of(case)):
            await asyncio.sleep(0.02)
    assert "fewer / letters" in details


async def test_moving_twice_by_one_id_is_moving_once(town: Town) -> None:
    case = await town.fails("do_not_honor")
    held = (await case_now(case)).policy
    assert held is not None
    same = {"action_id": "m1", "expected_sha256": held.sha256}
    assert (await move(case, ends_on(22), **same)).result == "done"
    assert (await move(case, ends_on(22), **same)).result == "done"
    now = await case_now(case)
    assert now.facts is not None
    assert len(now.facts.policy_changes) == 1
    # Back again; the first request, if it comes late, changes nothing any more.
    await move(case, held)
    assert "was done before" in await refused(case, ends_on(22), **same)
    assert (await case.status()).policy == "policy self_serve@1"


async def test_a_case_that_stays_says_why_and_nothing_stands_in_its_history(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(0.5)
    before = await events_of(case)
    assert "another policy by now" in await refused(case, ends_on(22), expected_sha256="0" * 64)
    false_sum = PolicySnapshot(document=SELF_SERVE, sha256="1" * 64)
    assert "not that of the document" in await refused(case, false_sum)
    assert "already has policy self_serve@1" in await refused(case, PolicySnapshot.of(SELF_SERVE))
    assert await events_of(case) == before
    assert (await case.status()).policy == "policy self_serve@1"


async def test_a_case_that_is_ending_or_closing_stays(town: Town) -> None:
    """Paid, but service could not be given back; then mended, and in the middle of its last step."""
    gate, broken = Gate(), [True]
    close_for_real, change_for_real = real(town, "close_case"), real(town, "change_access")

    @activity.defn(name="change_access")
    async def change_access(request: AccessRequest) -> AccessAnswer:
        if request.level is AccessLevel.FULL and broken[0]:
            raise NotFound("the customer is gone from the access system")
        answer: AccessAnswer = await change_for_real(request)
        return answer

    @activity.defn(name="close_case")
    async def close_case(request: CloseRequest) -> None:
        async with gate:
            await close_for_real(request)

    async with second_worker(town, read_policies([]), change_access=change_access, close_case=close_case) as settings:
        case = await start_on(town, settings, "lost_card")
        await case.until_decided()
        await case.to_day(15)
        await case.world("pay")
        await case.until_state("on_hold")
        assert "the case is ending" in await refused(case, ends_on(22))
        broken[0] = False
        await case.handle.signal("resume", {"action_id": "r", "actor": "ops", "reason": "put back"})
        await asyncio.wait_for(gate.reached.wait(), 20)
        assert await refused(case, ends_on(22)) == "the case is closing"
        assert (await case_now(case)).closing
        gate.open.set()
        assert await case.until_closed() == "recovered"


async def test_a_case_that_never_opened_stays(town: Town) -> None:
    case = await town.describe()
    await town.temporal.start_workflow(
        DunningWorkflow.run, DunningInput(case=case.ref), id=case.ref.workflow_id, task_queue=town.settings.task_queue
    )
    await case.until_state("on_hold")
    now = await case_now(case)
    assert (now.facts, now.policy) == (None, None)
    assert "has not read its invoice" in await refused(case, ends_on(22))


async def test_a_paused_case_may_be_moved_and_stays_paused(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.acts("pause", reason="a look")
    await case.until_state("on_hold")
    await move(case, ends_on(22))
    assert (await case.until_state("on_hold")).policy == "policy self_serve@2"


async def test_rungs_and_messages_that_the_new_policy_has_not_do_no_harm(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(7)
    retries = SELF_SERVE.retries.model_copy(update={"ladder": SELF_SERVE.retries.ladder[:2]})
    messages = SELF_SERVE.messages[-1:]
    short = SELF_SERVE.model_copy(update={"version": 3, "retries": retries, "messages": messages})
    await move(case, PolicySnapshot.of(PolicyDocument.model_validate(short.model_dump())))
    assert await case.to_the_end() == "written_off"
    assert len(await case.charges()) == 3
    assert (await case.access())["level"] == "suspended"


async def test_a_worker_that_remembers_nothing_replays_the_move(town: Town) -> None:
    async with second_worker(town, read_policies([]), cached=0) as settings:
        case = await start_on(town, settings, "do_not_honor")
        await case.until_decided()
        await case.to_day(2)
        await move(case, ends_on(22))
        assert (await case.status()).policy == "policy self_serve@2"
        await case.to_day(23)
        assert await case.until_closed() == "written_off"


async def test_the_next_run_of_a_long_case_keeps_the_policy_it_was_moved_to(database_url: str) -> None:
    server = TemporalServer(extra_config=("limit.historyCount.suggestContinueAsNew=60",))
    client = await server.start()
    try:
        async with building_town(client, *await new_databases(database_url)) as own_town:
            case = await own_town.fails("do_not_honor")
            first_run = (await case.handle.describe()).run_id
            await move(case, ends_on(22))
            await case.to_day(21)
            assert (await case.handle.describe()).run_id != first_run
            # A run that has just gone on as new cannot be asked before its first task.
            await case.until_decided()
            now = await case_now(case)
            assert now.policy == ends_on(22)
            assert now.facts is not None
            assert len(now.facts.policy_changes) == 1
    finally:
        await server.stop()
