"""What outlives a case's history: who it was about, how it ended, its timeline, and what a person must look at."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from activities.contracts import CloseRequest, Opened
from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.document import PolicySnapshot
from policies.events import CloseOutcome, SourceEvent
from policies.invoices import InvoiceStatus
from policies.keys import CaseRef


class CaseSummary(Record):
    """`outcome` None: the case runs. `settled_at`: the source's time of the fact that closed its latest run that has
    ended, `ended_at` when that run ended; None while there is none."""

    case_id: str
    reopen: int
    source: str
    account: str
    invoice_id: str
    customer_id: str
    segment: str
    policy: str
    gateway: str
    amount_minor: int
    currency: str
    category: str
    opened_at: UtcTime
    closed_at: UtcTime | None = None
    outcome: CloseOutcome | None = None
    because: str | None = None
    closing_fact_at: UtcTime | None = None
    attempts: int | None = None
    messages: int | None = None
    settled_at: UtcTime | None = None
    ended_at: UtcTime | None = None


class CaseRow(CaseSummary):
    timeline: list[dict[str, Any]] | None = None

    @property
    def ref(self) -> CaseRef:
        return CaseRef.from_case_id(self.case_id).model_copy(update={"reopen": self.reopen})


class RunningCase(Record):
    case_id: str
    reopen: int
    segment: str
    policy: str

    @property
    def ref(self) -> CaseRef:
        return CaseRef.from_case_id(self.case_id).model_copy(update={"reopen": self.reopen})


class Selection(Record):
    """Which running cases: those that have not the policy with this hash yet, and fit what else is given. `name` and
    `edition` are those of the policy they have."""

    without_sha256: str
    name: str | None = None
    edition: str | None = None
    segment: str | None = None

    @property
    def parameters(self) -> dict[str, str | None]:
        # Rows keep the edition in words: "policy self_serve@1".
        name, edition = (f"policy {text}" if text else None for text in (self.name, self.edition))
        return {"name": name, "edition": edition, "segment": self.segment, "sha256": self.without_sha256}


class Counted(Record):
    """Running cases that fit a selection, and those that would if they had not the policy already."""

    without: int
    with_it: int


class RememberedInvoice(Record):
    """The newest word of the source on an invoice that has no running case."""

    status: InvoiceStatus
    happened_at: UtcTime
    version: int = 0

    def is_newer_than(self, event: SourceEvent) -> bool:
        """A word of the same moment counts as newer: what was paid does not fail again in that second."""
        return (self.happened_at, self.version) >= (event.happened_at, event.version)


class Task(Record):
    key: str
    case_id: str
    kind: str
    assignee: str
    summary: str
    created_at: UtcTime


PAGE = 500


class Cases:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("cases")

    async def opened(self, opened: Opened) -> None:
        facts, case = opened.facts, opened.facts.case
        async with self._pool.acquire() as connection:
            await self._queries.opened(
                connection,
                case_id=case.case_id,
                reopen=case.reopen,
                source=case.source,
                account=case.account,
                invoice_id=case.invoice_id,
                customer_id=facts.invoice.customer_id,
                subscription_id=facts.invoice.subscription_id,
                credential_id=facts.credential_id,
                segment=opened.segment,
                policy=opened.policy.document.edition,
                policy_sha256=opened.policy.sha256,
                gateway=facts.invoice.gateway,
                amount_minor=facts.due.amount_minor,
                currency=facts.due.currency,
                category=facts.category.value,
                opened_at=facts.opened_at,
                silent_until=facts.failed_at + opened.policy.document.silence_for(facts.category),
            )

    async def closed(self, request: CloseRequest) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.closed(
                connection,
                case_id=request.case.case_id,
                reopen=request.case.reopen,
                closed_at=request.now,
                outcome=request.outcome.value,
                because=request.because,
                closing_fact_at=request.happened_at,
                attempts=request.attempts,
                messages=request.messages,
                timeline=[line.model_dump(mode="json") for line in request.timeline],
            )

    async def latest(self, case_id: str) -> CaseRow | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.latest(connection, case_id=case_id)
        return CaseRow.model_validate(dict(row)) if row else None

    async def newest(self, count: int = 200) -> list[CaseSummary]:
        async with self._pool.acquire() as connection:
            rows = self._queries.newest(connection, count=count)
            return [CaseSummary.model_validate(dict(row)) async for row in rows]

    async def running(self, selection: Selection, limit: int | None = None) -> AsyncIterator[RunningCase]:
        """In the order of their ids, page by page: no connection is held while the caller works on one."""
        after, left = "", limit
        while left is None or left > 0:
            wanted = PAGE if left is None else min(PAGE, left)
            async with self._pool.acquire() as connection:
                rows = self._queries.running(connection, **selection.parameters, after=after, count=wanted)
                page = [RunningCase.model_validate(dict(row)) async for row in rows]
            for row in page:
                yield row
            if len(page) < wanted:
                return
            after, left = page[-1].case_id, None if left is None else left - wanted

    async def how_many_run(self, selection: Selection) -> Counted:
        async with self._pool.acquire() as connection:
            row = await self._queries.how_many_run(connection, **selection.parameters)
        return Counted.model_validate(dict(row))

    async def migrated(self, case: CaseRef, policy: PolicySnapshot) -> None:
        """The row says which policy the case has now. Saying it twice is saying it once."""
        async with self._pool.acquire() as connection:
            await self._queries.migrated(
                connection,
                case_id=case.case_id,
                reopen=case.reopen,
                policy=policy.document.edition,
                policy_sha256=policy.sha256,
            )

    async def open_invoices(
        self,
        source: str,
        account: str,
        *,
        subscription_id: str | None = None,
        credential_id: str | None = None,
        customer_id: str | None = None,
    ) -> list[str]:
        """Invoices with a running case of that subscription, way to pay or customer."""
        async with self._pool.acquire() as connection:
            rows = self._queries.open_invoices(
                connection,
                source=source,
                account=account,
                subscription_id=subscription_id,
                credential_id=credential_id,
                customer_id=customer_id,
            )
            return [row["invoice_id"] async for row in rows]

    async def remember_invoice(self, case: CaseRef, status: InvoiceStatus, event: SourceEvent) -> None:
        """The newest word of the source wins, in whatever order the words arrive."""
        async with self._pool.acquire() as connection:
            await self._queries.remember_invoice(
                connection,
                source=case.source,
                account=case.account,
                invoice_id=case.invoice_id,
                status=status.value,
                happened_at=event.happened_at,
                version=event.version,
            )

    async def remembered_invoice(self, case: CaseRef) -> RememberedInvoice | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.remembered_invoice(
                connection, source=case.source, account=case.account, invoice_id=case.invoice_id
            )
        return RememberedInvoice.model_validate(dict(row)) if row else None

    async def add_task(self, task: Task) -> None:
        """Adding a task twice is adding it once."""
        async with self._pool.acquire() as connection:
            await self._queries.add_task(connection, **task.model_dump())

    async def finish_task(self, key: str, by: str, now: datetime) -> bool:
        """False when no open task has the key."""
        async with self._pool.acquire() as connection:
            return bool(await self._queries.finish_task(connection, key=key, done_at=now, done_by=by))

    async def open_tasks(self, count: int = 200) -> list[Task]:
        async with self._pool.acquire() as connection:
            rows = self._queries.open_tasks(connection, count=count)
            return [Task.model_validate(dict(row)) async for row in rows]
