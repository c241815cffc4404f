"""The element on a page of another origin, and the preferences page, in a real browser under a strict policy."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, expect

from activities.customers import Customer
from activities.links import Links
from activities.store.store import Store
from api.preferences_words import WORDS
from policies.keys import CustomerRef
from tests.activities.store.test_feed import NOON, letter_for, stranger
from tests.fixtures.sandbox import serving
from tests.fixtures.store import RunningApi, dead_temporal, running_api

LINKS = Links("https://recoup.example.com", ["a key of the tests"])
PATIENCE_MILLISECONDS = 15_000
NOTES = """
window.notes = {violations: [], unread: [], expired: 0};
addEventListener("securitypolicyviolation", e => notes.violations.push(e.violatedDirective + " " + e.blockedURI));
addEventListener("recoup-unread", e => notes.unread.push(e.detail.unread));
addEventListener("recoup-expired", () => document.body.dataset.expired = ++notes.expired);
"""


class Shop:
    """A merchant's application: another origin, and a policy that allows nothing but what the docs say it needs."""

    def __init__(self, context: BrowserContext, api: RunningApi, url: str) -> None:
        self.context, self.api, self.url = context, api, url

    async def open(self, who: CustomerRef, attributes: str = "") -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        await page.goto(f"{self.url}/?token={LINKS.token('feed', who)}&attributes={attributes}")
        return page


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    context = await browser.new_context()
    yield context
    await context.close()


@pytest.fixture
async def shop(context: BrowserContext, store: Store) -> AsyncIterator[Shop]:
    async with running_shop(context, store) as running:
        yield running


@asynccontextmanager
async def running_shop(context: BrowserContext, store: Store) -> AsyncIterator[Shop]:
    at = {"api": ""}

    async def page(request: web.Request) -> web.Response:
        api, token, attributes = at["api"], request.query["token"], request.query["attributes"]
        policy = f"default-src 'none'; script-src 'self' {api}; connect-src {api}; base-uri 'none'; object-src 'none'"
        html = (
            f'<!doctype html><html lang="en"><title>Shop</title><script src="/notes.js"></script>'
            f'<script src="{api}/feed/recoup.js" defer></script><button id="buy">Buy</button>'
            f'<recoup-messages src="{api}" token="{token}" {attributes}></recoup-messages></html>'
        )
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def notes(request: web.Request) -> web.Response:
        return web.Response(text=NOTES, content_type="text/javascript")

    async def nothing(request: web.Request) -> web.Response:
        return web.Response(status=204)

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_get("/notes.js", notes)
    application.router.add_get("/favicon.ico", nothing)
    async with (
        serving(application) as url,
        running_api(store, await dead_temporal(), links=LINKS, feed_origins=(url,)) as api,
    ):
        at["api"] = api.url
        yield Shop(context, api, url)


async def noted(page: Page) -> dict[str, Any]:
    notes: dict[str, Any] = json.loads(await page.evaluate("JSON.stringify(notes)"))
    return notes


async def test_a_banner_appears_live_and_dismissing_it_marks_it_read(shop: Shop, store: Store) -> None:
    ada = stranger()
    page = await shop.open(ada)
    element, banner = page.locator("recoup-messages"), page.get_by_role("alert")
    await expect(element).to_have_attribute("unread", "0")
    await expect(banner).to_have_count(0)
    await store.feed.add(letter_for(ada, subject="<b>Not</b> paid", text="29,00 € are open."), NOON)
    await expect(banner).to_contain_text("<b>Not</b> paid")
    await expect(banner).to_contain_text("29,00 € are open.")
    await expect(banner.get_by_role("link")).to_have_attribute("href", "https://pay.example/p/1")
    await expect(element).to_have_attribute("unread", "1")
    await banner.get_by_role("button", name="Close").click()
    await expect(banner).to_have_count(0)
    await expect(element).to_have_attribute("unread", "0")
    assert (await store.feed.of(ada)).unread == 0
    assert await noted(page) == {"violations": [], "unread": [0, 1, 0], "expired": 0}
    # Read is read, also on a new page.
    again = await shop.open(ada)
    await expect(again.locator("recoup-messages")).to_have_attribute("unread", "0")
    await expect(again.get_by_role("alert")).to_have_count(0)


