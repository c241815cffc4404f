"""`<recoup-banner>` and `<recoup-payment-wall>` in a real browser: on a page of another origin, under a strict policy.

Recoup's side is the small server below, which can be made to answer anything in the shapes that docs/payment-wall.md
names; the last test of `test_wall_everywhere.py` asks Recoup's own routes.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Frame, Locator, Page, Request, ViewportSize, expect

from tests.fixtures.sandbox import serving

ROOT = Path(__file__).parents[3]
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
