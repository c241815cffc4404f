"""A browser without scripts: what somebody with a link, or with parts of one, can send by hand."""

import asyncio
import html
import re
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.fixtures.town import PATIENCE_SECONDS, Case, Town

FORM = "application/x-www-form-urlencoded"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
ONCE = re.compile(r'name="once" value="([A-Za-z0-9_\-]+)"')
STORED = re.compile(r'name="stored-way" value="([0-9a-f]+)"')
CODE = re.compile(r"\b[0-9]{6}\b")


class Seen(NamedTuple):
    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def csrf(self) -> str:
        """Of its first form."""
        found: list[str] = CSRF.findall(self.text)
        return found[0]

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def policy(self) -> dict[str, list[str]]:
        """The Content-Security-Policy, by directive."""
        rules = [rule.split() for rule in self.headers["Content-Security-Policy"].split(";")]
        return {rule[0]: rule[1:] for rule in rules}


class Stranger:
    """`link`: an address of the page. Cookies are kept as a browser keeps them, and can be looked at or planted."""

    def __init__(self, town: Town, link: str) -> None:
        self.town = town
        self.path = urlsplit(link).path
        self.token = self.path.rpartition("/")[2]
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str = "", body: Any = None, headers: dict[str, str] | None = None) -> Seen:
        """`path`: below the page's own. Nothing is followed."""
        sent: CIMultiDict[str] = CIMultiDict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = URL(self.town.api_url + self.path + path, encoded=True)
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(cookie_jar=jar) as session,
            session.request(method, url, data=body, headers=sent, allow_redirects=False) as response,
        ):
            for cookie in response.headers.getall("Set-Cookie", ()):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Seen(response.status, response.headers, await response.text())

    async def opens(self, path: str = "", headers: dict[str, str] | None = None) -> Seen:
        return await self.ask("GET", path, headers=headers)

    async def sends(
        self, path: str, fields: Any, csrf: str | None = None, headers: dict[str, str] | None = None
    ) -> Seen:
        """A form; `csrf` None: that of the page as it is now."""
        token = (await self.opens()).csrf if csrf is None else csrf
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        body = urlencode([("csrf", token), *pairs]).encode()
        return await self.ask("POST", path, body, {"Content-Type": FORM, **(headers or {})})

    async def begins(self, **fields: str) -> str:
        """A new card's checkout, by id."""
        seen = await self.sends("/checkout", {"way": "card", **fields})
        assert seen.status == 303, seen.text
        return seen.location.rpartition("/")[2]

    async def types_code(self, csrf: str, code: str) -> Seen:
        return await self.sends("/verify", {"code": code}, csrf)

    async def proves(self) -> None:
        """Has a code sent and types it in."""
        csrf = (await self.opens()).csrf
        code = await code_sent(self, csrf)
        assert (await self.types_code(csrf, code)).location == self.path


async def code_sent(who: Stranger, csrf: str) -> str:
    """The code that arrives at the customer's own address."""
    before = len(await codes_of(who))
    sent = await who.sends("/code", {"channel": "email"}, csrf)
    assert sent.location.endswith("?said=code_sent"), sent
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(codes := await codes_of(who)) == before:
            await asyncio.sleep(0.02)
    return codes[-1]


async def codes_of(who: Stranger) -> list[str]:
    answer = await who.town.sandbox("GET", f"/outbox.json?case=page/{link_id_of(who)}")
    letters = sorted(answer["messages"], key=lambda letter: letter["at"])
    return [CODE.findall(letter["text"])[0] for letter in letters]


def link_id_of(who: Stranger) -> str:
    links = who.town.settings.links()
    assert links
    found = links.read_pay(who.token)
    assert found
    return found.link_id


def shown_text(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


async def wall_link(case: Case, customer_id: str | None = None) -> str:
    """A fresh link of the merchant's own application."""
    path = f"/pay/stripe/default/{customer_id or case.customer_id}/token"
    status, made = await case.town.api("POST", path)
    assert status == 200, made
    return str(made["url"])
