"""`<recoup-banner>` and `<recoup-payment-wall>` in a real browser: on a page of another origin, under a strict policy.

Recoup's side is the small server below, which can be made to answer anything in the shapes that docs/payment-wall.md
names; the last test asks Recoup's own routes.
"""

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Frame, Locator, Page, Request, ViewportSize, expect

from activities.channels.render.people import Merchant
from activities.links import Links
from activities.page_access import PageAccess
from activities.page_desk import PageDesk
from activities.page_words import PageSpeaker
from activities.store.store import Store
from api.parts import PageParts
from api.pay.guard import Guard
from tests.fixtures.sandbox import serving
from tests.fixtures.store import ALICE, dead_temporal, running_api

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "api" / "static" / "recoup-pay.js"
EXAMPLES = ROOT / "docs" / "examples" / "wall"
DOCS = ROOT / "docs" / "payment-wall.md"
TOKEN = "a-token.of-ada"
MANY_BYTES = 20_000
RETRY_AFTER_SECONDS = 60
PATIENCE_MILLISECONDS = 15_000
PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=800)
OWED = {
    "locale": "en-GB",
    "direction": "ltr",
    "state": "owed",
    "access": "notice",
    "headline": "Your payment failed",
    "text": "The bank refused the card. Please pay.",
    "due": ["29,00 €"],
    "deadline": "Service is suspended on 3 March.",
    "button": "Pay now",
    "later": "Later",
}
SUSPENDED = {**OWED, "access": "suspended", "deadline": None}
NOTES = """
window.notes = {violations: [], events: []};
addEventListener("securitypolicyviolation", e => notes.violations.push(e.violatedDirective + " " + e.blockedURI));
for (const name of ["opened", "dismissed", "settled", "expired", "error"])
  addEventListener("recoup-" + name, e => notes.events.push(e.detail?.reason ? name + " " + e.detail.reason : name));
"""
FRAMED = """
const tell = message => parent.postMessage(message, document.querySelector("html").dataset.parent);
addEventListener("load", () => tell({recoup: "height", height: document.documentElement.scrollHeight}));
document.querySelector("#grow").onclick = () => tell({recoup: "height", height: 333});
document.querySelector("#pay").onclick = async () => {
  await fetch("/pay/paid", {method: "POST"});
  tell({recoup: "settled"});
};
document.querySelector("#only-told").onclick = () => tell({recoup: "settled"});
addEventListener("keydown", e => e.key === "Escape" && tell({recoup: "close"}));
"""
PAGE = """<!doctype html><html lang="en" data-parent="{parent}"><meta name="color-scheme" content="light dark">
<title>Pay</title><h1>29,00 €</h1><p><label>Card <input id="card"></label> <button id="pay">Pay</button>
<button id="grow">Other ways</button> <button id="only-told">Tell</button></p><script src="/pay/framed.js"></script>"""


