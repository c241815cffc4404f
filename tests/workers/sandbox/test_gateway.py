import asyncio
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.fixtures.sandbox import START, RunningSandbox, database_of_sandbox, day

WAITING = "select count(*) from pg_locks where not granted"


def charge_of(failure: dict[str, Any], key: str = "att_1", **changes: Any) -> dict[str, Any]:
    names = "invoice_id credential_id amount_minor currency".split()
    return {"idempotency_key": key, **{name: failure[name] for name in names}, **changes}


async def add_card(sandbox: RunningSandbox, failure: dict[str, Any], kind: str) -> str:
    reply = await sandbox.post(f"/world/customers/{failure['customer_id']}/cards", {"kind": kind})
    card: str = reply.body["credential_id"]
    return card


async def test_a_replayed_key_gives_the_old_answer_and_moves_nothing(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    first = await sandbox.post("/gateway/charges", charge_of(failure), at=day(1))
    again = await sandbox.post("/gateway/charges", charge_of(failure), at=day(9))
    assert first.body == again.body
    assert again.body["status"] == "declined", "the card is good by day 9, but this key was answered on day 1"
    (line,) = await sandbox.ledger(failure["invoice_id"])
    assert line["at"] == day(1).isoformat()


@pytest.mark.parametrize("changes", [{"amount_minor": 2899}, {"currency": "USD"}, {"credential_id": "card_x"}])
async def test_the_same_key_with_another_body_is_refused(sandbox: RunningSandbox, changes: dict[str, Any]) -> None:
    failure = await sandbox.failure("do_not_honor", amount_minor=2900)
    await sandbox.post("/gateway/charges", charge_of(failure))
    other = await sandbox.post("/gateway/charges", charge_of(failure, **changes))
    assert (other.status, other.body["code"]) == (409, "key_reused")
    assert len(await sandbox.ledger(failure["invoice_id"])) == 1


async def test_a_second_success_is_impossible(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    assert (await sandbox.post("/gateway/charges", charge_of(failure, "att_1"))).body["status"] == "succeeded"
    second = await sandbox.post("/gateway/charges", charge_of(failure, "att_2"))
    assert (second.status, second.body["code"]) == (409, "already_paid")
    assert [line["idempotency_key"] for line in await sandbox.ledger(failure["invoice_id"])] == ["att_1"]


async def test_keys_that_meet_at_one_invoice_take_the_money_once(sandbox: RunningSandbox, database_url: str) -> None:
    """Somebody holds the invoice until all of them have come as far as they can."""
    failure = await sandbox.failure("generic")
    holder = await asyncpg.connect(database_of_sandbox(database_url))
    async with asyncio.timeout(20), holder.transaction():
        await holder.execute("select from invoices where invoice_id = $1 for update", failure["invoice_id"])
        charges = [
            asyncio.ensure_future(sandbox.post("/gateway/charges", charge_of(failure, f"att_{n}"))) for n in range(4)
        ]
        while await holder.fetchval(WAITING) < len(charges):
            await asyncio.sleep(0.01)
    await holder.close()
    assert sorted(reply.status for reply in await asyncio.gather(*charges)) == [200, 409, 409, 409]
    assert len(await sandbox.ledger(failure["invoice_id"])) == 1


async def test_one_key_ten_times_at_once_takes_the_money_once(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    replies = await asyncio.gather(*(sandbox.post("/gateway/charges", charge_of(failure)) for _ in range(10)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["reference"] for reply in replies}) == 1
    assert len(await sandbox.ledger(failure["invoice_id"])) == 1


async def test_more_than_is_owed_is_refused(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    reply = await sandbox.post("/gateway/charges", charge_of(failure, amount_minor=failure["amount_minor"] + 1))
    assert (reply.status, reply.body["code"]) == (422, "more_than_owed")
    assert await sandbox.ledger(failure["invoice_id"]) == []


async def test_a_part_leaves_the_rest_owed(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic", amount_minor=1000)
    await sandbox.post("/gateway/charges", charge_of(failure, "att_1", amount_minor=400))
    invoice = await sandbox.invoice(failure["invoice_id"])
    assert (invoice["status"], invoice["due_minor"]) == ("open", 600)
    await sandbox.post("/gateway/charges", charge_of(failure, "att_2", amount_minor=600))
    invoice = await sandbox.invoice(failure["invoice_id"])
    assert (invoice["status"], invoice["due_minor"]) == ("paid", 0)


@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("expired_card", "expired_card"),
        ("lost_card", "lost_card"),
        ("authentication_required", "authentication_required"),
        ("do_not_honor", "do_not_honor"),
        ("unmapped_code", "some_new_code"),
        ("issuer_down", "issuer_not_available"),
        ("insufficient_funds", "insufficient_funds"),
    ],
)
async def test_a_declined_attempt_is_recorded_with_its_code(sandbox: RunningSandbox, story: str, code: str) -> None:
    failure = await sandbox.failure(story)
    reply = await sandbox.post("/gateway/charges", charge_of(failure), at=day(0.01))
    assert (reply.body["status"], reply.body["code"]) == ("declined", code)
    (line,) = await sandbox.ledger(failure["invoice_id"])
    assert (line["status"], line["code"], line["at"]) == ("declined", code, day(0.01).isoformat())
    assert (await sandbox.invoice(failure["invoice_id"]))["last_decline_code"] == code


@pytest.mark.parametrize(("story", "when"), [("insufficient_funds", 5), ("issuer_down", 2 / 24)])
async def test_time_heals_what_time_can_heal(sandbox: RunningSandbox, story: str, when: float) -> None:
    failure = await sandbox.failure(story)
    before = await sandbox.post("/gateway/charges", charge_of(failure, "att_1"), at=day(when - 0.001))
    after = await sandbox.post("/gateway/charges", charge_of(failure, "att_2"), at=day(when))
    assert (before.body["status"], after.body["status"]) == ("declined", "succeeded")
    invoice = await sandbox.invoice(failure["invoice_id"])
    assert (invoice["status"], invoice["changed_at"]) == ("paid", day(when).isoformat())


async def test_an_answer_that_is_lost_leaves_the_money_in_the_ledger(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("answer_never_comes")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await sandbox.post("/gateway/charges", charge_of(failure))
    (line,) = await sandbox.ledger(failure["invoice_id"])
    assert line["status"] == "succeeded"
    assert (await sandbox.get("/gateway/charges/att_1")).body["status"] == "succeeded"
    assert (await sandbox.post("/gateway/charges", charge_of(failure))).body["reference"] == line["reference"]
    assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "paid"


async def test_a_request_that_is_lost_leaves_nothing(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    charge = charge_of(failure, credential_id=await add_card(sandbox, failure, "silent_lost"))
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await sandbox.post("/gateway/charges", charge)
    assert await sandbox.ledger(failure["invoice_id"]) == []
    look_up = await sandbox.get("/gateway/charges/att_1")
    assert (look_up.status, look_up.body["code"]) == (404, "no_such_charge")
    assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "open"


async def test_a_request_that_is_lost_once_may_be_sent_again_under_its_key(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("never_arrives")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await sandbox.post("/gateway/charges", charge_of(failure))
    assert await sandbox.ledger(failure["invoice_id"]) == []
    assert (await sandbox.post("/gateway/charges", charge_of(failure))).body["status"] == "succeeded"


async def test_a_pending_charge_blocks_the_next_and_settles_when_confirmed(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    card = await add_card(sandbox, failure, "pending")
    pending = await sandbox.post("/gateway/charges", charge_of(failure, credential_id=card))
    assert pending.body["status"] == "pending"
    assert (await sandbox.post("/gateway/charges", charge_of(failure, "att_2"))).status == 422
    await sandbox.post(f"/world/invoices/{failure['invoice_id']}/confirm")
    assert (await sandbox.get("/gateway/charges/att_1")).body["status"] == "succeeded"
    assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "paid"


async def test_the_card_that_paid_is_kept(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("expired_card")
    card = await add_card(sandbox, failure, "good")
    assert (await sandbox.invoice(failure["invoice_id"]))["credential_id"] == failure["credential_id"]
    await sandbox.post("/gateway/charges", charge_of(failure, credential_id=card))
    assert (await sandbox.invoice(failure["invoice_id"]))["credential_id"] == card


async def test_another_customer_s_card_is_refused(sandbox: RunningSandbox) -> None:
    mine, theirs = await sandbox.failure("generic"), await sandbox.failure("generic")
    reply = await sandbox.post("/gateway/charges", charge_of(mine, credential_id=theirs["credential_id"]))
    assert (reply.status, reply.body["code"]) == (422, "wrong_customer")


async def test_in_an_outage_nothing_is_accepted_and_it_says_so(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    await sandbox.post("/world/outages", {"begins_at": day(1).isoformat(), "ends_at": day(2).isoformat()})
    during = await sandbox.post("/gateway/charges", charge_of(failure), at=day(1.5))
    assert (during.status, during.body["accepted"]) == (503, False)
    assert await sandbox.ledger(failure["invoice_id"]) == []
    assert (await sandbox.post("/gateway/charges", charge_of(failure), at=day(2))).status == 200


async def test_without_a_time_the_wall_clock_counts(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds", at="2999-01-01T00:00:00Z")
    async with sandbox.session.post(f"{sandbox.url}/gateway/charges", json=charge_of(failure)) as reply:
        assert (await reply.json())["status"] == "declined"
    assert START.year < 2999
