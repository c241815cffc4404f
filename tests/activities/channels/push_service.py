"""A push service as browsers have one: RFC 8030 with VAPID, and the browsers behind it, which open what they get."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from tests.activities.channels.browser import Browser, raw_bytes
from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

TROUBLES: dict[Trouble, tuple[int, Any, dict[str, str]]] = {
    Trouble.BREAKS: (500, {}, {}),
    Trouble.OVERLOADED: (503, {}, {"Retry-After": "9"}),
    Trouble.GATEWAY_TIMEOUT: (504, {}, {}),
    Trouble.SLOW_DOWN: (429, {}, {"Retry-After": "7"}),
    # It says of no 5xx that nothing was done; of too many messages it does.
    Trouble.NOT_ACCEPTED: (429, {}, {}),
    # A wrong address is the browser's (404: it is gone). What can be wrong of ours is the key.
    Trouble.STRANGER: (403, {"reason": "VapidPkHashMismatch"}, {}),
}


class PushService:
    """`key`: the one that browsers subscribed with. `said`: in place of the usual, by path. `shown`: by path, what the
    browser showed. `asked`: every request's path and headers."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.url = ""
        self.browsers: dict[str, Browser] = {}
        self.said: dict[str, tuple[int, dict[str, str]]] = {}
        self.shown: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.trouble: Trouble | None = None

    def subscribe(self, name: str, url: str | None = None) -> dict[str, Any]:
        """What a browser of this name would register. `url`: another way to get here."""
        path = f"/wp/{name}"
        browser = self.browsers.setdefault(path, Browser())
        return browser.subscription((url or self.url) + path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.headers)))
        body = await request.read()
        if self.trouble:
            return await in_trouble(self.trouble, request, TROUBLES, b"")
        if request.path in self.said:
            status, headers = self.said[request.path]
            return web.Response(status=status, headers=headers)
        if request.path == "/wp/endless":
            return await _endless(request)
        browser = self.browsers.get(request.path)
        if refused := self._refusal(request, body, browser):
            return web.Response(status=refused)
        assert browser
        self.shown.append((request.path, json.loads(browser.opened(body))))
        return web.Response(status=201, headers={"Location": f"{self.url}/m/{len(self.shown)}"})

    def _refusal(self, request: web.Request, body: bytes, browser: Browser | None) -> int | None:
        """As RFC 8030 and 8292 ask for it."""
        if browser is None:
            return 404
        if len(body) > 4096:
            return 413
        wanted = {"Content-Encoding": "aes128gcm", "Urgency": "normal"}
        if not request.headers.get("TTL", "").isdecimal() or any(
            request.headers.get(n) != v for n, v in wanted.items()
        ):
            return 400
        return None if self._knows(request) else 403

    def _knows(self, request: web.Request) -> bool:
        kind, _, rest = request.headers.get("Authorization", "").partition(" ")
        said = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if kind != "vapid" or said.get("k") != self.key:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw_bytes(self.key))
        try:
            origin = f"{request.scheme}://{request.host}"
            claims = jwt.decode(said["t"], public, ["ES256"], audience=origin)
        except jwt.InvalidTokenError:
            return False
        return str(claims["sub"]).startswith(("mailto:", "https:"))


async def _endless(request: web.Request) -> web.StreamResponse:
    """Says yes, and then goes on for ever."""
    answer = web.StreamResponse(status=201)
    await answer.prepare(request)
    while True:
        await answer.write(b"x" * 1_000)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def push_service(key: str) -> AsyncIterator[PushService]:
    service = PushService(key)
    async with answering_everything(service.handle) as service.url:
        yield service