async def test_a_wall_blocks_until_it_is_withdrawn(shop: Shop, store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada, stage="suspended", subject="Your access is suspended")
    await store.feed.add(letter, NOON)
    page = await shop.open(ada)
    wall = page.get_by_role("dialog", name="Your access is suspended")
    await expect(wall).to_be_visible()
    await expect(wall).to_have_attribute("aria-modal", "true")
    # Browsers that know `closedby` and those that do not; with the focus inside and after a click beside it.
    for known in (True, False):
        if not known:
            await wall.evaluate("wall => wall.removeAttribute('closedby')")
        for place in ("inside", "beside"):
            if place == "beside":
                await page.mouse.click(2, 2)
            for _ in range(3):
                await page.keyboard.press("Escape")
            await expect(wall).to_be_visible()
    with pytest.raises(Exception, match="intercepts pointer events"):
        await page.locator("#buy").click(timeout=500)
    for _ in range(4):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") != "buy"
    await expect(wall.get_by_role("link")).to_have_count(1)
    await expect(wall.get_by_role("button")).to_have_count(0)
    await store.feed.withdraw(letter.case_id, NOON)
    await expect(wall).to_have_count(0)
    await page.locator("#buy").click()
    assert (await noted(page))["violations"] == []


@pytest.mark.parametrize(
    ("attributes", "role"), [("", "alert"), ("wall=limited", "dialog"), ("mode=banner", "alert"), ("mode=count", None)]
)
async def test_limited_access_is_a_banner_or_a_wall_as_the_page_wants(
    shop: Shop, store: Store, attributes: str, role: Any
) -> None:
    ada = stranger()
    await store.feed.add(letter_for(ada, stage="limited", subject="Your access is limited"), NOON)
    page = await shop.open(ada, attributes)
    await expect(page.locator("recoup-messages")).to_have_attribute("unread", "1")
    for each in ("alert", "dialog"):
        await expect(page.get_by_role(each)).to_have_count(1 if each == role else 0)
    # As long as it holds, nobody can put it out of sight.
    await expect(page.get_by_role("button", name="Close")).to_have_count(0)


async def test_what_is_shown_already_is_not_said_again(shop: Shop, store: Store) -> None:
    ada = stranger()
    position = await store.feed.add(letter_for(ada, stage="limited"), NOON)
    page = await shop.open(ada)
    await page.get_by_role("alert").evaluate("banner => banner.id = 'the-first'")
    await store.feed.read(ada, position, NOON)
    await expect(page.locator("recoup-messages")).to_have_attribute("unread", "0")
    await expect(page.get_by_role("alert")).to_have_id("the-first")


async def test_what_is_paid_disappears_at_once_and_good_news_is_no_alarm(shop: Shop, store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada, stage="warning")
    await store.feed.add(letter, NOON)
    page = await shop.open(ada)
    await expect(page.get_by_role("alert")).to_be_visible()
    await store.feed.withdraw(letter.case_id, NOON)
    await expect(page.get_by_role("alert")).to_have_count(0)
    await store.feed.add(letter_for(ada, stage="recovered", subject="Thank you", link=None), NOON)
    await expect(page.get_by_role("status")).to_contain_text("Thank you")


