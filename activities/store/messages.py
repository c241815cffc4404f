"""The contact ledger: every message to every customer, what was said and what became of it. A row left `sending` is
never sent again. Append-only."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.contact_rules import Allowed, Verdict
from policies.keys import CaseRef, CustomerRef
from policies.said import MessageStatus
from policies.surroundings import Contacted

LOOKED_BACK = timedelta(days=8)
"""A little more than the longest rule."""


class MessageState(Record):
    """`sending`: a channel was asked and nobody knows how it ended."""

    status: MessageStatus | None
    sending: bool
    channel: str | None
    covers: tuple[str, ...] = ()


class Planned(Record):
    """A message that is about to be sent. `covers`: the other cases it names. `counted`: false for what does not go to
    the customer."""

    key: str
    case: CaseRef
    customer_id: str
    name: str
    template: str
    stage: str
    at: UtcTime
    covers: tuple[str, ...] = ()
    variant: str | None = None
    counted: bool = True

    @property
    def customer(self) -> CustomerRef:
        return CustomerRef(source=self.case.source, account=self.case.account, customer_id=self.customer_id)


class Said(Record):
    """The words as they go out on one channel."""

    channel: str
    address_hash: str
    locale: str
    edition: str
    subject: str
    text: str
    html: str | None = None


class Addressee(Record):
    """Whose message it was."""

    key: str
    channel: str | None
    case_id: str
    reopen: int
    customer: CustomerRef


class ContactLedger:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("messages")

    async def state_of(self, key: str) -> MessageState | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.by_key(connection, key=key)
        if row is None:
            return None
        sending = row["status"] == "sending"
        status = None if row["status"] in (None, "sending", "not_sent") else MessageStatus(row["status"])
        return MessageState(status=status, sending=sending, channel=row["channel"], covers=tuple(row["covers"]))

    async def contacts(self, customer: CustomerRef, case_id: str, now: datetime) -> tuple[Contacted, ...]:
        """What the contact rules look at: the last days of all cases of the customer, and all of this case."""
        async with self._pool.acquire() as connection:
            return await self._contacts(connection, customer, case_id, now)

    async def _contacts(
        self, connection: Any, customer: CustomerRef, case_id: str, now: datetime
    ) -> tuple[Contacted, ...]:
        rows = self._queries.contacts(connection, **customer.model_dump(), case_id=case_id, since=now - LOOKED_BACK)
        return tuple([Contacted.model_validate(dict(row)) async for row in rows])

    async def reserve(self, planned: Planned, judge: Callable[[Sequence[Contacted]], Verdict]) -> Verdict:
        """With the customer locked, so that no other case speaks meanwhile. Asked anew each time: who has waited since
        may have waited into the night, and then only what is open now may be used."""
        customer = planned.customer
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock_customer(connection, customer="/".join(customer.model_dump().values()))
            verdict = judge(await self._contacts(connection, customer, planned.case.case_id, planned.at))
            if isinstance(verdict, Allowed):
                await self._reserve(connection, planned)
            return verdict

    async def note(self, planned: Planned) -> None:
        """A message that no rule is asked for."""
        async with self._pool.acquire() as connection:
            await self._reserve(connection, planned)

    async def _reserve(self, connection: Any, planned: Planned) -> None:
        case = planned.case
        row = planned.model_dump(exclude={"case", "covers"})
        await self._queries.reserve(
            connection,
            **row,
            covers=list(planned.covers),
            source=case.source,
            account=case.account,
            case_id=case.case_id,
            reopen=case.reopen,
        )

    async def sending(self, key: str, said: Said, at: datetime) -> bool:
        """Written before the channel is asked, with the words as they are. False when another run of the activity has
        asked one meanwhile."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock(connection, key=key)
            row = await self._queries.by_key(connection, key=key)
            if row is None or row["status"] not in (None, "not_sent"):
                return False
            await self._queries.add_text(
                connection,
                key=key,
                channel=said.channel,
                address_hash=said.address_hash,
                locale=said.locale,
                template_edition=said.edition,
                subject=said.subject,
                text=said.text,
                html=said.html,
                body_sha256=body_sha256(said),
                written_at=at,
            )
            await self._add_on(connection, key, said.channel, "sending", None, None, at)
            return True

    async def not_sent(self, key: str, channel: str, detail: str, at: datetime) -> None:
        """The channel certainly did not take it, so another try or another channel may."""
        await self._add(key, channel, "not_sent", detail, None, at)

    async def ended(
        self,
        key: str,
        channel: str | None,
        status: MessageStatus,
        detail: str,
        at: datetime,
        reference: str | None = None,
    ) -> None:
        await self._add(key, channel, status.value, detail, reference, at)

    async def addressee(self, key: str | None, reference: str | None) -> Addressee | None:
        """By our key of the message, else by its provider's own id of it."""
        async with self._pool.acquire() as connection:
            if key is not None:
                row = await self._queries.about(connection, key=key)
            else:
                row = await self._queries.by_reference(connection, reference=reference)
        if row is None:
            return None
        customer = CustomerRef(source=row["source"], account=row["account"], customer_id=row["customer_id"])
        return Addressee(
            key=row["key"], channel=row["channel"], case_id=row["case_id"], reopen=row["reopen"], customer=customer
        )

    async def receipt(
        self, key: str, channel: str, what: str, detail: str | None, happened_at: datetime, received_at: datetime
    ) -> bool:
        """False when it was told before."""
        async with self._pool.acquire() as connection:
            return bool(
                await self._queries.add_receipt(
                    connection,
                    key=key,
                    channel=channel,
                    what=what,
                    detail=detail,
                    happened_at=happened_at,
                    received_at=received_at,
                )
            )

    async def address_hash(self, key: str, channel: str) -> str | None:
        async with self._pool.acquire() as connection:
            found: str | None = await self._queries.address_hash(connection, key=key, channel=channel)
        return found

    async def other_open_claims(self, customer: CustomerRef, case_id: str, now: datetime) -> tuple[CaseRef, ...]:
        """Other open cases of the customer that may be spoken of by now, oldest first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.open_claims(connection, **customer.model_dump(), case_id=case_id, at=now)
            return tuple(
                [
                    CaseRef(
                        source=customer.source,
                        account=customer.account,
                        invoice_id=row["invoice_id"],
                        reopen=row["reopen"],
                    )
                    async for row in rows
                ]
            )

    async def _add(
        self, key: str, channel: str | None, status: str, detail: str | None, reference: str | None, at: datetime
    ) -> None:
        async with self._pool.acquire() as connection:
            await self._add_on(connection, key, channel, status, detail, reference, at)

    async def _add_on(
        self,
        connection: Any,
        key: str,
        channel: str | None,
        status: str,
        detail: str | None,
        reference: str | None,
        at: datetime,
    ) -> None:
        await self._queries.add_result(
            connection, key=key, channel=channel, status=status, detail=detail, reference=reference, at=at
        )


def body_sha256(said: Said) -> str:
    """Proves the words when they themselves have been erased."""
    return hashlib.sha256(f"{said.subject}\n\n{said.text}".encode()).hexdigest()
