"""The page inside the merchant's own application: a wall on a page of another site, paid without leaving it."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page
from temporalio.client import Client

from tests.api.page.conftest import DESKTOP, GOOD, PHONE
from tests.fixtures.town import Case, Town, building_town, free_port, new_databases, serve

SHOP = """<!doctype html><html lang="en"><title>Shop</title><h1>Your projects</h1>
<script src="{api}/pay/static/recoup-pay.js"></script>
<recoup-payment-wall src="{api}" token="{token}" mode="blocking" block="owed"></recoup-payment-wall>"""


@asynccontextmanager
async def shop_of(parts: AsyncExitStack, port: int, town: Town, case: Case) -> AsyncIterator[str]:
    """Its policy allows nothing but the element and the frame."""
    _, made = await town.api("POST", f"/pay/stripe/default/{case.customer_id}/token")
    api = town.api_url

    async def page(_: web.Request) -> web.Response:
        rules = f"default-src 'none'; script-src {api}; connect-src {api}; frame-src {api}; style-src 'none'"
        text = SHOP.format(api=api, token=made["token"])
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": rules})

    app = web.Application()
    app.router.add_get("/", page)
    await serve(web.AppRunner(app, access_log=None), port, parts)
    yield f"http://localhost:{port}/"


async def complaints_of(page: Page) -> list[str]:
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_customer_pays_in_the_wall_and_it_opens(
    temporal: Client, database_url: str, browser: Browser, size: dict[str, int]
) -> None:
    port = free_port()
    origin = f"http://localhost:{port}"
    databases = await new_databases(database_url)
    async with (
        building_town(temporal, *databases, frame_ancestors=[origin], feed_origins=[origin]) as town,
        AsyncExitStack() as parts,
    ):
        case = await town.fails("expired_card")
        async with shop_of(parts, port, town, case) as shop:
            context = await browser.new_context(viewport=size)  # type: ignore[arg-type]  # a TypedDict of these two
            context.set_default_timeout(15_000)
            page = await context.new_page()
            complaints = await complaints_of(page)
            await page.goto(shop)
            wall = page.locator("recoup-payment-wall dialog")
            await wall.wait_for()
            await page.keyboard.press("Escape")
            assert await wall.is_visible(), "a blocking wall stays"
            inside = page.frame_locator("recoup-payment-wall iframe")
            await inside.get_by_role("button", name="Card", exact=True).click()
            fields = inside.frame_locator("#recoup-fields-mount iframe")
            await fields.get_by_label("Card number").fill(GOOD)
            await fields.get_by_label("Expiry date").fill("12/30")
            await fields.get_by_label("Security code").fill("123")
            await inside.get_by_role("button", name=re.compile("^Pay ")).click()
            await wall.wait_for(state="hidden")
            assert await case.until_closed() == "recovered"
            assert [charge["status"] for charge in await case.charges()] == ["succeeded"]
            assert complaints == []
            await context.close()


async def test_a_page_that_is_not_set_up_cannot_show_it(
    temporal: Client, database_url: str, browser: Browser, town: Town
) -> None:
    case = await town.fails("expired_card")
    _, made = await town.api("POST", f"/pay/stripe/default/{case.customer_id}/token")
    async with AsyncExitStack() as parts:
        port = free_port()
        app = web.Application()

        async def page(_: web.Request) -> web.Response:
            return web.Response(text=f'<iframe src="{made["url"]}"></iframe>', content_type="text/html")

        app.router.add_get("/", page)
        await serve(web.AppRunner(app, access_log=None), port, parts)
        context = await browser.new_context()
        shown = await context.new_page()
        refused: list[str] = []
        shown.on("console", lambda message: refused.append(message.text))
        await shown.goto(f"http://localhost:{port}/")
        assert await shown.frame_locator("iframe").locator("main[data-state]").count() == 0
        assert any("frame-ancestors" in text for text in refused)
        await context.close()
