from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import stripe
from aiohttp import web

from tests.fixtures.sandbox import START, RunningSandbox, day, running_sandbox, serving
from workers.sandbox.stories import STORIES
from workers.sandbox.webhooks import WebhookTarget

SECRET = "whsec_test"


class Receiver:
    """Stands where Recoup would; answers with the statuses it is given, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.deliveries: list[tuple[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.deliveries.append((await request.text(), request.headers["Stripe-Signature"]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def telling(dsn: str, receiver: Receiver) -> AsyncIterator[RunningSandbox]:
    app = web.Application()
    app.router.add_post("/webhooks/stripe/acct", receiver.take)
    async with serving(app) as url:
        target = WebhookTarget(f"{url}/webhooks/stripe/acct", SECRET)
        async with running_sandbox(dsn, webhook=target) as sandbox:
            yield sandbox


async def change(sandbox: RunningSandbox, failure: dict[str, Any], what: str, number: float = 1) -> dict[str, Any]:
    reply = await sandbox.post(f"/world/invoices/{failure['invoice_id']}/{what}", {"deliver": False}, at=day(number))
    assert reply.status == 200, reply.text
    return reply.body


@pytest.mark.parametrize("story", STORIES)
async def test_every_story_begins_with_a_failed_invoice(sandbox: RunningSandbox, story: str) -> None:
    failure = await sandbox.failure(story)
    invoice = await sandbox.invoice(failure["invoice_id"])
    assert invoice["customer_id"] == failure["customer_id"]
    assert invoice["last_decline_code"] == STORIES[story].code
    assert invoice["failed_at"] == failure["failed_at"] == START.isoformat()
    assert failure["event"]["type"] == "invoice.payment_failed"
    assert failure["event"]["data"]["object"]["id"] == failure["invoice_id"]
    assert failure["delivered"] is None


async def test_what_is_asked_for_outranks_the_story(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure(
        "generic",
        invoice_id="in_mine",
        customer_id="cus_mine",
        segment="premium",
        amount_minor=1050,
        currency="JPY",
        at=day(2).isoformat(),
        benefits=["add_ons"],
    )
    invoice = await sandbox.invoice("in_mine")
    assert (invoice["customer_id"], invoice["due_minor"], invoice["currency"]) == ("cus_mine", 1050, "JPY")
    assert invoice["failed_at"] == day(2).isoformat()
    assert failure["segment"] == "premium"
    assert (await sandbox.get("/access/cus_mine")).body["benefits"] == ["add_ons"]


async def test_a_customer_may_have_several_failed_invoices_on_one_card(sandbox: RunningSandbox) -> None:
    first = await sandbox.failure("insufficient_funds")
    second = await sandbox.failure(
        "insufficient_funds", customer_id=first["customer_id"], credential_id=first["credential_id"]
    )
    assert second["credential_id"] == first["credential_id"]
    assert second["invoice_id"] != first["invoice_id"]


@pytest.mark.parametrize(
    ("what", "status", "event"),
    [
        ("pay", "paid", "invoice.paid"),
        ("confirm", "paid", "invoice.paid"),
        ("void", "void", "invoice.voided"),
        ("cancel", "cancelled", "customer.subscription.deleted"),
        ("dispute", "open", "charge.dispute.created"),
    ],
)
async def test_a_change_is_true_at_its_time_and_makes_its_event(
    sandbox: RunningSandbox, what: str, status: str, event: str
) -> None:
    failure = await sandbox.failure("authentication_required")
    changed = await change(sandbox, failure, what, 3)
    assert (changed["status"], changed["event"]["type"]) == (status, event)
    assert changed["event"]["created"] == int(day(3).timestamp())
    assert (await sandbox.invoice(failure["invoice_id"]))["changed_at"] == day(3).isoformat()


async def test_a_confirmed_payment_stands_in_the_ledger_and_one_by_hand_does_not(sandbox: RunningSandbox) -> None:
    confirmed, by_hand = await sandbox.failure("authentication_required"), await sandbox.failure("generic")
    await change(sandbox, confirmed, "confirm")
    await change(sandbox, by_hand, "pay")
    assert [line["status"] for line in await sandbox.ledger(confirmed["invoice_id"])] == ["succeeded"]
    assert await sandbox.ledger(by_hand["invoice_id"]) == []


@pytest.mark.parametrize("first", ["pay", "void", "cancel"])
@pytest.mark.parametrize("second", ["pay", "confirm", "void", "cancel"])
async def test_what_is_settled_cannot_be_settled_again(sandbox: RunningSandbox, first: str, second: str) -> None:
    failure = await sandbox.failure("generic")
    await change(sandbox, failure, first)
    reply = await sandbox.post(f"/world/invoices/{failure['invoice_id']}/{second}")
    assert (reply.status, reply.body["code"]) == (409, "not_open")


@pytest.mark.parametrize(("what", "status"), [("win-dispute", "paid"), ("lose-dispute", "refunded")])
async def test_a_lost_dispute_gives_back_what_was_paid(sandbox: RunningSandbox, what: str, status: str) -> None:
    failure = await sandbox.failure("generic")
    await change(sandbox, failure, "pay", 1)
    opened = await change(sandbox, failure, "dispute", 2)
    assert (await sandbox.invoice(failure["invoice_id"]))["dispute_open"] is True
    closed = await change(sandbox, failure, what, 3)
    assert (closed["status"], closed["dispute_open"]) == (status, False)
    assert closed["event"]["data"]["object"]["id"] == opened["event"]["data"]["object"]["id"]


async def test_a_dispute_is_opened_once_and_closed_only_when_open(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    path = f"/world/invoices/{failure['invoice_id']}"
    assert (await sandbox.post(f"{path}/win-dispute")).status == 409
    await change(sandbox, failure, "dispute")
    assert (await sandbox.post(f"{path}/dispute")).status == 409


async def test_an_unknown_change_and_an_unknown_invoice_are_not_found(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    assert (await sandbox.post(f"/world/invoices/{failure['invoice_id']}/explode")).status == 404
    assert (await sandbox.post("/world/invoices/in_none/pay")).body["code"] == "no_such_invoice"


async def test_the_merchant_s_page_shows_the_invoice(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic", amount_minor=105000, currency="JPY")
    page = (await sandbox.get(f"/billing/{failure['invoice_id']}")).text
    assert "105,000 JPY" in page
    assert "open" in page


async def test_events_arrive_signed_at_the_real_time_telling_the_virtual_one(fresh_database: str) -> None:
    receiver = Receiver()
    async with telling(fresh_database, receiver) as sandbox:
        failure = await sandbox.failure("generic", deliver=True)
        paid = await sandbox.post(f"/world/invoices/{failure['invoice_id']}/pay", at=day(4))
    assert failure["delivered"] is True
    assert paid.body["delivered"] is True
    for body, signature in receiver.deliveries:
        stripe.WebhookSignature.verify_header(body, signature, SECRET, tolerance=60)
    told = [stripe.Webhook.construct_event(*delivery, SECRET) for delivery in receiver.deliveries]
    assert [(event.type, event.created) for event in told] == [
        ("invoice.payment_failed", int(START.timestamp())),
        ("invoice.paid", int(day(4).timestamp())),
    ]


async def test_the_payment_intent_s_event_comes_along_when_asked_for(fresh_database: str) -> None:
    receiver = Receiver()
    async with telling(fresh_database, receiver) as sandbox:
        await sandbox.failure("generic", deliver=True, with_payment_intent_event=True)
    assert ['"payment_intent.payment_failed"' in body for body, _ in receiver.deliveries] == [True, False]


async def test_a_receiver_that_stumbles_is_told_again(fresh_database: str) -> None:
    receiver = Receiver(503, 500)
    async with telling(fresh_database, receiver) as sandbox:
        failure = await sandbox.failure("generic", deliver=True)
    assert failure["delivered"] is True
    bodies = {body for body, _ in receiver.deliveries}
    assert (len(receiver.deliveries), len(bodies)) == (3, 1)


@pytest.mark.parametrize(("statuses", "tries"), [([500] * 5, 3), ([400], 1)])
async def test_a_receiver_that_will_not_have_it_is_reported(
    fresh_database: str, statuses: list[int], tries: int
) -> None:
    receiver = Receiver(*statuses)
    async with telling(fresh_database, receiver) as sandbox:
        failure = await sandbox.failure("generic", deliver=True)
        assert failure["delivered"] is False
        assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "open"
    assert len(receiver.deliveries) == tries


async def test_nobody_listening_is_reported_and_the_world_goes_on(fresh_database: str) -> None:
    target = WebhookTarget("http://127.0.0.1:9/webhooks/stripe/acct", SECRET)
    async with running_sandbox(fresh_database, webhook=target) as sandbox:
        failure = await sandbox.failure("generic", deliver=True)
        assert failure["delivered"] is False
        assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "open"


def test_a_target_never_shows_its_secret() -> None:
    assert SECRET not in repr(WebhookTarget("http://recoup.test", SECRET))


async def test_the_tables_survive_a_restart(fresh_database: str) -> None:
    async with running_sandbox(fresh_database) as sandbox:
        failure = await sandbox.failure("generic")
    async with running_sandbox(fresh_database) as sandbox:
        assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "open"


async def test_the_customer_pays_with_the_button_of_the_billing_page(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("expired_card")
    page = f"/billing/{failure['invoice_id']}"
    assert f'action="{page}/pay"' in (await sandbox.get(page)).text
    reply = await sandbox.post(f"{page}/pay")
    assert reply.status == 200
    assert "paid" in reply.text
    assert "<form" not in reply.text
    again = await sandbox.post(f"{page}/pay")
    assert again.status == 409
