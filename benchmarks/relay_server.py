"""A relay and nothing else: cases are started, and no worker runs them. A process of its own, ended by its parent."""

import asyncio

from workers.relay import make_relay
from workers.settings import Settings
from workers.temporal import connect_when_up
from workers.wiring import wired


async def main() -> None:
    settings = Settings()
    async with wired(settings) as wiring:
        client = await connect_when_up(settings)
        relay = make_relay(wiring.store, client, wiring.speakers, wiring.adapters, "nobody-runs-them")
        await relay.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
