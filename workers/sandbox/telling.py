"""Tells Recoup what happened: kept in a list that may be asked for, and posted when somebody listens."""

from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from workers.sandbox import stripe_events as events
from workers.sandbox.database import DatabasePool
from workers.sandbox.webhooks import WebhookTarget, deliver


class Teller:
    def __init__(self, pool: DatabasePool, webhook: WebhookTarget | None) -> None:
        self._pool = pool
        self._webhook = webhook
        self._session: aiohttp.ClientSession | None = None

    async def session(self, _: web.Application) -> AsyncIterator[None]:
        """A cleanup context of the application: deliveries share one session."""
        async with aiohttp.ClientSession() as self._session:
            yield

    async def tell(self, event: events.Event, wanted: bool = True) -> bool | None:
        """Whether it was taken; None when nothing was to be sent."""
        await self._pool.execute(
            "insert into events (event_id, body, told_at) values ($1, $2, now()) on conflict do nothing",
            event["id"],
            events.body_of_event(event).decode(),
        )
        if not wanted or self._webhook is None or self._session is None:
            return None
        return await deliver(self._session, self._webhook, event)
