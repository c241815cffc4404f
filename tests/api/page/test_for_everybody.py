"""Every state of the page is walked by axe-core, in the light and in the dark, on a phone and on a desktop."""

import uuid
from datetime import timedelta

from tests.api.page.conftest import GOOD, NO_FUNDS, Visit, link_of
from tests.api.page.looks import is_for_everybody
from tests.api.page.test_codes import asks_for_code, types_code, with_a_spare_card
from tests.api.page.test_other_ways import DEBIT, debits
from tests.fixtures.town import Case, Town


async def test_what_is_owed_and_all_that_is_folded_away(town: Town, visit: Visit) -> None:
    case = await town.fails("insufficient_funds")
    await visit.opens(case)
    await is_for_everybody(visit, "axe-owed")
    await visit.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    await is_for_everybody(visit, "axe-unfolded")


async def test_several_invoices(town: Town, visit: Visit) -> None:
    first = await town.fails("expired_card")
    second = Case(town, invoice_id=f"in_{uuid.uuid4().hex[:12]}", customer_id=first.customer_id)
    await second.fail("expired_card")
    await second.until_decided()
    await visit.opens(first)
    await is_for_everybody(visit, "axe-several")


async def test_from_the_fields_to_thanks(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Card")
    await visit.types_card("4242424242424241")
    await visit.pays()
    await visit.fields.get_by_text("This is no card number").wait_for()
    await is_for_everybody(visit, "axe-fields")
    await visit.types_card("4000000000000127")
    await visit.pays()
    await visit.page.locator("#recoup-fields-note:not(:empty)").wait_for()
    await is_for_everybody(visit, "axe-fields-refused")
    await visit.types_card(NO_FUNDS)
    await visit.pays()
    await visit.until_headline("That did not work")
    await is_for_everybody(visit, "axe-refused")
    await visit.follows("Try another way to pay")
    await visit.pays_by_card(GOOD)
    await visit.until_headline("Thank you")
    await is_for_everybody(visit, "axe-paid")
    assert await case.until_closed() == "recovered"
    await visit.opens(case)
    await is_for_everybody(visit, "axe-ended-paid")


async def test_a_payment_on_its_way(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await debits(visit, DEBIT)
    await visit.until_headline("Your payment is on its way")
    await is_for_everybody(visit, "axe-processing")
    await visit.opens(case)
    await is_for_everybody(visit, "axe-processing-page")


async def test_a_promise_and_a_mistake(town: Town, visit: Visit) -> None:
    case = await town.fails("insufficient_funds")
    await visit.opens(case)
    await visit.unfolds("Pay on another day")
    await visit.page.get_by_label("I pay on").fill((case.failed_at + timedelta(days=7)).date().isoformat())
    await visit.page.get_by_role("button", name="Note this day").click()
    await visit.until_headline("Your payment is arranged")
    await is_for_everybody(visit, "axe-promised")
    await visit.unfolds("There is a mistake")
    await visit.page.get_by_role("button", name="Tell us").click()
    await visit.until_headline("We are looking into it")
    await is_for_everybody(visit, "axe-held")


async def test_codes(town: Town, visit: Visit) -> None:
    case = await with_a_spare_card(town)
    await visit.opens(case)
    await visit.unfolds("Pay with something you have saved")
    code = await asks_for_code(visit, case)
    await is_for_everybody(visit, "axe-code")
    await types_code(visit, "1" if code != "1" else "2")
    await visit.page.get_by_role("alert").first.wait_for()
    await is_for_everybody(visit, "axe-code-wrong")
    await types_code(visit, code)
    await visit.page.get_by_role("button", name="Visa •••• 4242").wait_for()
    await is_for_everybody(visit, "axe-saved")


async def test_a_page_that_waits_for_a_code(town: Town, visit: Visit) -> None:
    case = await town.fails("do_not_honor", segment="enterprise")
    await visit.opens(case)
    await is_for_everybody(visit, "axe-whole-page-asks-for-code")


async def test_a_dead_link_and_a_form_that_is_too_old(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    await visit.page.goto(link[:-4] + "AAAA")
    await is_for_everybody(visit, "axe-dead-link")
    await visit.page.goto(link)
    await visit.page.context.clear_cookies()
    await visit.chooses("Card")
    await visit.until_headline("Please try again")
    await is_for_everybody(visit, "axe-again")
    await visit.follows("Open the page again")
    await visit.chooses("Card")
    await visit.fields.get_by_label("Card number").wait_for()
