"""`recoup policy migrate` on real parts: some move, some stay and say why, some are not reached; again is harmless."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from activities.store.cases import Selection
from policies.document import PolicySnapshot
from tests.fixtures.town import Case, Town
from tests.workflows.test_faults import second_worker, start_on
from workers.mistakes import Mistake
from workers.policy_tools import migrate as migrating
from workers.policy_tools import running_cases
from workers.policy_tools.migrate import MigrateReport, NotConfirmed, Told, as_text, migrate, told
from workers.policy_tools.running_cases import Reach, selection
from workers.wiring import read_policies
from workflows.contracts import CaseNow
from workflows.dunning import DunningWorkflow

SELF_SERVE = read_policies([])[-1]
BY = Told(actor="alice", reason="new terms")


def version(number: int, close_after: int = 22) -> PolicySnapshot:
    close = SELF_SERVE.close.model_copy(update={"after": timedelta(days=close_after)})
    return PolicySnapshot.of(SELF_SERVE.model_copy(update={"version": number, "close": close}))


NEW = version(2)


def reach(town: Town) -> Reach:
    return Reach(town.store, town.temporal, town.wiring.adapters.routes)


def street() -> str:
    """A segment of its own, so that the cases of other tests are left alone."""
    return f"street_{uuid.uuid4().hex[:8]}"


async def move(town: Town, segment: str, new: PolicySnapshot = NEW, **more: Any) -> MigrateReport:
    return await migrate(reach(town), new, selection(new, None, segment, every=False), BY, **more)


def results(report: MigrateReport) -> dict[str, str]:
    return {case.case_id: case.result for case in report.cases}


async def now(case: Case) -> CaseNow:
    return await case.handle.query(DunningWorkflow.case_now)


async def edition_in_row(town: Town, case: Case) -> str:
    row = await town.store.cases.latest(case.ref.case_id)
    assert row is not None
    return row.policy


async def test_what_can_move_moves_what_cannot_stays_with_its_reason_and_again_is_harmless(town: Town) -> None:
    here = street()
    goes_on, gone = await town.fails("do_not_honor", segment=here), await town.fails("do_not_honor", segment=here)
    await gone.handle.terminate(reason="somebody clicked Terminate")
    report = await move(town, here)
    assert results(report) == {goes_on.ref.case_id: "moved", gone.ref.case_id: "refused"}
    assert report.exit_code == 0
    assert f"{gone.ref.case_id}: its workflow does not run any more" in as_text(report)
    assert (await now(goes_on)).policy == NEW
    assert await edition_in_row(town, goes_on) == "policy self_serve@2"
    assert await edition_in_row(town, gone) == "policy self_serve@1"

    events = len((await goes_on.handle.fetch_history()).events)
    again = await move(town, here)
    assert results(again) == {gone.ref.case_id: "refused"}
    assert again.had_it_before == 1
    assert "1 have it already" in as_text(again)
    assert len((await goes_on.handle.fetch_history()).events) == events


async def test_a_dry_run_says_what_would_happen_and_moves_nothing(town: Town) -> None:
    here = street()
    case = await town.fails("do_not_honor", segment=here)
    report = await move(town, here, dry_run=True, confirm=lambda _: False)
    assert results(report) == {case.ref.case_id: "would_move"}
    assert as_text(report) == "would move to policy self_serve@2: 1 of 1 running cases"
    assert (await case.status()).policy == "policy self_serve@1"
    assert await edition_in_row(town, case) == "policy self_serve@1"


async def test_nobody_moves_before_somebody_said_yes_to_their_number(town: Town) -> None:
    here, asked = street(), []
    cases = [await town.fails("do_not_honor", segment=here) for _ in range(3)]

    def confirm(number: int) -> bool:
        asked.append(number)
        return False

    with pytest.raises(NotConfirmed):
        await move(town, here, limit=2, confirm=confirm)
    assert asked == [2]
    assert {(await case.status()).policy for case in cases} == {"policy self_serve@1"}


async def test_a_limit_moves_the_next_ones_each_time(town: Town) -> None:
    here = street()
    cases = [await town.fails("do_not_honor", segment=here) for _ in range(3)]
    first, second, third = [await move(town, here, limit=2) for _ in range(3)]
    assert (first.count("moved"), second.count("moved"), third.count("moved")) == (2, 1, 0)
    assert {(await case.status()).policy for case in cases} == {"policy self_serve@2"}


async def test_a_row_that_was_not_written_is_mended_by_the_next_run(town: Town) -> None:
    """As when the command was interrupted between the case's answer and its row."""
    here = street()
    case = await town.fails("do_not_honor", segment=here)
    await move(town, here)
    await town.store.cases.migrated(case.ref, PolicySnapshot.of(SELF_SERVE))
    report = await move(town, here)
    assert results(report) == {case.ref.case_id: "had_it"}
    assert await edition_in_row(town, case) == "policy self_serve@2"
    facts = (await now(case)).facts
    assert facts is not None
    assert len(facts.policy_changes) == 1


