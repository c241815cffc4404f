"""One HTTP call to the sandbox, sorted into what it means: answered, certainly without effect, or nobody knows.

Leaves to the adapters what silence means for them: a charge becomes Unknown, a reading Unavailable. No retries, no
redirects; aiohttp itself repeats only idempotent methods, so a POST is written to the wire at most once.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError
from yarl import URL

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from policies.base import Record

NOW_HEADER = "X-Recoup-Now"
RETRY_AFTER_SECONDS_DEFAULT = 1.0
Shape = TypeVar("Shape", bound=Record)


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class Answer(Record):
    """`body` is empty when the answer was no JSON object; `code` is the sandbox's word for a refusal."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str | None:
        return self.body.get("code") if self.status >= 400 else None

    def read_as(self, shape: type[Shape]) -> Shape:
        """Raises NoAnswer when a success does not say what it should."""
        try:
            return shape.model_validate(self.body)
        except ValidationError:
            raise NoAnswer(f"the sandbox answered {self.status} with a body that is no {shape.__name__}") from None

    def misconfigured(self) -> Misconfigured:
        return Misconfigured(f"the sandbox refused: {self.status} {self.body.get('error', 'without a reason')}")


class SandboxClient:
    """`timeout_seconds` bounds the whole call; half of it is left for getting a connection, so that a call which
    never connected is told apart from one that was never answered."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, timeout_seconds: float = 10.0) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)

    async def post(self, path: str, body: Mapping[str, Any], now: datetime | None) -> Answer:
        """An answer of 2xx or 4xx. Raises Unavailable or RateLimited (no effect), or NoAnswer."""
        return await self._ask("POST", path, now, json.dumps(body).encode())

    async def get(self, path: str, now: datetime | None = None) -> Answer:
        """A reading has no effect, so silence is Unavailable; otherwise like `post`."""
        try:
            return await self._ask("GET", path, now, None)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def _ask(self, method: str, path: str, now: datetime | None, body: bytes | None) -> Answer:
        url = URL(self._base_url + path, encoded=True)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if now is not None:
            headers[NOW_HEADER] = now.isoformat()
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"no connection to the sandbox: {type(error).__name__}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Misconfigured("the sandbox's address is no http address") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(f"the sandbox gave no answer: {type(error).__name__}") from error
        return _sorted(Answer(status=response.status, body=_object(raw)), response.headers)


def in_path(text: str) -> str:
    return quote(text, safe="")


def _sorted(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """Only a 503 that says so was not accepted; any other 5xx, and a server that gave up waiting, may have acted."""
    if answer.status == 429:
        raise RateLimited("the sandbox asks us to slow down", _seconds(headers.get("Retry-After")))
    if answer.status == 503 and answer.body.get("accepted") is False:
        raise Unavailable("the sandbox is out of order and did not accept the request")
    is_clear = 200 <= answer.status < 300 or (400 <= answer.status < 500 and answer.status != 408)
    if not is_clear:
        raise NoAnswer(f"the sandbox answered {answer.status}")
    return answer


def _seconds(retry_after: str | None) -> float:
    """The header may also hold a date; the default does for that."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
