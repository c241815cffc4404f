"""Vendors' clients that block, in a few threads of their own: one slow vendor must not take the threads of the rest."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


class Threads:
    """Calls beyond `count` wait their turn. A caller that is cancelled leaves its call running to its own timeout, for
    a thread cannot be stopped; what became of it is looked up later."""

    def __init__(self, name: str, count: int = 8) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """Raises what the call raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
