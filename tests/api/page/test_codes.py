"""What is shown only to who types in a code that went to an address on file: stored ways to pay, or the whole page."""

import asyncio
import re

from tests.api.page.conftest import Visit
from tests.fixtures.town import PATIENCE_SECONDS, Case, Town

TYPED = "Code from the message"
CODE = re.compile(r"\b\d{6}\b")


async def test_a_stored_card_is_offered_to_who_types_the_code_and_pays(town: Town, visit: Visit) -> None:
    case = await with_a_spare_card(town)
    await visit.opens(case)
    assert "4242" not in await visit.page.content()
    await visit.unfolds("Pay with something you have saved")
    await visit.shot("saved-asks-for-code")
    code = await asks_for_code(visit, case)
    await visit.shot("code-sent")
    await types_code(visit, code)
    stored = visit.page.get_by_role("button", name="Visa •••• 4242")
    await stored.wait_for()
    await visit.shot("saved")
    await stored.click()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_a_code_typed_wrong_shows_nothing_and_the_right_one_still_works(town: Town, visit: Visit) -> None:
    case = await with_a_spare_card(town)
    await visit.opens(case)
    await visit.unfolds("Pay with something you have saved")
    code = await asks_for_code(visit, case)
    await types_code(visit, f"{(int(code) + 1) % 1_000_000:06d}")
    await visit.page.get_by_role("alert").get_by_text("That was not the code.").wait_for()
    await visit.shot("code-wrong")
    assert "4242" not in await visit.page.content()
    await types_code(visit, code)
    await visit.page.get_by_role("button", name="Visa •••• 4242").wait_for()


async def test_a_code_that_is_too_old_shows_nothing_and_says_to_ask_for_a_new_one(town: Town, visit: Visit) -> None:
    case = await with_a_spare_card(town)
    await visit.opens(case)
    await visit.unfolds("Pay with something you have saved")
    code = await asks_for_code(visit, case)
    await town.store.pool.execute(
        "update page_codes set made_at = made_at - interval '11 minutes' where customer_id = $1", case.customer_id
    )
    await types_code(visit, code)
    await visit.page.get_by_role("alert").get_by_text("That code can no longer be used.").wait_for()
    await visit.shot("code-old")
    assert "4242" not in await visit.page.content()


async def test_a_code_typed_in_one_browser_opens_nothing_in_another(town: Town, visit: Visit) -> None:
    case = await with_a_spare_card(town)
    await visit.opens(case)
    await visit.unfolds("Pay with something you have saved")
    await types_code(visit, await asks_for_code(visit, case))
    await visit.page.get_by_role("button", name="Visa •••• 4242").wait_for()
    assert visit.page.context.browser is not None
    other = await (await visit.page.context.browser.new_context()).new_page()
    await other.goto(visit.page.url)
    assert "4242" not in await other.content()
    await other.context.close()


async def test_where_the_policy_wants_it_nothing_at_all_is_shown_before_the_code(town: Town, visit: Visit) -> None:
    case = await town.fails("do_not_honor", segment="enterprise")
    await visit.opens(case)
    shown = await visit.page.content()
    await visit.shot("whole-page-asks-for-code")
    for secret in (case.ref.invoice_id, "€", "49.00", "Pay on another day", "There is a mistake"):
        assert secret not in shown, secret
    assert await visit.page.locator("form[action$='/checkout']").count() == 0
    await types_code(visit, await asks_for_code(visit, case))
    await visit.reads("What is open")
    await visit.shot("whole-page-after-code")
    await visit.reads("€49.00")
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"


async def with_a_spare_card(town: Town) -> Case:
    case = await town.fails("expired_card")
    card = {"kind": "good", "brand": "visa", "last4": "4242", "expires": "2030-12"}
    await town.sandbox("POST", f"/world/customers/{case.customer_id}/cards", card)
    return case


async def asks_for_code(visit: Visit, case: Case) -> str:
    before = len(await _codes(case))
    await visit.page.get_by_role("button", name="Send a code to").first.click()
    await visit.page.get_by_role("status").get_by_text("A code is on its way to you.").wait_for()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(codes := await _codes(case)) == before:
            await asyncio.sleep(0.05)
    return codes[-1]


async def _codes(case: Case) -> list[str]:
    """Those that went to the customer's own mailbox; the oldest first."""
    customer = await case.town.store.customers.get("stripe", "default", case.customer_id)
    assert customer.email is not None
    sent = (await case.town.sandbox("GET", "/outbox.json"))["messages"]
    here = [letter for letter in sent if letter["to"] == customer.email.address]
    about_it = [letter for letter in sorted(here, key=lambda letter: letter["at"]) if "page/" in letter["case_id"]]
    return [CODE.findall(letter["text"])[0] for letter in about_it]


async def types_code(visit: Visit, code: str) -> None:
    await visit.page.get_by_label(TYPED).fill(code)
    await visit.page.get_by_role("button", name="Go on").click()
