"""The attempt ledger: every attempt on every credential by anybody, reserved before the call, settled after (P2, P4).

Append-only. One lock per credential while reserving, never across a call to a gateway. A card counts as one credential
under all its tokens where the gateway tells its fingerprint.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.facts import Outcome
from policies.instruments import Initiator, Instrument
from policies.invoices import Actor, SeenAttempt
from policies.keys import CaseRef
from policies.money import Money
from policies.network_rules import Allowed, LedgerEntry, ProposedAttempt, Refused, may_attempt

RESERVED, SENT, UNSENT, WITHDRAWN = "reserved", "sent", "unsent", "withdrawn"
_NO_ANSWER = (None, RESERVED, SENT, UNSENT, WITHDRAWN)
_NOTHING_WENT_OUT = (None, RESERVED, UNSENT, WITHDRAWN)

LOOK_BACK = timedelta(days=365)
"""A hard stop outlives every counting window; a credential that was refused for good stays refused for a year."""


class Sending(Record):
    """Where an attempt of ours is made: "gateway/account", and the customer as that gateway names them."""

    gateway: str
    customer_id: str
    instrument: Instrument = Instrument()


class LedgerState(Record):
    """Where an attempt stands. `sent` without `outcome`: the call was begun and nobody knows how it ended. `gateway`
    None: in rows from before there were several. `told`: the owner of the invoice knows of the money. `withdrawn`: the
    reservation was given up, and nothing ever went out under its key, so that the key is free. `sends`: calls that were
    begun; the last one at `last_sent_at` by our clock, `last_sent_now` by the case's."""

    key: str
    case_id: str | None
    credential_id: str
    amount: Money
    reserved_at: UtcTime
    sent: bool
    initiator: Initiator = Initiator.MERCHANT
    gateway: str | None = None
    gateway_customer_id: str | None = None
    instrument: Instrument = Instrument()
    outcome: Outcome | None = None
    decline: Decline | None = None
    reference: str | None = None
    told: bool = False
    withdrawn: bool = False
    sends: int = 0
    last_sent_at: UtcTime | None = None
    last_sent_now: UtcTime | None = None


class Card(NamedTuple):
    """What the ledger counts attempts on."""

    credential_id: str
    fingerprint: str | None = None


