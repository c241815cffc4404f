"""Firebase Cloud Messaging, HTTP v1: push messages to telephones, Apple's included (Firebase hands those to APNs).

Read 2026-11: Firebase's reference of projects.messages.send and its table of error codes, Google's guide to service
accounts (OAuth 2.0 with a signed JWT, RFC 7523).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import ValidationError

from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.channels.web_push import (
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
    TTL_SECONDS,
    link_of,
    short,
    topic_of,
)
from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.http_client import RETRY_AFTER_SECONDS_DEFAULT, Answer, HttpClient, NoAnswer, in_path
from policies.base import Record

FCM = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ASSERTION_LIFETIME = timedelta(minutes=30)
"""Google takes an hour at most; clocks differ."""

RENEWED_BEFORE_END = timedelta(minutes=2)
TOKEN_BYTES_MAX = 100_000

GONE = {"UNREGISTERED", "NOT_FOUND"}
QUOTA = {"QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"}
OURS = {"THIRD_PARTY_AUTH_ERROR", "SENDER_ID_MISMATCH", "PERMISSION_DENIED", "UNAUTHENTICATED"}
MAYBE = {"UNAVAILABLE", "INTERNAL"}


_NO_ACCOUNT = "fcm_service_account is not the JSON of a Google service account with its private key"


class _ServiceAccount(Record):
    project_id: str
    client_email: str
    private_key: str
    private_key_id: str | None = None
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class _AccessToken(Record):
    access_token: str
    expires_in: float = 300


class _Sent(Record):
    name: str


class _Violation(Record):
    field: str = ""


class _Detail(Record):
    """`errorCode` stands in an FcmError, `fieldViolations` in a BadRequest."""

    errorCode: str | None = None  # noqa: N815 - Google's name
    fieldViolations: tuple[_Violation, ...] = ()  # noqa: N815 - Google's name


class _Error(Record):
    status: str = ""
    message: str = ""
    details: tuple[_Detail, ...] = ()

    @property
    def codes(self) -> set[str]:
        return {self.status, *(detail.errorCode or "" for detail in self.details)} - {""}

    @property
    def is_about_the_token(self) -> bool:
        """A telephone that registered nonsense. Google names the field, or has nothing but a sentence about it."""
        fields = {violation.field for detail in self.details for violation in detail.fieldViolations}
        return "message.token" in fields or (not fields and "registration token" in self.message.lower())


class FcmClient:
    """`account_json`: of a service account that may send. Raises ValueError when it is none, without repeating it.
    `timeout_seconds`: for one message, a third of it for the access token. `clock`: what signatures are dated by."""

    def __init__(
        self,
        account_json: str,
        session: aiohttp.ClientSession,
        timeout_seconds: float,
        base_url: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        account = _account(account_json)
        self._clock = clock
        self._tokens = _Tokens(account, session, timeout_seconds, clock)
        self._http = HttpClient(session, base_url or FCM, timeout_seconds * 2 / 3, "FCM")
        self._path = f"/v1/projects/{in_path(account.project_id)}/messages:send"

    async def send(self, letter: Letter, token: str) -> SendOutcome:
        """To one telephone; `withdrawn="gone"` when Google knows the token no more. Raises Unavailable, RateLimited
        (certainly not sent) or Misconfigured."""
        access = await self._tokens.current()
        body = {"message": message_of(letter, token, self._clock())}
        try:
            answer = await self._http.ask("POST", self._path, body, {"Authorization": f"Bearer {access}"})
            if answer.status == 401:
                self._tokens.forget()
            return Accepted(reference=answer.read_as(_Sent).name) if answer.status < 300 else _refusal(answer)
        except NoAnswer as silence:
            return Unclear(reason=str(silence))


def message_of(letter: Letter, token: str, now: datetime) -> dict[str, Any]:
    """`now`: when it is sent. `link`, `lang` and `dir` are for the application, which opens the link when the person
    asks for it."""
    topic, ends = topic_of(letter), now + timedelta(seconds=TTL_SECONDS)
    data = {"tag": topic, "lang": letter.locale.replace("_", "-"), "dir": letter.direction}
    if link := link_of(letter):
        data["link"] = link
    return {
        "token": token,
        "notification": {
            "title": short(letter.subject, TITLE_BYTES_MAX),
            "body": short(letter.text, TEXT_BYTES_MAX),
        },
        "data": data,
        "android": {"ttl": f"{TTL_SECONDS}s", "collapse_key": topic, "notification": {"tag": topic}},
        "apns": {"headers": {"apns-expiration": str(int(ends.timestamp())), "apns-collapse-id": topic}},
    }


def _refusal(answer: Answer) -> SendOutcome:
    """Google's word decides, the status where there is none."""
    error = _error_in(answer.body)
    codes = error.codes if error else set()
    if codes & QUOTA:
        raise RateLimited("FCM asks us to slow down", RETRY_AFTER_SECONDS_DEFAULT)
    if codes & OURS or answer.status in (401, 403):
        raise Misconfigured(f"FCM does not let us send ({answer.status}): is it the service account of this project?")
    if codes & MAYBE:
        return Unclear(reason=f"FCM answered {answer.status} and says that it may be its own fault")
    if codes & GONE:
        return NotSent(reason="FCM knows the device no more", withdrawn="gone")
    if "INVALID_ARGUMENT" in codes and error and error.is_about_the_token:
        return NotSent(reason="FCM does not know the device", withdrawn="gone")
    if answer.status == 404:
        raise Misconfigured("what answers 404 at the address of FCM does not speak as FCM does")
    return NotSent(reason=f"FCM refused the message: {answer.status}")


