"""How the sandbox tells Recoup: signed deliveries, tried a few times, never a reason to fail."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from workers.sandbox.stripe_events import Event, body_of_event, sign

DELAYS_SECONDS = (0.0, 0.2, 0.6)
TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True)
class WebhookTarget:
    """Where events go: the whole address, such as `http://127.0.0.1:8080/webhooks/stripe/acct`, and its secret."""

    url: str
    secret: str = field(repr=False)


async def deliver(session: aiohttp.ClientSession, target: WebhookTarget, event: Event) -> bool:
    """Whether the target took it. Each try is signed anew, at the real time; a 4xx will not get better by repeating."""
    body = body_of_event(event)
    for delay in DELAYS_SECONDS:
        await asyncio.sleep(delay)
        status = await _post(session, target, body)
        if status is not None and status < 500 and status != 429:
            return 200 <= status < 300
    return False


async def _post(session: aiohttp.ClientSession, target: WebhookTarget, body: bytes) -> int | None:
    """The status; None when there was no answer."""
    headers = {"Content-Type": "application/json", "Stripe-Signature": sign(body, target.secret, datetime.now(UTC))}
    try:
        async with session.post(
            target.url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None
