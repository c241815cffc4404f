"""The API against its own description: no answer that the document does not know, nothing wrong accepted, nothing right
refused, no 500. What may differ, and why, stands in schemathesis.toml."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from activities.store.cases import Task
from activities.store.inbox import Burial
from activities.store.store import Store
from policies.money import Money
from tests.fixtures.store import ALICE, RunningApi

ROOT = Path(__file__).parents[2]
EXAMPLES = os.environ.get("RECOUP_API_EXAMPLES", "8")
"""Random requests per route, beside those that walk along the edges of each schema; a long run sets more."""

PATIENCE_SECONDS = 240
LETTERS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
CASE = """
    insert into cases (case_id, reopen, source, account, invoice_id, customer_id, segment, policy, policy_sha256,
        gateway, amount_minor, currency, category, opened_at, closed_at, outcome, because, attempts, messages, timeline)
    values ($1, 0, 'stripe', 'default', $2, 'cus_1', 'self_serve', 'policy self_serve@1', 'h', 'sandbox', 2900, 'EUR',
        'unknown', now(), now(), $3, 'it was paid', 1, 2, '[]')
"""


async def test_every_answer_is_one_that_the_description_knows(api: RunningApi, store: Store) -> None:
    await fill(store)
    options = [f"{api.url}/openapi.json", "--header", f"Authorization: Bearer {ALICE}", "--max-examples", EXAMPLES]
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/api/schemathesis.toml", "run"]
    run = await asyncio.create_subprocess_exec(
        *(*program, *options, "--no-color", "--continue-on-failure"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()


async def fill(store: Store) -> None:
    """What the dictionaries of schemathesis.toml name, so that answers about something are looked at as well."""
    now = datetime.now(UTC)
    for invoice_id, outcome in (("in_closed", "recovered"), ("in_running", None)):
        await store.pool.execute(CASE, f"stripe/default/{invoice_id}", invoice_id, outcome)
    for key in ("tas_0123456789abcdef", "late_payment/evt_1"):
        summary = "a payment arrived after the case was written_off"
        case_id = "stripe/default/in_closed"
        await store.cases.add_task(
            Task(key=key, case_id=case_id, kind="late_payment", assignee="ops", summary=summary, created_at=now)
        )
    for letter_id, body in zip(LETTERS, (b'{"id": "evt_1"}', b"\xff\xfe"), strict=True):
        row = await store.inbox.receive("stripe", "default", letter_id, {"user-agent": "x"}, body, now)
        amount = Money(amount_minor=2900, currency="EUR")
        burial = Burial(
            reason="unreadable", detail="is no id", field="id", kind="payment_failed", amount=amount, stake=9
        )
        await store.inbox.bury(row.id, burial, now)
        await rename(store, row.id, letter_id)


async def rename(store: Store, row_id: str, letter_id: str) -> None:
    for table in ("inbox_keys", "inbox_bodies"):
        query = f"update {table} set id = $2::text::uuid where id = $1::text::uuid"
        await store.pool.execute(query, row_id, letter_id)
