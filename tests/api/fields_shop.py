"""The customer's page as a gateway's fields find it: the form, a strict policy, and a local stand-in for the vendor's
scripts at an origin of its own. Nothing in the page may break the policy or fail unseen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page

from tests.fixtures.sandbox import serving

FIELDS = Path(__file__).parents[2] / "api" / "static" / "fields"
SENT_TO = "**/pay/token/fields"

FRAME = """
var input = document.querySelector("input");
window.addEventListener("message", function (event) {
  if (event.data === "focus") input.focus();
  if (event.ports[0]) event.ports[0].postMessage(input.value);
});
input.addEventListener("input", function () { window.parent.postMessage("changed", "*"); });
input.addEventListener("keydown", function (event) {
  if (event.key === "Enter") window.parent.postMessage("enter", "*");
});
"""
"""Inside the vendor's frame: tells what was typed when it is asked."""


@dataclass
class Shop:
    """The page and what it was sent. `scripted`: the vendor's script, `vendor`: its origin. `blocked`: the vendor
    cannot be loaded."""

    kind: str
    scripted: str
    options: dict[str, str]
    url: str = ""
    vendor: str = ""
    locale: str = "de"
    blocked: bool = False
    sent: list[dict[str, str]] = field(default_factory=list)

    async def page(self, request: web.Request) -> web.Response:
        theirs = "" if self.blocked else self.vendor
        policy = (
            f"default-src 'none'; script-src 'self' {theirs}; frame-src 'self' {theirs}; style-src 'self'; "
            "form-action 'self'; base-uri 'none'"
        )
        text = f"""<!doctype html><html lang="de"><meta charset="utf-8"><title>Pay</title>
<form id="recoup-fields" method="post" action="/pay/token/fields" data-kind="{self.kind}"
 data-options="{escape(json.dumps(self.options))}" data-locale="{self.locale}"
 data-return-url="{self.url}/back?session=1" data-wait="One moment" data-failed="That did not work"
 data-incomplete="Something is missing"><div id="recoup-fields-mount"></div>
<p id="recoup-fields-note" role="alert"></p><input type="hidden" name="csrf" value="c1">
<button type="submit">Pay 29,00 €</button></form>
<script src="{self.vendor}/vendor.js"></script><script src="/pay/fields/{self.kind}.js"></script></html>"""
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def ours(self, request: web.Request) -> web.Response:
        text = (FIELDS / f"{self.kind}.js").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/javascript")

    async def theirs(self, request: web.Request) -> web.Response:
        return web.Response(text=self.scripted, content_type="text/javascript")

    async def took(self, request: web.Request) -> web.Response:
        posted = await request.post()
        self.sent.append({name: " and ".join(map(str, posted.getall(name))) for name in posted})
        return web.Response(text="<!doctype html><title>Thanks</title>", content_type="text/html")


async def _no_icon(request: web.Request) -> web.Response:
    return web.Response(status=204)


async def _back(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Back</title>", content_type="text/html")


async def _frame(request: web.Request) -> web.Response:
    text = '<!doctype html><meta charset="utf-8"><input aria-label="Card"><script src="/frame.js"></script>'
    return web.Response(text=text, content_type="text/html")


async def _in_frame(request: web.Request) -> web.Response:
    return web.Response(text=FRAME, content_type="text/javascript")


@asynccontextmanager
async def standing(shop: Shop) -> AsyncIterator[Shop]:
    theirs, mine = web.Application(), web.Application()
    theirs.add_routes([web.get("/vendor.js", shop.theirs), web.get("/frame", _frame), web.get("/frame.js", _in_frame)])
    mine.add_routes([web.get("/", shop.page), web.get(f"/pay/fields/{shop.kind}.js", shop.ours)])
    mine.add_routes([web.post("/pay/token/fields", shop.took), web.get("/back", _back)])
    mine.add_routes([web.get("/favicon.ico", _no_icon)])
    async with serving(theirs) as shop.vendor, serving(mine) as shop.url:
        yield shop


@asynccontextmanager
async def opened(browser: Browser, shop: Shop, query: str = "", **how: Any) -> AsyncIterator[Page]:
    context = await browser.new_context(**how)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    await page.goto(f"{shop.url}/{query}")
    yield page
    assert shop.blocked or wrong == []
    await context.close()


async def asked(page: Page, what: str) -> list[Any]:
    """What the vendor's script was called with, in order."""
    found: list[Any] = await page.evaluate(
        "what => window.asked.filter(each => each[0] === what).map(each => each[1])", what
    )
    return found


async def typed(page: Page, number: str) -> None:
    await page.frame_locator("iframe").locator("input").fill(number)
