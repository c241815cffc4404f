"""Every message of a case as it was sent, to show to whoever asks what was said: a customer, a bank, a court."""

from typing import Any

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime


class SaidOn(Record):
    """The words as they went out on one channel; `subject` and `text` None once they were erased. `body_sha256`: of
    subject, an empty line and text, so that a copy that somebody kept can be proven. `address_hash`: keyed
    (RECOUP_ADDRESS_KEY). `edition`: of the template."""

    channel: str
    written_at: UtcTime
    address_hash: str
    locale: str
    edition: str
    subject: str | None
    text: str | None
    body_sha256: str
    erased_at: UtcTime | None


class MessageStep(Record):
    """What a channel answered. `reference`: the provider's own id of the message."""

    status: str
    channel: str | None
    at: UtcTime
    reference: str | None


class MessageReceipt(Record):
    """What the provider told later, by its own clock."""

    what: str
    channel: str
    happened_at: UtcTime
    received_at: UtcTime


class SentMessage(Record):
    """`status`: None while no channel was asked; `held_out`: nobody was written to. `variant`: the arm of a trial, None
    for the ordinary words. `covers`: ids of the other cases that it speaks of."""

    key: str
    case_id: str
    reopen: int
    name: str
    template: str
    stage: str
    variant: str | None
    covers: tuple[str, ...]
    at: UtcTime
    channel: str | None
    status: str | None
    said: tuple[SaidOn, ...]
    steps: tuple[MessageStep, ...]
    receipts: tuple[MessageReceipt, ...]


class Evidence:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("evidence")

    async def of_case(self, case_id: str) -> tuple[SentMessage, ...]:
        """In the order in which they were due; those of other cases that speak of this one as well."""
        async with self._pool.acquire() as connection:
            rows = self._queries.of_case(connection, case_id=case_id)
            return tuple([_message(row) async for row in rows])


def _message(row: Any) -> SentMessage:
    steps = row["steps"]
    last = steps[-1] if steps else {"status": None, "channel": None}
    return SentMessage.model_validate({**dict(row), "status": last["status"], "channel": last["channel"]})
