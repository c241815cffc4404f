"""A local server that speaks as api.twilio.com does when a message is created, with the numbers that Twilio documents
for its test credentials (www.twilio.com/docs/iam/test-credentials, read 2026-11-25)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import encode_basic_auth, web

from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

ACCOUNT, TOKEN = "AC" + "a" * 32, "a-token-made-up-for-tests"
KEY, KEY_SECRET = "SK" + "b" * 32, "a-key-made-up-for-tests"
SERVICE = "MG" + "c" * 32

GOOD = "+15005550006"
INVALID, UNROUTABLE, NO_PERMISSION, BLOCKED, NO_MOBILE = (f"+1500555000{n}" for n in (1, 2, 3, 4, 9))
FOREIGN_SENDER, FULL_SENDER = "+15005550007", "+15005550008"

Answer = tuple[int, Any, dict[str, str]]


def twilio_error(status: int, code: int, message: str = "words for people", **headers: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": message, "more_info": more, "status": status}, headers


TO_ANSWERS = {
    INVALID: twilio_error(400, 21211, f"The 'To' number {INVALID} is not a valid phone number."),
    UNROUTABLE: twilio_error(400, 21612),
    NO_PERMISSION: twilio_error(400, 21408),
    BLOCKED: twilio_error(400, 21610, "Attempt to send to unsubscribed recipient"),
    NO_MOBILE: twilio_error(400, 21614),
}
FROM_ANSWERS = {
    INVALID: twilio_error(400, 21212),
    FOREIGN_SENDER: twilio_error(400, 21606),
    FULL_SENDER: twilio_error(429, 21611),
}
TROUBLES: dict[Trouble, Answer] = {
    Trouble.BREAKS: twilio_error(500, 20500),
    Trouble.NOT_ACCEPTED: twilio_error(400, 21611),
    Trouble.OVERLOADED: twilio_error(503, 20503),
    Trouble.GATEWAY_TIMEOUT: (504, "<html>timeout</html>", {}),
    Trouble.SLOW_DOWN: twilio_error(429, 20429, **{"Retry-After": "7"}),
    Trouble.STRANGER: (404, "Not Found", {}),
}


class TwilioServer:
    """`answer`: in place of what it would say. `messages`: what it took; `heads`: headers of every request."""

    def __init__(self) -> None:
        self.url = ""
        self.trouble: Trouble | None = None
        self.answer: Answer | None = None
        self.messages: list[dict[str, str]] = []
        self.heads: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.heads.append(dict(request.headers))
        if self.trouble:
            return await in_trouble(self.trouble, request, TROUBLES, b'{"sid": "SM')
        status, body, headers = self.answer or self._said(request, form)
        return web.json_response(body, status=status, headers=headers)

    def _said(self, request: web.Request, form: dict[str, str]) -> Answer:
        users = {encode_basic_auth(ACCOUNT, TOKEN), encode_basic_auth(KEY, KEY_SECRET)}
        if request.headers.get("Authorization") not in users:
            return twilio_error(401, 20003, "Authenticate")
        if (request.method, request.path) != ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"):
            return twilio_error(404, 20404)
        if not form.get("Body"):
            return twilio_error(400, 21602)
        sender = form.get("From", "")
        if not sender and form.get("MessagingServiceSid") != SERVICE:
            return twilio_error(400, 21603)
        return TO_ANSWERS.get(form["To"]) or FROM_ANSWERS.get(sender) or self._taken(form)

    def _taken(self, form: dict[str, str]) -> Answer:
        self.messages.append(form)
        created = {
            "sid": f"SM{len(self.messages):032x}",
            "account_sid": ACCOUNT,
            "to": form["To"],
            "body": form["Body"],
            "status": "queued",
            "num_segments": "1",
            "error_code": None,
            "error_message": None,
            "date_created": "Mon, 02 Mar 2026 10:00:00 +0000",
            "date_sent": None,
        }
        return 201, created, {}


@asynccontextmanager
async def twilio_server() -> AsyncIterator[TwilioServer]:
    server = TwilioServer()
    async with answering_everything(server.handle) as url:
        server.url = url
        yield server