async def test_a_case_can_be_moved_there_and_back_and_there_again(town: Town) -> None:
    here = street()
    case = await town.fails("do_not_honor", segment=here)
    for new in (NEW, PolicySnapshot.of(SELF_SERVE), NEW):
        assert results(await move(town, here, new)) == {case.ref.case_id: "moved"}
        assert (await now(case)).policy == new


async def test_a_case_without_a_worker_is_reported_as_not_reached(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_cases, "PATIENCE", timedelta(seconds=0.5))
    async with second_worker(town, read_policies([])) as settings:
        case = await start_on(town, settings, "do_not_honor")
        await case.until_decided()
    row = await town.store.cases.latest(case.ref.case_id)
    assert row is not None
    alone = Selection(without_sha256=NEW.sha256, segment=street())
    await town.store.pool.execute("update cases set segment = $1 where case_id = $2", alone.segment, row.case_id)
    report = await migrate(reach(town), NEW, alone, BY)
    assert results(report) == {case.ref.case_id: "unreachable"}
    assert report.exit_code == 1
    assert "1 could not be reached:" in as_text(report)


async def test_an_answer_that_comes_too_late_is_found_by_the_next_run(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = street()
    case = await town.fails("do_not_honor", segment=here)
    with monkeypatch.context() as hurried:
        hurried.setattr(migrating, "PATIENCE", timedelta(microseconds=1))
        report = await move(town, here)
    assert results(report) == {case.ref.case_id: "unreachable"}
    await asyncio.sleep(0.5)
    result = results(await move(town, here))[case.ref.case_id]
    assert result in ("moved", "had_it")
    assert (await now(case)).policy == NEW
    assert await edition_in_row(town, case) == "policy self_serve@2"


@pytest.mark.parametrize("held", ["self_serve@", "Self Serve", "self_serve@one", ""])
def test_what_is_no_name_of_a_policy_is_a_mistake(held: str) -> None:
    with pytest.raises(Mistake, match="NAME or NAME@VERSION"):
        selection(NEW, held, None, every=False)


def test_a_selection_is_by_the_name_of_the_new_policy_unless_said_otherwise() -> None:
    assert selection(NEW, None, None, every=False).name == "self_serve"
    assert selection(NEW, "premium", None, every=False).name == "premium"
    assert selection(NEW, "premium@3", None, every=False).edition == "premium@3"
    everybody = selection(NEW, None, None, every=True)
    assert (everybody.name, everybody.edition) == (None, None)
    with pytest.raises(Mistake, match="leave --every out"):
        selection(NEW, "premium", None, every=True)


@pytest.mark.parametrize(
    ("actor", "reason", "said"),
    [
        ("", "new terms", "--actor"),
        ("alice", "two\nlines", "--reason: .*control character"),
        ("alice", "as to card 4242424242424242", "--reason: looks like a card number"),
    ],
)
def test_words_that_must_not_stand_in_a_history_are_refused_before_anything_moves(
    actor: str, reason: str, said: str
) -> None:
    with pytest.raises(Mistake, match=said):
        told(actor, reason)
