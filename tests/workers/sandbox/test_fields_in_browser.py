"""The hosted fields as a customer meets them: a shop of another origin, a strict policy, a real browser.

The shop's form is opened by `api/static/fields/sandbox.js`, so both halves of the way are walked.
"""

import asyncio
import html
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect

from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod, UpdateSession
from activities.gateways.sandbox import SandboxGateway
from policies.instruments import PaymentType
from tests.fixtures.sandbox import RunningSandbox, database_of_sandbox, serving
from tests.workers.sandbox.test_sessions import everything_in

OPENER = Path(__file__).parents[3] / "api" / "static" / "fields" / "sandbox.js"
PATIENCE_MILLISECONDS = 15_000
NOTES = """
window.violations = [];
addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective + " " + e.blockedURI));
"""
PAGE = """<!doctype html><html lang="en"><title>Shop</title><script src="/notes.js"></script>
<form id="recoup-fields" method="post" action="/paid" data-kind="sandbox" data-options='{options}'
 data-locale="{locale}" data-wait="Wait." data-failed="That did not work." data-incomplete="Fill it in.">
<div id="recoup-fields-mount"></div><p id="recoup-fields-note" role="alert"></p>
<input type="hidden" name="csrf" value="c"><button type="submit">Pay 29.00</button></form>
<script src="{script}"></script><script src="/fields/sandbox.js"></script></html>"""


class Shop:
    """A page that allows nothing but what `HostedFields` says it must."""

    def __init__(self, context: BrowserContext, sandbox: RunningSandbox) -> None:
        self.context, self.sandbox = context, sandbox
        self.gateway = SandboxGateway(sandbox.client())
        self.posted: list[dict[str, str]] = []
        self.complaints: list[str] = []
        self.url = ""
        self.customer = ""
        self.session = UpdateSession(reference="none yet")
        self.locale = "en"

    async def page(self, _: web.Request) -> web.Response:
        assert self.session.fields is not None
        fields, origins = self.session.fields, self.session.fields.origins
        policy = (
            f"default-src 'none'; script-src 'self' {' '.join(origins.script)}; frame-src {' '.join(origins.frame)};"
            " form-action 'self'; base-uri 'none'"
        )
        text = PAGE.format(
            options=html.escape(json.dumps(fields.options)), locale=self.locale, script=fields.scripts[0]
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def paid(self, request: web.Request) -> web.Response:
        self.posted.append({name: str(value) for name, value in (await request.post()).items()})
        return web.Response(text="Thank you", headers={"Content-Security-Policy": "default-src 'none'"})

    async def open(
        self, payment_type: PaymentType = PaymentType.CARD, credential_id: str | None = None, locale: str = "en"
    ) -> Page:
        self.locale = locale
        self.session = await self.gateway.update_session(
            SessionRequest(
                customer_id=self.customer,
                return_url=f"{self.url}/back",
                payment_type=payment_type,
                credential_id=credential_id,
                locale=locale,
            )
        )
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.url)
        await expect(inside(page).locator("main")).to_be_visible()
        return page

    async def given(self) -> StoredMethod | NotGiven:
        """As Recoup asks, with what the form carried."""
        (posted,) = self.posted
        result = {name.removeprefix("result."): value for name, value in posted.items() if name.startswith("result.")}
        assert set(posted) == {"csrf", "result.session"}, "nothing else leaves the page"
        return await self.gateway.given(self.customer, self.session.reference, result)


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    context = await browser.new_context()
    yield context
    await context.close()


@pytest.fixture
async def shop(context: BrowserContext, sandbox: RunningSandbox) -> AsyncIterator[Shop]:
    shop = Shop(context, sandbox)
    shop.customer = (await sandbox.failure("authentication_required"))["customer_id"]
    app = web.Application()
    app.router.add_get("/", shop.page)
    app.router.add_post("/paid", shop.paid)
    app.router.add_get("/notes.js", notes)
    app.router.add_get("/fields/sandbox.js", opener)
    async with serving(app) as url:
        # Another site, not only another port: the browser keeps the two apart in earnest.
        shop.url = url.replace("127.0.0.1", "localhost")
        yield shop


async def notes(_: web.Request) -> web.Response:
    return web.Response(text=NOTES, content_type="text/javascript")


async def opener(_: web.Request) -> web.Response:
    return web.Response(text=OPENER.read_text(encoding="utf-8"), content_type="text/javascript")


def inside(page: Page) -> FrameLocator:
    return page.frame_locator("#recoup-fields-mount iframe")


