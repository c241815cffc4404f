"""One HTTP call to a JSON service, sorted into what it means: answered, certainly without effect, or nobody knows.

Leaves to the adapters what silence means for them. No retries, no redirects; aiohttp itself repeats only idempotent
methods, so a POST is written to the wire at most once.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError
from yarl import URL

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from policies.base import Record

RETRY_AFTER_SECONDS_DEFAULT = 1.0
Shape = TypeVar("Shape", bound=Record)


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class Answer(Record):
    """`body` is empty when the answer was no JSON object; `code` is the service's word for a refusal. `whose`: the
    service, for sentences."""

    status: int
    body: dict[str, Any]
    whose: str

    @property
    def code(self) -> str | None:
        return self.body.get("code") if self.status >= 400 else None

    def read_as(self, shape: type[Shape]) -> Shape:
        """Raises NoAnswer when a success does not say what it should."""
        try:
            return shape.model_validate(self.body)
        except ValidationError:
            raise NoAnswer(f"{self.whose} answered {self.status} with a body that is no {shape.__name__}") from None


class HttpClient:
    """`timeout_seconds` bounds the whole call; half of it is left for getting a connection, so that a call which
    never connected is told apart from one that was never answered. `headers` go with every call."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        timeout_seconds: float,
        whose: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)
        self._whose = whose
        self._headers = dict(headers or {})

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """An answer of 2xx or 4xx. Raises Unavailable or RateLimited (no effect), NoAnswer, or Misconfigured for an
        address that is none."""
        sent = {
            **self._headers,
            **({"Content-Type": "application/json"} if body is not None else {}),
            **(headers or {}),
        }
        data = None if body is None else json.dumps(body).encode()
        try:
            url = URL(self._base_url + path, encoded=True)
            async with self._session.request(
                method, url, data=data, headers=sent, timeout=self._timeout, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"no connection to {self._whose}: {type(error).__name__}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Misconfigured(f"the address of {self._whose} is no http address") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(f"{self._whose} gave no answer: {type(error).__name__}") from error
        return _sorted(Answer(status=response.status, body=_object(raw), whose=self._whose), response.headers)


def in_path(text: str) -> str:
    return quote(text, safe="")


def _sorted(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """Only a 503 that says so was not accepted; any other 5xx, and a server that gave up waiting, may have acted."""
    if answer.status == 429:
        raise RateLimited(f"{answer.whose} asks us to slow down", _seconds(headers.get("Retry-After")))
    if answer.status == 503 and answer.body.get("accepted") is False:
        raise Unavailable(f"{answer.whose} is out of order and did not accept the request")
    is_clear = 200 <= answer.status < 300 or (400 <= answer.status < 500 and answer.status != 408)
    if not is_clear:
        raise NoAnswer(f"{answer.whose} answered {answer.status}")
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
