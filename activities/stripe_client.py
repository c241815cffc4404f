"""One call to Stripe through its own client, sorted into what it means: answered, refused, certainly without effect, or
nobody knows. Gateway and owner share it.

The client signs, encodes and reads; the wire is ours (`_Wire`), so that our session, our timeout and no redirect are
used, and so that a request that never left is told apart from one that was not answered. The client's own retries and
telemetry are off. Errors carry statuses and codes, never Stripe's sentences: those may name people.
Sources: docs.stripe.com/api/errors, /api/idempotent_requests, /rate-limits and the client's source (16.1), 2026-11.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import stripe

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.accounts import StripeAccount
from activities.sources.reading import Node, Wrong

API_VERSION = "2026-10-28.endive"
"""After 2025-03-31 (basil): invoices have a list of payments."""

PAGE = 100
RETRY_AFTER_SECONDS_DEFAULT = 1.0

stripe.enable_telemetry = False
# The client logs addresses and sentences of errors at INFO; ours say what happened without them.
logging.getLogger("stripe").setLevel(logging.WARNING)


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class Refused(Misconfigured):
    """Stripe's own, clear no. `error` is the object of that name; nothing of it but codes may leave the adapter."""

    def __init__(self, status: int, error: Node, request_id: str | None) -> None:
        self.status = status
        self.error = error
        self.code = word(error, "code")
        self.kind = word(error, "type")
        self.is_missing = status == 404
        words = [str(status), self.kind, self.code, word(error, "param"), request_id]
        super().__init__("Stripe refused: " + " ".join(each for each in words if each))


class StripeApi:
    """Paths and parameters as in Stripe's reference of the API; answers as Nodes."""

    def __init__(self, account: StripeAccount, session: aiohttp.ClientSession) -> None:
        base = (account.base_url or stripe.DEFAULT_API_BASE).rstrip("/")
        self._client = stripe.StripeClient(
            account.api_key.get_secret_value(),
            stripe_version=API_VERSION,
            base_addresses={"api": base},
            max_network_retries=0,
            http_client=_Wire(session, account.timeout_seconds),
        )

    async def get(self, path: str, **params: Any) -> Node:
        """A reading has no effect, so silence is Unavailable; otherwise like `post`."""
        with silence_is_unavailable():
            return await self._ask("get", path, params)

    async def post(self, path: str, key: str | None = None, **params: Any) -> Node:
        """`key`: of idempotency. Raises Refused, Misconfigured, RateLimited or Unavailable (no effect), or NoAnswer."""
        return await self._ask("post", path, {**params, "idempotency_key": key} if key else params)

    async def delete(self, path: str, **params: Any) -> Node:
        return await self._ask("delete", path, params)

    async def each(self, path: str, **params: Any) -> AsyncIterator[Node]:
        """All of a list, page by page, in Stripe's order: newest first."""
        after: dict[str, str] = {}
        while True:
            page = await self.get(path, limit=PAGE, **params, **after)
            found = page.nodes("data")
            for node in found:
                yield node
            if page.fields.get("has_more") is not True or not found:
                return
            with silence_is_unavailable():
                after = {"starting_after": found[-1].id("id")}

    async def _ask(self, method: str, path: str, params: Mapping[str, Any]) -> Node:
        try:
            answer = await self._client.raw_request_async(method, path, **params)
        except stripe.StripeError as error:
            raise _meaning(error) from None
        if not isinstance(answer.data, dict):
            raise NoAnswer("Stripe answered with something that is no object")
        return Node("", answer.data)


class _Wire(stripe.HTTPClient):
    """What the vendor's client sends through. Half of the time is left for getting a connection, so that a call which
    never connected is told apart from one that was never answered. Of the answer's headers only the id of the request
    goes back: others make the client warn (`Stripe-Notice`)."""

    name = "aiohttp"

    def __init__(self, session: aiohttp.ClientSession, timeout_seconds: float) -> None:
        super().__init__()
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with self._session.request(
                method, url, data=post_data, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"no connection to Stripe: {type(error).__name__}") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise Misconfigured("Stripe's address is no http address") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(f"Stripe gave no answer: {type(error).__name__}") from None
        if response.status == 429:
            raise RateLimited("Stripe asks us to slow down", _seconds(response.headers.get("Retry-After")))
        known = response.headers.get("Request-Id")
        return body, response.status, {"request-id": known} if known else {}


@contextmanager
def silence_is_unavailable() -> Iterator[None]:
    """Around what moves no money; an answer that cannot be read counts as none."""
    try:
        yield
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from None
    except Wrong as wrong:
        raise Unavailable(f"Stripe's answer cannot be read at {wrong.field}") from None


def in_path(text: str) -> str:
    return quote(text, safe="")


def word(node: Node, name: str) -> str | None:
    """A code for a sentence of ours; one of an odd shape counts as absent."""
    try:
        return node.code(name)
    except Wrong:
        return None


def _meaning(error: stripe.StripeError) -> OutsideError:
    """409: the same key, or the same object, is being worked on by another request, which may yet have an effect."""
    status = error.http_status or 0
    told = Node("", error.json_body).node("error") if isinstance(error.json_body, dict) else None
    is_clear = 400 <= status < 500 and status not in (408, 409, 424)
    if not is_clear:
        return NoAnswer(f"Stripe answered {status}" + (f" {code}" if told and (code := word(told, "code")) else ""))
    if told is None:
        return Misconfigured(f"the answer was {status}, and not in Stripe's words; look at base_url and at proxies")
    return Refused(status, told, error.request_id)


def _seconds(retry_after: str | None) -> float:
    """The header may also hold a date; the default does for that."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT
