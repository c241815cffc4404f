"""What a banner and a wall show, when they go, and who may close them."""

import pytest
from playwright.async_api import expect

from tests.api.wall.conftest import (
    SUSPENDED,
    TOKEN,
    Shop,
    escape_everywhere,
    events,
    frame_of,
    happened,
    no_violation,
    set_attribute,
)


async def test_a_banner_says_what_is_due_and_its_button_leads_to_the_page(shop: Shop) -> None:
    shop.recoup.summary["headline"] = "<b>Not</b> paid"
    page = await shop.open("recoup-banner")
    banner = page.get_by_role("alert")
    await expect(banner).to_contain_text("<b>Not</b> paid")
    await expect(banner).to_contain_text("29,00 €")
    link = banner.get_by_role("link", name="Pay now")
    await expect(link).to_have_attribute("target", "_top")
    await link.click()
    await expect(page).to_have_url(f"{shop.recoup.url}/pay/{TOKEN}")
    assert shop.recoup.referrers == [None], "where the customer was is the shop's own business"


async def test_a_banner_that_was_put_away_comes_back_when_the_state_has_changed(shop: Shop) -> None:
    page = await shop.open("recoup-banner")
    banner = page.get_by_role("alert")
    await banner.get_by_role("button", name="Later").click()
    await expect(banner).to_have_count(0)
    await happened(page, "opened", "dismissed")
    await page.reload()
    shop.recoup.change(due=["19,00 €"])
    await page.wait_for_timeout(300)
    assert await events(page) == []
    # Another state is another message, also when it is the first one again.
    shop.recoup.change(access="limited")
    await expect(banner).to_contain_text("19,00 €")
    await expect(banner.get_by_role("button")).to_have_count(0)
    shop.recoup.change(access="notice")
    await expect(banner.get_by_role("button", name="Later")).to_be_visible()
    await no_violation(page)


async def test_a_banner_is_no_alarm_while_money_is_on_its_way_and_goes_when_it_is_there(shop: Shop) -> None:
    page = await shop.open("recoup-banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    shop.recoup.change(state="processing", headline="Your payment is on its way")
    await expect(page.get_by_role("status")).to_contain_text("on its way")
    await expect(page.get_by_role("link")).to_have_count(0)
    shop.recoup.change(state="settled")
    await expect(page.get_by_role("status")).to_have_count(0)
    await happened(page, "opened", "settled")


async def test_what_was_settled_before_is_no_news(shop: Shop) -> None:
    shop.recoup.summary["state"] = "settled"
    page = await shop.open("recoup-payment-wall", "mode=blocking")
    await page.wait_for_timeout(300)
    assert await events(page) == []
    assert shop.recoup.asked == ["summary", "stream"], "once, however many attributes there are"


async def test_a_customer_pays_in_the_frame_without_leaving(shop: Shop) -> None:
    page = await shop.open("recoup-payment-wall")
    wall = page.get_by_role("dialog", name="Your payment failed")
    await expect(wall).to_have_accessible_description("The bank refused the card. Please pay.")
    frame = await frame_of(page)
    await expect(wall.locator("iframe")).to_have_attribute("title", "Your payment failed")
    await expect(wall.locator("iframe")).to_have_attribute("allow", "payment; publickey-credentials-get")
    await frame.locator("#grow").click()
    await expect(wall.locator("iframe")).to_have_css("height", "333px")
    # What changes meanwhile is written into the wall that stands; the frame stays as the customer filled it.
    await frame.locator("#card").fill("half of it")
    shop.recoup.change(state="processing", headline="On its way")
    await expect(wall.or_(page.get_by_role("dialog", name="On its way"))).to_be_visible()
    await expect(frame.locator("#card")).to_have_value("half of it")
    await frame.locator("#pay").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await happened(page, "opened", "settled")
    await page.locator("#buy").click()
    assert page.url == f"{shop.url}/?private=1"
    await no_violation(page)


async def test_a_dismissible_wall_is_left_by_button_and_by_escape_and_opened_again(shop: Shop) -> None:
    page = await shop.open("recoup-payment-wall", "mode=dismissible")
    await page.locator("#buy").focus()
    wall = page.get_by_role("dialog")
    await wall.get_by_role("button", name="Later").click()
    await expect(wall).to_have_count(0)
    await happened(page, "opened", "dismissed")
    await page.reload()
    await page.wait_for_timeout(300)
    assert await events(page) == []
    # The page's own way in, whatever was put away before; the focus comes back from there.
    await page.locator("#buy").focus()
    await set_attribute(page, "recoup-payment-wall", "open", "")
    await expect(wall).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(wall).to_have_count(0)
    await expect(page.locator("#buy")).to_be_focused()
    await happened(page, "opened", "dismissed")
    await set_attribute(page, "recoup-payment-wall", "open", "")
    frame = await frame_of(page)
    await frame.locator("#card").focus()
    await page.keyboard.press("Escape")
    await expect(wall).to_have_count(0)


@pytest.mark.parametrize("access", ["suspended", "closed"])
async def test_a_blocking_wall_holds_while_access_is_suspended(shop: Shop, access: str) -> None:
    shop.recoup.summary = {**SUSPENDED, "access": access}
    page = await shop.open("recoup-payment-wall", "mode=blocking")
    wall = page.get_by_role("dialog")
    frame = await frame_of(page)
    await escape_everywhere(page, wall)
    await frame.locator("#card").focus()
    await page.keyboard.press("Escape")
    await expect(wall).to_be_visible()
    await expect(wall.get_by_role("button")).to_have_count(0)
    # A browser that closes it all the same finds it open again, and as modal as it was.
    await wall.evaluate("wall => wall.close()")
    await expect(wall).to_be_visible()
    with pytest.raises(Exception, match="intercepts pointer events"):
        await page.locator("#buy").click(timeout=500)
    await expect(frame.locator("#card")).to_be_editable()
    await happened(page, "opened")
    # Less than suspended: it may be closed.
    shop.recoup.change(access="limited")
    await wall.get_by_role("button", name="Later").click()
    await expect(wall).to_have_count(0)
    # And suspended again: it cannot have been put away.
    shop.recoup.change(access="suspended")
    await expect(wall).to_be_visible()
    shop.recoup.change(state="settled")
    await expect(wall).to_have_count(0)
    await happened(page, "opened", "dismissed", "opened", "settled")
    await no_violation(page)


@pytest.mark.parametrize(("attributes", "blocked"), [("mode=blocking block=owed", True), ("mode=blocking", False)])
async def test_what_is_owed_blocks_where_the_page_wants_it(shop: Shop, attributes: str, blocked: bool) -> None:
    page = await shop.open("recoup-payment-wall", attributes)
    wall = page.get_by_role("dialog")
    await expect(wall).to_be_visible()
    await expect(wall.get_by_role("button", name="Later")).to_have_count(0 if blocked else 1)
    await page.keyboard.press("Escape")
    await expect(wall).to_have_count(1 if blocked else 0)


async def test_a_wall_may_be_a_banner(shop: Shop) -> None:
    shop.recoup.summary = dict(SUSPENDED)
    page = await shop.open("recoup-payment-wall", "mode=banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator("iframe")).to_have_count(0)
    await set_attribute(page, "recoup-payment-wall", "mode", "blocking")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_no_wall_is_built_for_what_is_on_its_way(shop: Shop) -> None:
    shop.recoup.summary |= {"state": "processing"}
    page = await shop.open("recoup-payment-wall")
    await page.wait_for_timeout(300)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    shop.recoup.change(state="owed")
    await expect(page.get_by_role("dialog")).to_be_visible()