def pay(page: Page) -> Locator:
    return page.get_by_role("button", name="Pay 29.00")


async def type_card(page: Page, number: str, expiry: str = "12 / 40", cvc: str = "123") -> None:
    fields = inside(page)
    await fields.get_by_label("Card number").fill(number)
    await fields.get_by_label("Expiry date").fill(expiry)
    await fields.get_by_label("Security code").fill(cvc)


async def thanked(page: Page) -> None:
    await expect(page.get_by_text("Thank you")).to_be_visible()


async def test_a_good_card_is_given_and_neither_page_policy_is_touched(shop: Shop) -> None:
    page = await shop.open()
    await type_card(page, "4242424242424242")
    assert await inside(page).get_by_label("Card number").input_value() == "4242 4242 4242 4242"
    assert await page.evaluate("violations") == []
    await pay(page).click()
    await thanked(page)
    method = await shop.given()
    assert isinstance(method, StoredMethod)
    assert (method.last4, method.expires) == ("4242", "2040-12")
    assert shop.complaints == [], "a policy that is touched complains in the console"


async def test_what_is_wrong_stands_at_its_field_and_the_first_has_the_focus(shop: Shop) -> None:
    page = await shop.open()
    await type_card(page, "4242424242424241", cvc="1")
    await pay(page).click()
    number, cvc = inside(page).get_by_label("Card number"), inside(page).get_by_label("Security code")
    await expect(number).to_have_attribute("aria-invalid", "true")
    await expect(number).to_be_focused()
    await expect(number).to_have_accessible_description("This is no card number. Check the digits.")
    await expect(cvc).to_have_accessible_description("The security code has 3 or 4 digits.")
    await expect(inside(page).get_by_label("Expiry date")).not_to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("alert")).to_have_text("Check what you entered.")
    await expect(pay(page)).to_be_enabled()
    assert shop.posted == []


