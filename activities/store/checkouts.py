"""What customers are about to pay on their page, and when those who agreed to it were busy there."""

from datetime import datetime, timedelta
from typing import Literal

from activities.gateways.contract import NotGiven, StoredMethod, UpdateSession
from activities.links import PayLink
from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.declines import CustomerAction
from policies.events import ActionAnswer, Instalment
from policies.keys import CustomerRef
from policies.money import Money

KEPT_FOR = timedelta(days=30)
VISITS_COUNT_FOR = timedelta(days=180)

Way = Literal["card", "stored", "direct_debit", "wallet", "confirm"]


class Claimed(Record):
    """What became of one invoice; `word`: why it could not happen at all."""

    case_id: str
    answer: ActionAnswer | None = None
    word: str | None = None


class Checkout(Record):
    """One intention to pay. `cases` by id, with what is `owed` in each; `amount`: a part of it, `plan`: in parts.
    `session`: the gateway's fields, None for a way that is stored; `given`: what came of them. `answers`: by the cases,
    in order, once they were asked; `stopped`: why they were not."""

    id: str
    made_at: UtcTime
    way: Way
    gateway: str
    gateway_customer_id: str
    cases: tuple[str, ...]
    owed: tuple[Money, ...]
    amount: Money | None = None
    plan: tuple[Instalment, ...] = ()
    keep: bool = True
    session: UpdateSession | None = None
    given: StoredMethod | NotGiven | None = None
    answers: tuple[Claimed, ...] = ()
    stopped: Literal["wait", "ask_person"] | None = None
    stopped_until: UtcTime | None = None

    @property
    def not_given(self) -> NotGiven | None:
        """The fields ended without a way to pay."""
        return self.given if isinstance(self.given, NotGiven) else None

    @property
    def method(self) -> StoredMethod | None:
        return self.given if isinstance(self.given, StoredMethod) else None

    @property
    def advice(self) -> CustomerAction | None:
        """What may help after a refusal, by whomever; None when nothing was refused."""
        if self.not_given:
            return self.not_given.decline.customer_action if self.not_given.decline else CustomerAction.NONE
        refused = [each.answer for each in self.answers if each.answer and each.answer.result == "refused"]
        return (refused[-1].advice or CustomerAction.NONE) if refused else None

    @property
    def is_over(self) -> bool:
        """Nothing more can come of it."""
        return bool(self.answers) or self.not_given is not None

    @property
    def paid(self) -> bool:
        """Every invoice that it was for is."""
        results = [each.answer.result for each in self.answers if each.answer]
        return len(results) == len(self.cases) and set(results) == {"paid"}


class Checkouts:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("checkouts")

    async def save(self, checkout: Checkout, link: PayLink) -> None:
        """The last word counts. An id that was used on another link stays what it was."""
        async with self._pool.acquire() as connection:
            await self._queries.save(
                connection,
                id=checkout.id,
                link_id=link.link_id,
                **link.customer.model_dump(),
                made_at=checkout.made_at,
                record=checkout.model_dump(mode="json"),
            )

    async def get(self, checkout_id: str, link: PayLink) -> Checkout | None:
        """Only what was begun on this link."""
        async with self._pool.acquire() as connection:
            row = await self._queries.get(
                connection, id=checkout_id, link_id=link.link_id, **link.customer.model_dump()
            )
        return Checkout.model_validate(row["record"]) if row else None

    async def begun_since(self, customer: CustomerRef, since: datetime) -> int:
        async with self._pool.acquire() as connection:
            return int(await self._queries.begun_since(connection, **customer.model_dump(), since=since))

    async def visited(self, customer: CustomerRef, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.visited(connection, **customer.model_dump(), at=at)

    async def visits(self, customer: CustomerRef, now: datetime) -> list[datetime]:
        """The newest first, 200 at most."""
        since = now - VISITS_COUNT_FOR
        async with self._pool.acquire() as connection:
            rows = self._queries.visits(connection, **customer.model_dump(), since=since)
            return [row["at"] async for row in rows]

    async def forget_old(self, now: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.forget(connection, before=now - KEPT_FOR)
            await self._queries.forget_visits(connection, before=now - VISITS_COUNT_FOR)
