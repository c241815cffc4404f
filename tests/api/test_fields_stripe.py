"""`api/static/fields/stripe.js` in a real browser, with a local stand-in for Stripe.js.

The stand-in has the surface that Stripe documents (Stripe(), elements(), the Payment Element, confirmSetup() with its
errors), as in the types of @stripe/stripe-js 10.2. It is no Stripe: nothing here says how Stripe's own script behaves
under a policy.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.fields_shop import SENT_TO, Shop, asked, opened, standing, typed
from tests.fixtures.town import PATIENCE_SECONDS

GOOD, DECLINED, NOT_CONFIRMED = "4242424242424242", "4000000000000002", "4000002500003155"
"""Published test numbers of Stripe; of the last one the customer cancels the bank's question here."""

VENDOR = (
    """
(function () {
  var origin = new URL(document.currentScript.src).origin, asked = (window.asked = []);
  var ERRORS = {
    "": { type: "validation_error", code: "incomplete_number", message: "Ihre Kartennummer ist unvollständig." },
    DECLINED: { type: "card_error", code: "card_declined", message: "Ihre Karte wurde abgelehnt." },
    NOT_CONFIRMED: { type: "invalid_request_error", code: "setup_intent_authentication_failure",
      message: "Wir können Ihre Zahlungsmethode nicht authentifizieren." },
    "0000": { type: "api_error", message: "a sentence for whoever runs this" },
    "1111": { type: "invalid_request_error", code: "setup_intent_unexpected_state", message: "not for customers",
      setup_intent: { id: "seti_1", status: "succeeded" } },
  };
  function element(name, options) {
    var frame = null, heard = {};
    window.addEventListener("message", function (event) {
      if (event.data === "changed" && heard.change) heard.change({ complete: true, empty: false });
    });
    return {
      on: function (what, handler) { heard[what] = handler; return this; },
      mount: function (selector) {
        asked.push(["mount", [name, options]]);
        frame = document.createElement("iframe");
        frame.src = origin + "/frame";
        document.querySelector(selector).appendChild(frame);
        frame.onload = function () {
          if (window.location.search === "?broken") heard.loaderror({ error: { type: "api_error" } });
          else heard.ready();
        };
      },
      focus: function () { frame.contentWindow.postMessage("focus", origin); },
      value: function () {
        return new Promise(function (done) {
          var channel = new MessageChannel();
          channel.port1.onmessage = function (event) { done(event.data); };
          frame.contentWindow.postMessage("value", origin, [channel.port2]);
        });
      },
    };
  }
  window.Stripe = function (key, given) {
    if (!/^pk_/.test(key)) throw new Error("IntegrationError");
    asked.push(["Stripe", [key, given]]);
    return {
      elements: function (given) {
        asked.push(["elements", given]);
        return {
          create: function (name, options) { return (this.only = element(name, options)); },
          update: function (given) { asked.push(["update", given]); },
        };
      },
      confirmSetup: function (given) {
        var whole = given.elements ? { redirect: given.redirect, confirmParams: given.confirmParams } : given;
        asked.push(["confirmSetup", whole]);
        if (!given.confirmParams.return_url || !(given.elements || given.clientSecret)) throw new Error("Integration");
        var value = given.elements ? given.elements.only.value() : Promise.resolve("GOOD");
        return value.then(function (number) {
          if (number === "elsewhere") {
            window.location = given.confirmParams.return_url + "&setup_intent=seti_1&redirect_status=succeeded";
            return new Promise(function () {});
          }
          if (ERRORS[number]) return { error: ERRORS[number] };
          return { setupIntent: { id: "seti_1", status: "succeeded" } };
        });
      },
    };
  };
})();
""".replace("DECLINED", f'"{DECLINED}"')
    .replace("NOT_CONFIRMED", f'"{NOT_CONFIRMED}"')
    .replace("GOOD", GOOD)
)

OPTIONS = {"publishable_key": "pk_test_local", "client_secret": "seti_1_secret", "type": "card"}
SENT = {"csrf": "c1", "result.setup_intent": "seti_1", "result.status": "succeeded"}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with standing(Shop(kind="stripe", scripted=VENDOR, options=dict(OPTIONS))) as shop:
        yield shop


async def paid(page: Page, number: str = GOOD) -> None:
    await expect(page.get_by_role("button")).to_be_enabled()
    await typed(page, number)
    await page.get_by_role("button").click()