class AttemptLedger:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("attempts")

    async def state_of(self, key: str) -> LedgerState | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.by_key(connection, key=key)
        return _state(row) if row else None

    async def key_of(self, gateway: str, reference: str) -> str | None:
        """Of the attempt of ours that a gateway (by its kind, such as `adyen`) names so."""
        async with self._pool.acquire() as connection:
            key: str | None = await self._queries.key_by_reference(
                connection, gateways=[gateway, f"{gateway}/%"], reference=reference
            )
        return key

    async def of_credential(
        self, case: CaseRef, credential_id: str, at: datetime, fingerprint: str | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Attempts of anybody within LOOK_BACK, oldest first."""
        (entries,) = await self.of_cards(case, [Card(credential_id, fingerprint)], at)
        return entries

    async def of_cards(self, case: CaseRef, cards: Sequence[Card], at: datetime) -> list[tuple[LedgerEntry, ...]]:
        """The same for several, in their order and in one question."""
        async with self._pool.acquire() as connection:
            return await self._entries(connection, case, cards, at)

    async def reserve(
        self, case: CaseRef, key: str, proposed: ProposedAttempt, at: datetime, sending: Sending | None = None
    ) -> Allowed | Refused:
        """Under the credential's lock: asks the rules, then writes the reservation; the key's own does not count."""
        card = Card(proposed.credential_id, proposed.fingerprint)
        async with self._pool.acquire() as connection, connection.transaction():
            # One case may know the card's fingerprint and another only the token; in one order nobody waits for ever.
            for name in sorted({card.credential_id, card.fingerprint or card.credential_id}):
                await self._queries.lock_credential(connection, credential=f"{case.source}/{case.account}/{name}")
            (entries,) = await self._entries(connection, case, [card], at)
            verdict = may_attempt(tuple(e for e in entries if e.key != key), proposed, at)
            if isinstance(verdict, Allowed):
                await self._reserve(connection, case, key, "recoup", proposed, at, sending)
                await self._queries.reserve_again(connection, key=key, at=at)
            return verdict

    async def mark_sent(self, key: str, at: datetime, quiet_for: timedelta | None = None) -> bool:
        """Written before the first byte goes out: from here on silence means unknown. False when it is settled or was
        given up. `quiet_for`: also when another run has begun to send it within that time; so it is where no key of the
        gateway makes one of two."""
        now = datetime.now(UTC)
        since = now - quiet_for if quiet_for else None
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock_attempt(connection, key=key)
            return bool(await self._queries.mark_sent(connection, key=key, at=at, written_at=now, quiet_since=since))

    async def mark_unsent(self, key: str, at: datetime) -> None:
        """The gateway certainly did not accept it: the reservation stands, and it may be sent."""
        async with self._pool.acquire() as connection:
            await self._add_result(connection, key, UNSENT, None, None, at)

    async def withdraw(self, known: LedgerState, at: datetime) -> bool:
        """A reservation that is not used must not block the credential; its key may be reserved anew. False when
        another run has begun to send it since `known` was read."""
        return await self._give_up(known, WITHDRAWN, at)

    async def never_arrived(self, known: LedgerState, at: datetime) -> bool:
        """For good: whoever still would send it finds it settled. False when another run has begun to send it since
        `known` was read."""
        return await self._give_up(known, Outcome.NOT_ACCEPTED.value, at)

    async def _give_up(self, known: LedgerState, outcome: str, at: datetime) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock_attempt(connection, key=known.key)
            given = {"key": known.key, "outcome": outcome, "sends": known.sends, "at": at}
            return bool(await self._queries.give_up(connection, **given))

    async def settle(
        self, key: str, outcome: Outcome, decline: Decline | None, reference: str | None, at: datetime
    ) -> None:
        """The gateway's first yes or no stands; a later one changes nothing, nor does one for a key nobody reserved."""
        async with self._pool.acquire() as connection:
            await self._add_result(connection, key, outcome.value, decline, reference, at)

    async def record_seen(self, case: CaseRef, seen: SeenAttempt, fingerprint: str | None = None) -> None:
        """An attempt somebody else made on the credential counts as well (P4). One of ours that its gateway lists under
        its own name does not count twice."""
        async with self._pool.acquire() as connection, connection.transaction():
            place = {"source": case.source, "account": case.account}
            if await self._queries.is_ours(connection, **place, reference=seen.key):
                return
            key = f"seen/{case.source}/{case.account}/{seen.key}"
            known = await self._queries.by_key(connection, key=key)
            if known is None:
                proposed = ProposedAttempt(
                    credential_id=seen.credential_id,
                    amount=seen.amount,
                    initiator=seen.initiator,
                    fingerprint=fingerprint,
                )
                await self._reserve(connection, case, key, seen.actor, proposed, seen.at, None)
                outcome = Outcome.DECLINED if seen.decline else Outcome.SUCCEEDED
                await self._add_result(connection, key, outcome.value, seen.decline, seen.key, seen.at)

    async def untold(self, case: CaseRef) -> list[str]:
        """Keys of successes whose money the owner of the invoice may not know of yet."""
        async with self._pool.acquire() as connection:
            return [row["key"] async for row in self._queries.untold(connection, case_id=case.case_id)]

    async def mark_told(self, key: str, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.mark_told(connection, key=key, at=at)

    async def _entries(
        self, connection: Any, case: CaseRef, cards: Sequence[Card], at: datetime
    ) -> list[tuple[LedgerEntry, ...]]:
        found = self._queries.of_credentials(
            connection,
            source=case.source,
            account=case.account,
            credential_ids=[card.credential_id for card in cards],
            fingerprints=[card.fingerprint for card in cards if card.fingerprint],
            since=at - LOOK_BACK,
        )
        rows = [(row["credential_id"], row["fingerprint"], _entry(case, row)) async for row in found]
        return [
            tuple([entry for token, card, entry in rows if token == one.credential_id or (card and card == one[1])])
            for one in cards
        ]

    async def _reserve(
        self,
        connection: Any,
        case: CaseRef,
        key: str,
        actor: Actor,
        proposed: ProposedAttempt,
        at: datetime,
        sending: Sending | None,
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
            gateway=sending.gateway if sending else None,
            gateway_customer_id=sending.customer_id if sending else None,
            fingerprint=proposed.fingerprint,
            instrument=sending.instrument.model_dump(mode="json", exclude_none=True) if sending else {},
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


def _state(row: Any) -> LedgerState:
    result = row["outcome"]
    return LedgerState(
        key=row["key"],
        case_id=row["case_id"],
        credential_id=row["credential_id"],
        amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
        reserved_at=row["reserved_at"],
        # Of two runs the one that certainly had no effect may write last.
        sent=result not in _NOTHING_WENT_OUT or (result == UNSENT and row["under_way"]),
        initiator=row["initiator"],
        gateway=row["gateway"],
        gateway_customer_id=row["gateway_customer_id"],
        instrument=Instrument.model_validate(row["instrument"]),
        outcome=None if result in _NO_ANSWER else Outcome(result),
        decline=Decline.model_validate(row["decline"]) if row["decline"] else None,
        reference=row["reference"],
        told=row["told"],
        withdrawn=result == WITHDRAWN,
        sends=row["sends"],
        last_sent_at=row["last_sent_at"],
        last_sent_now=row["last_sent_now"],
    )


def _entry(case: CaseRef, row: Any) -> LedgerEntry:
    result = Outcome.NOT_ACCEPTED.value if row["outcome"] == WITHDRAWN else row["outcome"]
    return LedgerEntry(
        key=row["key"],
        actor=row["actor"],
        at=row["at"],
        amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
        outcome=None if result in _NO_ANSWER else Outcome(result),
        decline=Decline.model_validate(row["decline"]) if row["decline"] else None,
        acceptor=case.acceptor,
        claim=row["case_id"],
        initiator=row["initiator"],
    )