class Recoup:
    """What the elements talk to. `silent`: its frames say nothing; `streams`: whether a stream comes through."""

    def __init__(self) -> None:
        self.url, self.parent = "", ""
        self.summary: dict[str, Any] = dict(OWED)
        self.known, self.streams, self.silent = {TOKEN}, True, False
        self.refusals: list[int] = []
        self.asked: list[str] = []
        self.bearers: list[str | None] = []
        self.referrers: list[str | None] = []
        self._changed: set[asyncio.Event] = set()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/pay/static/recoup-pay.js", self._script)
        app.router.add_get("/pay/framed.js", self._framed)
        app.router.add_post("/pay/paid", self._paid)
        app.router.add_post("/pay/{source}/{account}/{customer}/token", self._token)
        app.router.add_get("/pay/{token}/summary", self._summary)
        app.router.add_get("/pay/{token}/stream", self._stream)
        app.router.add_get("/pay/{token}", self._page)
        return app

    def change(self, **changes: Any) -> None:
        self.summary |= changes
        for event in self._changed:
            event.set()

    def _now(self, token: str) -> dict[str, Any]:
        url = f"{self.url}/pay/{token}"
        return {"url": url, "embed_url": f"{url}?in=frame", **self.summary}

    def _open(self) -> dict[str, str]:
        return {"Access-Control-Allow-Origin": self.parent, "Access-Control-Expose-Headers": "Retry-After"}

    async def _script(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(SCRIPT, headers={"Content-Type": "text/javascript"})

    async def _framed(self, request: web.Request) -> web.Response:
        return web.Response(text="" if self.silent else FRAMED, content_type="text/javascript")

    async def _paid(self, request: web.Request) -> web.Response:
        self.change(state="settled", access="full")
        return web.Response(status=204)

    async def _token(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers.get("Authorization"))
        token = f"made-{len(self.bearers)}"
        self.known.add(token)
        return web.json_response({"token": token, "expires_in_seconds": 3600, "url": f"{self.url}/pay/{token}"})

    async def _summary(self, request: web.Request) -> web.Response:
        self.asked.append("summary")
        if self.refusals:
            headers = {**self._open(), "Retry-After": str(RETRY_AFTER_SECONDS)}
            return web.json_response({"error": "unavailable"}, status=self.refusals.pop(0), headers=headers)
        if (token := request.match_info["token"]) not in self.known:
            return web.json_response({"error": "unknown_token"}, status=404, headers=self._open())
        return web.json_response(self._now(token), headers=self._open())

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.asked.append("stream")
        if (token := request.match_info["token"]) not in self.known or not self.streams:
            return web.Response(status=404 if self.streams else 503, headers=self._open())
        response = web.StreamResponse(headers=self._open())
        response.content_type = "text/event-stream"
        await response.prepare(request)
        self._changed.add(event := asyncio.Event())
        try:
            while token in self.known:
                await response.write(b"event: summary\ndata: " + json.dumps(self._now(token)).encode() + b"\n\n")
                await event.wait()
                event.clear()
        except ConnectionError:
            pass
        finally:
            self._changed.discard(event)
        return response

    async def _page(self, request: web.Request) -> web.Response:
        self.referrers.append(request.headers.get("Referer"))
        headers = {
            "Content-Security-Policy": f"default-src 'none'; script-src 'self'; connect-src 'self';"
            f" frame-ancestors {self.parent}",
            "Referrer-Policy": "no-referrer",
        }
        return web.Response(text=PAGE.format(parent=self.parent), content_type="text/html", headers=headers)


class Elsewhere:
    """Somebody else whose picture and frame the merchant's page shows; it keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{rest:.*}", self._any)
        return app

    async def _any(self, request: web.Request) -> web.Response:
        self.heard.append(f"{request.path_qs} {dict(request.headers)}")
        return web.Response(text="<!doctype html><title>Elsewhere</title>", content_type="text/html")


class Shop:
    """A merchant's page: what is on it, and a policy that allows nothing but what the docs say it needs."""

    def __init__(self, context: BrowserContext, recoup: Recoup, elsewhere: Elsewhere) -> None:
        self.context, self.recoup, self.elsewhere = context, recoup, elsewhere
        self.url, self.elsewhere_url, self.body = "", "", ""
        self.requests: list[Request] = []
        context.on("request", lambda request: self.requests.append(request))

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/notes.js", self._notes)
        app.router.add_get("/favicon.ico", self._nothing)
        return app

    async def open(self, element: str, attributes: str = "", *, more: str = "") -> Page:
        tag = f'<{element} src="{self.recoup.url}" token="{TOKEN}" {attributes}></{element}>'
        self.body = f'<button id="buy">Buy</button>{tag}{more}'
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        await page.goto(f"{self.url}/?private=1")
        return page

    async def _page(self, request: web.Request) -> web.Response:
        ours, others = self.recoup.url, self.elsewhere_url
        policy = (
            f"default-src 'none'; script-src 'self' {ours}; connect-src {ours}; frame-src {ours} {others};"
            f" img-src {others}; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'"
        )
        html = (
            f'<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Shop</title>'
            f'<script src="/notes.js"></script><script src="{ours}/pay/static/recoup-pay.js" defer></script>'
            f"{self.body}</html>"
        )
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _notes(self, request: web.Request) -> web.Response:
        return web.Response(text=NOTES, content_type="text/javascript")

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=204)


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    context = await browser.new_context(viewport=DESKTOP, color_scheme="null")
    yield context
    await context.close()


@pytest.fixture
async def shop(context: BrowserContext) -> AsyncIterator[Shop]:
    recoup, elsewhere = Recoup(), Elsewhere()
    shop = Shop(context, recoup, elsewhere)
    async with AsyncExitStack() as stack:
        recoup.url = await stack.enter_async_context(serving(recoup.app()))
        shop.elsewhere_url = await stack.enter_async_context(serving(elsewhere.app()))
        shop.url = await stack.enter_async_context(serving(shop.app()))
        recoup.parent = shop.url
        yield shop