async def test_words_are_shown_in_their_own_language_and_direction(shop: Shop, store: Store) -> None:
    ada = stranger()
    await store.feed.add(letter_for(ada, subject="لم تتم عملية الدفع", locale="ar", direction="rtl"), NOON)
    page = await shop.open(ada)
    item = page.get_by_role("article")
    await expect(item).to_have_attribute("lang", "ar")
    await expect(item).to_have_css("direction", "rtl")
    await expect(page.get_by_role("button", name="إغلاق")).to_be_visible()


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://pay.example/", True),
        ("http://localhost:8080/pay", True),
        ("http://pay.example/", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("/pay", False),
    ],
)
async def test_a_link_leads_only_to_https(shop: Shop, store: Store, link: str, shown: bool) -> None:
    ada = stranger()
    await store.feed.add(letter_for(ada, link=link), NOON)
    page = await shop.open(ada)
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("link")).to_have_count(1 if shown else 0)


async def test_a_token_that_is_too_old_is_told_to_the_page_and_a_new_one_goes_on(shop: Shop, store: Store) -> None:
    ada = stranger()
    await store.feed.add(letter_for(ada), NOON)
    page = await shop.open(ada)
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.locator("recoup-messages").evaluate("element => element.setAttribute('token', 'x')")
    await expect(page.locator("body")).to_have_attribute("data-expired", "1")
    await store.feed.add(letter_for(ada, subject="the next one"), NOON)
    token = LINKS.token("feed", ada)
    await page.locator("recoup-messages").evaluate("(element, token) => element.setAttribute('token', token)", token)
    await expect(page.get_by_role("alert")).to_contain_text("the next one")


async def test_without_a_stream_the_feed_is_polled(shop: Shop, store: Store) -> None:
    ada = stranger()
    await shop.context.route("**/stream", lambda route: route.abort())
    page = await shop.open(ada)
    await expect(page.locator("recoup-messages")).to_have_attribute("unread", "0")
    await store.feed.add(letter_for(ada), NOON)
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_a_page_of_an_origin_that_was_not_set_up_is_shown_nothing(context: BrowserContext, store: Store) -> None:
    ada = stranger()
    await store.feed.add(letter_for(ada), NOON)
    async with running_shop(context, store) as one, running_shop(context, store) as other:
        page = await one.open(ada)
        await expect(page.get_by_role("alert")).to_be_visible()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(f"{one.url.replace('127.0.0.1', 'localhost')}/?token={LINKS.token('feed', ada)}&attributes=")
        await page.wait_for_timeout(500)
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert any("CORS" in text for text in said)
        assert other.url != one.url


async def test_the_preferences_page_is_used_without_a_script(browser: Browser, store: Store) -> None:
    who = stranger()
    record = {"email": {"address": "a@x.example"}, "sms": {"address": "+4915"}, "in_app": {"address": "a"}}
    await store.customers.put(*who.model_dump().values(), Customer.model_validate({**record, "locale": "de"}), NOON)
    async with running_api(store, await dead_temporal(), links=LINKS) as api:
        phone = await browser.new_context(
            java_script_enabled=False, viewport={"width": 360, "height": 740}, color_scheme="dark"
        )
        page, words, said = await phone.new_page(), WORDS["de"], list[str]()
        page.on("console", lambda message: said.append(message.text))
        await page.goto(f"{api.url}/preferences/{LINKS.token('preferences', who)}")
        await expect(page.get_by_role("heading", name=words.title)).to_be_visible()
        await expect(page.get_by_label(words.by_email)).to_be_checked()
        await page.get_by_label(words.channels["sms"]).uncheck()
        await page.get_by_role("button", name=words.save).click()
        await expect(page.get_by_role("status")).to_have_text(words.saved)
        await expect(page.get_by_label(words.channels["sms"])).not_to_be_checked()
        background = await page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        assert re.fullmatch(r"rgb\((\d{1,2}), (\d{1,2}), (\d{1,2})\)", background), "dark, so the style was let in"
        assert not [text for text in said if "Content Security Policy" in text]
        await phone.close()
    assert set((await store.customers.get(**who.model_dump())).addresses) == {"email", "in_app"}
