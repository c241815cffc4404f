"""A local server that speaks as api.sendgrid.com does when a mail is handed over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

API_KEY = "SG.a-key-made-up-for-tests"
REFUSED = "refused@example.test"

Answer = tuple[int, Any, dict[str, str]]


def sendgrid_error(status: int, field: str | None = None, **headers: str) -> Answer:
    return status, {"errors": [{"message": "words for people", "field": field, "help": None}]}, headers


TROUBLES: dict[Trouble, Answer] = {
    Trouble.BREAKS: sendgrid_error(500),
    Trouble.NOT_ACCEPTED: sendgrid_error(429),
    Trouble.OVERLOADED: sendgrid_error(503),
    Trouble.GATEWAY_TIMEOUT: (504, "<html>timeout</html>", {}),
    Trouble.SLOW_DOWN: sendgrid_error(429, **{"Retry-After": "7"}),
    Trouble.STRANGER: (404, "Not Found", {}),
}


class SendGridServer:
    """`answer`: in place of what it would say. `mails`: the bodies it took."""

    def __init__(self) -> None:
        self.url = ""
        self.trouble: Trouble | None = None
        self.answer: Answer | None = None
        self.mails: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.trouble:
            return await in_trouble(self.trouble, request, TROUBLES, b'{"err')
        status, told, headers = self.answer or self._said(request, body)
        return web.json_response(told, status=status, headers=headers)

    def _said(self, request: web.Request, body: dict[str, Any]) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return sendgrid_error(401)
        if (request.method, request.path) != ("POST", "/v3/mail/send"):
            return sendgrid_error(404)
        if body["personalizations"][0]["to"][0]["email"] == REFUSED:
            return sendgrid_error(400, "personalizations.0.to.0.email")
        self.mails.append(body)
        return 202, None, {"X-Message-Id": f"msg-{len(self.mails)}"}


@asynccontextmanager
async def sendgrid_server() -> AsyncIterator[SendGridServer]:
    server = SendGridServer()
    async with answering_everything(server.handle) as url:
        server.url = url
        yield server
