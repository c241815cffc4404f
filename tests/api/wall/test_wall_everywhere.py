"""For everybody and everywhere: keyboard, languages, frameworks, looks, the docs' own examples, Recoup's own routes."""

import asyncio
import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from playwright.async_api import expect

from activities.channels.render.people import Merchant
from activities.links import Links
from activities.page_access import PageAccess
from activities.page_desk import PageDesk
from activities.page_words import PageSpeaker
from activities.store.store import Store
from api.parts import PageParts
from api.pay.guard import Guard
from tests.api.wall.conftest import (
    DESKTOP,
    DOCS,
    EXAMPLES,
    MANY_BYTES,
    NOTES,
    OWED,
    PATIENCE_MILLISECONDS,
    PHONE,
    ROOT,
    SCRIPT,
    TOKEN,
    Shop,
    events,
    frame_of,
    happened,
    no_violation,
    set_attribute,
)
from tests.fixtures.sandbox import serving
from tests.fixtures.store import ALICE, dead_temporal, running_api


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
