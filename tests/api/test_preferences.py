"""The preferences page: for whoever has the link, and of them nothing but which channels there are."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest

from activities.customers import Customer
from activities.links import Links
from activities.store.store import Store
from api.preferences_words import WORDS, words_for
from policies.channels import CHANNELS
from policies.keys import CustomerRef
from tests.activities.store.test_feed import NOON, stranger
from tests.fixtures.store import RunningApi, dead_temporal, running_api

LINKS = Links("https://recoup.example.com", ["a key of the tests"])
ALL = {
    "name": "Ada Lovelace",
    "email": {"address": "ada@private.example"},
    "sms": {"address": "+4915112345678"},
    "in_app": {"address": "user-ada", "consent": False},
    "webhook": {"address": "ada-at-the-shop"},
}


@pytest.fixture
async def api(store: Store) -> AsyncIterator[RunningApi]:
    async with running_api(store, await dead_temporal(), links=LINKS) as running:
        yield running


async def known(store: Store, **record: Any) -> CustomerRef:
    who = stranger()
    await store.customers.put(*who.model_dump().values(), Customer.model_validate(record, strict=False), NOON)
    return who


async def customer(store: Store, who: CustomerRef) -> Customer:
    return await store.customers.get(who.source, who.account, who.customer_id)


def page_of(who: CustomerRef) -> str:
    return f"/preferences/{LINKS.token('preferences', who)}"


class Controls(HTMLParser):
    """The inputs of a page: (type, name, value) -> whether it is chosen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[tuple[str | None, str | None, str | None], bool] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given["type"] != "hidden":
            self.found[given["type"], given["name"], given["value"]] = "checked" in given


async def submit(api: RunningApi, path: str, form: list[tuple[str, str]]) -> tuple[int, str]:
    async with api.session.post(api.url + path, data=aiohttp.FormData(form)) as response:
        return response.status, await response.text()


SHOWN = [("shown", channel) for channel in ("email", "sms", "in_app", "webhook")]


