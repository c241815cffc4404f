"""From the page to thanks with nothing but a keyboard, and the focus is always to be seen."""

from tests.api.page.conftest import GOOD, Visit
from tests.fixtures.town import Town

FOCUSED = """() => {
    const here = document.activeElement;
    if (!document.hasFocus() || !here || here === document.body || here.tagName === "IFRAME") return null;
    const style = getComputedStyle(here);
    return {
        name: (here.labels?.[0] ?? here).innerText.trim(),
        seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    };
}"""
ENOUGH = 40


async def test_a_keyboard_alone_pays(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await _tabs_to(visit, "Card")
    await visit.shot("keyboard-way")
    await visit.page.keyboard.press("Enter")
    await visit.fields.get_by_label("Card number").wait_for()
    for field, value in {"Card number": GOOD, "Expiry date": "1230", "Security code": "123"}.items():
        await _tabs_to(visit, field)
        await visit.page.keyboard.type(value)
    await _tabs_to(visit, "Pay €29.00")
    await visit.shot("keyboard-pay")
    await visit.page.keyboard.press("Enter")
    await visit.until_headline("Thank you")
    assert await visit.page.evaluate("document.activeElement.tagName") == "H1", "what came of it is read out first"
    assert await case.until_closed() == "recovered"
    assert len(await case.charges()) == 1


async def test_return_in_a_field_pays_as_in_any_form(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await visit.chooses("Card")
    await visit.types_card()
    await visit.fields.get_by_label("Security code").press("Enter")
    await visit.until_headline("Thank you")
    assert len(await case.charges()) == 1


async def test_folded_parts_open_by_keyboard_and_return_in_the_amount_chooses_no_way(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.opens(case)
    await _tabs_to(visit, "Pay a part, in instalments, or only once")
    await visit.page.keyboard.press("Enter")
    await visit.page.get_by_label("Amount in EUR").fill("10.00")
    await visit.page.get_by_label("Amount in EUR").press("Enter")
    assert await visit.headline() == "Your payment did not go through"
    rows = await town.store.pool.fetch("select id from page_checkouts where customer_id = $1", case.customer_id)
    assert rows == []


async def _tabs_to(visit: Visit, name: str) -> None:
    passed: list[str] = []
    for _ in range(ENOUGH):
        await visit.page.keyboard.press("Tab")
        for frame in visit.page.frames:
            here = await frame.evaluate(FOCUSED)
            if here:
                assert here["seen"], f"the focus on {here['name']!r} is not to be seen"
                if here["name"] == name:
                    return
                passed.append(here["name"])
    raise AssertionError(f"{name!r} cannot be reached with the Tab key; passed: {passed}")
