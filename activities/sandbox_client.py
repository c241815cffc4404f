"""One call to the sandbox, sorted into what it means by `http_client`; the case's `now` goes with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import aiohttp

from activities import http_client
from activities.errors import Misconfigured, Unavailable
from activities.http_client import HttpClient, NoAnswer, Shape, in_path

__all__ = ["NOW_HEADER", "Answer", "NoAnswer", "SandboxClient", "Shape", "in_path"]

NOW_HEADER = "X-Recoup-Now"


class Answer(http_client.Answer):
    whose: str = "the sandbox"

    def misconfigured(self) -> Misconfigured:
        return Misconfigured(f"the sandbox refused: {self.status} {self.body.get('error', 'without a reason')}")


class SandboxClient:
    """See `HttpClient` for the two halves of the timeout."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, timeout_seconds: float = 10.0) -> None:
        self._http = HttpClient(session, base_url, timeout_seconds, "the sandbox")

    async def post(self, path: str, body: Mapping[str, Any], now: datetime) -> Answer:
        """An answer of 2xx or 4xx. Raises Unavailable or RateLimited (no effect), or NoAnswer."""
        return await self._ask("POST", path, now, body)

    async def get(self, path: str, now: datetime | None = None) -> Answer:
        """A reading has no effect, so silence is Unavailable; otherwise like `post`."""
        try:
            return await self._ask("GET", path, now, None)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def _ask(self, method: str, path: str, now: datetime | None, body: Mapping[str, Any] | None) -> Answer:
        headers = {} if now is None else {NOW_HEADER: now.isoformat()}
        answer = await self._http.ask(method, path, body, headers)
        return Answer(status=answer.status, body=answer.body)
