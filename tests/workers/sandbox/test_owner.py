"""What the owner is told, and what it does itself."""

from typing import Any

import pytest

from activities.sources.sandbox import SandboxOwner
from tests.fixtures.sandbox import RunningSandbox, day

PAYMENT = {"key": "att_1", "amount_minor": 1000, "currency": "EUR", "gateway": "elsewhere", "reference": "psp_1"}


async def test_a_part_that_was_paid_elsewhere_leaves_the_rest_owed(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    path = f"/source/invoices/{failure['invoice_id']}/payments"
    first = await sandbox.post(path, PAYMENT, at=day(1))
    assert (await sandbox.post(path, PAYMENT, at=day(2))).body == first.body
    assert (first.body["status"], first.body["due_minor"]) == ("open", 1900)
    rest = await sandbox.post(path, {**PAYMENT, "key": "att_2", "amount_minor": 1900})
    assert (rest.body["status"], rest.body["due_minor"]) == ("paid", 0)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount_minor": 2901}, 422, "more_than_owed"),
        ({"currency": "USD"}, 422, "wrong_currency"),
        ({"amount_minor": 0}, 400, "bad_input"),
        ({"gateway": ""}, 400, "bad_input"),
        ({"surprise": 1}, 400, "bad_input"),
    ],
)
async def test_a_payment_that_cannot_be_is_refused(
    sandbox: RunningSandbox, changes: dict[str, Any], status: int, code: str
) -> None:
    failure = await sandbox.failure("insufficient_funds")
    reply = await sandbox.post(f"/source/invoices/{failure['invoice_id']}/payments", {**PAYMENT, **changes})
    assert (reply.status, reply.body["code"]) == (status, code)
    assert reply.body["error"].startswith(f"{next(iter(changes))}: ")


async def test_a_key_is_of_one_payment(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    path = f"/source/invoices/{failure['invoice_id']}/payments"
    await sandbox.post(path, PAYMENT)
    assert (await sandbox.post(path, {**PAYMENT, "amount_minor": 1})).body["code"] == "key_reused"


async def test_an_ending_needs_a_way_that_there_is_and_harms_no_paid_invoice(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    path = f"/source/invoices/{failure['invoice_id']}"
    refused = await sandbox.post(f"{path}/close", {"key": "end_1", "how": "forget"})
    assert (refused.status, refused.body["error"].startswith("how: ")) == (400, True)
    await sandbox.post(f"/world/invoices/{failure['invoice_id']}/pay")
    ended = await sandbox.post(f"{path}/close", {"key": "end_1", "how": "cancel_subscription"})
    assert (ended.status, ended.body["status"]) == (200, "paid")


async def test_the_owner_s_own_retry_is_seen_and_tells_when_the_next_one_is(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    path, owner = f"/world/invoices/{failure['invoice_id']}", SandboxOwner(sandbox.client())
    await sandbox.post(f"{path}/retries_at", {"at": day(3).isoformat()})
    assert (await owner.invoice_now(failure["invoice_id"], day(1))).retries_at == day(3)
    failed = await sandbox.post(f"{path}/owner_retry", {"next_at": day(6).isoformat()}, at=day(3))
    told = failed.body["event"]["data"]["object"]
    assert (failed.body["event"]["type"], told["attempt_count"]) == ("invoice.payment_failed", 2)
    assert told["next_payment_attempt"] == int(day(6).timestamp())
    paid = await sandbox.post(f"{path}/owner_retry", at=day(6))
    assert paid.body["event"]["type"] == "invoice.paid"
    invoice = await owner.invoice_now(failure["invoice_id"], day(7))
    assert [(seen.at, seen.decline is None) for seen in invoice.attempts][1:] == [(day(3), False), (day(6), True)]
    assert invoice.retries_at is None
    assert [line["made_by"] for line in await sandbox.ledger(failure["invoice_id"])] == ["owner", "owner"]
    assert (await sandbox.post(f"{path}/owner_retry")).body["code"] == "not_open"


async def test_a_time_without_a_zone_is_no_time_of_a_retry(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    reply = await sandbox.post(f"/world/invoices/{failure['invoice_id']}/retries_at", {"at": "2026-03-02T09:00:00"})
    assert (reply.status, reply.body["error"].startswith("at: ")) == (400, True)
