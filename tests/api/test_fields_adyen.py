"""`api/static/fields/adyen.js` in a real browser, with a local stand-in for Adyen Web.

The stand-in has the surface that Adyen documents (AdyenWeb.AdyenCheckout with its callbacks, Dropin, submitDetails),
as in the types of @adyen/adyen-web 6.45.2. It is no Adyen: nothing here says how Adyen's own script behaves under a
policy, nor what a bank shows during 3-D Secure.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.fields_shop import SENT_TO, Shop, asked, opened, standing, typed

GOOD, REFUSED, CLOSED, OFFLINE = "4111111111111111", "4000020000000000", "closed", "offline"
"""The first a published test number of Adyen; with the others the stand-in refuses, is left, or fails."""

VENDOR = (
    """
(function () {
  var origin = new URL(document.currentScript.src).origin, asked = (window.asked = []);
  function plain(given) {
    return JSON.parse(JSON.stringify(given));
  }
  function Dropin(checkout, options) {
    var given = checkout.options, frame = null, self = this, status = "ready";
    asked.push(["Dropin", plain(options)]);
    this.isValid = false;
    window.addEventListener("message", function (event) {
      if (event.data === "changed") {
        self.isValid = true;
        given.onChange({ isValid: true });
      }
      if (event.data === "enter") given.onEnterKeyPressed(document.activeElement, self);
    });
    this.mount = function (selector) {
      frame = document.createElement("iframe");
      frame.src = origin + "/frame";
      document.querySelector(selector).appendChild(frame);
      frame.onload = function () { options.onReady(); };
      return this;
    };
    this.setStatus = function (is) { status = is; asked.push(["setStatus", is]); return this; };
    this.submit = function () {
      if (window.location.search === "?nothing") throw new Error("No active payment method.");
      if (!this.isValid) return frame.contentWindow.postMessage("focus", origin);
      asked.push(["submit", true]);
      if (status !== "ready") return;
      status = "loading";
      var channel = new MessageChannel();
      channel.port1.onmessage = function (event) { ended(event.data); };
      frame.contentWindow.postMessage("value", origin, [channel.port2]);
    };
    function ended(number) {
      var told = { sessionData: "later", sessionResult: "X3+/=" };
      if (number === "REFUSED") return given.onPaymentFailed(Object.assign(told, { resultCode: "Refused" }), self);
      if (number === "OFFLINE") return given.onError({ name: "NETWORK_ERROR", message: "for whoever runs this" }, self);
      if (number === "CLOSED") return given.onError({ name: "CANCEL", message: "for whoever runs this" }, self);
      given.onPaymentCompleted(Object.assign(told, { resultCode: "Authorised" }), self);
    }
  }
  window.AdyenWeb = {
    Dropin: Dropin,
    AdyenCheckout: function (given) {
      asked.push(["AdyenCheckout", plain(given)]);
      if (!given.countryCode || !given.clientKey) return Promise.reject(new Error("IMPLEMENTATION_ERROR"));
      return Promise.resolve({
        options: given,
        submitDetails: function (told) {
          sessionStorage.setItem("told", JSON.stringify([given.session, told]));
          var failed = told.details.redirectResult === "refused";
          var answer = { resultCode: failed ? "Refused" : "Authorised", sessionResult: "X3+/=" };
          setTimeout(function () { given[failed ? "onPaymentFailed" : "onPaymentCompleted"](answer); }, 0);
        },
      });
    },
  };
})();
""".replace("REFUSED", REFUSED)
    .replace("CLOSED", CLOSED)
    .replace("OFFLINE", OFFLINE)
)

OPTIONS = {
    "client_key": "test_MADEUP",
    "environment": "test",
    "country_code": "NL",
    "session_id": "CS1",
    "session_data": "Ab02",
}
SENT = {"csrf": "c1", "result.sessionId": "CS1", "result.sessionResult": "X3+/="}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with standing(Shop(kind="adyen", scripted=VENDOR, options=dict(OPTIONS))) as shop:
        yield shop


async def paid(page: Page, number: str = GOOD) -> None:
    await expect(page.get_by_role("button")).to_be_enabled()
    await typed(page, number)
    await expect(page.get_by_role("alert")).to_be_empty()
    await page.get_by_role("button").click()


async def test_the_fields_are_mounted_for_one_way_to_pay_with_our_button(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        (given,) = await asked(page, "AdyenCheckout")
        assert given == {
            "session": {"id": "CS1", "sessionData": "Ab02"},
            "environment": "test",
            "clientKey": "test_MADEUP",
            "countryCode": "NL",
            "locale": "de",
            "showPayButton": False,
            "analytics": {"enabled": False},
        }
        (options,) = await asked(page, "Dropin")
        assert options["showStoredPaymentMethods"] is False


async def test_success_sends_the_result_of_the_session_and_nothing_of_the_card(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await paid(page)
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


async def test_enter_in_the_fields_is_our_button(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await typed(page, GOOD)
        await page.frame_locator("iframe").locator("input").press("Enter")
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


@pytest.mark.parametrize(
    ("number", "says"), [(REFUSED, "That did not work"), (OFFLINE, "That did not work"), (CLOSED, "")]
)
async def test_failure_says_so_and_can_be_tried_again(browser: Browser, shop: Shop, number: str, says: str) -> None:
    async with opened(browser, shop) as page:
        await paid(page, number)
        await expect(page.get_by_role("button")).to_be_enabled()
        await expect(page.get_by_role("alert")).to_have_text(says)
        assert await asked(page, "setStatus") == ["ready"]
        await expect(page.get_by_role("button")).to_have_attribute("aria-busy", "false")
        assert shop.sent == []
        await paid(page)
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [SENT]


@pytest.mark.parametrize("query", ["", "?nothing"])
async def test_what_is_missing_is_said_and_nothing_is_sent(browser: Browser, shop: Shop, query: str) -> None:
    async with opened(browser, shop, query) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await page.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_have_text("Something is missing")
        await expect(page.get_by_role("button")).to_be_enabled()
        if not query:
            await expect(page.frame_locator("iframe").locator("input")).to_be_focused()
        assert await asked(page, "submit") == []
    assert shop.sent == []


async def test_two_submits_ask_once(browser: Browser, shop: Shop) -> None:
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("button")).to_be_enabled()
        await typed(page, GOOD)
        state = await page.evaluate("""() => {
            var form = document.getElementById("recoup-fields"), button = form.querySelector("button");
            form.requestSubmit(); form.requestSubmit();
            var times = window.asked.filter(each => each[0] === "submit").length;
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
            old.name = "result.sessionResult"; old.value = "old"; form.appendChild(old);
            form.requestSubmit();
            window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
            return form.querySelector("button").disabled;
        }""")
        assert is_disabled is False
        await page.wait_for_url(SENT_TO)
    assert shop.sent == [{"csrf": "c1", "result.sessionResult": "X3+/=", "result.sessionId": "CS1"}]


@pytest.mark.parametrize("result", ["authorised", "refused"])
async def test_back_from_a_bank_s_own_page_the_session_that_was_left_is_ended(
    browser: Browser, shop: Shop, result: str
) -> None:
    """The page has opened another session meanwhile."""
    async with opened(browser, shop, f"?session=1&sessionId=CS0&redirectResult={result}") as page:
        if result == "refused":
            await expect(page.get_by_role("alert")).to_have_text("That did not work")
            await expect(page.get_by_role("button")).to_be_disabled()
        else:
            await page.wait_for_url(SENT_TO)
        told: Any = await page.evaluate("JSON.parse(sessionStorage.getItem('told'))")
        assert told == [{"id": "CS0"}, {"details": {"redirectResult": result}}]
    assert shop.sent == ([] if result == "refused" else [{**SENT, "result.sessionId": "CS0"}])


@pytest.mark.parametrize("wrong", ["blocked", "options"])
async def test_fields_that_do_not_open_say_so_and_send_nothing(browser: Browser, shop: Shop, wrong: str) -> None:
    shop.blocked = wrong == "blocked"
    if wrong == "options":
        del shop.options["client_key"]
    async with opened(browser, shop) as page:
        await expect(page.get_by_role("alert")).to_have_text("That did not work")
        await expect(page.get_by_role("button")).to_be_disabled()
        await expect(page.get_by_role("button")).to_have_attribute("aria-busy", "false")
    assert shop.sent == []
