"""What calls to gateways came to, and their outages. One round trip tells how a gateway is or whether a charge may be
made; only a probe, or a call that failed, takes more. `gateway` is "gateway/account" throughout."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.gateway_health import (
    BASE,
    LEASE,
    WINDOW,
    Admitted,
    Call,
    Counts,
    GatewayHealth,
    Kind,
    NotNow,
    Outage,
    Result,
    Scope,
    admission,
    after_probe,
    is_season,
    judge,
    opened,
    scopes_of,
    why_it_breaks,
    worst,
)


class PastOutage(Record):
    """`ended_by`: `probes`, `a wider outage`, or who ended it, who then said why."""

    gateway: str
    scope: Scope
    because: str
    began_at: UtcTime
    ended_at: UtcTime | None
    ended_by: str | None
    ended_because: str | None


class _Seen(NamedTuple):
    gateway: str
    scope: Scope
    recent: Counts
    base: Counts
    outage: Outage | None
    last: tuple[datetime, datetime] | None

    def judged(self, now: datetime) -> GatewayHealth:
        season = is_season(self.scope, now)
        return judge(self.gateway, self.scope, self.recent, self.base, self.outage, now, season, self.last)


class GatewayHealthStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("gateway_health")

    async def health(self, gateway: str, region: str | None, issuer: str | None, now: datetime) -> GatewayHealth:
        """The worst of what a charge falls under."""
        scopes = [(gateway, scope) for scope in scopes_of(region, issuer)]
        async with self._pool.acquire() as connection:
            return worst([each.judged(now) for each in await self._seen(connection, scopes, now)])

    async def all(self, now: datetime) -> list[GatewayHealth]:
        """Whatever was called lately or is out of order."""
        async with self._pool.acquire() as connection:
            rows = self._queries.scopes(connection, since=now - BASE, window_begins=now - WINDOW, now=now)
            scopes = [(row["gateway"], _scope(row)) async for row in rows]
            return [each.judged(now) for each in await self._seen(connection, scopes, now)]

    async def admit(
        self, gateway: str, region: str | None, issuer: str | None, key: str, now: datetime
    ) -> Admitted | NotNow:
        """`key`: of the attempt. During an outage one charge at a time is let through when a probe is due, and the same
        one again when it asks again; its result counts once it is recorded under that key."""
        which = _which(gateway, scopes_of(region, issuer))
        async with self._pool.acquire() as connection:
            found = [_outage(dict(row)) async for row in self._queries.open_outages(connection, **which, now=now)]
            answer = admission(found, key, now)
            if isinstance(answer, NotNow) or not answer.probes:
                return answer
            async with connection.transaction():
                rows = [dict(row) async for row in self._queries.locked_outages(connection, **which, now=now)]
                answer = admission([_outage(row) for row in rows], key, now)
                if isinstance(answer, Admitted):
                    ids = [row["id"] for row in rows]
                    await self._queries.lease_probe(connection, ids=ids, key=key, next_probe_at=now + LEASE)
        return answer

    async def record(self, gateway: str, region: str | None, issuer: str | None, key: str, call: Call) -> None:
        scopes = scopes_of(region, issuer)
        results = {result.value: int(call.result is result) for result in Result}
        counted = {"at": call.at, "slow": int(call.is_slow), "seconds": call.took_seconds, **results}
        async with self._pool.acquire() as connection:
            rows = self._queries.count_call(connection, **_which(gateway, scopes), **counted)
            outages = [dict(row) async for row in rows]
            for row in outages:
                if row["probe_key"] == key:
                    await self._probed(connection, row, key, call)
            if not outages and call.speaks_for(Kind.ISSUER) is False:
                await self._open_what_breaks(connection, gateway, scopes, call.at)
            elif outages and call.result is Result.FAILED and not _is_of_account(outages):
                await self._open_what_breaks(connection, gateway, scopes[:1], call.at)

    async def end_by_hand(
        self, gateway: str, scope: Scope | None, actor: str, reason: str, now: datetime
    ) -> tuple[Scope, ...]:
        """The outages that ended; None: every one of the account. What failed before does not count any more."""
        kind, name = (scope.kind.value, scope.name) if scope else (None, None)
        which = {"gateway": gateway, "kind": kind, "name": name, "actor": actor, "reason": reason, "at": now}
        async with self._pool.acquire() as connection:
            return tuple([_scope(row) async for row in self._queries.end_by_hand(connection, **which)])

    async def history(self, gateway: str | None = None, count: int = 50) -> list[PastOutage]:
        """Newest first, those that go on included."""
        async with self._pool.acquire() as connection:
            rows = self._queries.history(connection, gateway=gateway, count=count)
            return [PastOutage.model_validate({**dict(row), "scope": _scope(row)}) async for row in rows]

    async def forget(self, before: datetime) -> None:
        """Counts of calls before then; keep at least the last day. Outages are kept."""
        async with self._pool.acquire() as connection:
            await self._queries.forget(connection, before=before)

    async def _probed(self, connection: Any, row: dict[str, Any], key: str, call: Call) -> None:
        after = after_probe(_outage(row), call)
        await self._queries.probed(
            connection,
            id=row["id"],
            key=key,
            pause=after.pause.total_seconds(),
            next_probe_at=after.next_probe_at,
            good_probes=after.good_probes,
            ended_at=after.ended_at,
        )

    async def _open_what_breaks(self, connection: Any, gateway: str, scopes: Sequence[Scope], now: datetime) -> None:
        """The widest that does: what lies within it needs no outage of its own."""
        for seen in await self._seen(connection, [(gateway, scope) for scope in scopes], now):
            because = why_it_breaks(seen.scope, seen.recent, is_season(seen.scope, now))
            if because:
                new = opened(seen.scope, because, now)
                await self._queries.open_outage(
                    connection,
                    gateway=gateway,
                    kind=new.scope.kind.value,
                    name=new.scope.name,
                    because=because,
                    began_at=now,
                    pause=new.pause.total_seconds(),
                    next_probe_at=new.next_probe_at,
                )
                return

    async def _seen(self, connection: Any, scopes: Sequence[tuple[str, Scope]], now: datetime) -> list[_Seen]:
        rows = self._queries.health(
            connection,
            gateways=[gateway for gateway, _ in scopes],
            kinds=[scope.kind.value for _, scope in scopes],
            names=[scope.name for _, scope in scopes],
            now=now,
            window_begins=now - WINDOW,
            base_begins=now - BASE,
        )
        return [_seen(row) async for row in rows]


def _seen(row: Any) -> _Seen:
    last = (row["last_began_at"], row["last_ended_at"]) if row["last_ended_at"] else None
    return _Seen(
        gateway=row["gateway"],
        scope=_scope(row),
        recent=Counts(**row["recent"], issuers_failing=row["issuers_failing"]),
        base=Counts(**row["base"]),
        outage=_outage(row["outage"]) if row["outage"] else None,
        last=last,
    )


def _which(gateway: str, scopes: Sequence[Scope]) -> dict[str, Any]:
    kinds, names = [scope.kind.value for scope in scopes], [scope.name for scope in scopes]
    return {"gateway": gateway, "kinds": kinds, "names": names}


def _is_of_account(outages: Sequence[dict[str, Any]]) -> bool:
    return any(row["kind"] == Kind.ACCOUNT for row in outages)


def _scope(row: Any) -> Scope:
    return Scope(Kind(row["kind"]), row["name"])


def _outage(row: dict[str, Any]) -> Outage:
    return Outage.model_validate({**row, "scope": _scope(row), "pause": timedelta(seconds=row["pause"])})
