"""Which links to the customer's page still open it. The signature says that we made one; here stands whether it was
sent, and whether a newer one, a payment or a closed case has ended it."""

from datetime import datetime
from typing import Literal

from activities.links import PayLink
from activities.store.database import Pool, queries
from policies.base import Record
from policies.keys import CustomerRef

Because = Literal["newer", "paid", "closed", "erased"]


class KeptLink(Record):
    """Whose it is. `revoked_because`: why it opens nothing any more; None while it does."""

    source: str
    account: str
    customer_id: str
    revoked_because: Because | None = None

    @property
    def customer(self) -> CustomerRef:
        return CustomerRef(source=self.source, account=self.account, customer_id=self.customer_id)


class PayLinks:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("pay_links")

    async def made(self, link: PayLink, channel: str, at: datetime) -> None:
        """Before it goes out. Saying it twice is saying it once; one that was revoked stays so. `channel`: that of the
        message, or `wall`."""
        async with self._pool.acquire() as connection:
            await self._queries.made(
                connection, link_id=link.link_id, **link.customer.model_dump(), channel=channel, made_at=at
            )

    async def newest(self, link: PayLink, channel: str, at: datetime) -> None:
        """A provider has taken the message, so earlier links of this customer on this channel end. One whose message
        may never have arrived ends none."""
        async with self._pool.acquire() as connection:
            await self._queries.newest(
                connection, link_id=link.link_id, **link.customer.model_dump(), channel=channel, at=at
            )

    async def revoke_all(self, customer: CustomerRef, because: Because, at: datetime) -> None:
        """Those that were made so far; the first reason stays."""
        async with self._pool.acquire() as connection:
            await self._queries.revoke_all(connection, **customer.model_dump(), because=because, at=at)

    async def find(self, link_id: str) -> KeptLink | None:
        """None: nobody has written it down, so it opens nothing."""
        async with self._pool.acquire() as connection:
            row = await self._queries.find(connection, link_id=link_id)
        return KeptLink.model_validate(dict(row)) if row else None
