"""Ways to pay other than a card that is typed in and kept: wallet, direct debit, a card for once, several invoices."""

import uuid

from tests.api.page.conftest import Visit
from tests.fixtures.town import Case, Town

DEBIT = "DE89370400440532013000"
NO_FUNDS_DEBIT = "DE62370400440532013001"


async def test_a_wallet_pays(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Wallet (such as PayPal, Apple Pay, Google Pay)")
    wallet = visit.fields.get_by_role("button", name="Use the sandbox wallet")
    await wallet.wait_for()
    await visit.shot("wallet")
    await visit.pays()
    await wallet.click()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_a_direct_debit_is_on_its_way_until_the_page_itself_says_that_it_has_come(
    town: Town, visit: Visit
) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await debits(visit, DEBIT)
    await visit.until_headline("Your payment is on its way")
    await visit.shot("on-its-way")
    assert [charge["status"] for charge in await case.charges()] == ["pending"]
    await case.world("confirm")
    await visit.until_headline("Thank you")
    await visit.shot("on-its-way-has-come")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_a_payment_on_its_way_can_be_looked_at_anew_but_not_be_paid_again(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await debits(visit, DEBIT)
    await visit.until_headline("Your payment is on its way")
    await visit.opens(case)
    await visit.until_headline("Your payment is on its way")
    assert await visit.page.locator("form[action$='/checkout']").count() == 0
    assert len(await case.charges()) == 1


async def test_an_account_without_money_says_so(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await debits(visit, NO_FUNDS_DEBIT)
    await visit.until_headline("That did not work")
    await visit.reads("The amount is not available there.")
    assert [charge["status"] for charge in await case.charges()] == ["declined"]


async def test_a_card_that_is_lent_once_does_not_become_the_default(town: Town, visit: Visit) -> None:
    case = await town.fails("insufficient_funds")
    before = await _default_card(case)
    await visit.opens(case)
    await visit.unfolds("Pay a part, in instalments, or only once")
    await visit.page.get_by_label("Use it only this once").check()
    await visit.shot("only-once")
    await visit.chooses("Card")
    await visit.reads("It is used only this once and not kept for later payments.")
    await visit.types_card()
    await visit.pays()
    await visit.until_headline("Thank you")
    (charge,) = await case.charges()
    assert charge["status"] == "succeeded"
    assert charge["credential_id"] != before
    assert await _default_card(case) == before


async def test_a_card_that_is_kept_becomes_the_default(town: Town, visit: Visit) -> None:
    case = await town.fails("insufficient_funds")
    await visit.opens(case)
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    (charge,) = await case.charges()
    assert await _default_card(case) == charge["credential_id"]


async def test_one_of_several_invoices_is_paid_and_the_other_stays_open(town: Town, visit: Visit) -> None:
    first, second = await _two_invoices(town)
    await visit.opens(first)
    await visit.shot("several")
    await visit.page.get_by_role("checkbox", name=first.ref.invoice_id).uncheck()
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await second.until_closed() == "recovered"
    assert await first.charges() == []
    await visit.shot("one-of-several-paid")
    await visit.follows("See what is still open")
    await visit.reads(first.ref.invoice_id)
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await first.until_closed() == "recovered"
    assert [len(await case.charges()) for case in (first, second)] == [1, 1]


async def test_several_invoices_are_paid_together(town: Town, visit: Visit) -> None:
    first, second = await _two_invoices(town)
    await visit.opens(first)
    await visit.reads("€58.00")
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    await visit.shot("all-of-several-paid")
    for case in (first, second):
        assert await case.until_closed() == "recovered"
        assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def debits(visit: Visit, iban: str) -> None:
    await visit.chooses("Direct debit from my bank account")
    await visit.fields.get_by_label("IBAN").fill(iban)
    await visit.fields.get_by_label("Account holder").fill("Ada Example")
    await visit.shot("direct-debit")
    await visit.pays()


async def _default_card(case: Case) -> str:
    """What the gateway itself charges next."""
    kept = await case.town.sandbox("GET", f"/gateway/customers/{case.customer_id}/cards")
    return next(str(card["credential_id"]) for card in kept["cards"] if card["is_default"])


async def _two_invoices(town: Town) -> tuple[Case, Case]:
    first = await town.fails("expired_card")
    second = Case(town, invoice_id=f"in_{uuid.uuid4().hex[:12]}", customer_id=first.customer_id)
    await second.fail("expired_card")
    await second.until_decided()
    return first, second
