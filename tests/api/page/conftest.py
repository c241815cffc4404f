"""The customer's page in a browser, on real parts: a failed payment, the link of its message, the sandbox's fields."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FrameLocator, Page

from tests.fixtures.town import PATIENCE_SECONDS, Case

PHONE: Any = {"width": 390, "height": 844}
DESKTOP: Any = {"width": 1280, "height": 800}
LINK = re.compile(r"http://127\.0\.0\.1:\d+/pay/[A-Za-z0-9_.\-]+")

GOOD, NOT_APPROVED, NO_FUNDS = "4242424242424242", "4000000000000002", "4000000000009995"
"""Stripe's published test numbers, which the sandbox's fields know (docs/gateways/sandbox.md)."""


class Visit:
    """A browser of a customer's own. `violations`: what the policy of a page has forbidden; none may be."""

    def __init__(self, page: Page, shots: Path | None) -> None:
        self.page = page
        self.violations: list[str] = []
        self._shots = shots
        page.on("console", self._note)

    def _note(self, message: Any) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.violations.append(message.text)

    async def shot(self, name: str) -> None:
        if self._shots:
            size = "phone" if (self.page.viewport_size or PHONE)["width"] < 600 else "desktop"
            await self.page.screenshot(path=self._shots / f"{name}-{size}.png", full_page=True)

    @property
    def fields(self) -> FrameLocator:
        return self.page.frame_locator("#recoup-fields-mount iframe")

    async def chooses(self, way: str) -> None:
        await self.page.get_by_role("button", name=way, exact=True).click()

    async def types_card(self, number: str = GOOD) -> None:
        await self.fields.get_by_label("Card number").fill(number)
        await self.fields.get_by_label("Expiry date").fill("12/30")
        await self.fields.get_by_label("Security code").fill("123")

    async def pays(self) -> None:
        await self.page.locator("#recoup-fields button").click()

    async def headline(self) -> str:
        return (await self.page.locator("h1").inner_text()).strip()

    async def until_headline(self, headline: str) -> None:
        await self.page.get_by_role("heading", level=1, name=headline).wait_for()


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
async def visit(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Visit]:
    """On a phone and on a desktop. Screenshots go to the folder RECOUP_SCREENSHOTS, where that is set."""
    folder = os.environ.get("RECOUP_SCREENSHOTS")
    shots = Path(folder) if folder else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    context = await browser.new_context(viewport=request.param, has_touch=request.param is PHONE)
    context.set_default_timeout(15_000)
    made = Visit(await context.new_page(), shots)
    yield made
    await context.close()
    assert made.violations == []


async def link_of(case: Case) -> str:
    """What the customer finds in their latest message."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (links := [LINK.findall(letter["text"]) for letter in await case.letters()]):
            await asyncio.sleep(0.05)
    return links[-1][0]


Opens = Callable[..., Awaitable[Case]]
