"""The stories whose histories are kept: each walks one case on real parts and returns it. To add one: a function here,
then `./dev record NAME`."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from policies.document import PolicySnapshot
from policies.migration import MigrateRequest
from tests.fixtures.town import Case, Town
from workflows.dunning import DunningWorkflow


async def standard_ladder(town: Town) -> Case:
    """Every rung, every message, limited, suspended, written off."""
    case = await town.fails("do_not_honor", amount_minor=1900, currency="USD")
    assert await case.to_the_end() == "written_off"
    return case


async def payday(town: Town) -> Case:
    case = await town.fails("insufficient_funds")
    assert await case.to_the_end() == "recovered"
    return case


async def issuer_down(town: Town) -> Case:
    case = await town.fails("issuer_down")
    assert await case.to_the_end() == "recovered"
    return case


async def reinstated_by_a_new_card(town: Town) -> Case:
    case = await town.fails("lost_card")
    await case.to_day(16)
    await case.gives_card("do_not_honor")
    await case.gives_card()
    assert await case.until_closed() == "recovered"
    return case


async def answer_never_comes(town: Town) -> Case:
    case = await town.fails("answer_never_comes")
    assert await case.to_the_end() == "recovered"
    return case


async def request_lost(town: Town) -> Case:
    case = await town.fails("never_arrives")
    assert await case.to_the_end() == "recovered"
    return case


async def dispute_won_then_paid(town: Town) -> Case:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.world("dispute")
    await case.to_day(12)
    await case.world("win-dispute")
    await case.to_day(14)
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return case


async def paused_resumed_and_closed_by_ops(town: Town) -> Case:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.acts("pause", reason="a look")
    await case.to_day(5)
    await case.acts("resume", reason="looked")
    await case.to_day(9)
    await case.acts("close", outcome="written_off", reason="given up")
    assert await case.until_closed() == "written_off"
    return case


async def enterprise_grace(town: Town) -> Case:
    case = await town.fails("do_not_honor", segment="enterprise", amount_minor=1_200_000)
    await case.to_day(44)
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return case


async def suspicious(town: Town) -> Case:
    case = await town.fails("fraud_suspect")
    assert await case.to_the_end() == "written_off"
    return case


async def voided(town: Town) -> Case:
    case = await town.fails("insufficient_funds")
    await case.world("void")
    assert await case.until_closed() == "cancelled"
    return case


async def policy_migrated(town: Town) -> Case:
    """Moved to a policy that gives up earlier; the rungs, messages and service of the old one stay done."""
    case = await town.fails("do_not_honor")
    await case.to_day(10)
    held = (await case.handle.query(DunningWorkflow.case_now)).policy
    sooner = held.document.close.model_copy(update={"after": timedelta(days=22)})
    policy = PolicySnapshot.of(held.document.model_copy(update={"version": 2, "close": sooner}))
    asked = MigrateRequest(
        action_id="moved", actor="ops", reason="new terms", expected_sha256=held.sha256, policy=policy
    )
    await case.handle.execute_update(DunningWorkflow.migrate_policy, asked)
    assert await case.to_the_end() == "written_off"
    return case


async def still_open(town: Town) -> Case:
    """A case in the middle of its life: new code must go on with it."""
    case = await town.fails("do_not_honor")
    await case.to_day(9.5)
    return case


Story = Callable[[Town], Awaitable[Case]]

STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        standard_ladder,
        payday,
        issuer_down,
        reinstated_by_a_new_card,
        answer_never_comes,
        request_lost,
        dispute_won_then_paid,
        paused_resumed_and_closed_by_ops,
        enterprise_grace,
        suspicious,
        voided,
        policy_migrated,
        still_open,
    )
}
