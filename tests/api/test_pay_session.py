"""The browser's session on the customer's page: a cookie per link, forms that only it can send, and how often."""

import hashlib
import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from itsdangerous import TimestampSigner
from multidict import CIMultiDict
from playwright.async_api import Browser

from activities.links import PayLink
from api.pay import session
from api.pay.guard import Guard, network_of
from api.pay.session import LASTS_SECONDS, PageSession, cookie_name, session_of
from policies.keys import CustomerRef
from tests.fixtures.sandbox import serving

ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
BOB = ADA.model_copy(update={"customer_id": "cus_bob"})
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINK, OTHER = (PayLink.of_letter(ADA, f"mes_{n}.email", NOW) for n in (1, 2))
BOBS = PayLink.of_letter(BOB, "mes_3.email", NOW)
KEYS = ["new-key", "old-key"]


def asked(headers: dict[str, str] | None = None, cookie: str | None = None) -> web.Request:
    sent = CIMultiDict(headers or {})
    if cookie:
        sent["Cookie"] = cookie
    return make_mocked_request("GET", "/pay/token", headers=sent)


def cookie_of(set_by: PageSession) -> str:
    """What a browser sends back."""
    return set_by.cookie_header.partition(";")[0]


def new_session(link: PayLink = LINK, keys: list[str] | None = None) -> PageSession:
    return session_of(asked(), link, keys or KEYS)


# The cookie


def test_a_browser_that_comes_back_is_the_same_one_and_stays_so_while_it_is_busy() -> None:
    first = new_session()
    assert first.is_new
    second = session_of(asked(cookie=cookie_of(first)), LINK, KEYS)
    assert not second.is_new
    assert (second.session_hash, second.csrf) == (first.session_hash, first.csrf)
    third = session_of(asked(cookie=cookie_of(second)), LINK, KEYS)
    assert (third.session_hash, third.csrf) == (first.session_hash, first.csrf)
    assert new_session().session_hash != first.session_hash


def test_two_links_in_two_tabs_do_not_throw_each_other_out() -> None:
    one, other = new_session(LINK), new_session(OTHER)
    both = f"{cookie_of(one)}; {cookie_of(other)}"
    assert session_of(asked(cookie=both), LINK, KEYS).session_hash == one.session_hash
    assert session_of(asked(cookie=both), OTHER, KEYS).session_hash == other.session_hash
    assert len({cookie_name(each) for each in (LINK, OTHER, BOBS)}) == 3


