"""Whatever customers do twice, and wherever their connection breaks, they pay once; the sandbox's ledger is witness."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Route
from temporalio.client import Client

from tests.api.page.conftest import Visit, link_of
from tests.fixtures.town import PATIENCE_SECONDS, Case, Town, building_town, new_databases


@pytest.fixture(scope="module")
async def slow_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    """Its gateway takes its time and loses answers, so that others' charges do not meet that."""
    async with building_town(temporal, *await new_databases(database_url)) as built:
        yield built


async def test_a_double_click_pays_once(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Card")
    await visit.types_card()
    await visit.page.locator("#recoup-fields button").dblclick()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    assert len(await case.charges()) == 1


async def test_a_double_click_on_a_way_opens_one_checkout(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.page.get_by_role("button", name="Card", exact=True).dblclick()
    await visit.fields.get_by_label("Card number").wait_for()
    rows = await town.store.pool.fetch("select id from page_checkouts where customer_id = $1", case.customer_id)
    assert len(rows) == 1


async def test_two_tabs_that_pay_at_once_pay_once(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    other = Visit(await visit.page.context.new_page(), None)
    await other.opens(case)
    for tab in (visit, other):
        await tab.chooses("Card")
        await tab.types_card()
    await asyncio.gather(visit.pays(), other.pays())
    for tab in (visit, other):
        await tab.page.locator("main:not([data-state=paying]) h1").wait_for()
    await other.shot("second-tab")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]
    assert await visit.headline() in ("Thank you", "All is paid, thank you")
    assert await other.headline() in ("Thank you", "All is paid, thank you")
    assert other.violations == []


async def test_the_back_button_after_paying_offers_no_second_payment(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    await visit.page.go_back()
    await visit.page.wait_for_load_state()
    await visit.page.locator("main:not([data-state=paying]):not([data-state=owed]) h1").wait_for()
    await visit.page.go_back()
    await visit.page.locator("main:not([data-state=paying]):not([data-state=owed]) h1").wait_for()
    assert await visit.page.locator("form").count() == 0
    assert len(await case.charges()) == 1


async def test_a_reload_of_the_outcome_pays_nothing_again(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    await visit.page.reload()
    await visit.until_headline("Thank you")
    assert len(await case.charges()) == 1


async def test_a_form_whose_answer_never_arrives_has_paid_once_when_the_page_is_opened_again(
    town: Town, visit: Visit
) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    await visit.page.goto(link)
    await visit.chooses("Card")
    await visit.types_card()
    sent = asyncio.Event()

    async def lose_the_answer(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        await route.fetch(max_redirects=0)
        sent.set()
        return await route.abort("connectionreset")

    await visit.page.route("**/pay/*/checkout/*", lose_the_answer)
    checkout = visit.page.url
    await visit.pays()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await sent.wait()
    assert await case.until_closed() == "recovered"
    await visit.page.unroute("**/pay/*/checkout/*")
    await visit.page.goto(checkout)
    await visit.until_headline("Thank you")
    await visit.page.goto(link)
    await visit.until_headline("All is paid, thank you")
    assert len(await case.charges()) == 1


async def test_a_network_that_goes_away_before_the_form_is_sent_charges_nothing(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Card")
    await visit.types_card()
    await visit.page.context.set_offline(True)
    await visit.pays()
    await visit.page.get_by_role("alert").get_by_text("There was no answer. Try again.").wait_for()
    await visit.shot("no-network")
    assert await case.charges() == []
    await visit.page.context.set_offline(False)
    await visit.pays()
    await visit.until_headline("Thank you")
    assert len(await case.charges()) == 1


async def test_a_browser_closed_during_a_charge_finds_it_on_its_way_and_later_paid(
    slow_town: Town, visit: Visit
) -> None:
    town = slow_town
    await _faults(town, slow_seconds=town.settings.outside_timeout_seconds * 2)
    case = await town.fails("expired_card")
    link = await link_of(case)
    leaving = Visit(await visit.page.context.new_page(), None)
    await leaving.page.goto(link)
    await leaving.pays_by_card()
    await _until_charged(case)
    await leaving.page.close()
    await visit.page.goto(link)
    await visit.until_headline("Your payment is on its way")
    await visit.shot("during-a-slow-charge")
    assert await visit.page.locator("form[action$='/checkout']").count() == 0
    await _faults(town)
    await case.to_day(1)
    assert await case.until_closed() == "recovered"
    await visit.until_headline("All is paid, thank you")
    assert len(await case.charges()) == 1


async def test_a_charge_whose_answer_the_gateway_loses_is_looked_up_and_not_repeated(
    slow_town: Town, visit: Visit
) -> None:
    town = slow_town
    await _faults(town, drop_after=1.0)
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card()
    await visit.page.locator("main:not([data-state=paying]) h1").wait_for()
    await visit.shot("answer-lost")
    await _faults(town)
    await case.to_day(1)
    assert await case.until_closed() == "recovered"
    await visit.until_headline("Thank you")
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def _faults(town: Town, **asked: float) -> None:
    await town.sandbox("POST", "/world/faults", asked)


async def _until_charged(case: Case) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await case.charges():
            await asyncio.sleep(0.02)