async def events(page: Page) -> list[str]:
    found: list[str] = json.loads(await page.evaluate("JSON.stringify(notes.events)"))
    return found


async def happened(page: Page, *wanted: str) -> None:
    """Waits here, and not in the page, whose policy forbids the browser driver's own way."""
    async with asyncio.timeout(PATIENCE_MILLISECONDS / 1000):
        while len(await events(page)) < len(wanted):
            await asyncio.sleep(0.02)
    assert await events(page) == list(wanted)


async def set_attribute(page: Page, element: str, name: str, value: str) -> None:
    await page.locator(element).evaluate("(element, [name, value]) => element.setAttribute(name, value)", [name, value])


async def frame_of(page: Page) -> Frame:
    """The framed page, once it has said how high it is."""
    await expect(page.locator("dialog.ready iframe")).to_be_visible()
    return await content_of(page, "dialog iframe")


async def content_of(page: Page, frame: str) -> Frame:
    found = await (await page.locator(frame).element_handle()).content_frame()
    assert found is not None
    return found


async def no_violation(page: Page) -> None:
    assert json.loads(await page.evaluate("JSON.stringify(notes.violations)")) == []


async def escape_everywhere(page: Page, wall: Locator) -> None:
    """Browsers that know `closedby` and those that do not; with the focus inside and after a click beside it."""
    for known in (True, False):
        if not known:
            await wall.evaluate("wall => wall.removeAttribute('closedby')")
        for place in ("inside", "beside"):
            if place == "beside":
                await page.mouse.click(2, 2)
            for _ in range(3):
                await page.keyboard.press("Escape")
            await expect(wall).to_be_visible()


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


async def test_the_token_goes_to_recoup_and_to_nobody_else(shop: Shop) -> None:
    picture = f'<img src="{shop.elsewhere_url}/picture.png" alt="">'
    page = await shop.open("recoup-payment-wall", more=picture)
    frame = await frame_of(page)
    await frame.evaluate("address => location.assign(address)", f"{shop.elsewhere_url}/after")
    await frame.wait_for_url("**/after")
    assert len(shop.elsewhere.heard) >= 2
    assert not [heard for heard in shop.elsewhere.heard if TOKEN in heard]
    told = {request.url.split("/pay/")[0] for request in shop.requests if TOKEN in request.url}
    assert told == {shop.recoup.url}
    assert shop.recoup.referrers == [f"{shop.url}/"], "the page inside must know whom to tell its height, no more"
    for request in shop.requests:
        assert TOKEN not in (await request.all_headers()).get("referer", "")
        assert not (await request.all_headers()).get("cookie")


async def test_everything_is_reached_by_keyboard_and_the_focus_stays_inside(shop: Shop) -> None:
    page = await shop.open("recoup-payment-wall")
    await frame_of(page)
    inside = "document.activeElement.shadowRoot?.activeElement?."
    assert await page.evaluate(inside + "localName") == "h2"
    reached = set()
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") != "buy"
        reached.add(await page.evaluate(inside + "localName"))
    assert {"button", "iframe"} <= reached
    while await page.evaluate(inside + "localName") != "button":
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_words_stand_in_their_own_language_and_direction(shop: Shop, tmp_path: Path) -> None:
    shop.recoup.summary |= {"locale": "ar", "direction": "rtl", "headline": "لم تتم عملية الدفع", "later": "لاحقا"}
    page = await shop.open("recoup-payment-wall")
    wall = page.get_by_role("dialog")
    await frame_of(page)
    await expect(wall).to_have_attribute("lang", "ar")
    await expect(wall).to_have_css("direction", "rtl")
    box, close = await wall.bounding_box(), await wall.get_by_role("button", name="لاحقا").bounding_box()
    assert box is not None
    assert close is not None
    assert close["x"] < box["x"] + box["width"] / 2, "the close button is where a line ends: on the left"
    await page.screenshot(path=tmp_path / "rtl.png")