def _error_in(body: dict[str, Any]) -> _Error | None:
    """None when it is told in no form we know; it may be a bare sentence."""
    said = body.get("error")
    if isinstance(said, str):
        # One word of Google's, or words for people.
        return _Error(status=said)
    try:
        return _Error.model_validate(said)
    except ValidationError:
        return None


class _Tokens:
    """Access tokens: one is kept until shortly before it ends."""

    def __init__(
        self,
        account: _ServiceAccount,
        session: aiohttp.ClientSession,
        timeout_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds / 3)
        self._clock = clock
        self._token: str | None = None
        self._renewed_at = datetime.min.replace(tzinfo=UTC)
        self._one_asks = asyncio.Lock()

    def forget(self) -> None:
        self._token = None

    async def current(self) -> str:
        """No message has left yet, so silence is Unavailable. Raises that, or Misconfigured."""
        async with self._one_asks:
            now = self._clock()
            if self._token is None or now >= self._renewed_at:
                granted = await self._granted(now)
                self._token = granted.access_token
                self._renewed_at = now + timedelta(seconds=granted.expires_in) - RENEWED_BEFORE_END
            return self._token

    async def _granted(self, now: datetime) -> _AccessToken:
        form = {"grant_type": GRANT, "assertion": self._assertion(now)}
        try:
            async with self._session.post(
                self._account.token_uri, data=form, timeout=self._timeout, allow_redirects=False
            ) as response:
                raw = await response.content.read(TOKEN_BYTES_MAX)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Misconfigured("the token_uri of the service account is no http address") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Google gave no access token: {type(error).__name__}") from error
        if response.status == 429 or response.status >= 500:
            raise Unavailable(f"Google gave no access token: {response.status}")
        if response.status != 200:
            raise Misconfigured(f"Google gives this service account no access token ({response.status})")
        try:
            return _AccessToken.model_validate_json(raw)
        except ValidationError:
            raise Unavailable("Google answered without an access token") from None

    def _assertion(self, now: datetime) -> str:
        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        named = {"kid": self._account.private_key_id} if self._account.private_key_id else None
        return jwt.encode(claims, self._account.private_key, algorithm="RS256", headers=named)


def _account(text: str) -> _ServiceAccount:
    try:
        account = _ServiceAccount.model_validate_json(text)
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(_NO_ACCOUNT) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(_NO_ACCOUNT)
    return account
