"""`recoup policy impact` on real parts: which running cases another policy would change, and how; none is touched."""

from datetime import UTC, datetime, timedelta
from typing import Any

from policies.document import PolicyDocument, PolicySnapshot
from tests.fixtures.ordinary_days import suspends_on
from tests.fixtures.town import Case, Town
from tests.workers.policy_tools.test_migrate import BY, SELF_SERVE, reach, street
from workers.policy_tools.impact import CaseImpact, ImpactReport, Shift, impact
from workers.policy_tools.impact_text import as_text
from workers.policy_tools.migrate import migrate
from workers.policy_tools.running_cases import selection


def changed(**parts: dict[str, Any]) -> PolicySnapshot:
    """Version 2 of the shipped policy with these parts changed."""
    update = {name: getattr(SELF_SERVE, name).model_copy(update=change) for name, change in parts.items()}
    return PolicySnapshot.of(SELF_SERVE.model_copy(update={"version": 2, **update}))


SOONER = changed(
    suspend={"after": timedelta(days=10)},
    close={"after": timedelta(days=25)},
    retries={"ladder": SELF_SERVE.retries.ladder[:2]},
)


async def look(town: Town, segment: str, new: PolicySnapshot, at: datetime | None = None) -> ImpactReport:
    chosen = selection(new, None, segment, every=False)
    return await impact(reach(town), new, chosen, at or datetime.now(UTC))


def of(report: ImpactReport, case: Case) -> CaseImpact:
    return next(each for each in report.cases if each.case_id == case.ref.case_id)


def days_of(case: Case, moment: datetime | None) -> int | None:
    return (moment - case.failed_at).days if moment else None


@suspends_on(10, 14)
async def test_each_case_is_foreseen_under_its_own_policy_and_under_the_new_one(town: Town) -> None:
    here = street()
    young, old = await town.fails("do_not_honor", segment=here), await town.fails("do_not_honor", segment=here)
    await old.to_day(12)
    events = [len((await case.handle.fetch_history()).events) for case in (young, old)]

    report = await look(town, here, SOONER)
    assert (report.policy, report.unchanged, report.changed, report.have_it) == ("policy self_serve@2", 0, 2, 0)
    seen = of(report, young)
    assert (seen.policy, seen.segment) == ("policy self_serve@1", here)
    assert (seen.before.charges, seen.after.charges) == (6, 2)
    assert seen.before.messages > 0
    assert days_of(young, seen.before.suspend_at) == 14
    assert days_of(young, seen.after.suspend_at) == 10
    assert days_of(young, seen.after.close_at) == 25
    assert seen.before.limit_at == seen.after.limit_at is not None
    assert seen.before.next == seen.after.next is not None

    overdue = of(await look(town, here, SOONER, await old.now()), old)
    assert overdue.before.charges == 2
    assert overdue.after.charges == 0
    assert overdue.before.limit_at is None
    assert days_of(old, overdue.after.suspend_at) in (12, 13)
    assert [len((await case.handle.fetch_history()).events) for case in (young, old)] == events


@suspends_on(10, 14)
async def test_the_report_counts_who_loses_service_sooner_and_tells_each_case(town: Town) -> None:
    here = street()
    case = await town.fails("lost_card", segment=here)
    report = await look(town, here, SOONER)
    shifts = {shift.landmark: shift for shift in report.shifts}
    assert shifts["suspend"] == Shift(landmark="suspend", sooner=1, later=0, newly=0, no_more=0)
    assert shifts["limit"] == Shift(landmark="limit", sooner=0, later=0, newly=0, no_more=0)
    text = as_text(report)
    assert text.startswith("policy self_serve@2 on 1 running cases, as of ")
    assert "\n0 unchanged, 1 change\n  1 suspended sooner\n  1 closed sooner\n" in text
    assert f"\n{case.ref.case_id} ({here}, policy self_serve@1)\n" in text
    assert "  limit" not in text

    never = PolicySnapshot.of(SELF_SERVE.model_copy(update={"version": 2, "suspend": None}))
    assert "  1 not suspended any more\n" in as_text(await look(town, here, never))
    await migrate(reach(town), never, selection(never, None, here, every=False), BY)
    back = as_text(await look(town, here, PolicySnapshot.of(SELF_SERVE)))
    assert "  1 suspended that would not be\n" in back
    assert "suspend  never -> " in back
    assert (await look(town, here, never)).have_it == 1


async def test_a_policy_that_only_words_things_otherwise_leaves_cases_unchanged(town: Town) -> None:
    here = street()
    await town.fails("do_not_honor", segment=here)
    report = await look(town, here, changed(reinstatement={"conditions": ("Pay what is open.",)}))
    assert (report.unchanged, report.changed) == (1, 0)
    assert as_text(report).endswith("1 unchanged, 0 change")


async def test_a_change_between_the_landmarks_is_a_change(town: Town) -> None:
    here = street()
    await town.fails("lost_card", segment=here)
    last = SELF_SERVE.messages[-1].model_copy(update={"name": "goodbye"})
    renamed = SELF_SERVE.model_copy(update={"version": 2, "messages": (*SELF_SERVE.messages[:-1], last)})
    report = await look(town, here, PolicySnapshot.of(PolicyDocument.model_validate(renamed.model_dump())))
    assert report.changed == 1
    assert "in between: time, name or channels of a charge or message" in as_text(report)


async def test_nothing_is_foreseen_of_a_held_case_and_the_report_says_so(town: Town) -> None:
    here = street()
    case = await town.fails("do_not_honor", segment=here)
    await case.acts("pause", reason="a look")
    report = await look(town, here, SOONER)
    assert (report.unchanged, report.changed, report.held) == (1, 0, 1)
    assert of(report, case).before.next.what == "hold"
    assert "1 held: what comes after the hold is not foreseen" in as_text(report)


async def test_who_cannot_be_asked_is_listed_with_the_reason(town: Town) -> None:
    here = street()
    gone = await town.fails("do_not_honor", segment=here)
    await gone.handle.terminate(reason="somebody clicked Terminate")
    report = await look(town, here, SOONER)
    assert [(each.case_id, each.why) for each in report.not_asked] == [(gone.ref.case_id, "ended")]
    assert as_text(report).endswith(f"1 could not be asked:\n  {gone.ref.case_id}: its workflow does not run any more")


async def test_what_impact_foresees_is_what_happens_after_the_move(town: Town) -> None:
    here = street()
    case = await town.fails("lost_card", segment=here)
    await case.to_day(0.5)
    at = await case.now()
    foreseen = of(await look(town, here, SOONER, at), case).after
    await migrate(reach(town), SOONER, selection(SOONER, None, here, every=False), BY)
    assert await case.to_the_end() == "written_off"
    told = await case.timeline()
    suspended = next(at for at, what in told if what == "access suspended")
    row = await town.store.cases.latest(case.ref.case_id)
    assert foreseen.suspend_at is not None
    assert foreseen.close_at is not None
    assert row is not None
    assert row.closed_at is not None
    assert abs(suspended - foreseen.suspend_at) < timedelta(minutes=5)
    assert abs(row.closed_at - foreseen.close_at) < timedelta(minutes=5)
    assert len([when for when, what in told if what.startswith("message") and when > at]) == foreseen.messages
