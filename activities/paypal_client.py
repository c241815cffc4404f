"""One call to PayPal's REST API, sorted into what it means: answered, certainly without effect, or nobody knows.

The access token (OAuth 2 client credentials) is kept until shortly before it expires, and renewed once when PayPal no
longer takes it. No retries, no redirects, no SDK. Sources: developer.paypal.com/api/rest (authentication, requests,
responses, rate limiting), read 2026-11.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import Field, ValidationError
from yarl import URL

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.accounts import PayPalAccount
from policies.base import Record

LIVE = "https://api-m.paypal.com"
SANDBOX = "https://api-m.sandbox.paypal.com"

RENEWED_BEFORE_SECONDS = 120.0
"""A token that is this close to its end is not used any more."""

RETRY_AFTER_SECONDS_DEFAULT = 30.0
NOT_THERE = frozenset({"RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"})
Shape = TypeVar("Shape", bound=Record)


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class _Token(Record):
    access_token: Annotated[str, Field(min_length=1)]
    expires_in: float


@dataclass(frozen=True)
class _Raw:
    status: int
    text: bytes
    headers: Mapping[str, str]


class Answer(Record):
    """`body` is None when the answer was no JSON object. `text` as it came, for what must be handed on unchanged."""

    status: int
    body: dict[str, Any] | None
    text: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def words(self) -> tuple[str, ...]:
        """PayPal's codes for a refusal, the closest first: the issues of its details, then its name."""
        if self.body is None:
            return ()
        details = self.body.get("details")
        issues = [each.get("issue") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
        return tuple(word for word in (*issues, self.body.get("name")) if isinstance(word, str))

    @property
    def is_not_there(self) -> bool:
        """PayPal's own word that there is no such thing; a bare 404 may be anybody's."""
        return self.status == 404 and not NOT_THERE.isdisjoint(self.words)

    def read_as(self, shape: type[Shape]) -> Shape:
        """Raises NoAnswer when a success does not say what it should."""
        try:
            return shape.model_validate(self.body)
        except ValidationError:
            raise NoAnswer(f"PayPal answered {self.status} with a body that is no {shape.__name__}") from None

    def misconfigured(self) -> Misconfigured:
        return Misconfigured(f"PayPal refused: {self.status} {' '.join(self.words) or 'without a word of its own'}")


class PayPalClient:
    """`timeout_seconds` of the account bounds a call; half of it is left for getting a connection."""

    def __init__(self, account: PayPalAccount, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._base = (account.base_url or (LIVE if account.live else SANDBOX)).rstrip("/")
        self._login = aiohttp.encode_basic_auth(account.client_id, account.client_secret.get_secret_value())
        self._timeout = aiohttp.ClientTimeout(total=account.timeout_seconds, connect=account.timeout_seconds / 2)
        self._token: tuple[str, float] | None = None
        self._renewing = asyncio.Lock()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """A reading has no effect, so silence is Unavailable; otherwise like `send`."""
        try:
            return await self._call("GET", path, query, None, {})
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def read(self, path: str, shape: type[Shape], query: Mapping[str, str] | None = None) -> Shape | None:
        """None when PayPal says that there is no such thing. Raises Unavailable, RateLimited or Misconfigured."""
        answer = await self.get(path, query)
        if answer.is_not_there:
            return None
        if not answer.is_success:
            raise answer.misconfigured()
        try:
            return answer.read_as(shape)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def send(self, method: str, path: str, body: object, request_id: str) -> Answer:
        """An answer of 2xx or 4xx. Raises Unavailable, RateLimited or Misconfigured (no effect), or NoAnswer.
        `request_id`: PayPal answers a second request under it as it did the first."""
        headers = {"PayPal-Request-Id": request_id, "Prefer": "return=representation"}
        return await self._call(method, path, None, json.dumps(body).encode(), headers)

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        kind = {"Content-Type": "application/json"} if body is not None else {}
        token = await self._access_token()
        raw = await self._ask(method, path, query, body, {**headers, **kind, "Authorization": f"Bearer {token}"})
        if raw.status == 401:
            token = await self._access_token(instead_of=token)
            raw = await self._ask(method, path, query, body, {**headers, **kind, "Authorization": f"Bearer {token}"})
        return _sorted(raw)

    async def _access_token(self, instead_of: str | None = None) -> str:
        """Nothing of the call itself was sent yet, so silence here is Unavailable."""
        async with self._renewing:
            if self._token and self._token[0] != instead_of and time.monotonic() < self._token[1]:
                return self._token[0]
            headers = {"Authorization": self._login, "Content-Type": "application/x-www-form-urlencoded"}
            try:
                raw = await self._ask("POST", "/v1/oauth2/token", None, b"grant_type=client_credentials", headers)
                answer = _sorted(raw)
                if not answer.is_success:
                    raise answer.misconfigured()
                token = answer.read_as(_Token)
            except NoAnswer as silence:
                raise Unavailable(f"no access token: {silence}") from silence
            self._token = (token.access_token, time.monotonic() + token.expires_in - RENEWED_BEFORE_SECONDS)
            return token.access_token

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None, headers: Mapping[str, str]
    ) -> _Raw:
        url = URL(self._base + path, encoded=True)
        try:
            async with self._session.request(
                method,
                url.update_query(query) if query else url,
                data=body,
                headers={"User-Agent": "recoup", **headers},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                return _Raw(response.status, await response.read(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"no connection to PayPal: {type(error).__name__}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Misconfigured("PayPal's address is no http address") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(f"PayPal gave no answer: {type(error).__name__}") from error


def in_path(text: str) -> str:
    return quote(text, safe="")


def _sorted(raw: _Raw) -> Answer:
    """PayPal says of a 5xx that the request may have been carried out. A success without a body is one only where
    there is nothing to say (202, 204)."""
    answer = Answer(status=raw.status, body=_object(raw.text), text=raw.text)
    if raw.status == 429:
        raise RateLimited("PayPal asks us to slow down", _seconds(raw.headers.get("Retry-After")))
    if raw.status in (401, 403):
        raise answer.misconfigured()
    silent_success = answer.is_success and answer.body is None and raw.status not in (202, 204)
    if silent_success or not (answer.is_success or 400 <= raw.status < 500) or raw.status == 408:
        raise NoAnswer(f"PayPal answered {raw.status}")
    return answer


def _seconds(text: str | None) -> float:
    """The header may also hold a date; the default does for that."""
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else RETRY_AFTER_SECONDS_DEFAULT


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
