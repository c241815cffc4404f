"""What becomes of a claim that is written off at the system that owns it: what the policy says, and else nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from policies.document import PolicyDocument
from tests.fixtures.town import Case, Town, building_town, new_databases
from workers.wiring import read_policies


def told_to_cancel(document: PolicyDocument) -> PolicyDocument:
    """Premium's subscriptions are cancelled, everybody else's invoices are marked."""
    how = "cancel_subscription" if document.name == "premium" else "mark_uncollectible"
    return document.model_copy(update={"close": document.close.model_copy(update={"at_source": how})})


@pytest.fixture(scope="module")
async def thorough_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    policies = tuple(told_to_cancel(document) for document in read_policies([]))
    async with building_town(temporal, *await new_databases(database_url), policies) as town:
        yield town


async def status_at_source(case: Case) -> Any:
    answer = await case.town.sandbox("GET", f"/source/invoices/{case.ref.invoice_id}")
    return answer["status"]


async def given_up(case: Case, outcome: str) -> str:
    status, answer = await case.acts("close", outcome=outcome, reason="given up")
    assert status == 200, answer
    return await case.until_closed()


@pytest.mark.parametrize(("segment", "becomes"), [("self_serve", "uncollectible"), ("premium", "cancelled")])
async def test_what_is_written_off_ends_at_its_owner_as_the_policy_says(
    thorough_town: Town, segment: str, becomes: str
) -> None:
    case = await thorough_town.fails("lost_card", segment=segment)
    assert await given_up(case, "written_off") == "written_off", "its owner's echo changes nothing"
    assert await status_at_source(case) == becomes


async def test_what_ends_otherwise_is_left_alone_at_its_owner(thorough_town: Town) -> None:
    case = await thorough_town.fails("lost_card")
    assert await given_up(case, "cancelled") == "cancelled"
    assert await status_at_source(case) == "open"


async def test_a_policy_that_says_nothing_of_it_leaves_what_is_written_off_alone(town: Town) -> None:
    case = await town.fails("lost_card")
    assert await given_up(case, "written_off") == "written_off"
    assert await status_at_source(case) == "open"
