"""What the customer may use. One key, one change; `limited` takes benefits, `full` and `notice` give them back."""

from typing import Any

from aiohttp import web

from policies.base import Identifier, Request
from policies.facts import AccessLevel
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.http import Refused, body_of, id_in_path, now_of

GIVES_BACK = frozenset({AccessLevel.FULL, AccessLevel.NOTICE})


class ChangeRequest(Request):
    key: Identifier
    customer_id: Identifier
    level: AccessLevel
    takes: tuple[Identifier, ...]


class Access:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/access/changes", self.change), web.get("/access/{customer_id}", self.show)]

    async def change(self, request: web.Request) -> web.Response:
        ask, now = await body_of(request, ChangeRequest), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            customer = await _customer(database, ask.customer_id, lock=True)
            known = await database.fetchrow("select * from access_changes where key = $1", ask.key)
            if known is not None:
                return _replay(known, ask)
            taken = _taken(ask, customer)
            await database.execute(
                """insert into access_changes (key, customer_id, level, takes, benefits_taken, at)
                   values ($1, $2, $3, $4, $5, $6)""",
                ask.key,
                ask.customer_id,
                ask.level.value,
                list(ask.takes),
                taken,
                now,
            )
            gone = [] if ask.level in GIVES_BACK else [*customer["benefits_taken"], *taken]
            await database.execute(
                "update customers set access_level = $2, benefits_taken = $3 where customer_id = $1",
                ask.customer_id,
                ask.level.value,
                gone,
            )
        return web.json_response({"benefits_taken": taken})

    async def show(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database, database.transaction(isolation="repeatable_read", readonly=True):
            customer = await _customer(database, id_in_path(request, "customer_id"))
            log = await database.fetch(
                "select * from access_changes where customer_id = $1 order by position", customer["customer_id"]
            )
        return web.json_response(
            {
                "customer_id": customer["customer_id"],
                "level": customer["access_level"],
                "benefits": _benefits_left(customer),
                "log": [_line(row) for row in log],
            }
        )


async def _customer(database: Database, customer_id: str, *, lock: bool = False) -> Record:
    row: Record | None = await database.fetchrow(_READ_LOCKED if lock else _READ, customer_id)
    if row is None:
        raise Refused(404, "no_such_customer", f"customer_id: there is no customer {customer_id}")
    return row


_READ = "select * from customers where customer_id = $1"
_READ_LOCKED = "select * from customers where customer_id = $1 for update"


def _replay(known: Record, ask: ChangeRequest) -> web.Response:
    is_same = (known["customer_id"], known["level"], tuple(known["takes"])) == (ask.customer_id, ask.level, ask.takes)
    if not is_same:
        raise Refused(409, "key_reused", "key: was used for another change")
    return web.json_response({"benefits_taken": known["benefits_taken"]})


def _taken(ask: ChangeRequest, customer: Record) -> list[str]:
    if ask.level is not AccessLevel.LIMITED:
        return []
    left = _benefits_left(customer)
    return [benefit for benefit in dict.fromkeys(ask.takes) if benefit in left]


def _benefits_left(customer: Record) -> list[str]:
    return [benefit for benefit in customer["benefits"] if benefit not in customer["benefits_taken"]]


def _line(row: Record) -> dict[str, Any]:
    names = "key level takes benefits_taken".split()
    return {**{name: row[name] for name in names}, "at": row["at"].isoformat()}
