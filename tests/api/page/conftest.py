"""The customer's page in a browser, on real parts: a failed payment, the link of its message, the sandbox's fields."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FrameLocator, Page

from api.pay.guard import RATES, Rates
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

    @classmethod
    def with_shots(cls, page: Page) -> "Visit":
        """Screenshots go to the folder RECOUP_SCREENSHOTS, where that is set."""
        folder = os.environ.get("RECOUP_SCREENSHOTS")
        shots = Path(folder) if folder else None
        if shots:
            shots.mkdir(parents=True, exist_ok=True)
        return cls(page, shots)

    def _note(self, message: Any) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.violations.append(message.text)

    async def shot(self, name: str) -> None:
        if self._shots:
            size = "phone" if (self.page.viewport_size or PHONE)["width"] < 600 else "desktop"
            await self.page.screenshot(path=self._shots / f"{name}-{size}.png", full_page=True)

    async def opens(self, case: Case) -> None:
        """The link in the customer's latest message."""
        await self.page.goto(await link_of(case))

    @property
    def fields(self) -> FrameLocator:
        return self.page.frame_locator("#recoup-fields-mount iframe")

    async def chooses(self, way: str) -> None:
        await self.page.get_by_role("button", name=way, exact=True).first.click()

    async def types_card(self, number: str = GOOD) -> None:
        await self.fields.get_by_label("Card number").fill(number)
        await self.fields.get_by_label("Expiry date").fill("12/30")
        await self.fields.get_by_label("Security code").fill("123")

    async def pays(self) -> None:
        await self.page.locator("#recoup-fields button").click()

    async def pays_by_card(self, number: str = GOOD) -> None:
        await self.chooses("Card")
        await self.types_card(number)
        await self.pays()

    async def unfolds(self, summary: str) -> None:
        await self.page.locator("summary", has_text=summary).click()

    async def reads(self, text: str) -> None:
        await self.page.get_by_text(text).first.wait_for()

    async def follows(self, name: str) -> None:
        await self.page.get_by_role("link", name=name).click()

    async def headline(self) -> str:
        return (await self.page.locator("h1").inner_text()).strip()

    async def until_headline(self, headline: str) -> None:
        await self.page.get_by_role("heading", level=1, name=headline).wait_for()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All browsers of these tests share one address and one minute, which real customers do not."""
    for kind in RATES:
        monkeypatch.setitem(RATES, kind, Rates(link=6_000, customer=6_000, address=6_000))


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
async def visit(request: pytest.FixtureRequest, browser: Browser, unhurried: None) -> AsyncIterator[Visit]:
    """On a phone and on a desktop."""
    context = await browser.new_context(viewport=request.param, has_touch=request.param is PHONE)
    context.set_default_timeout(15_000)
    made = Visit.with_shots(await context.new_page())
    yield made
    await context.close()
    assert made.violations == []


async def link_of(case: Case) -> str:
    """What the customer finds in their latest message; for one that waits for morning the night is skipped."""
    async with asyncio.timeout(PATIENCE_SECONDS * 2):
        while not (links := await _links(case)):
            status = await case.status()
            ahead = status.next_step_at - await case.now() if status.next_step_at else timedelta()
            if ahead > timedelta(minutes=1) and not await _links(case):
                await case.town.skipper.fast_forward(case.handle, ahead + timedelta(seconds=1))
            await asyncio.sleep(0.05)
    return links[-1]


async def _links(case: Case) -> list[str]:
    found = [LINK.findall(letter["text"]) for letter in await case.letters()]
    return [links[0] for links in found if links]