async def test_a_framework_may_move_and_rewrite_the_element(shop: Shop) -> None:
    page = await shop.open("recoup-payment-wall", more='<main id="main"></main>')
    frame = await frame_of(page)
    await frame.locator("#card").fill("typed")
    asked = list(shop.recoup.asked)
    # A framework that writes what is there already.
    await page.locator("recoup-payment-wall").evaluate(
        "e => { for (const name of e.getAttributeNames()) e.setAttribute(name, e.getAttribute(name)) }"
    )
    await page.wait_for_timeout(200)
    await expect(frame.locator("#card")).to_have_value("typed")
    assert shop.recoup.asked == asked
    # Moved: one wall, not two. Taken away: none, and the focus is given back.
    await page.evaluate("document.querySelector('#main').append(document.querySelector('recoup-payment-wall'))")
    await frame_of(page)
    await expect(page.get_by_role("dialog")).to_have_count(1)
    await page.evaluate("window.kept = document.querySelector('recoup-payment-wall'); kept.remove()")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.locator("#buy").focus()
    await page.evaluate("document.body.append(kept)")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.evaluate("kept.remove()")
    await expect(page.locator("#buy")).to_be_focused()
    await no_violation(page)


async def test_members_of_the_element_are_nobody_elses(shop: Shop) -> None:
    """React 19 and Vue set a property where the element has one of that name; here there is none to hit."""
    page = await shop.open("recoup-payment-wall")
    names = ["src", "token", "mode", "block", "open"]
    assert (
        await page.evaluate(
            "names => names.filter(name => name in document.querySelector('recoup-payment-wall'))", names
        )
        == []
    )


async def test_a_page_that_comes_back_from_the_browsers_memory_asks_anew(shop: Shop) -> None:
    page = await shop.open("recoup-banner")
    await expect(page.get_by_role("alert")).to_be_visible()
    shop.recoup.summary["state"] = "settled"
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await happened(page, "opened", "settled")


async def test_it_looks_as_the_page_wants(shop: Shop, tmp_path: Path) -> None:
    page = await shop.open("recoup-payment-wall")
    frame, wall = await frame_of(page), page.get_by_role("dialog")
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    look = {"background": "rgb(20, 20, 24)", "color": "white", "color-scheme": "dark"}
    for name, value in [(f"--recoup-{key}", value) for key, value in look.items()]:
        await page.locator("recoup-payment-wall").evaluate("(e, [n, v]) => e.style.setProperty(n, v)", [name, value])
    await expect(wall).to_have_css("background-color", "rgb(20, 20, 24)")
    async with asyncio.timeout(PATIENCE_MILLISECONDS / 1000):
        while not await frame.evaluate(dark):
            await asyncio.sleep(0.02)
    await page.evaluate(
        "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets = [sheet];"
        "sheet.replaceSync('recoup-payment-wall::part(notice) { border-top-width: 9px }')"
    )
    await expect(wall).to_have_css("border-top-width", "9px")
    await page.emulate_media(reduced_motion="reduce")
    await expect(wall).to_have_css("animation-name", "none")
    await page.screenshot(path=tmp_path / "dark.png")


@pytest.mark.parametrize("element", ["recoup-banner", "recoup-payment-wall"])
async def test_it_fits_a_phone(shop: Shop, element: str, tmp_path: Path) -> None:
    page = await shop.open(element)
    await expect(page.get_by_text("Your payment failed").first).to_be_visible()
    if element == "recoup-payment-wall":
        await frame_of(page)
    for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
        await page.set_viewport_size(size)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        close = await page.get_by_role("button", name="Later").bounding_box()
        assert close is not None
        assert close["x"] >= 0
        assert close["x"] + close["width"] <= size["width"]
        assert min(close["width"], close["height"]) >= 44
        await page.screenshot(path=tmp_path / f"{element}-{name}.png")


def test_what_the_docs_name_is_what_there_is() -> None:
    docs, script = DOCS.read_text(), SCRIPT.read_text()
    variables = set(re.findall(r"var\((--recoup-[a-z-]+)", script))
    assert set(re.findall(r"^\| `(--recoup-[a-z-]+)", docs, re.MULTILINE)) == variables
    told = {f"recoup-{name}" for name in re.findall(r'#tell\("([a-z]+)"', script)}
    assert set(re.findall(r"^\| `(recoup-[a-z]+)` \|", docs, re.MULTILINE)) == told
    observed = re.search(r"observedAttributes = \[(.*?)\]", script)
    assert observed is not None
    for name in re.findall(r'"([a-z]+)"', observed[1]):
        assert re.search(rf"^\| `{name}", docs, re.MULTILINE), f"{name} is in no table"


