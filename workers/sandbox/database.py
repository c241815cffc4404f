"""Names for asyncpg's types. Its stubs are generic, its classes are not, so only the checker sees the parameters."""

from typing import TYPE_CHECKING

from asyncpg import Connection, Pool, Record
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:
    Database = Connection[Record] | PoolConnectionProxy[Record]
    DatabasePool = Pool[Record]
else:
    Database = Connection | PoolConnectionProxy
    DatabasePool = Pool

__all__ = ["Database", "DatabasePool", "Record"]