async def test_the_fields_are_mounted_in_the_customer_s_language(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        assert await asked(page, "Stripe") == [["pk_test_local", {"locale": "de"}]]
        assert await asked(page, "elements") == [{"clientSecret": "seti_1_secret", "appearance": {"theme": "stripe"}}]
        ((name, options),) = await asked(page, "mount")
        assert (name, options["wallets"]["applePay"]) == ("payment", "never")


async def test_whoever_chose_a_wallet_sees_wallets_first(browser: Browser, shop: Shop) -> None:
    shop.options["type"] = "wallet"
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        ((_, options),) = await asked(page, "mount")
        assert options["paymentMethodOrder"][:2] == ["apple_pay", "google_pay"]


async def test_the_fields_go_with_the_light_of_the_page(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop, color_scheme="dark") as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        assert (await asked(page, "elements"))[0]["appearance"] == {"theme": "night"}
        await page.emulate_media(color_scheme="light")
        # Told to the page with one of the next pictures.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asked(page, "update"):
                await asyncio.sleep(0.02)
        assert await asked(page, "update") == [{"appearance": {"theme": "stripe"}}]


async def test_success_sends_the_setup_and_nothing_of_the_card(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await paid(page)
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


async def test_a_stored_card_is_confirmed_without_fields(browser: Browser, shop: Shop) -> None:
    shop.options["payment_method"] = "pm_1"
    async with opened(browser, shop) as page:
        await page.evaluate(
            """() => { window.asked.push = function (each) { sessionStorage.setItem("it", JSON.stringify(each)); }; }"""
        )
        await page.get_by_role("button").click()
        await page.wait_for_url(SENT_TO)
        told = await page.evaluate("JSON.parse(sessionStorage.getItem('it'))[1]")
        assert told == {
            "redirect": "if_required",
            "clientSecret": "seti_1_secret",
            "confirmParams": {"return_url": f"{shop.url}/back?session=1", "payment_method": "pm_1"},
        }
    assert shop.sent == [SENT]


async def test_a_bank_s_own_page_sends_the_browser_back_to_ours(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await paid(page, "elsewhere")
        await page.wait_for_url("**/back?session=1&setup_intent=seti_1&redirect_status=succeeded")
    assert shop.sent == []


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("", "Ihre Kartennummer ist unvollständig."),
        (DECLINED, "Ihre Karte wurde abgelehnt."),
        (NOT_CONFIRMED, "Wir können Ihre Zahlungsmethode nicht authentifizieren."),
        ("0000", "That did not work"),
    ],
)
async def test_failure_says_so_goes_to_the_field_and_can_be_tried_again(
    browser: Browser, shop: Shop, number: str, says: str
) -> None:
    async with opened(browser, shop) as page:
        await paid(page, number)
        await expect(page.get_by_role("alert")).to_have_text(says)
        await expect(page.get_by_role("button")).to_be_enabled()
        await expect(page.get_by_role("button")).to_have_attribute("aria-busy", "false")
        await expect(page.frame_locator("iframe").locator("input")).to_be_focused()
        assert shop.sent == []
        await paid(page)
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


async def test_what_was_done_in_another_tab_is_left_to_our_server(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await paid(page, "1111")
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


async def test_two_submits_ask_once(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await typed(page, GOOD)
        state = await page.evaluate("""() => {
            var form = document.getElementById("recoup-fields"), button = form.querySelector("button");
            form.requestSubmit(); form.requestSubmit();
            var times = window.asked.filter(each => each[0] === "confirmSetup").length;
            return [button.disabled, button.getAttribute("aria-busy"), button.textContent, times];
        }""")
        assert state == [True, "true", "Pay 29,00 €", 1]
        await page.wait_for_url(SENT_TO)
    assert len(shop.sent) == 1


async def test_back_from_the_browser_s_cache_it_works_again_and_sends_one_result(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await typed(page, GOOD)
        is_disabled = await page.evaluate("""() => {
            var form = document.getElementById("recoup-fields"), old = document.createElement("input");
            old.name = "result.setup_intent"; old.value = "seti_old"; form.appendChild(old);
            form.requestSubmit();
            window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
            return form.querySelector("button").disabled;
        }""")
        assert is_disabled is False
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


@pytest.mark.parametrize("wrong", ["blocked", "?broken"])
async def test_fields_that_do_not_open_say_so_and_send_nothing(browser: Browser, shop: Shop, wrong: str) -> None:
    shop.blocked = wrong == "blocked"
    async with opened(browser, shop, wrong if wrong.startswith("?") else "") as page:
        await expect(page.get_by_role("alert")).to_have_text("That did not work")
        await expect(page.get_by_role("button")).to_be_disabled()
        await expect(page.get_by_role("button")).to_have_attribute("aria-busy", "false")
    assert shop.sent == []