async def test_a_card_that_is_refused_in_the_fields_may_be_followed_by_another(shop: Shop) -> None:
    page = await shop.open()
    await type_card(page, "4000000000000127")
    await pay(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("The security code is wrong.")
    await expect(pay(page)).to_be_enabled()
    outcome = await shop.gateway.given(shop.customer, shop.session.reference, {})
    assert isinstance(outcome, NotGiven)
    assert outcome.why == "refused"
    await type_card(page, "5555555555554444")
    await pay(page).click()
    await thanked(page)
    assert isinstance(await shop.given(), StoredMethod)


async def test_a_bank_that_asks_is_answered_in_the_frame(shop: Shop) -> None:
    page = await shop.open()
    await type_card(page, "4000002760003184")
    await pay(page).click()
    confirm = inside(page).get_by_role("button", name="Confirm the payment")
    await expect(confirm).to_be_focused()
    await expect(pay(page)).to_be_disabled()
    await expect(pay(page)).to_have_attribute("aria-busy", "true")
    await inside(page).get_by_role("button", name="Refuse").click()
    await expect(page.get_by_role("alert")).to_contain_text("The payment was not confirmed.")
    await pay(page).click()
    await confirm.click()
    await thanked(page)
    method = await shop.given()
    assert isinstance(method, StoredMethod)
    assert method.last4 == "3184"


@pytest.mark.parametrize("first", ["the frame's button", "the page's button"])
async def test_a_stored_card_is_confirmed_and_nothing_is_typed(shop: Shop, first: str) -> None:
    (stored,) = await shop.gateway.payment_methods(shop.customer)
    page = await shop.open(credential_id=stored.credential_id)
    assert await inside(page).locator("input").count() == 0
    confirm = inside(page).get_by_role("button", name="Confirm the payment")
    if first == "the page's button":
        await pay(page).click()
        await expect(confirm).to_be_focused()
        await confirm.click()
    else:
        await inside(page).get_by_role("button", name="Refuse").click()
        await expect(inside(page).get_by_role("alert")).to_contain_text("The payment was not confirmed.")
        await confirm.click()
        await expect(inside(page).get_by_role("status")).to_have_text("Ready.")
        await pay(page).click()
    await thanked(page)
    method = await shop.given()
    assert isinstance(method, StoredMethod)
    assert method.credential_id == stored.credential_id


async def test_an_account_is_given_in_german(shop: Shop) -> None:
    page = await shop.open(PaymentType.BANK_DEBIT, locale="de-DE")
    await expect(page.locator("iframe")).to_have_attribute("title", "Zahlungsdaten")
    await pay(page).click()
    await expect(inside(page).get_by_text("Geben Sie die IBAN ein.")).to_be_visible()
    await inside(page).get_by_label("IBAN").fill("DE89 3704 0044 0532 0130 00")
    await inside(page).get_by_label("Kontoinhaber").fill("Ada")
    await pay(page).click()
    await thanked(page)
    method = await shop.given()
    assert isinstance(method, StoredMethod)
    assert method.instrument.payment_type is PaymentType.BANK_DEBIT


async def test_a_wallet_is_one_button(shop: Shop) -> None:
    page = await shop.open(PaymentType.WALLET)
    await pay(page).click()
    button = inside(page).get_by_role("button", name="Use the sandbox wallet")
    await expect(button).to_be_focused()
    await button.press("Enter")
    await thanked(page)
    assert isinstance(await shop.given(), StoredMethod)


async def test_a_keyboard_is_enough(shop: Shop) -> None:
    page = await shop.open()
    for text in ("4000002760003184", "1240", "123"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(inside(page).get_by_role("button", name="Confirm the payment")).to_be_focused()
    await page.keyboard.press("Enter")
    await thanked(page)
    assert isinstance(await shop.given(), StoredMethod)


async def test_the_frame_is_as_high_as_what_it_holds_and_reads_from_the_right(shop: Shop) -> None:
    page = await shop.open(locale="ar")
    await page.set_viewport_size({"width": 320, "height": 700})
    await pay(page).click()
    await expect(inside(page).locator("[aria-invalid=true]")).to_have_count(3)
    assert await inside(page).locator("html").get_attribute("dir") == "rtl"
    fits = "([wide, high]) => document.documentElement.scrollWidth <= wide && document.body.scrollHeight <= high"
    frame = page.frames[1]
    async with asyncio.timeout(PATIENCE_MILLISECONDS / 1000):
        while not await frame.evaluate(
            fits, await page.locator("iframe").evaluate("f => [f.clientWidth, f.clientHeight]")
        ):
            await asyncio.sleep(0.05)


async def test_a_stranger_in_between_learns_and_moves_nothing(shop: Shop) -> None:
    """A message of another window than the one around the frame is not heard, and another's word is no answer."""
    page = await shop.open()
    await type_card(page, "4000002760003184")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    await page.frames[1].evaluate("postMessage({type: 'sandbox-submit', id: 1}, '*')")
    for _ in range(2):
        await page.frames[1].evaluate("fetch(location.pathname).then(reply => reply.text())")
    assert sent == ["GET", "GET"], "a form that was sent would stand before the second"
    confirm = inside(page).get_by_role("button", name="Confirm the payment")
    await pay(page).click()
    await expect(confirm).to_be_visible()
    await page.evaluate("postMessage({type: 'sandbox-ended', id: 1, ok: true}, '*')")
    await page.evaluate("() => new Promise(resolve => setTimeout(resolve))")
    await expect(pay(page)).to_be_disabled()
    assert shop.posted == []


async def test_the_number_leaves_the_frame_for_the_sandbox_alone_and_is_kept_nowhere(
    shop: Shop, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await shop.open()
    carried: list[str] = []
    page.on("request", lambda r: carried.append(f"{r.method} {r.url}") if has_number(r.post_data, r.url) else None)
    await type_card(page, "4242424242424242")
    await pay(page).click()
    await thanked(page)
    assert carried == [f"POST {shop.sandbox.url}/gateway/fields/{shop.session.reference}?locale=en"]
    assert not has_number(await everything_in(database_of_sandbox(database_url)))
    assert not has_number(caplog.text, str(shop.posted), await page.content())


def has_number(*texts: str | None) -> bool:
    return any("4242424242424242" in (text or "").replace(" ", "") for text in texts)


async def test_the_page_of_the_sandbox_is_left_for_where_one_came_from(shop: Shop) -> None:
    gateway = SandboxGateway(shop.sandbox.client(), redirects=True)
    page = await shop.context.new_page()
    for button, kind in (("Cancel", NotGiven), ("Approve", StoredMethod)):
        session = await gateway.update_session(
            SessionRequest(customer_id=shop.customer, return_url=f"{shop.url}/notes.js?back=1")
        )
        assert session.url is not None
        await page.goto(session.url)
        await page.get_by_role("button", name=button).click()
        await page.wait_for_url(f"{shop.url}/notes.js?back=1&sandbox_session={session.reference}&outcome=*")
        assert isinstance(await gateway.given(shop.customer, session.reference, {}), kind)
