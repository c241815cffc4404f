"""Child processes of the embedded stack: started, watched, restarted when they die, ended with us; nothing else is."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STOP_WITHIN_SECONDS = 15
RESTART_PAUSE_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class Child:
    """One process, its output in a log file. `keep_alive`: started again when it ends by itself."""

    def __init__(
        self, name: str, command: Sequence[str], log_file: Path, env: Mapping[str, str], keep_alive: bool = True
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._command = command
        self._env = dict(env)
        self._keep_alive = keep_alive
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the running process. Raises RuntimeError when none runs."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def start(self) -> None:
        await self._spawn()
        if self._keep_alive:
            self._watching = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def stop(self) -> None:
        """Asks first; kills after STOP_WITHIN_SECONDS."""
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        if self.has_ended or self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_WITHIN_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _spawn(self) -> None:
        with self.log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the children in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    async def _watch(self) -> None:
        while True:
            if self._process is None:
                return
            code = await self._process.wait()
            log.warning("%s ended with %s; starting it again (log: %s)", self.name, code, self.log_file)
            await asyncio.sleep(RESTART_PAUSE_SECONDS)
            await self._spawn()


def _die_with_parent() -> None:
    """The kernel ends the child when we are killed, so that no server is left behind on the data folder."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def own_command(*arguments: str) -> list[str]:
    """Our own program in a process of its own."""
    return [sys.executable, "-m", "workers", *arguments]


def child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What we were started with, the stack's settings, and the pinned time zones instead of the machine's."""
    return {**os.environ, "PYTHONTZPATH": "", "PYTHONUNBUFFERED": "1", **settings}
