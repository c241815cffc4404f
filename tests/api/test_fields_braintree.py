"""`api/static/fields/braintree.js` in a real browser, with a local stand-in for Braintree's scripts.

The stand-in has the surface that braintree-web 3.136 documents (client.create, hostedFields.create with frames of its
own origin, tokenize, focus, threeDSecure.create and verifyCard) and its error codes. It is no Braintree: nothing here
says how Braintree's own scripts behave under a policy.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from tests.fixtures.sandbox import serving

OURS = Path(__file__).parents[2] / "api" / "static" / "fields" / "braintree.js"
GOOD, NOT_TAKEN = "4111111111111111", "4000111111111115"
"""Published test numbers of Braintree."""

VENDOR = """
(function () {
  var base = document.currentScript.src.replace(/[^/]*$/, "");
  var asked = (window.asked = []);
  function fault(code, details) {
    return Promise.reject(Object.assign(new Error(code), { code: code, details: details }));
  }
  function frame(key, field) {
    var made = document.createElement("iframe");
    made.name = "braintree-hosted-field-" + key;
    made.title = field.iframeTitle;
    var told = [key, field.internalLabel, field.placeholder || ""];
    made.src = base + "frame#" + encodeURIComponent(JSON.stringify(told));
    field.container.appendChild(made);
    return new Promise(function (done) { made.onload = function () { done(made); }; });
  }
  function ask(made, what) {
    return new Promise(function (done) {
      var channel = new MessageChannel();
      channel.port1.onmessage = function (event) { done(event.data); };
      made.contentWindow.postMessage(what, base.replace(/\\/$/, ""), [channel.port2]);
    });
  }
  window.braintree = {
    client: { create: function (given) {
      asked.push(["client", given]);
      return given.authorization === "good" ? Promise.resolve({ made: true }) : fault("CLIENT_AUTHORIZATION_INVALID");
    } },
    hostedFields: { create: function (given) {
      if (!given.client || !given.client.made) return fault("INSTANTIATION_OPTION_REQUIRED");
      asked.push(["hostedFields", given.styles]);
      var keys = Object.keys(given.fields);
      return Promise.all(keys.map(function (key) { return frame(key, given.fields[key]); })).then(function (frames) {
        return {
          focus: function (key) { ask(frames[keys.indexOf(key)], "focus"); },
          tokenize: function () {
            asked.push(["tokenize"]);
            return Promise.all(frames.map(function (each) { return ask(each, "value"); })).then(function (values) {
              var empty = keys.filter(function (key, n) { return !values[n]; });
              if (empty.length === keys.length) return fault("HOSTED_FIELDS_FIELDS_EMPTY");
              if (empty.length) return fault("HOSTED_FIELDS_FIELDS_INVALID", { invalidFieldKeys: empty });
              if (values[0] === "NOT_TAKEN") return fault("HOSTED_FIELDS_FAILED_TOKENIZATION");
              return { nonce: "tokencc_bh_1", details: { bin: values[0].slice(0, 6) } };
            });
          },
        };
      });
    } },
    threeDSecure: { create: function (given) {
      asked.push(["threeDSecure", given.version]);
      var onLookup = null;
      return Promise.resolve({
        on: function (name, handler) { if (name === "lookup-complete") onLookup = handler; },
        verifyCard: function (card) {
          asked.push(["verifyCard", card]);
          return new Promise(function (done) {
            if (!onLookup) return;
            onLookup({}, function () {
              done({ nonce: "tokencc_3ds_1", liabilityShiftPossible: true, liabilityShifted: !window.bankRefuses });
            });
          });
        },
      });
    } },
  };
})();
""".replace("NOT_TAKEN", NOT_TAKEN)

FRAME = """
var told = JSON.parse(decodeURIComponent(location.hash.slice(1)));
var input = document.querySelector("input");
input.setAttribute("aria-label", told[1]);
input.placeholder = told[2];
window.addEventListener("message", function (event) {
  if (event.data === "focus") input.focus();
  event.ports[0].postMessage(input.value);
});
"""


FRAMES_MAY_COME = web.AppKey("frames_may_come", asyncio.Event)


@dataclass
class Shop:
    """The page and what it was sent; `vendor`: Braintree's place."""

    url: str = ""
    vendor: str = ""
    options: dict[str, str] = field(default_factory=lambda: {"authorization": "good"})
    locale: str = "de-AT"
    blocked: bool = False
    sent: list[dict[str, str]] = field(default_factory=list)
    frames_may_come: asyncio.Event = field(default_factory=asyncio.Event)

    async def page(self, request: web.Request) -> web.Response:
        script = f'<script src="{self.vendor}/client.min.js"></script>'
        policy = (
            f"default-src 'none'; script-src 'self' {'' if self.blocked else self.vendor}; "
            f"frame-src {self.vendor}; style-src 'self'; form-action 'self'; base-uri 'none'"
        )
        text = f"""<!doctype html><html lang="de"><meta charset="utf-8"><title>Pay</title>
<meta name="color-scheme" content="light dark">
<form id="recoup-fields" method="post" action="/pay/token/fields" data-kind="braintree"
 data-options="{escape(json.dumps(self.options))}" data-locale="{self.locale}" data-return-url="{self.url}/back"
 data-wait="One moment" data-failed="That did not work" data-incomplete="Something is missing">
<div id="recoup-fields-mount"></div><p id="recoup-fields-note" role="alert"></p>
<input type="hidden" name="csrf" value="c1"><button type="submit">Pay 29,00 €</button></form>
{script}<script src="/pay/fields/braintree.js"></script></html>"""
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def ours(self, request: web.Request) -> web.Response:
        return web.Response(text=OURS.read_text(encoding="utf-8"), content_type="text/javascript")

    async def took(self, request: web.Request) -> web.Response:
        self.sent.append({name: str(value) for name, value in (await request.post()).items()})
        return web.Response(text="<!doctype html><title>Thanks</title>", content_type="text/html")


