"""Addresses that must not be used: their owner said stop, complained, or nobody is there. By a keyed hash, so that the
list outlives the person's data and tells nothing; for the address everywhere, whatever account wrote to it."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from activities.store.database import Pool, queries

Because = Literal["opted_out", "complained", "gone"]


class ChannelStops:
    """`key`: of the hashes (RECOUP_ADDRESS_KEY); with another one, earlier stops are not found again."""

    def __init__(self, pool: Pool, key: str = "") -> None:
        self._pool = pool
        self._key = key.encode()
        self._queries = queries("channel_stops")

    def hash_of(self, channel: str, address: str) -> str:
        """The same for every way of writing one address."""
        plain = address.strip().lower() if channel == "email" else address.strip()
        if channel == "sms":
            plain = "".join(c for c in plain if c.isdigit())
        return hmac.new(self._key, f"{channel}\n{plain}".encode(), hashlib.sha256).hexdigest()

    async def usable(self, addresses: Mapping[str, str]) -> dict[str, str]:
        """Those of channel -> address that nobody has stopped."""
        hashes = {channel: self.hash_of(channel, address) for channel, address in addresses.items()}
        if not hashes:
            return {}
        async with self._pool.acquire() as connection:
            asked = self._queries.stopped(connection, channels=list(hashes), hashes=list(hashes.values()))
            stopped = {row["channel"] async for row in asked}
        return {channel: address for channel, address in addresses.items() if channel not in stopped}

    async def stop(self, channel: str, address_hash: str, because: Because, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.stop(connection, channel=channel, address_hash=address_hash, because=because, at=at)

    async def allow(self, channel: str, address_hash: str, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.allow(connection, channel=channel, address_hash=address_hash, at=at)
