"""Whom the elements believe and what they do when nobody answers: frames, tokens, streams, addresses."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.api.wall.conftest import (
    PATIENCE_MILLISECONDS,
    RETRY_AFTER_SECONDS,
    TOKEN,
    Shop,
    content_of,
    events,
    frame_of,
    happened,
    set_attribute,
)


async def test_only_the_frame_is_believed_and_only_at_its_origin(shop: Shop) -> None:
    other, same = f"{shop.elsewhere_url}/", f"{shop.recoup.url}/pay/x"
    more = f'<iframe id="other" src="{other}"></iframe><iframe id="same" src="{same}"></iframe>'
    page = await shop.open("recoup-payment-wall", "mode=blocking block=owed", more=more)
    wall, forged = page.get_by_role("dialog"), "parent.postMessage({recoup: 'settled'}, '*')"
    frame = await frame_of(page)
    # From the page itself, from another origin, and from a page of Recoup's that is not the wall's.
    await page.evaluate("postMessage({recoup: 'settled'}, '*')")
    for name in ("#other", "#same"):
        await (await content_of(page, name)).evaluate(forged)
    # From the wall's own window, once somebody else's page is in it.
    await frame.goto(shop.elsewhere_url)
    await frame.evaluate(forged)
    await page.wait_for_timeout(300)
    await expect(wall).to_be_visible()
    assert await events(page) == ["opened"]
    await frame.goto(f"{shop.recoup.url}/pay/{TOKEN}?in=frame")
    await frame.locator("#only-told").click()
    await expect(wall).to_have_count(0)
    await happened(page, "opened", "settled")


async def test_nonsense_from_the_frame_does_nothing(shop: Shop) -> None:
    page = await shop.open("recoup-payment-wall")
    frame = await frame_of(page)
    await frame.locator("#grow").click()
    for message in ("null", "7", "'settled'", "{}", "{recoup: 'height'}", "{recoup: 'height', height: '1px;'}"):
        await frame.evaluate(f"parent.postMessage({message}, '*')")
    await frame.evaluate("parent.postMessage({recoup: 'height', height: 0}, '*')")
    await page.wait_for_timeout(200)
    await expect(page.locator("dialog iframe")).to_have_css("height", "333px")
    await frame.evaluate("parent.postMessage({recoup: 'height', height: 1e9}, '*')")
    await expect(page.locator("dialog iframe")).to_have_css("height", "4000px")


@pytest.mark.parametrize("element", ["recoup-banner", "recoup-payment-wall"])
async def test_a_token_that_is_too_old_is_told_and_a_new_one_goes_on(shop: Shop, element: str) -> None:
    page = await shop.open(element)
    shown = page.get_by_text("Your payment failed").first
    await expect(shown).to_be_visible()
    shop.recoup.known = {"the-next"}
    shop.recoup.change()
    await happened(page, "opened", "expired")
    await expect(shown).to_be_visible()
    shop.recoup.summary["headline"] = "Still open"
    await set_attribute(page, element, "token", "the-next")
    await expect(page.get_by_text("Still open").first).to_be_visible()
    if element == "recoup-payment-wall":
        await expect(page.locator("iframe")).to_have_attribute("src", f"{shop.recoup.url}/pay/the-next?in=frame")
    shop.recoup.change(state="settled")
    await happened(page, "opened", "expired", "settled")


async def test_without_a_stream_the_summary_is_polled(shop: Shop) -> None:
    shop.recoup.streams = False
    page = await shop.open("recoup-banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    shop.recoup.change(state="settled")
    await happened(page, "opened", "settled")
    assert shop.recoup.asked[:3] == ["summary", "stream", "summary"]


@pytest.mark.parametrize("status", [429, 503])
async def test_whoever_says_to_wait_is_left_alone_so_long(shop: Shop, status: int) -> None:
    """By the page's clock, which the test puts forward."""
    shop.recoup.refusals = [status, status]
    await shop.context.clock.install()
    page = await shop.open("recoup-banner")
    await happened(page, "error refused")
    await shop.context.clock.run_for(RETRY_AFTER_SECONDS * 500)
    assert shop.recoup.asked == ["summary"]
    async with asyncio.timeout(PATIENCE_MILLISECONDS / 1000):
        while len(await events(page)) < 2:
            await shop.context.clock.run_for(RETRY_AFTER_SECONDS * 100)
    assert shop.recoup.asked[:3] == ["summary"] * 3
    # Told of once, however often it was so.
    await happened(page, "error refused", "opened")


async def test_nobody_there_is_an_error_and_no_end(shop: Shop) -> None:
    await shop.context.route("**/summary", lambda route: route.abort())
    page = await shop.open("recoup-banner")
    await happened(page, "error unreachable")
    await shop.context.unroute("**/summary")
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_a_frame_that_says_nothing_is_given_a_link_beside_it(shop: Shop) -> None:
    shop.recoup.silent = True
    page = await shop.open("recoup-payment-wall")
    wall = page.get_by_role("dialog")
    await expect(wall).to_contain_text("29,00 €")
    await expect(wall.get_by_role("link")).to_have_count(0)
    await happened(page, "opened", "error frame")
    await expect(wall.get_by_role("link", name="Pay now")).to_be_visible()


async def test_a_frame_of_another_origin_is_not_shown(shop: Shop) -> None:
    shop.recoup.summary["embed_url"] = f"{shop.elsewhere_url}/pay"
    page = await shop.open("recoup-payment-wall")
    await expect(page.get_by_role("dialog").get_by_role("link", name="Pay now")).to_be_visible()
    await expect(page.locator("iframe")).to_have_count(0)
    assert shop.elsewhere.heard == []


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://pay.example/", True),
        ("http://localhost:8080/pay", True),
        ("http://pay.example/", False),
        ("http://localhost:x@pay.example/", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("/pay", False),
    ],
)
async def test_a_link_leads_only_to_https(shop: Shop, link: str, shown: bool) -> None:
    shop.recoup.summary["url"] = link
    page = await shop.open("recoup-banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("link")).to_have_count(1 if shown else 0)


async def test_a_token_is_sent_to_no_place_that_is_not_safe(shop: Shop) -> None:
    page = await shop.open("recoup-banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    await set_attribute(page, "recoup-banner", "src", "http://recoup.example")
    await happened(page, "opened", "error src")
    await expect(page.get_by_role("alert")).to_have_count(0)
    assert not any("recoup.example" in request.url for request in shop.requests)