async def no_icon(request: web.Request) -> web.Response:
    return web.Response(status=204)


async def vendors(request: web.Request) -> web.Response:
    return web.Response(text=VENDOR, content_type="text/javascript")


async def frame(request: web.Request) -> web.Response:
    await request.app[FRAMES_MAY_COME].wait()
    text = '<!doctype html><meta charset="utf-8"><input><script src="/frame.js"></script>'
    return web.Response(text=text, content_type="text/html")


async def frames(request: web.Request) -> web.Response:
    return web.Response(text=FRAME, content_type="text/javascript")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    standing, theirs, mine = Shop(), web.Application(), web.Application()
    standing.frames_may_come.set()
    theirs[FRAMES_MAY_COME] = standing.frames_may_come
    theirs.add_routes([web.get("/client.min.js", vendors), web.get("/frame", frame), web.get("/frame.js", frames)])
    mine.add_routes([web.get("/", standing.page), web.get("/pay/fields/braintree.js", standing.ours)])
    mine.add_routes([web.post("/pay/token/fields", standing.took), web.get("/favicon.ico", no_icon)])
    async with serving(theirs) as standing.vendor, serving(mine) as standing.url:
        yield standing


@asynccontextmanager
async def opened(browser: Browser, shop: Shop, **how: Any) -> AsyncIterator[Page]:
    """The page in a context of its own; nothing in it may break the policy or fail unseen."""
    context = await browser.new_context(**how)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    await page.goto(shop.url + "/", wait_until="commit")
    yield page
    assert shop.blocked or wrong == []
    await context.close()


async def typed(page: Page, number: str = GOOD, expires: str = "12/30", code: str = "123") -> None:
    await expect(page.get_by_role("button")).to_be_enabled()
    for key, text in (("number", number), ("expirationDate", expires), ("cvv", code)):
        await page.frame_locator(f"iframe[name=braintree-hosted-field-{key}]").locator("input").fill(text)


async def asked(page: Page, what: str) -> list[Any]:
    found: list[Any] = await page.evaluate("what => window.asked.filter(each => each[0] === what)", what)
    return found


async def test_the_fields_are_mounted_with_labels_in_the_customers_language(
    browser: Browser,
    shop: Shop,
) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        inside = page.frame_locator("iframe[name=braintree-hosted-field-expirationDate]").locator("input")
        await expect(inside).to_have_attribute("aria-label", "Gültig bis")
        await expect(inside).to_have_attribute("placeholder", "MM / JJ")
        assert await page.locator("iframe").first.get_attribute("title") == "Kartennummer"
        assert await page.locator("label").all_inner_texts() == ["Kartennummer", "Gültig bis", "Prüfziffer (CVC)"]


async def test_nothing_can_be_sent_before_the_fields_are_there(browser: Browser, shop: Shop) -> None:
    shop.frames_may_come.clear()
    async with opened(browser, shop) as page:
        await expect(page.locator("iframe")).to_have_count(3)
        await expect(page.get_by_role("button")).to_be_disabled()
        await page.evaluate("document.getElementById('recoup-fields').requestSubmit()")
        shop.frames_may_come.set()
        await expect(page.get_by_role("button")).to_be_enabled()
        assert await asked(page, "tokenize") == []
    assert shop.sent == []


