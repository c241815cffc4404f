"""Customers of other languages: German, and Arabic from right to left. Found by form names, not by translated words."""

import pytest

from tests.api.page.conftest import GOOD, NO_FUNDS, Visit, link_of
from tests.api.page.looks import is_for_everybody
from tests.fixtures.town import Case, Town


@pytest.mark.parametrize(("locale", "direction"), [("de-DE", "ltr"), ("ar", "rtl")], ids=["german", "arabic"])
async def test_a_customer_pays_in_their_own_language(town: Town, visit: Visit, locale: str, direction: str) -> None:
    case = await _speaking(town, locale)
    await visit.opens(case)
    language = locale[:2]
    await _is_in(visit, language, direction)
    assert await visit.headline() != "Your payment did not go through"
    await is_for_everybody(visit, f"{language}-owed")
    await visit.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    await is_for_everybody(visit, f"{language}-unfolded")
    await _pays_by_card(visit, NO_FUNDS, language, direction)
    await visit.page.locator("main[data-state=owed] .said.bad").wait_for()
    await is_for_everybody(visit, f"{language}-refused")
    await visit.page.locator("main a.go").click()
    await _pays_by_card(visit, GOOD, language, direction)
    await visit.page.locator("main[data-state=settled]").wait_for()
    await _is_in(visit, language, direction)
    await is_for_everybody(visit, f"{language}-paid")
    assert await case.until_closed() == "recovered"
    await visit.page.goto(await link_of(case))
    await _is_in(visit, language, direction)


async def _is_in(visit: Visit, language: str, direction: str) -> None:
    page = visit.page.locator("html")
    assert (await page.get_attribute("lang") or "")[:2] == language
    assert await page.get_attribute("dir") == direction


async def _pays_by_card(visit: Visit, number: str, language: str, direction: str) -> None:
    await visit.page.locator("button[name=way][value=card]").click()
    await visit.fields.locator(f"html[lang={language}][dir={direction}]").wait_for()
    for field, value in {"number": number, "expiry": "12/30", "cvc": "123"}.items():
        await visit.fields.locator(f"#{field}").fill(value)
    await is_for_everybody(visit, f"{language}-card")
    await visit.pays()


async def _speaking(town: Town, locale: str) -> Case:
    case = await town.describe()
    path = f"/customers/stripe/default/{case.customer_id}"
    _, known = await town.api("GET", path)
    status, answer = await town.api("PUT", path, {**known, "locale": locale})
    assert status == 200, answer
    await case.fail("expired_card", segment="self_serve")
    await case.until_decided()
    return case
