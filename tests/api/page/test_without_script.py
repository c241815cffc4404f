"""All but the gateway's own fields works in a browser that runs no scripts."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser

from tests.api.page.conftest import PHONE, Visit
from tests.api.page.test_codes import asks_for_code, types_code, with_a_spare_card
from tests.fixtures.town import Town


@pytest.fixture
async def plain(browser: Browser, unhurried: None) -> AsyncIterator[Visit]:
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)
    context.set_default_timeout(15_000)
    made = Visit.with_shots(await context.new_page())
    yield made
    await context.close()
    assert made.violations == []


async def test_a_stored_card_pays(town: Town, plain: Visit) -> None:
    case = await with_a_spare_card(town)
    await plain.opens(case)
    await plain.unfolds("Pay with something you have saved")
    await types_code(plain, await asks_for_code(plain, case))
    await plain.page.get_by_role("button", name="Visa •••• 4242").click()
    await plain.until_headline("Thank you")
    await plain.shot("no-script-paid")
    assert await case.until_closed() == "recovered"
    assert len(await case.charges()) == 1


async def test_a_day_is_promised(town: Town, plain: Visit) -> None:
    case = await town.fails("insufficient_funds")
    await plain.opens(case)
    await plain.unfolds("Pay on another day")
    await plain.page.get_by_label("I pay on").fill((case.failed_at + timedelta(days=7)).date().isoformat())
    await plain.page.get_by_role("button", name="Note this day").click()
    await plain.reads("Your day is noted")
    await plain.until_headline("Your payment is arranged")


async def test_a_mistake_is_told(town: Town, plain: Visit) -> None:
    case = await town.fails("do_not_honor", segment="self_serve")
    await plain.opens(case)
    await plain.unfolds("There is a mistake")
    await plain.page.get_by_role("button", name="Tell us").click()
    await plain.until_headline("We are looking into it")


async def test_the_fields_say_that_they_need_a_script_and_the_way_back_is_there(town: Town, plain: Visit) -> None:
    case = await town.fails("expired_card")
    await plain.opens(case)
    await plain.chooses("Card")
    # Chromium under Playwright parses a page as if scripts ran, so what stands in noscript is in its source only.
    assert "The fields of the payment provider need JavaScript." in await plain.page.content()
    await plain.shot("no-script-fields")
    await plain.page.get_by_role("link", name="Back, pay in another way").click()
    assert await plain.headline() == "Your payment did not go through"


async def test_the_fields_form_sent_without_them_charges_nothing_and_says_so(town: Town, plain: Visit) -> None:
    case = await town.fails("expired_card")
    await plain.opens(case)
    await plain.chooses("Card")
    await plain.pays()
    await plain.until_headline("That did not work")
    assert await case.charges() == []
    await plain.page.get_by_role("link", name="Try another way to pay").click()
    assert await plain.headline() == "Your payment did not go through"


async def test_instalments_of_a_card_for_once_are_refused_and_open_no_fields(town: Town, plain: Visit) -> None:
    case = await town.fails("expired_card")
    await plain.opens(case)
    await plain.unfolds("Pay a part, in instalments, or only once")
    await plain.page.get_by_label("Use it only this once").check()
    await plain.page.get_by_role("radio", name="In 3 instalments").check()
    await plain.chooses("Card")
    await plain.page.get_by_role("alert").get_by_text("Please choose again.").wait_for()
    rows = await town.store.pool.fetch("select id from page_checkouts where customer_id = $1", case.customer_id)
    assert rows == []
