"""When the worker is killed: at random moments, and in every second case while a charge is under way."""

import asyncio
import os
import random
import signal
from collections import defaultdict
from dataclasses import dataclass, field

import asyncpg

from workers.embedded.processes import Child

UNDER_WAY = """select count(*) from attempts a where
    (select outcome from attempt_results where key = a.key order by id desc limit 1) = 'sent'"""
LATEST_SECONDS = 1.5
GLANCE_SECONDS = 0.005


@dataclass
class Blows:
    """`plan`: by step, how long after its begin the worker is killed; None: as soon as a charge is under way, in a
    later step if there is none in this one."""

    worker: Child
    database: asyncpg.Pool
    plan: dict[int, list[float | None]]
    killed: int = 0
    charges_under_way: list[int] = field(default_factory=list)
    _postponed: int = 0

    async def during(self, step: int, over: asyncio.Event) -> None:
        """The blows of this step; `over` is set when its work is done."""
        due = self.plan.pop(step, [])
        waiting = self._postponed + due.count(None)
        self._postponed = 0
        for delay in due:
            if delay is not None:
                await asyncio.sleep(delay)
                await self._kill()
        for _ in range(waiting):
            if await self._charge_is_under_way(over):
                await self._kill()
            else:
                self._postponed += 1

    async def what_is_left(self) -> None:
        """Blows that waited for a charge in vain fall on an idle worker."""
        for _ in range(self._postponed):
            await self._kill()
        self._postponed = 0

    async def _charge_is_under_way(self, over: asyncio.Event) -> bool:
        while not over.is_set():
            if await self.database.fetchval(UNDER_WAY):
                return True
            await asyncio.sleep(GLANCE_SECONDS)
        return False

    async def _kill(self) -> None:
        while self.worker.has_ended:
            await asyncio.sleep(0.05)
        os.kill(self.worker.pid, signal.SIGKILL)
        self.killed += 1
        self.charges_under_way.append(await self.database.fetchval(UNDER_WAY))


def planned(kills: int, steps: int, chance: random.Random) -> dict[int, list[float | None]]:
    """Spread over the steps, each at another one as long as there are enough."""
    plan: dict[int, list[float | None]] = defaultdict(list)
    places: list[int] = []
    while len(places) < kills:
        places += chance.sample(range(steps), min(steps, kills - len(places)))
    for number, place in enumerate(places):
        plan[place].append(None if number % 2 else chance.uniform(0, LATEST_SECONDS))
    return plan