def test_the_script_is_small() -> None:
    assert SCRIPT.stat().st_size < MANY_BYTES


def test_a_server_may_load_the_script_and_nothing_happens() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    subprocess.run([node, str(SCRIPT)], check=True, timeout=30)


def modules_with(package: str) -> Path:
    """Where the reader installed what the example loads; nothing is fetched by the tests."""
    for place in (EXAMPLES / "node_modules", Path(os.environ.get("RECOUP_EXAMPLE_MODULES", "node_modules"))):
        if (place / package).is_dir():
            return place
    pytest.skip(f"{package} is not installed: npm install in docs/examples/wall, or RECOUP_EXAMPLE_MODULES")


@pytest.mark.parametrize(("name", "package"), [("plain", None), ("react", "react-dom"), ("vue", "vue")])
async def test_an_example_runs_as_it_is_printed(shop: Shop, name: str, package: str | None, tmp_path: Path) -> None:
    modules = modules_with(package) if package else tmp_path / "none"
    make_shop: Callable[..., web.Application] = runpy.run_path(str(EXAMPLES / "serve.py"))["make_shop"]
    await shop.context.add_init_script(NOTES)
    async with serving(make_shop(shop.recoup.url, "the-bearer", "stripe/default/cus_1", modules)) as url:
        shop.recoup.parent = url
        page = await shop.context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        await page.goto(f"{url}/{name}.html")
        wall = page.get_by_role("dialog", name="Your payment failed")
        await frame_of(page)
        await page.screenshot(path=tmp_path / f"{name}.png")
        # Too old: the example asks for another, and the wall stands.
        old = await page.locator("iframe").get_attribute("src")
        assert old is not None
        shop.recoup.known.clear()
        shop.recoup.change()
        await expect(page.locator("iframe")).not_to_have_attribute("src", old)
        frame = await frame_of(page)
        if package:
            # Rendered again for a reason of its own: the same frame, with what was typed.
            await frame.locator("#card").fill("typed")
            await page.locator("#count").evaluate("button => button.click()")
            await expect(page.locator("#count")).to_have_text("Clicked 1 times")
            await expect(frame.locator("#card")).to_have_value("typed")
        await frame.locator("#pay").click()
        await expect(wall).to_have_count(0)
        await expect(page.locator("#said")).to_have_text("Thank you, everything is paid.")
        assert set(shop.recoup.bearers) == {"Bearer the-bearer"}
        await no_violation(page)


async def test_recoups_own_routes_answer_the_element(shop: Shop, store: Store) -> None:
    """Its script, its token, and a summary that the shop's page may read: of somebody who owes nothing."""
    keys = ("a key of the tests",)
    merchant = Merchant(name="Shop", support_email="help@shop.example", billing_url="https://shop.example/{invoice_id}")
    page_parts = PageParts(
        desk=cast(PageDesk, None),  # nobody is asked about a customer without invoices
        access=PageAccess(store, {}, merchant.name, keys),
        speaker=PageSpeaker(merchant, ROOT / "api" / "pay" / "locales"),
        guard=Guard(),
        keys=keys,
    )
    links = Links("https://recoup.example.com", keys)
    changes: dict[str, Any] = {"links": links, "feed_origins": (shop.url,), "page": page_parts}
    async with running_api(store, await dead_temporal(), **changes) as api:
        shop.recoup.url = api.url
        page = await shop.open("recoup-payment-wall")
        await happened(page, "expired")
        headers = {"Authorization": f"Bearer {ALICE}"}
        async with api.session.post(f"{api.url}/pay/stripe/default/cus_nobody/token", headers=headers) as answer:
            token = (await answer.json())["token"]
        async with page.expect_response(lambda response: response.url.endswith(f"/pay/{token}/stream")) as stream:
            await set_attribute(page, "recoup-payment-wall", "token", token)
        assert (await stream.value).status == 200
        assert await events(page) == ["expired"]
        async with api.session.get(f"{api.url}/pay/{token}/summary") as answer:
            read = await answer.json()
        assert set(read) == {*OWED, "url", "embed_url"}
        assert read["state"] == "settled"
        await no_violation(page)
