"""What a browser is told of the page and what it does with it: policy, frames, cookies, caches, escaping."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from markupsafe import escape
from playwright.async_api import Browser
from temporalio.client import Client

from api.pay.html import page_of
from policies.keys import CustomerRef
from tests.api.page.conftest import link_of
from tests.api.page.strangers import Stranger, wall_link
from tests.fixtures.sandbox import serving
from tests.fixtures.town import Case, Town, building_town, new_databases
from workers.customer_page import make_page

pytestmark = pytest.mark.usefixtures("unhurried")

ROOT = Path(__file__).parents[3]
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
NOT_ASKED_FOR = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "strict-dynamic", "*", "http:", "https:", "data:")


async def stranger_of(town: Town) -> tuple[Case, Stranger]:
    case = await town.fails("expired_card")
    return case, Stranger(town, await link_of(case))


async def test_the_policy_lets_in_exactly_what_the_page_needs(town: Town) -> None:
    _, mine = await stranger_of(town)
    rules = (await mine.opens()).policy
    nonce = rules.pop("style-src")
    assert rules == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-src": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert len(nonce) == 1
    assert re.fullmatch(r"'nonce-[A-Za-z0-9_\-]{22}'", nonce[0])


async def test_the_nonce_is_another_one_on_each_page_and_stands_on_the_one_style_only(town: Town) -> None:
    _, mine = await stranger_of(town)
    seen = [await mine.opens() for _ in range(3)]
    nonces = [page.policy["style-src"][0].removeprefix("'nonce-").rstrip("'") for page in seen]
    assert len(set(nonces)) == 3
    for page, nonce in zip(seen, nonces, strict=True):
        assert page.text.count(nonce) == 1
        assert page.text.count(f'<style nonce="{nonce}">') == 1


async def test_the_gateways_origins_are_allowed_where_its_fields_are_and_nowhere_else(town: Town) -> None:
    _, mine = await stranger_of(town)
    checkout = await mine.begins()
    fields = (await mine.opens(f"/checkout/{checkout}")).policy
    gateway = town.settings.sandbox_url
    assert fields["script-src"] == ["'self'", gateway]
    assert fields["frame-src"] == [gateway]
    assert fields["connect-src"] == ["'self'"]
    assert fields["form-action"] == ["'self'"]
    await mine.sends(f"/checkout/{checkout}", {"result.x": "y"})
    others = ["", "?said=promised", f"/checkout/{checkout}", "/checkout/unknown"]
    for path in others:
        assert gateway not in (await mine.opens(path)).headers["Content-Security-Policy"], path


async def test_no_page_asks_for_inline_scripts_or_holds_any(town: Town) -> None:
    _, mine = await stranger_of(town)
    checkout = await mine.begins()
    paths = ["", f"/checkout/{checkout}", f"/checkout/{checkout}?back=1&x=1", "/checkout/unknown"]
    pages = [await mine.opens(path) for path in paths]
    pages += [await Stranger(town, "/pay/forged").opens(), await mine.sends("/checkout", {"way": "card"}, "forged")]
    for page in pages:
        for name, values in page.policy.items():
            if name not in ("img-src", "style-src"):
                assert not {value.strip("'") for value in values} & set(NOT_ASKED_FOR)
        assert not re.search(r"<[^>]+\son[a-z]+\s*=", page.text), "no inline handlers"
        assert not re.search(r"<[^>]+\sstyle\s*=", page.text)
        assert "javascript:" not in page.text
        for tag, inside in re.findall(r"<script([^>]*)>(.*?)</script>", page.text, re.DOTALL):
            assert "src=" in tag
            assert not inside.strip()


async def test_nobody_keeps_the_page_and_no_other_site_is_told_its_address(town: Town) -> None:
    _, mine = await stranger_of(town)
    checkout = await mine.begins()
    answers = [await mine.opens(path) for path in ("", "/checkout/x", f"/checkout/{checkout}", "/summary", "/api")]
    answers += [await Stranger(town, "/pay/forged").opens(), await mine.sends("/help", {"once": "abcdefgh"})]
    answers += [await mine.sends("/help", {"once": "abcdefgh"}, "forged"), await mine.ask("HEAD")]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for page in answers[:3]:
        assert page.headers["X-Robots-Tag"] == "noindex"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert '<meta name="referrer" content="no-referrer">' in page.text


async def test_the_cookie_is_the_hosts_own_and_no_script_or_other_site_gets_it(town: Town) -> None:
    _, mine = await stranger_of(town)
    (cookie,) = (await mine.opens()).headers.getall("Set-Cookie")
    pair, *attributes = cookie.split("; ")
    assert pair.startswith("__Host-recoup_")
    assert attributes == ["Max-Age=7200", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"]
    assert len(cookie) < 400
    assert mine.token not in cookie


async def test_a_session_value_is_in_the_cookie_only(town: Town) -> None:
    _, mine = await stranger_of(town)
    page = await mine.opens()
    (value,) = mine.cookies.values()
    assert value not in page.text
    assert value.partition(".")[0] not in page.text


def told(said: str, support: Any = None) -> dict[str, Any]:
    return {"base": "/pay/x", "csrf": "c", "once": "o", "preferences": "", "support": support, "said": said}


class Support:
    name = EVIL
    email = EVIL


async def test_whatever_is_shown_is_shown_as_text(town: Town) -> None:
    """Every field that somebody else fills: invoice, merchant, contact, gateway, what the page is asked to say."""
    page = make_page(town.settings, town.wiring)
    assert page
    merchant = page.speaker.merchant.model_copy(update={"name": EVIL, "support_email": EVIL})
    page.speaker.merchant = merchant
    voice = page.speaker.to("en")
    amount = {"amount_minor": 1, "currency": "EUR", "text": EVIL}
    shown = {
        "headline": EVIL,
        "text": EVIL,
        "state": "owed",
        "claims": [{"invoice_id": EVIL, "due": amount, "failed_on": EVIL, "state": "owed"}] * 2,
        "total": amount,
        "happens": [EVIL],
        "ways": [{"way": "stored", "stored": EVIL, "brand": EVIL, "last4": EVIL, "expires": EVIL}],
        "may_lend": True,
        "least": {**amount, "currency": EVIL},
        "plans": [{"number": 0, "instalments": [{"due": amount, "day": EVIL}]}],
        "promise_from": EVIL,
        "promise_until": EVIL,
        "wants_code": "page",
        "code_places": [{"channel": EVIL, "to": EVIL}],
    }
    fields = {"kind": EVIL, "scripts": [EVIL], "styles": [EVIL], "integrity": {EVIL: EVIL}, "resumes": False}
    session = {"url": None, "fields": fields}
    checkout = {"id": EVIL, "session": session, "plan": (), "keep": True, "way": EVIL}
    paying = {"checkout": checkout, "options": {EVIL: EVIL}, "return_url": EVIL, "amount": EVIL, "brought": None}
    rooms: list[tuple[str, dict[str, Any]]] = [
        ("owed.html.j2", {**told(EVIL, Support()), "page": shown}),
        ("owed.html.j2", {**told(EVIL), "page": shown, "base": EVIL, "csrf": EVIL, "once": EVIL, "preferences": EVIL}),
        ("checkout.html.j2", {**told(""), **paying}),
        ("checkout.html.j2", {**told(""), **paying, "brought": {EVIL: EVIL}}),
        ("checkout.html.j2", {**told(""), **paying, "checkout": {**checkout, "session": {**session, "url": EVIL}}}),
        ("outcome.html.j2", {**told(""), "headline": EVIL, "text": EVIL, "state": EVIL, "left": True}),
        ("ended.html.j2", {"why": EVIL, "base": EVIL, "csrf": EVIL, "sent": False}),
        ("again.html.j2", told("", Support())),
    ]
    for template, values in rooms:
        text = page_of(page, voice, template, values).text or ""
        assert text.count(str(escape(EVIL))) >= 1, template
        for mark in ("<script>alert", "<img src=x", "49"):
            assert mark not in text.partition("</style>")[2], (template, mark)
        assert "\"'>" not in text
    (options,) = re.findall(r'data-options="([^"]*)"', page_of(page, voice, *rooms[2]).text or "")
    assert json.loads(html.unescape(options)) == {EVIL: EVIL}


async def test_what_a_query_or_a_header_brings_is_shown_nowhere_unescaped(town: Town) -> None:
    _, mine = await stranger_of(town)
    checkout = await mine.begins()
    coded = "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E"
    asked = [f"?said={coded}", f"?{coded}={coded}", f"/checkout/{checkout}?back=1&{coded}={coded}"]
    for path in asked:
        planted = {"Accept-Language": "\"'><script>alert(1)</script>", "X-Forwarded-Host": "evil.example"}
        page = await mine.opens(path, planted)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "evil.example" not in page.text
    brought = (await mine.opens(asked[2])).text
    assert "&lt;script&gt;alert" in brought, "it goes into the form that finishes, as text"


async def test_a_customers_own_words_are_no_markup_to_who_reads_them(town: Town) -> None:
    case, mine = await stranger_of(town)
    await mine.sends("/mistake", {"once": "abcdefgh", "topic": "not_mine", "words": EVIL})
    words = "select summary from tasks where case_id = $1 and kind = 'customer_words'"
    assert await town.store.pool.fetchval(words, case.ref.case_id) == EVIL, "kept as it is, escaped by who shows it"
    assert EVIL not in (await mine.opens()).text


def test_our_own_scripts_build_no_markup_and_no_code_from_text() -> None:
    scripts = [*ROOT.glob("api/static/*.js"), *ROOT.glob("api/static/fields/*.js")]
    assert len(scripts) >= 6
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert sink not in text, f"{script.name}: {sink}"
        for found in re.findall(r"postMessage\(([^;]*)\)", text):
            assert "*" not in found, f"{script.name} tells everybody"
        # The wall in the merchant's own page remembers there that it was closed (test_wall_shows.py).
        stores = ["localStorage", "document.cookie", "indexedDB"]
        for store in stores if script.name == "recoup-pay.js" else [*stores, "sessionStorage"]:
            assert store not in text, f"{script.name} keeps something: {store}"


APP = "http://localhost:1"


@pytest.fixture(scope="module")
async def framed_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    databases = await new_databases(database_url)
    async with building_town(temporal, *databases, frame_ancestors=["https://app.example.com", APP]) as built:
        yield built


async def test_only_the_origins_that_are_set_up_may_frame_the_page(framed_town: Town) -> None:
    _, mine = await stranger_of(framed_town)
    for path in ("", "/checkout/unknown"):
        assert (await mine.opens(path)).policy["frame-ancestors"] == ["https://app.example.com", APP]
    framed = await mine.opens("", {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"})
    (cookie,) = framed.headers.getall("Set-Cookie")
    assert cookie.endswith("; HttpOnly; Secure; SameSite=None; Partitioned")
    assert "X-Frame-Options" not in framed.headers, "it knows no list, and frame-ancestors overrules it"


async def test_a_browser_shows_the_page_in_no_frame_by_default_and_tells_nobody_its_address(
    town: Town, browser: Browser
) -> None:
    """Clickjacking; and what a site that the customer goes on to hears of the link."""
    case, _ = await stranger_of(town)
    link, heard = await wall_link(case), []

    async def other_site(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Referer"))
        frame = f'<iframe id="f" src="{link}"></iframe>' if "frame" in request.query else ""
        return web.Response(text=f"<!doctype html><h1>Other</h1>{frame}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", other_site)
    async with serving(app) as url:
        elsewhere = url.replace("127.0.0.1", "localhost")
        page = await (await browser.new_context()).new_page()
        await page.goto(f"{elsewhere}/?frame=1")
        await page.wait_for_timeout(500)
        assert "€29.00" not in await page.frames[-1].content()
        await page.goto(link)
        assert "€29.00" in await page.content()
        await page.evaluate(f"location.href = '{elsewhere}/'")
        await page.get_by_role("heading", name="Other").wait_for()
        await page.context.close()
    assert heard[-1] is None
    assert all("/pay/" not in (each or "") for each in heard)


async def test_a_message_tells_only_the_frames_of_ours_how_high_it_is(framed_town: Town, browser: Browser) -> None:
    """The page posts to the origins that may frame it, by name; no other page that opened it hears anything."""
    _, mine = await stranger_of(framed_town)
    context = await browser.new_context()
    page = await context.new_page()
    app = web.Application()

    async def opener(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><h1>Opener</h1>", content_type="text/html")

    app.router.add_get("/", opener)
    async with serving(app) as url:
        await page.goto(url.replace("127.0.0.1", "localhost"))
        await page.evaluate("window.got = []; addEventListener('message', e => got.push(e.data))")
        async with context.expect_page() as opened:
            await page.evaluate(f"window.open('{framed_town.api_url}{mine.path}')")
        await (await opened.value).wait_for_load_state()
        assert await page.evaluate("window.got") == []
    await context.close()


def test_customers_are_known_by_source_and_account_as_well() -> None:
    """Two merchants' accounts in one Recoup may have customers of the same name."""
    one = CustomerRef(source="stripe", account="default", customer_id="cus_1")
    assert one != one.model_copy(update={"account": "other"})
