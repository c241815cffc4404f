"""A local server that speaks as Google does: an access token for a signed JWT, and FCM's HTTP v1.

Written from Google's guide to service accounts and Firebase's reference of projects.messages.send, read 2026-11.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PROJECT = "recoup-tests"
EMAIL = "push@recoup-tests.iam.example"
SEND = f"/v1/projects/{PROJECT}/messages:send"
BYTES_MAX = 4096
GOOD, UNREGISTERED, NONSENSE_TOKEN, FOREIGN = "token:good", "token:gone", "not-a-token", "token:of-another-project"


def refusal(status: int, word: str, *details: dict[str, Any], message: str = "refused") -> tuple[int, Any]:
    """As Google's APIs say no."""
    return status, {"error": {"code": status, "message": message, "status": word, "details": list(details)}}


def fcm_error(code: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}


def violation(field: str) -> dict[str, Any]:
    named = {"field": field, "description": "refused"}
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [named]}


NO_TOKEN = "The registration token is not a valid FCM registration token"
TROUBLES: dict[Trouble, tuple[int, Any, dict[str, str]]] = {
    Trouble.BREAKS: (*refusal(500, "INTERNAL", fcm_error("INTERNAL")), {}),
    Trouble.OVERLOADED: (*refusal(503, "UNAVAILABLE", fcm_error("UNAVAILABLE")), {"Retry-After": "9"}),
    Trouble.GATEWAY_TIMEOUT: (504, "timeout", {}),
    Trouble.SLOW_DOWN: (*refusal(429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED")), {"Retry-After": "7"}),
    # FCM says of no 5xx that it did nothing; of a quota it does.
    Trouble.NOT_ACCEPTED: (*refusal(429, "RESOURCE_EXHAUSTED"), {}),
    Trouble.STRANGER: (404, "Not Found", {}),
}


class FcmServer:
    """`messages`: those it took. `trouble`: what sending ends in; `answer`, `grants`: what is said in place of the
    usual. `asked_for_tokens`: how often it was."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[dict[str, Any]] = []
        self.asked_for_tokens = 0
        self.trouble: Trouble | None = None
        self.answer: tuple[int, Any] | None = None
        self.grants: tuple[int, Any] | None = None
        self.lifetime: float = 3_600
        self._issued: set[str] = set()

    def account(self, **changes: Any) -> str:
        pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        known = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem,
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(known | changes)

    def revoke(self) -> None:
        self._issued.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/token":
            return await self._grant(request)
        if request.path != SEND or request.method != "POST":
            return web.Response(status=404, text="Not Found")
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._issued:
            return _said(refusal(401, "UNAUTHENTICATED"))
        body = await request.read()
        if self.trouble:
            return await in_trouble(self.trouble, request, TROUBLES, b'{"name": "proj')
        return _said(self.answer or self._taken(json.loads(body)["message"], len(body)))

    def _taken(self, message: dict[str, Any], size: int) -> tuple[int, Any]:
        if message["token"] == UNREGISTERED:
            return refusal(404, "NOT_FOUND", fcm_error("UNREGISTERED"), message="Requested entity was not found.")
        if message["token"] == NONSENSE_TOKEN:
            return refusal(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), message=NO_TOKEN)
        if message["token"] == FOREIGN:
            return refusal(403, "PERMISSION_DENIED", fcm_error("SENDER_ID_MISMATCH"))
        if size > BYTES_MAX or not all(isinstance(value, str) for value in message["data"].values()):
            return refusal(400, "INVALID_ARGUMENT", violation("message.data"))
        self.messages.append(message)
        return 200, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"}

    async def _grant(self, request: web.Request) -> web.StreamResponse:
        self.asked_for_tokens += 1
        form = await request.post()
        if self.grants:
            return _said(self.grants)
        try:
            assertion = str(form["assertion"])
            claims = jwt.decode(
                assertion, KEY.public_key(), ["RS256"], audience=f"{self.url}/token", options={"verify_iat": False}
            )
            holds = jwt.get_unverified_header(assertion)["kid"] == "key-1" and claims["iss"] == EMAIL
            holds = holds and claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
            holds = holds and claims["exp"] - claims["iat"] <= 3_600
        except (jwt.InvalidTokenError, KeyError):
            holds = False
        if not holds or form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return _said((400, {"error": "invalid_grant", "error_description": "Invalid JWT"}))
        token = f"ya29.{self.asked_for_tokens}"
        self._issued.add(token)
        return _said((200, {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}))


def _said(answer: tuple[int, Any]) -> web.Response:
    return web.json_response(answer[1], status=answer[0])


@asynccontextmanager
async def fcm_server() -> AsyncIterator[FcmServer]:
    server = FcmServer()
    async with answering_everything(server.handle) as server.url:
        yield server