async def test_a_label_leads_into_its_frame(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await page.get_by_text("Prüfziffer").click()
        await expect(page.frame_locator("iframe[name=braintree-hosted-field-cvv]").locator("input")).to_be_focused()


async def test_in_the_dark_what_is_typed_can_be_read(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop, color_scheme="dark") as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        ((_, styles),) = await asked(page, "hostedFields")
        assert styles["input"]["color"] == "rgb(255, 255, 255)"


async def test_success_sends_the_nonce_and_nothing_of_the_card(
    browser: Browser,
    shop: Shop,
) -> None:
    async with opened(browser, shop) as page:
        await typed(page)
        await page.get_by_role("button").click()
        await page.wait_for_url("**/pay/token/fields")
    assert shop.sent == [{"csrf": "c1", "result.nonce": "tokencc_bh_1"}]


async def test_two_submits_ask_once(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await typed(page)
        state = await page.evaluate("""() => {
            var form = document.getElementById("recoup-fields"), button = form.querySelector("button");
            form.requestSubmit(); form.requestSubmit();
            return [button.disabled, button.getAttribute("aria-busy"), button.textContent, window.asked.length];
        }""")
        assert state == [True, "true", "Pay 29,00 €", 3], "client, fields, and one tokenize"
        await page.wait_for_url("**/pay/token/fields")
    assert len(shop.sent) == 1


@pytest.mark.parametrize(
    ("card", "says", "focused"),
    [
        ({"number": "", "expires": "", "code": ""}, "Something is missing", "number"),
        ({"code": ""}, "Something is missing", "cvv"),
        ({"number": NOT_TAKEN}, "That did not work", "number"),
    ],
)
async def test_failure_says_so_goes_to_the_field_and_can_be_tried_again(
    browser: Browser,
    shop: Shop,
    card: dict[str, str],
    says: str,
    focused: str,
) -> None:
    async with opened(browser, shop) as page:
        await typed(page, **card)
        await page.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_have_text(says)
        await expect(page.get_by_role("button")).to_be_enabled()
        await expect(page.get_by_role("button")).to_have_attribute("aria-busy", "false")
        inside = page.frame_locator(f"iframe[name=braintree-hosted-field-{focused}]").locator("input")
        await expect(inside).to_be_focused()
        assert shop.sent == []
        await typed(page)
        await page.get_by_role("button").click()
        await page.wait_for_url("**/pay/token/fields")
    assert len(shop.sent) == 1


async def test_with_three_d_secure_the_confirmed_nonce_is_sent(
    browser: Browser,
    shop: Shop,
) -> None:
    shop.options = {"authorization": "good", "confirmAmount": "0.00"}
    async with opened(browser, shop) as page:
        await typed(page)
        await page.evaluate("window.bankRefuses = true")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_have_text("That did not work")
        ((_, card),) = await asked(page, "verifyCard")
        assert card == {
            "nonce": "tokencc_bh_1",
            "bin": GOOD[:6],
            "amount": "0.00",
            "cardAddChallengeRequested": True,
        }
        await page.evaluate("window.bankRefuses = false")
        await page.get_by_role("button").click()
        await page.wait_for_url("**/pay/token/fields")
    assert shop.sent == [{"csrf": "c1", "result.nonce": "tokencc_3ds_1"}]


async def test_back_from_the_browsers_cache_the_button_works_again(
    browser: Browser,
    shop: Shop,
) -> None:
    async with opened(browser, shop) as page:
        await typed(page)
        left = await page.evaluate("""() => {
            var form = document.getElementById("recoup-fields"), old = document.createElement("input");
            old.name = "result.nonce"; form.appendChild(old);
            form.requestSubmit();
            window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
            return [form.querySelector("button").disabled, form.querySelectorAll("[name^='result.']").length];
        }""")
        assert left == [False, 0]
        await page.wait_for_url("**/pay/token/fields")


@pytest.mark.parametrize("wrong", [{"options": {"authorization": "bad"}}, {"blocked": True}])
async def test_fields_that_do_not_open_say_so_and_send_nothing(
    browser: Browser,
    shop: Shop,
    wrong: dict[str, Any],
) -> None:
    for name, value in wrong.items():
        setattr(shop, name, value)
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("alert")).to_have_text("That did not work")
        await expect(page.get_by_role("button")).to_be_disabled()
    assert shop.sent == []
