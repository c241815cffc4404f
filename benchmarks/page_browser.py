"""What a browser says of the page: how many bytes come over the wire, and when something is seen on a slow line.

Chromium delays each request and holds back its bytes (Network.emulateNetworkConditions); it plays no TCP or TLS
handshake. So DevTools multiplies a line's round trip to make up for them: Slow 3G is 400 ms and 500 kbit/s, asked for
as 2000 ms and 400 kbit/s; Lighthouse's slow 4G is 150 ms and 1.6 Mbit/s, asked for as 562.5 ms and 1.44 Mbit/s
(Slow3GConditions and Fast3GConditions in front_end/core/sdk/NetworkManager.ts of ChromeDevTools/devtools-frontend;
docs/throttling.md and core/config/constants.js of GoogleChrome/lighthouse; as quoted by others in 2026-11). The
baseline is a bare page of one sentence on the same line, so what it costs no page can save.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from playwright.async_api import Browser, CDPSession, Page, async_playwright

from benchmarks.figures import Figure, median
from tests.fixtures.browser import ARGUMENTS
from workers.embedded.ports import choose_port

RUNS = 5
PHONE: Any = {"width": 390, "height": 844}
WEIGHT_GOAL_KB = 100


class Line(NamedTuple):
    """`latency_ms` for each request, from its sending to the first byte of the answer."""

    name: str
    latency_ms: float
    down_kbits: float
    up_kbits: float
    goal: str = ""


LINES = (
    Line("slow 3G (400 kbit/s, 2000 ms)", 2000, 400, 400, "< 3 s"),
    Line("1.6 Mbit/s, 150 ms", 150, 1600, 750, "< 1 s"),
    Line("the same as Lighthouse asks for it", 562.5, 1440, 675),
)


async def in_browser(link: str, ours: str) -> list[Figure]:
    """`ours`: the origin whose bytes count. Nothing without a Chromium on the PATH."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        return [Figure(name="bytes and first paint", ours="no chromium on PATH")]
    async with _bare_page() as bare, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        figures = await _weights(browser, link, ours)
        for line in LINES:
            figures += await _paints(browser, line, link, bare)
        await browser.close()
    return figures


# --- bytes ------------------------------------------------------------------------------------------------------------


class Wire:
    """Bytes that came, with headers, by address; and how many they were before they were packed."""

    def __init__(self, cdp: CDPSession) -> None:
        self._cdp = cdp
        self._addresses: dict[str, str] = {}
        self.came: dict[str, float] = {}
        self.unpacked: dict[str, float] = {}

    async def listen(self) -> None:
        self._cdp.on("Network.responseReceived", self._answered)
        self._cdp.on("Network.dataReceived", self._data)
        self._cdp.on("Network.loadingFinished", self._finished)
        await self._cdp.send("Network.enable")
        await self._cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _answered(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["response"]["url"]

    def _data(self, event: dict[str, Any]) -> None:
        address = self._addresses.get(event["requestId"], "")
        self.unpacked[address] = self.unpacked.get(address, 0) + event["dataLength"]

    def _finished(self, event: dict[str, Any]) -> None:
        address = self._addresses.get(event["requestId"], "")
        self.came[address] = self.came.get(address, 0) + event["encodedDataLength"]

    def forget(self) -> None:
        self.came, self.unpacked = {}, {}


async def _weights(browser: Browser, link: str, ours: str) -> list[Figure]:
    async with _visit(browser) as (page, cdp):
        wire = Wire(cdp)
        await wire.listen()
        await page.goto(link, wait_until="networkidle")
        figures = [_weight("the page, before any click", wire, ours)]
        wire.forget()
        await page.get_by_role("button", name="Card", exact=True).click()
        await page.locator("#recoup-fields-mount iframe").wait_for()
        await page.wait_for_load_state("networkidle")
        figures.append(_weight("the page with the fields, without the gateway's part", wire, ours))
    return figures


def _weight(name: str, wire: Wire, ours: str) -> Figure:
    came, unpacked = (
        sum(size for address, size in sizes.items() if address.startswith(ours)) / 1000
        for sizes in (wire.came, wire.unpacked)
    )
    return Figure(
        name=name,
        ours=f"{came:.1f} kB",
        baseline=f"{unpacked:.1f} kB (not packed)",
        ratio=came / unpacked,
        goal=f"< {WEIGHT_GOAL_KB} kB",
    )


# --- first paint ------------------------------------------------------------------------------------------------------


async def _paints(browser: Browser, line: Line, link: str, bare: str) -> list[Figure]:
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(await _paint(browser, line, link))
        theirs.append(await _paint(browser, line, bare))
    figures = []
    for what in ("first-paint", "first-contentful-paint"):
        we, they = median([each[what] for each in ours]), median([each[what] for each in theirs])
        figures.append(
            Figure(
                name=f"{what}, {line.name}",
                ours=f"{we / 1000:.2f} s",
                baseline=f"{they / 1000:.2f} s (one sentence)",
                ratio=we / they,
                goal=line.goal,
            )
        )
    return figures


async def _paint(browser: Browser, line: Line, address: str) -> dict[str, float]:
    """Milliseconds since the address was entered. A browser that was never there: nothing is kept from before."""
    async with _visit(browser) as (page, cdp):
        await cdp.send("Network.enable")
        conditions = {
            "offline": False,
            "latency": line.latency_ms,
            "downloadThroughput": line.down_kbits * 1000 / 8,
            "uploadThroughput": line.up_kbits * 1000 / 8,
        }
        await cdp.send("Network.emulateNetworkConditions", conditions)
        await page.goto(address, wait_until="load")
        await page.wait_for_function("performance.getEntriesByType('paint').length >= 2")
        script = "Object.fromEntries(performance.getEntriesByType('paint').map((e) => [e.name, e.startTime]))"
        found: dict[str, float] = await page.evaluate(script)
        return found


@asynccontextmanager
async def _visit(browser: Browser) -> AsyncIterator[tuple[Page, CDPSession]]:
    context = await browser.new_context(viewport=PHONE)
    page = await context.new_page()
    yield page, await context.new_cdp_session(page)
    await context.close()


@asynccontextmanager
async def _bare_page() -> AsyncIterator[str]:
    async def say(_: web.Request) -> web.Response:
        text = "<!doctype html><html lang=en><link rel=icon href='data:,'><title>bare</title><p>One sentence."
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", say)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = choose_port(None, None, 0, set())
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()
