"""The attempt ledger: every attempt on every credential by anybody, reserved before the call, settled after (P2, P4).

Append-only. One lock per credential while reserving, never across a call to a gateway.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.facts import Outcome
from policies.invoices import SeenAttempt
from policies.keys import CaseRef
from policies.money import Money
from policies.network_rules import Allowed, LedgerEntry, ProposedAttempt, Refused, may_attempt

SENT = "sent"

LOOK_BACK = timedelta(days=365)
"""A hard stop outlives every counting window; a credential that was refused for good stays refused for a year."""


class LedgerState(Record):
    """Where an attempt stands. `sent` without `outcome`: the call was begun and nobody knows how it ended."""

    key: str
    credential_id: str
    amount: Money
    reserved_at: UtcTime
    sent: bool
    outcome: Outcome | None = None
    decline: Decline | None = None


class AttemptLedger:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("attempts")

    async def state_of(self, key: str) -> LedgerState | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.by_key(connection, key=key)
        if row is None:
            return None
        result = row["outcome"]
        return LedgerState(
            key=key,
            credential_id=row["credential_id"],
            amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
            reserved_at=row["reserved_at"],
            sent=result is not None,
            outcome=None if result in (None, SENT) else Outcome(result),
            decline=Decline.model_validate(row["decline"]) if row["decline"] else None,
        )

    async def of_credential(self, case: CaseRef, credential_id: str, at: datetime) -> tuple[LedgerEntry, ...]:
        """Attempts of anybody within LOOK_BACK, oldest first."""
        async with self._pool.acquire() as connection:
            return await self._entries(connection, case, credential_id, at)

    async def reserve(self, case: CaseRef, key: str, proposed: ProposedAttempt, at: datetime) -> Allowed | Refused:
        """Under the credential's lock: asks the rules, then writes the reservation; the key's own does not count."""
        credential_id = proposed.credential_id
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock_credential(connection, credential=f"{case.source}/{case.account}/{credential_id}")
            entries = await self._entries(connection, case, credential_id, at)
            verdict = may_attempt(tuple(e for e in entries if e.key != key), proposed, at)
            if isinstance(verdict, Allowed):
                await self._reserve(connection, case, key, "recoup", proposed, at)
            return verdict

    async def mark_sent(self, key: str, at: datetime) -> bool:
        """Written before the first byte goes out: from here on silence means unknown. False when it is settled."""
        async with self._pool.acquire() as connection:
            return bool(await self._queries.mark_sent(connection, key=key, at=at))

    async def settle(
        self, key: str, outcome: Outcome, decline: Decline | None, reference: str | None, at: datetime
    ) -> None:
        """The gateway's first yes or no stands; a later one changes nothing, nor does one for a key nobody reserved."""
        async with self._pool.acquire() as connection:
            await self._add_result(connection, key, outcome.value, decline, reference, at)

    async def record_seen(self, case: CaseRef, seen: SeenAttempt) -> None:
        """An attempt somebody else made on the credential counts as well (P4)."""
        async with self._pool.acquire() as connection, connection.transaction():
            key = f"seen/{case.source}/{case.account}/{seen.key}"
            known = await self._queries.by_key(connection, key=key)
            if known is None:
                proposed = ProposedAttempt(credential_id=seen.credential_id, amount=seen.amount)
                await self._reserve(connection, case, key, "gateway", proposed, seen.at)
                outcome = Outcome.DECLINED if seen.decline else Outcome.SUCCEEDED
                await self._add_result(connection, key, outcome.value, seen.decline, seen.key, seen.at)

    async def _entries(
        self, connection: Any, case: CaseRef, credential_id: str, at: datetime
    ) -> tuple[LedgerEntry, ...]:
        rows = self._queries.of_credential(
            connection, source=case.source, account=case.account, credential_id=credential_id, since=at - LOOK_BACK
        )
        return tuple(
            [
                LedgerEntry(
                    key=row["key"],
                    actor=row["actor"],
                    at=row["at"],
                    amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
                    outcome=None if row["outcome"] in (None, SENT) else row["outcome"],
                    decline=Decline.model_validate(row["decline"]) if row["decline"] else None,
                    acceptor=case.acceptor,
                    claim=row["case_id"],
                    initiator=row["initiator"],
                )
                async for row in rows
            ]
        )

    async def _reserve(
        self, connection: Any, case: CaseRef, key: str, actor: str, proposed: ProposedAttempt, at: datetime
    ) -> None:
        await self._queries.reserve(
            connection,
            key=key,
            source=case.source,
            account=case.account,
            case_id=case.case_id,
            credential_id=proposed.credential_id,
            actor=actor,
            initiator=proposed.initiator.value,
            amount_minor=proposed.amount.amount_minor,
            currency=proposed.amount.currency,
            at=at,
            reserved_at=datetime.now(UTC),
        )

    async def _add_result(
        self, connection: Any, key: str, outcome: str, decline: Decline | None, reference: str | None, at: datetime
    ) -> None:
        await self._queries.add_result(
            connection,
            key=key,
            outcome=outcome,
            category=decline.category.value if decline else None,
            decline=decline.model_dump(mode="json") if decline else None,
            reference=reference,
            at=at,
        )
