"""Who has shown that they are the customer, and how often they have tried to pay; counted across processes."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from activities.links import PayLink
from activities.store.cases import Cases, Task
from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.keys import CustomerRef
from policies.page_tries import DAY, HOUR, Allowed, AskPerson, Verdict, may_try

CODE_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(hours=2)
TRIES_PER_CODE = 5
CODES_PER_HOUR, CODES_PER_DAY = 3, 10
"""Of one customer. The day's limit keeps patient guessing hopeless: at most 50 of a million codes a day."""


class CodeReserved(Record):
    """`code_id` names it, and does not tell it."""

    code_id: UUID


class TooManyCodes(Record):
    """No other code before `until`."""

    until: UtcTime


class Verified(Record):
    until: UtcTime


class Wrong(Record):
    """`tries_left` of this code, at least 1."""

    tries_left: int


class CodeExpired(Record):
    """There is none that this browser may use: too old, used already, or never asked for."""


class TooMany(Record):
    """The code takes no more tries; ask for another one."""


class PageCodes:
    """Codes and the sessions that they open. A code belongs to one browser (`session_hash`) on one link."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("page_access")

    async def reserve(
        self, link: PayLink, session_hash: str, channel: str, code_hash: str, now: datetime
    ) -> CodeReserved | TooManyCodes:
        """Before it is sent, under the customer's lock."""
        whom = link.customer.model_dump()
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.alone(connection, customer=f"code {_name_of(link.customer)}")
            rows = self._queries.codes_since(connection, **whom, since=now - DAY)
            if until := _next_code_at([row["made_at"] async for row in rows], now):
                return TooManyCodes(until=until)
            code_id = uuid4()
            await self._queries.add_code(
                connection,
                id=code_id,
                **whom,
                link_id=link.link_id,
                session_hash=session_hash,
                channel=channel,
                code_hash=code_hash,
                made_at=now,
            )
            return CodeReserved(code_id=code_id)

    async def not_sent(self, code_id: UUID) -> None:
        """It certainly did not go out, so it uses nothing up."""
        async with self._pool.acquire() as connection:
            await self._queries.drop_code(connection, id=code_id)

    async def verify(
        self, link: PayLink, session_hash: str, code_hashes: Sequence[str], now: datetime, opens: str | None = None
    ) -> Verified | Wrong | CodeExpired | TooMany:
        """`code_hashes`: of what was typed in, under each key. The code that was asked for last counts. `opens`: the
        session that may see more from now on; None: the one that asked."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await self._queries.newest_code(
                connection, **link.customer.model_dump(), link_id=link.link_id, session_hash=session_hash
            )
            if row is None or row["used_at"] or now >= row["made_at"] + CODE_LASTS:
                return CodeExpired()
            if row["tries"] >= TRIES_PER_CODE:
                return TooMany()
            if not is_one_of(row["code_hash"], code_hashes):
                await self._queries.tried_code(connection, id=row["id"])
                left = TRIES_PER_CODE - row["tries"] - 1
                return Wrong(tries_left=left) if left else TooMany()
            await self._queries.used_code(connection, id=row["id"], at=now)
            until = now + SESSION_LASTS
            await self._queries.add_session(
                connection, session_hash=opens or session_hash, link_id=link.link_id, verified_at=now, expires_at=until
            )
            return Verified(until=until)

    async def verified_until(self, link: PayLink, session_hash: str, now: datetime) -> datetime | None:
        """None: nobody has shown there that they are the customer, or too long ago."""
        async with self._pool.acquire() as connection:
            until: datetime | None = await self._queries.verified_until(
                connection, session_hash=session_hash, link_id=link.link_id, now=now
            )
        return until

    async def forget_old(self, now: datetime) -> None:
        """What nothing asks for any more."""
        async with self._pool.acquire() as connection:
            await self._queries.forget_codes(connection, before=now - DAY)
            await self._queries.forget_sessions(connection, before=now)


class TriesLately(Record):
    """Of one customer over all their cases, for the fraud check."""

    unsuccessful_in_hour: int
    unsuccessful_in_day: int
    succeeded_in_day: int
    cases_in_day: int


class PageTries:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._cases = Cases(pool)
        self._queries = queries("page_access")

    async def reserve(self, customer: CustomerRef, case_id: str, action_id: str, now: datetime) -> Verdict:
        """Allowed: the try is written down and counts from now on. An action that has not ended yet asks as often as it
        likes; one that has is tried anew, so that its name carries nobody past the limit."""
        verdict = await self._reserved(customer, case_id, action_id, now)
        if isinstance(verdict, AskPerson):
            await self.ask_person(customer, case_id, now)
        return verdict

    async def ask_person(self, customer: CustomerRef, case_id: str, now: datetime) -> None:
        """To look whether somebody tests cards; once a day, however often."""
        await self._cases.add_task(_task(customer, case_id, now))

    async def _reserved(self, customer: CustomerRef, case_id: str, action_id: str, now: datetime) -> Verdict:
        whom = customer.model_dump()
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.alone(connection, customer=f"try {_name_of(customer)}")
            if await self._queries.runs(connection, **whom, action_id=action_id):
                return Allowed()
            verdict = await self._verdict(connection, customer, now)
            if isinstance(verdict, Allowed):
                await self._queries.add_try(connection, action_id=action_id, **whom, case_id=case_id, at=now)
            return verdict

    async def outlook(self, customer: CustomerRef, now: datetime) -> Verdict:
        """What `reserve` would say to another try; writes nothing. To be asked before a gateway's fields are opened:
        they already ask the bank about a card, before we hear of it."""
        async with self._pool.acquire() as connection:
            return await self._verdict(connection, customer, now)

    async def _verdict(self, connection: Any, customer: CustomerRef, now: datetime) -> Verdict:
        rows = self._queries.unsuccessful_since(connection, **customer.model_dump(), since=now - DAY)
        return may_try([row["at"] async for row in rows], now)

    async def ended(self, action_id: str, succeeded: bool) -> None:
        """A later word replaces an earlier one, except that what has succeeded stays so."""
        async with self._pool.acquire() as connection:
            await self._queries.ended_try(connection, action_id=action_id, succeeded=succeeded)

    async def recent(self, customer: CustomerRef, now: datetime) -> TriesLately:
        async with self._pool.acquire() as connection:
            row = await self._queries.recent_tries(
                connection, **customer.model_dump(), since_hour=now - HOUR, since_day=now - DAY
            )
        return TriesLately.model_validate(dict(row))


def is_one_of(kept: str, given: Sequence[str]) -> bool:
    """Takes as long for a near miss as for a far one, and looks at all of them."""
    found = False
    for each in given:
        found |= hmac.compare_digest(kept.encode(), each.encode())
    return found


def _next_code_at(made: Sequence[datetime], now: datetime) -> datetime | None:
    """`made`: of the last day, oldest first. None: now."""
    lately = [at for at in made if at > now - HOUR]
    ends = [made[-CODES_PER_DAY] + DAY] if len(made) >= CODES_PER_DAY else []
    ends += [lately[-CODES_PER_HOUR] + HOUR] if len(lately) >= CODES_PER_HOUR else []
    return max(ends, default=None)


def _name_of(customer: CustomerRef) -> str:
    return "/".join(customer.model_dump().values())


def _task(customer: CustomerRef, case_id: str, now: datetime) -> Task:
    """One a day and customer, whichever case they tried last."""
    digest = hashlib.sha256(f"card testing\n{_name_of(customer)}\n{now:%Y-%m-%d}".encode()).hexdigest()
    return Task(
        key=f"car_{digest[:40]}",
        case_id=case_id,
        kind="card_testing",
        assignee="ops",
        summary="too many payments were tried and refused on the customer's page; somebody may be testing cards there",
        created_at=now,
    )