async def test_the_page_shows_which_channels_there_are_and_no_address(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    page = await api.ask("GET", page_of(who), token=None)
    assert page.status == 200
    assert Controls(page.text).found == {
        ("radio", "necessary", "email"): True,
        ("radio", "necessary", "post"): False,
        ("checkbox", "on", "sms"): True,
        ("checkbox", "on", "in_app"): False,
        ("checkbox", "on", "webhook"): True,
    }
    for private in ("Lovelace", "private.example", "4915", "user-ada", "ada-at-the-shop", who.customer_id):
        assert private not in page.text


async def test_devices_are_a_channel_when_there_are_some(api: RunningApi, store: Store) -> None:
    who = await known(store)
    assert Controls((await api.ask("GET", page_of(who), token=None)).text).found == {}
    await store.push_devices.add(who, "fcm", {"token": "a-device"}, NOON)
    assert Controls((await api.ask("GET", page_of(who), token=None)).text).found == {("checkbox", "on", "push"): True}
    await submit(api, page_of(who), [("shown", "push")])
    assert (await customer(store, who)).push.consent is False
    # Switched off it is still there, to be switched on again.
    assert Controls((await api.ask("GET", page_of(who), token=None)).text).found == {("checkbox", "on", "push"): False}


async def test_what_is_ticked_stays_and_what_is_not_ends(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    status, page = await submit(api, page_of(who), [*SHOWN, ("necessary", "email"), ("on", "in_app")])
    now = await customer(store, who)
    assert status == 200
    assert WORDS["en"].saved in page
    assert now.addresses == {"email": "ada@private.example", "in_app": "user-ada"}
    assert now.name == "Ada Lovelace"


async def test_one_necessary_channel_always_stays(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    await submit(api, page_of(who), [*SHOWN, ("necessary", "post")])
    assert (await customer(store, who)).addresses == {}
    _, page = await submit(api, page_of(who), SHOWN)  # neither chosen: e-mail
    assert (await customer(store, who)).addresses == {"email": "ada@private.example"}
    assert Controls(page).found["radio", "necessary", "email"]


async def test_a_channel_that_the_page_did_not_show_is_left_alone(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    await submit(api, page_of(who), [("shown", "in_app"), ("on", "in_app")])
    assert set((await customer(store, who)).addresses) == {"email", "sms", "in_app", "webhook"}


async def test_opening_the_page_changes_nothing(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    before = await store.pool.fetchrow("select * from customers where customer_id = $1", who.customer_id)
    for method in ("GET", "HEAD"):
        await api.ask(method, page_of(who), token=None)
    for method in ("GET", "HEAD"):
        assert (await api.ask(method, f"{page_of(who)}/unsubscribe/email", token=None)).status == 405
    assert await store.pool.fetchrow("select * from customers where customer_id = $1", who.customer_id) == before


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_one_click_ends_one_channel_without_a_page(api: RunningApi, store: Store, channel: str) -> None:
    who = await known(store, **ALL)
    address = f"{api.url}{page_of(who)}/unsubscribe/{channel}"
    async with api.session.post(address, data={"List-Unsubscribe": "One-Click"}) as response:
        assert (response.status, await response.text()) == (200, "")
        assert "Set-Cookie" not in response.headers
    assert set((await customer(store, who)).addresses) == {"email", "sms", "webhook"} - {channel}


async def test_one_click_also_comes_as_multipart(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    with aiohttp.MultipartWriter("form-data") as form:
        form.append("One-Click").set_content_disposition("form-data", name="List-Unsubscribe")
    async with api.session.post(f"{api.url}{page_of(who)}/unsubscribe/email", data=form) as response:
        assert response.status == 200
    assert "email" not in (await customer(store, who)).addresses


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=No", b"{}", b"\xff\xfe", b"x" * 5000])
async def test_a_post_that_is_no_one_click_ends_nothing(api: RunningApi, store: Store, body: bytes) -> None:
    who = await known(store, **ALL)
    reply = await api.ask("POST", f"{page_of(who)}/unsubscribe/email", body, token=None)
    assert reply.status == 400
    assert "email" in (await customer(store, who)).addresses


async def test_a_channel_that_nobody_knows_cannot_be_ended(api: RunningApi, store: Store) -> None:
    address = f"{page_of(await known(store, **ALL))}/unsubscribe/pigeon"
    reply = await api.ask("POST", address, b"List-Unsubscribe=One-Click", token=None)
    assert (reply.status, reply.body["error"]) == (404, "unknown_channel")


@pytest.mark.parametrize("body", [b"\xff", b"shown", b"&".join([b"on=sms"] * 50)])
async def test_a_form_that_is_none_changes_nothing(api: RunningApi, store: Store, body: bytes) -> None:
    who = await known(store, **ALL)
    assert (await api.ask("POST", page_of(who), body, token=None)).status == 400
    assert "email" in (await customer(store, who)).addresses


async def test_a_link_that_does_not_hold_says_so_in_plain_words(api: RunningApi) -> None:
    who = stranger()
    for token in ("x", LINKS.token("feed", who), Links("https://x.example", ["other"]).token("preferences", who)):
        for method in ("GET", "POST"):
            headers = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}
            reply = await api.ask(method, f"/preferences/{token}", None, headers, token=None)
            assert reply.status == 404
            assert WORDS["de"].gone_title in reply.text
            assert "<form" not in reply.text
        one_click = b"List-Unsubscribe=One-Click"
        reply = await api.ask("POST", f"/preferences/{token}/unsubscribe/email", one_click, token=None)
        assert (reply.status, reply.body["error"]) == (404, "unknown_token")


async def test_the_page_runs_nothing_and_tells_nobody(api: RunningApi, store: Store) -> None:
    who = await known(store, **ALL)
    nonces = set()
    for _ in range(2):
        async with api.session.get(api.url + page_of(who)) as response:
            policy, html = response.headers["Content-Security-Policy"], await response.text()
            match = re.fullmatch(
                r"default-src 'none'; style-src 'nonce-([\w-]+)'; form-action 'self'; frame-ancestors 'none'; "
                r"base-uri 'none'",
                policy,
            )
            assert match
            assert f'<style nonce="{match[1]}">' in html
            nonces.add(match[1])
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["X-Robots-Tag"] == "noindex"
            assert response.headers["Cache-Control"] == "no-store"
            assert "Set-Cookie" not in response.headers
            assert not re.search(r"<script|<img|<link|style=|href=|src=| on\w+=\"", html)
    assert len(nonces) == 2


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("pt_BR", "pt"), ("ar_EG", "ar"), ("ja", "ja"), ("fr_CA", "fr"), ("es_MX", "es"), ("sv", "en")],
)
async def test_the_page_speaks_the_customers_language(
    api: RunningApi, store: Store, locale: str, language: str
) -> None:
    who = await known(store, **ALL, locale=locale)
    page = (await api.ask("GET", page_of(who), token=None)).text
    direction = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert WORDS[language].title in page


@pytest.mark.parametrize("language", sorted(WORDS))
def test_every_language_has_all_words_and_its_own(language: str) -> None:
    words, english = WORDS[language], WORDS["en"]
    assert set(words.channels) == set(CHANNELS) - {"email"}
    said = [value for value in vars(words).values() if isinstance(value, str)] + list(words.channels.values())
    assert all(text.strip() for text in said)
    if language != "en":
        for name in ("title", "intro", "necessary", "why_necessary", "others", "save", "saved", "gone_text"):
            assert getattr(words, name) != getattr(english, name)
    assert words_for(f"{language}-XX")[1] is words


async def test_without_a_database_nothing_is_said_to_be_saved(api_without_database: RunningApi) -> None:
    async with running_api(api_without_database.parts.store, await dead_temporal(), links=LINKS) as api:
        who = stranger()
        assert (await api.ask("GET", page_of(who), token=None)).status == 503
        assert (await api.ask("POST", page_of(who), b"shown=email", token=None)).status == 503
        reply = await api.ask("POST", f"{page_of(who)}/unsubscribe/email", b"List-Unsubscribe=One-Click", token=None)
        assert reply.status == 503
