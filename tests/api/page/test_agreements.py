"""What customers arrange on their page: instalments, a part now, a day on which they pay."""

from datetime import datetime, timedelta

from tests.api.page.conftest import GOOD, Visit
from tests.api.page.test_codes import asks_for_code, types_code
from tests.fixtures.ordinary_days import suspends_on
from tests.fixtures.town import Case, Town

FOLDED = "Pay a part, in instalments, or only once"


async def test_three_instalments_the_first_now_the_others_on_their_days(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await _agrees_to_plan(visit)
    await visit.until_headline("Thank you")
    await visit.reads("The first instalment of €9.68 is paid. The others follow as arranged.")
    await visit.shot("plan-agreed")
    assert [charge["amount_minor"] for charge in await case.charges()] == [968]
    assert await case.is_open()
    await visit.opens(case)
    await visit.until_headline("Your payment is arranged")
    await visit.reads("we collect €9.66, as arranged. Until then nothing changes.")
    await visit.reads("Nothing is due before the day that was arranged.")
    assert "Please choose another way to pay." not in await visit.page.content()
    await visit.shot("plan-stands")
    letters = len(await case.letters())
    await case.to_day(12)
    assert len(await case.letters()) == letters, "nothing is said while the plan is kept"
    await case.to_day(13.9)
    assert len(await case.letters()) == letters + 1, "a reminder of the second part"
    assert len(await case.charges()) == 1
    await case.to_day(14.9)
    assert [charge["amount_minor"] for charge in await case.charges()] == [968, 966]
    assert await case.to_the_end() == "recovered"
    assert [charge["amount_minor"] for charge in await case.charges()] == [968, 966, 966]
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"] * 3
    assert _days(case, await case.charges()) == [0, 14, 28]


async def test_a_part_that_is_refused_twice_ends_the_plan_and_the_case_goes_on(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    begins, ends = (case.failed_at + timedelta(days=day) for day in (10, 25))
    away = {"from": begins.isoformat(), "until": ends.isoformat()}
    card = {"kind": "issuer_down", "params": away, "brand": "visa", "last4": "4242"}
    await town.sandbox("POST", f"/world/customers/{case.customer_id}/cards", card)
    await visit.opens(case)
    await visit.unfolds("Pay with something you have saved")
    await types_code(visit, await asks_for_code(visit, case))
    await visit.unfolds(FOLDED)
    await visit.page.get_by_role("radio", name="In 3 instalments").check()
    await visit.page.get_by_role("button", name="Visa •••• 4242").click()
    await visit.until_headline("Thank you")
    await case.to_day(17.9)
    parts = (await case.charges())[:3]
    assert _days(case, parts) == [0, 14, 17]
    assert [charge["status"] for charge in parts] == ["succeeded", "declined", "declined"]
    assert [charge["amount_minor"] for charge in parts] == [968, 966, 966]
    assert {charge["amount_minor"] for charge in (await case.charges())[3:]} <= {1932}, "later tries are of all of it"
    letters = len(await case.letters())
    await case.to_day(24.9)
    assert len(await case.letters()) > letters, "the days of the policy go on"
    assert await case.to_the_end() == "recovered"
    assert sum(each["amount_minor"] for each in await case.charges() if each["status"] == "succeeded") == 2900


async def test_a_card_for_instalments_cannot_be_lent_for_once(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.unfolds(FOLDED)
    once = visit.page.get_by_label("Use it only this once")
    await once.check()
    await visit.page.get_by_role("radio", name="In 3 instalments").check()
    assert not await once.is_checked()
    assert await once.is_disabled()
    await visit.page.get_by_role("radio", name="All of it").check()
    assert await once.is_enabled()


@suspends_on(14)
async def test_a_plan_brings_the_service_back(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await case.to_day(15)
    assert (await case.access())["level"] == "suspended"
    await visit.opens(case)
    await visit.until_headline("Pay and everything comes back")
    await visit.shot("suspended")
    await _agrees_to_plan(visit)
    await visit.until_headline("Thank you")
    await case.to_day(15.5)
    assert (await case.access())["level"] == "full"


async def test_a_part_now_leaves_the_rest_open(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.unfolds(FOLDED)
    await visit.page.get_by_label("Amount in EUR").fill("10.00")
    assert await visit.page.get_by_role("radio", name="A part:").is_checked()
    await visit.shot("part")
    await visit.chooses("Card")
    await visit.reads("Pay €10.00")
    await visit.types_card(GOOD)
    await visit.pays()
    await visit.until_headline("Thank you")
    await visit.reads("Your payment of €10.00 has arrived.")
    await visit.shot("part-paid")
    assert [charge["amount_minor"] for charge in await case.charges()] == [1000]
    assert await case.is_open()
    await visit.opens(case)
    await visit.reads("€19.00")


async def test_too_small_a_part_is_refused_and_the_limits_are_shown(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.unfolds(FOLDED)
    await visit.page.get_by_label("Amount in EUR").fill("0.50")
    await visit.chooses("Card")
    await visit.page.get_by_role("alert").get_by_text("This amount is not possible.").wait_for()
    await visit.page.get_by_text("At least €8.70").wait_for()
    await visit.shot("part-too-small")
    assert await case.charges() == []


async def test_a_promised_day_stops_words_and_charges_until_it_comes(town: Town, visit: Visit) -> None:
    case = await town.fails("insufficient_funds")
    await visit.opens(case)
    letters, charges = len(await case.letters()), len(await case.charges())
    await visit.unfolds("Pay on another day")
    day = (case.failed_at + timedelta(days=7)).date()
    await visit.page.get_by_label("I pay on").fill(day.isoformat())
    await visit.shot("promise")
    await visit.page.get_by_role("button", name="Note this day").click()
    await visit.page.get_by_role("status").get_by_text("Your day is noted").wait_for()
    await visit.until_headline("Your payment is arranged")
    await visit.shot("promised")
    await case.to_day(6)
    assert (len(await case.letters()), len(await case.charges())) == (letters, charges)
    assert await case.to_the_end() == "recovered"
    first = (await case.charges())[charges]
    assert datetime.fromisoformat(first["at"]).date() == day
    assert first["status"] == "succeeded"


async def _agrees_to_plan(visit: Visit) -> None:
    await visit.unfolds(FOLDED)
    await visit.page.get_by_role("radio", name="In 3 instalments").check()
    await visit.shot("plan")
    await visit.chooses("Card")
    await visit.reads("This is the first instalment")
    await visit.types_card(GOOD)
    await visit.shot("plan-card")
    await visit.pays()


def _days(case: Case, charges: list[dict[str, str]]) -> list[int]:
    """After the failure, to the nearest."""
    return [round((datetime.fromisoformat(charge["at"]) - case.failed_at) / timedelta(days=1)) for charge in charges]