@pytest.mark.parametrize(
    ("headers", "site"),
    [
        ({}, "SameSite=Lax"),
        ({"Sec-Fetch-Dest": "document"}, "SameSite=Lax"),
        ({"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}, "SameSite=None; Partitioned"),
    ],
)
def test_the_cookie_is_for_this_page_only_and_no_script_reads_it(headers: dict[str, str], site: str) -> None:
    made = session_of(asked(headers), LINK, KEYS)
    pair, _, attributes = made.cookie_header.partition("; ")
    assert attributes == f"Max-Age=7200; Path=/; HttpOnly; Secure; {site}"
    name, _, value = pair.partition("=")
    assert name == cookie_name(LINK)
    assert name.startswith("__Host-recoup_"), "so it needs Path=/ and Secure, and names no domain"
    assert len(name) == len("__Host-recoup_") + 16
    assert LINK.link_id not in made.cookie_header
    parsed = SimpleCookie(pair)[name]
    assert parsed.value == value, "nothing in it needs quotes"


def test_a_cookie_that_somebody_else_made_is_none() -> None:
    real = cookie_of(new_session())
    name, _, value = real.partition("=")
    secret, _, rest = value.partition(".")
    of_other_link = cookie_of(new_session(OTHER)).partition("=")[2]
    foreign = [f"{'A' * 43}.{rest}", secret, f"{secret}.", value[:-4] + "AAAA", "", "x" * 5_000, of_other_link]
    for each in foreign:
        assert session_of(asked(cookie=f"{name}={each}"), LINK, KEYS).is_new
    signer = TimestampSigner(KEYS[0], salt=f"recoup page {LINK.link_id}", digest_method=hashlib.sha256)
    for odd in ("short", "a" * 42 + "\n", "é" * 43):
        assert session._secret_in(signer.sign(odd.encode()).decode("utf-8"), signer) is None


def test_after_two_hours_it_is_over_also_for_who_kept_the_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie, made_at = cookie_of(new_session()), int(datetime.now(UTC).timestamp())
    for later, is_over in ((LASTS_SECONDS - 60, False), (LASTS_SECONDS + 60, True)):
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self, at=made_at + later: at)
        assert session_of(asked(cookie=cookie), LINK, KEYS).is_new is is_over


def test_keys_rotate() -> None:
    cookie = cookie_of(new_session(keys=["old-key"]))
    assert not session_of(asked(cookie=cookie), LINK, KEYS).is_new
    assert session_of(asked(cookie=cookie), LINK, ["new-key"]).is_new
    assert session_of(asked(cookie=cookie_of(new_session())), LINK, ["old-key"]).is_new, "the first one signs"


def test_a_session_is_not_told_by_its_traces() -> None:
    made = new_session()
    for secret in (made.csrf, cookie_of(made).partition("=")[2]):
        assert secret not in repr(made)
        assert made.session_hash not in secret


# Forms


def back(link: PayLink = LINK, headers: dict[str, str] | None = None) -> tuple[PageSession, web.Request]:
    """A browser that got the page and now sends its form."""
    request = asked(headers, cookie_of(new_session(link)))
    return session_of(request, link, KEYS), request


@pytest.mark.parametrize(
    ("came_from", "accepted"),
    [
        (None, True),
        ("same-origin", True),
        ("same-site", False),
        ("cross-site", False),
        ("none", False),
        ("", False),
        ("same-origin, cross-site", False),
    ],
)
def test_a_form_must_come_from_our_own_page(came_from: str | None, accepted: bool) -> None:
    made, request = back(headers=None if came_from is None else {"Sec-Fetch-Site": came_from})
    assert made.accepts(request, made.csrf) is accepted


def test_a_form_without_the_token_of_this_session_and_link_changes_nothing() -> None:
    made, request = back()
    others = [back(LINK)[0].csrf, back(OTHER)[0].csrf, back(BOBS)[0].csrf]
    for token in ("", made.csrf[:-1], made.csrf + "0", made.csrf.upper(), "é", "\ud800", made.session_hash, *others):
        assert not made.accepts(request, token)
    assert made.accepts(request, made.csrf)


def test_one_browser_has_another_token_for_each_link() -> None:
    """Also when the two cookies held the same: the token of one link's form is none for another's."""
    first = new_session()
    secret = cookie_of(first).partition("=")[2].partition(".")[0]
    signer = TimestampSigner(KEYS[0], salt=f"recoup page {OTHER.link_id}", digest_method=hashlib.sha256)
    same = f"{cookie_name(OTHER)}={signer.sign(secret).decode()}"
    other = session_of(asked(cookie=same), OTHER, KEYS)
    assert other.session_hash == first.session_hash
    assert other.csrf != first.csrf


def test_a_browser_without_a_cookie_sends_no_form_of_ours() -> None:
    made = new_session()
    assert not made.accepts(asked(), made.csrf)


def test_tokens_are_compared_in_constant_time() -> None:
    source = inspect.getsource(PageSession.accepts)
    assert "hmac.compare_digest(self.csrf" in source
    assert "csrf ==" not in source
    assert source.index("compare_digest") < source.index("return"), "however the request came"


# How often


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


HOME, OFFICE = ip_address("203.0.113.9"), ip_address("2001:db8:1:2:3::4")


def passed(guard: Guard, kind: Any, times: int, address: Any = HOME, link: PayLink | None = LINK) -> int:
    return [guard.seconds_to_wait(kind, address, link) for _ in range(times)].count(0.0)


@pytest.mark.parametrize(("kind", "per_minute"), [("view", 60), ("post", 20)])
def test_one_link_is_asked_for_so_often_from_wherever(kind: Any, per_minute: int) -> None:
    clock = Clock()
    guard = Guard(clock)
    addresses = [ip_address(f"203.0.113.{n}") for n in range(200)]
    assert sum(guard.seconds_to_wait(kind, each, LINK) == 0.0 for each in addresses) == per_minute
    wait = guard.seconds_to_wait(kind, OFFICE, LINK)
    assert wait == pytest.approx(60 / per_minute)
    assert guard.seconds_to_wait(kind, OFFICE, BOBS) == 0.0
    clock.now = 61.0
    assert passed(guard, kind, 200) == per_minute


@pytest.mark.parametrize(("kind", "per_minute"), [("view", 120), ("post", 30)])
def test_one_address_asks_so_often_whatever_for(kind: Any, per_minute: int) -> None:
    guard = Guard(Clock())
    links = [
        PayLink.of_letter(CustomerRef(source="s", account="a", customer_id=f"c{n}"), str(n), NOW) for n in range(200)
    ]
    assert sum(guard.seconds_to_wait(kind, HOME, each) == 0.0 for each in links) == per_minute
    assert guard.seconds_to_wait(kind, HOME, None) > 0
    assert guard.seconds_to_wait(kind, OFFICE, links[0]) == 0.0
    assert passed(Guard(Clock()), kind, 200, link=None) == per_minute, "also for links that are none of ours"


def test_one_customer_with_many_links_asks_no_more_for_it() -> None:
    guard = Guard(Clock())
    links = [PayLink.of_letter(ADA, str(n), NOW) for n in range(100)]
    addresses = [ip_address(f"203.0.113.{n}") for n in range(100)]
    assert sum(guard.seconds_to_wait("post", *each) == 0.0 for each in zip(addresses, links, strict=True)) == 30


def test_who_is_refused_by_their_address_uses_up_nothing_of_the_links_share() -> None:
    guard = Guard(Clock())
    assert passed(guard, "post", 30, link=None) == 30
    assert passed(guard, "post", 100) == 0
    assert passed(guard, "post", 20, address=OFFICE) == 20


def test_views_and_forms_are_counted_apart() -> None:
    guard = Guard(Clock())
    assert passed(guard, "view", 100) == 60
    assert passed(guard, "post", 1) == 1


def test_a_whole_network_of_ipv6_is_one_address() -> None:
    assert network_of(ip_address("2001:db8:1:2:3::4")) == network_of(ip_address("2001:db8:1:2:ffff::1"))
    assert network_of(ip_address("2001:db8:1:2::1")) != network_of(ip_address("2001:db8:1:3::1"))
    assert network_of(HOME) != network_of(ip_address("203.0.113.10"))
    assert network_of(None) != network_of(HOME)


# In a browser


@pytest.fixture
async def page() -> AsyncIterator[str]:
    """The address of a server that shows a form and counts those that it takes."""

    async def show(request: web.Request) -> web.Response:
        made = session_of(request, LINK, KEYS)
        form = f'<form method="post"><input name="csrf" value="{made.csrf}"><button>Go</button></form>'
        headers = {"Set-Cookie": made.cookie_header}
        return web.Response(text=f"<!doctype html>{form}", content_type="text/html", headers=headers)

    async def take(request: web.Request) -> web.Response:
        form = await request.post()
        made = session_of(request, LINK, KEYS)
        said = "taken" if made.accepts(request, str(form.get("csrf", ""))) else "refused"
        return web.Response(text=f"<!doctype html><p>{said}</p>", content_type="text/html")

    async def frame(request: web.Request) -> web.Response:
        """As the merchant's own application, on another site, shows the page."""
        inside = request.query["of"]
        forged = f'<form method="post" action="{inside}"><input name="csrf" value="0"><button>Forge</button></form>'
        text = f'<!doctype html><iframe src="{inside}"></iframe>{forged}'
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/pay/token", show), web.post("/pay/token", take), web.get("/frame", frame)])
    async with serving(app) as url:
        yield url


async def test_a_secure_cookie_works_on_this_machine_without_https(page: str, browser: Browser) -> None:
    context = await browser.new_context()
    tab, other_tab = await context.new_page(), await context.new_page()
    for each in (tab, other_tab):
        await each.goto(f"{page}/pay/token")
    (cookie,) = await context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    for each in (tab, other_tab):
        assert await each.evaluate("document.cookie") == ""
        await each.click("button")
        assert await each.inner_text("p") == "taken"
    await context.close()


async def test_inside_the_page_of_another_site_it_works_as_well_and_is_kept_apart(page: str, browser: Browser) -> None:
    context = await browser.new_context()
    tab = await context.new_page()
    elsewhere = page.replace("127.0.0.1", "localhost")
    await tab.goto(f"{elsewhere}/frame?of={page}/pay/token")
    inside = tab.frames[1]
    await inside.click("button")
    assert await inside.inner_text("p") == "taken"
    cookies: list[dict[str, Any]] = [dict(each) for each in await context.cookies()]
    assert [(each["sameSite"], each["secure"]) for each in cookies] == [("None", True)]
    assert cookies[0].get("partitionKey")
    await context.close()


async def test_a_form_on_another_site_is_refused(page: str, browser: Browser) -> None:
    context = await browser.new_context()
    tab = await context.new_page()
    await tab.goto(f"{page}/pay/token")
    await tab.goto(f"{page.replace('127.0.0.1', 'localhost')}/frame?of={page}/pay/token")
    await tab.click("text=Forge")
    assert await tab.inner_text("p") == "refused"
    await context.close()


def test_a_session_lasts_as_long_as_its_cookie_says() -> None:
    assert timedelta(seconds=LASTS_SECONDS) == timedelta(hours=2)
