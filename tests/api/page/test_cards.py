"""Cards on the customer's page: refused in the fields, refused by the bank, confirmed at the bank or not."""

import pytest

from tests.api.page.conftest import GOOD, NO_FUNDS, NOT_APPROVED, Visit
from tests.fixtures.town import Town

WRONG_CODE = "4000000000000127"
ASKS_TO_CONFIRM = "4000002760003184"


async def test_a_card_that_its_bank_refuses_in_the_fields_is_told_there_and_another_one_pays(
    town: Town, visit: Visit
) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card(WRONG_CODE)
    await visit.page.get_by_role("alert").get_by_text("The security code is wrong").wait_for()
    await visit.shot("refused-in-the-fields")
    assert await case.charges() == []
    await visit.types_card(GOOD)
    await visit.pays()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_a_mistyped_number_is_told_in_its_field(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Card")
    await visit.types_card("4242424242424241")
    await visit.pays()
    await visit.fields.get_by_text("This is no card number").wait_for()
    await visit.shot("mistyped")
    assert await visit.page.locator("#recoup-fields button").is_enabled()
    assert await case.charges() == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (NO_FUNDS, "The amount is not available there. Nothing was charged; please try another one."),
        (NOT_APPROVED, "The bank did not approve it. Nothing was charged; another way to pay often works."),
    ],
    ids=["no_funds", "not_approved"],
)
async def test_a_refused_charge_says_what_to_try_next_and_the_next_card_pays(
    town: Town, visit: Visit, number: str, advice: str
) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card(number)
    await visit.until_headline("That did not work")
    await visit.reads(advice)
    await visit.shot(f"refused-{number[-4:]}")
    assert await case.is_open()
    await visit.follows("Try another way to pay")
    await visit.pays_by_card(GOOD)
    await visit.until_headline("Thank you")
    await visit.reads("Your payment of €29.00 has arrived.")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["declined", "succeeded"]


async def test_a_card_whose_bank_asks_is_confirmed_in_the_fields(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card(ASKS_TO_CONFIRM)
    await visit.fields.get_by_role("button", name="Confirm the payment").wait_for()
    await visit.shot("bank-asks")
    assert await case.charges() == []
    await visit.fields.get_by_role("button", name="Confirm the payment").click()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_who_refuses_at_the_bank_is_charged_nothing_and_may_try_again(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.pays_by_card(ASKS_TO_CONFIRM)
    await visit.fields.get_by_role("button", name="Refuse").click()
    await visit.page.get_by_role("alert").get_by_text("The payment was not confirmed").wait_for()
    await visit.shot("bank-refused")
    assert await case.charges() == []
    await visit.types_card(GOOD)
    await visit.pays()
    await visit.until_headline("Thank you")
    assert len(await case.charges()) == 1


async def test_a_stored_card_that_only_wants_to_be_confirmed_is_confirmed_and_charged(town: Town, visit: Visit) -> None:
    case = await town.fails("authentication_required")
    status = await case.status()
    assert status.facts is not None
    stored = status.facts.credential_id
    await visit.opens(case)
    await visit.reads("Your bank only wants you to confirm the payment.")
    await visit.chooses("Confirm the payment at my bank")
    await visit.pays()
    await visit.fields.get_by_role("button", name="Confirm the payment").wait_for()
    await visit.shot("stored-card-confirm")
    await visit.fields.get_by_role("button", name="Confirm the payment").click()
    await visit.until_headline("Thank you")
    await visit.shot("stored-card-confirmed")
    assert await case.until_closed() == "recovered"
    (charge,) = await case.charges()
    assert (charge["status"], charge["credential_id"]) == ("succeeded", stored)
