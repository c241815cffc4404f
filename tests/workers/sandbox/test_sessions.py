"""A session's life: opened, given, refused, expired; and that it keeps no number."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from activities.sandbox_client import NOW_HEADER, NoAnswer
from tests.fixtures.card_numbers import published_in
from tests.fixtures.sandbox import START, RunningSandbox, database_of_sandbox
from workers.sandbox.numbers import ACCOUNTS, CARDS

BACK = "https://shop.example/pay/token/back?session=ours"
CARD = {"number": "4242424242424242", "expiry": "08/30", "cvc": "123"}
LATER = START + timedelta(minutes=30)


async def opened(sandbox: RunningSandbox, customer_id: str, **changes: Any) -> dict[str, Any]:
    reply = await sandbox.post("/gateway/sessions", {"customer_id": customer_id, "return_url": BACK, **changes})
    assert reply.status == 200, reply.text
    return reply.body


async def session_of_somebody(sandbox: RunningSandbox, **changes: Any) -> str:
    failure = await sandbox.failure("generic")
    session_id: str = (await opened(sandbox, failure["customer_id"], **changes))["session_id"]
    return session_id


async def state(sandbox: RunningSandbox, session_id: str, **when: Any) -> dict[str, Any]:
    return (await sandbox.get(f"/gateway/sessions/{session_id}", **when)).body


async def test_a_session_lives_for_half_an_hour(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    told = await opened(sandbox, failure["customer_id"])
    assert told["expires_at"] == LATER.isoformat()
    assert (await state(sandbox, told["session_id"], at=LATER - timedelta(seconds=1)))["status"] == "open"
    assert (await state(sandbox, told["session_id"], at=LATER))["status"] == "expired"
    late = await sandbox.post(f"/gateway/fields/{told['session_id']}", CARD, at=LATER)
    assert late.body == {"status": "expired", "message": "This form is too old. Load the page again."}
    assert (await sandbox.get(f"/gateway/fields/{told['session_id']}", at=LATER)).text.count("<input") == 0


async def test_what_was_given_stays_given_and_is_one_card(sandbox: RunningSandbox) -> None:
    session_id = await session_of_somebody(sandbox)
    assert (await sandbox.post(f"/gateway/fields/{session_id}", CARD)).body == {"status": "given"}
    first = await state(sandbox, session_id)
    other = {**CARD, "number": "5555555555554444"}
    assert (await sandbox.post(f"/gateway/fields/{session_id}", other)).body == {"status": "given"}
    refused = await sandbox.post(f"/gateway/fields/{session_id}/challenge", {"confirmed": False})
    assert refused.body == {"status": "given"}
    assert await state(sandbox, session_id, at=LATER) == first
    assert (first["status"], first["brand"], first["last4"], first["expires"]) == ("given", "visa", "4242", "2030-08")
    cards = (await sandbox.get(f"/gateway/customers/{first['customer_id']}/cards")).body["cards"]
    assert [card["is_default"] for card in cards] == [True, False], "what was given is charged later only when asked"
    assert cards[1]["credential_id"] == first["credential_id"]


async def test_a_refused_card_may_be_followed_by_a_better_one(sandbox: RunningSandbox) -> None:
    session_id = await session_of_somebody(sandbox, locale="de-DE")
    refused = await sandbox.post(f"/gateway/fields/{session_id}", {**CARD, "number": "4000000000000127"})
    assert refused.body["status"] == "refused"
    assert refused.body["message"].startswith("Die Prüfziffer")
    stands = await state(sandbox, session_id)
    assert (stands["status"], stands["code"], stands["credential_id"]) == ("refused", "incorrect_cvc", None)
    await sandbox.post(f"/gateway/fields/{session_id}", CARD)
    stands = await state(sandbox, session_id)
    assert (stands["status"], stands["code"]) == ("given", None)


async def test_a_challenge_comes_before_the_card(sandbox: RunningSandbox) -> None:
    session_id = await session_of_somebody(sandbox)
    path = f"/gateway/fields/{session_id}"
    assert (await sandbox.post(f"{path}/challenge", {"confirmed": True})).body["code"] == "no_challenge"
    typed = {**CARD, "number": "4000002760003184"}
    assert (await sandbox.post(path, typed)).body == {"status": "challenge"}
    assert (await state(sandbox, session_id))["status"] == "open"
    refused = await sandbox.post(f"{path}/challenge?locale=en", {"confirmed": False})
    assert refused.body["message"].startswith("The payment was not confirmed.")
    assert (await sandbox.post(f"{path}/challenge", {"confirmed": True})).body["code"] == "no_challenge"
    await sandbox.post(path, typed)
    assert (await sandbox.post(f"{path}/challenge", {"confirmed": True})).body == {"status": "given"}
    assert (await state(sandbox, session_id))["last4"] == "3184"


async def test_a_session_that_confirms_takes_no_other_card(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("lost_card")
    told = await opened(sandbox, failure["customer_id"], credential_id=failure["credential_id"])
    path = f"/gateway/fields/{told['session_id']}"
    assert (await sandbox.post(path, CARD)).body["code"] == "only_confirms"
    assert (await sandbox.post(f"{path}/challenge", {"confirmed": True})).body == {"status": "given"}
    charge = {name: failure[name] for name in "invoice_id credential_id amount_minor currency".split()}
    answer = await sandbox.post("/gateway/charges", {"idempotency_key": "att_1", **charge})
    assert answer.body["code"] == "lost_card", "a confirmation mends nothing else"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"customer_id": "cus_nobody"}, 404, "no_such_customer"),
        ({"credential_id": "card_nobody"}, 404, "no_such_card"),
        ({"payment_type": "cheque"}, 400, "bad_input"),
        ({"return_url": "javascript:alert(1)"}, 400, "bad_input"),
        ({"return_url": "/pay"}, 400, "bad_input"),
        ({"locale": "de\r\nX: y"}, 400, "bad_input"),
        ({"surprise": 1}, 400, "bad_input"),
    ],
)
async def test_a_session_that_cannot_be_is_refused(
    sandbox: RunningSandbox, changes: dict[str, Any], status: int, code: str
) -> None:
    failure = await sandbox.failure("generic")
    body = {"customer_id": failure["customer_id"], "return_url": BACK, **changes}
    reply = await sandbox.post("/gateway/sessions", body)
    assert (reply.status, reply.body["code"]) == (status, code)


async def test_a_debit_is_pending_and_settles_when_the_customer_s_bank_pays(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("insufficient_funds")
    told = await opened(sandbox, failure["customer_id"], payment_type="bank_debit")
    typed = {"iban": "DE89370400440532013000", "holder": "Ada"}
    await sandbox.post(f"/gateway/fields/{told['session_id']}", typed)
    credential_id = (await state(sandbox, told["session_id"]))["credential_id"]
    charge = {name: failure[name] for name in "invoice_id amount_minor currency".split()}
    body = {"idempotency_key": "att_1", "credential_id": credential_id, **charge}
    assert (await sandbox.post("/gateway/charges", body)).body["status"] == "pending"
    await sandbox.post(f"/world/invoices/{failure['invoice_id']}/confirm", {"deliver": False})
    assert (await sandbox.get("/gateway/charges/att_1")).body["status"] == "succeeded"
    assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "paid"


async def test_a_part_that_is_lent_leaves_the_rest_and_the_default(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("do_not_honor")
    customer = f"/gateway/customers/{failure['customer_id']}"
    other = (await sandbox.post(f"/world{customer[8:]}/cards", {"kind": "good", "brand": "visa", "last4": "1881"})).body
    body = {"invoice_id": failure["invoice_id"], "currency": "EUR", **other, "amount_minor": 1000}
    for number, keep, default in ((1, False, failure["credential_id"]), (2, True, other["credential_id"])):
        charge = {**body, "idempotency_key": f"att_{number}", "keep": keep}
        assert (await sandbox.post("/gateway/charges", charge)).body["status"] == "succeeded"
        changed = await sandbox.post("/gateway/charges", {**charge, "keep": not keep})
        assert changed.body["code"] == "key_reused"
        assert (await sandbox.get(f"{customer}/cards")).body["cards"][0]["credential_id"] == default
    assert (await sandbox.invoice(failure["invoice_id"]))["due_minor"] == failure["amount_minor"] - 2000
    assert (await sandbox.get(f"{customer}/cards")).body["cards"][0]["last4"] == "1881"


async def test_a_slow_gateway_has_charged_before_it_answers(sandbox: RunningSandbox) -> None:
    """The answer is what takes long: a caller who waits less than that learns nothing, and the money moved."""
    failure = await sandbox.failure("generic")
    await sandbox.post("/world/faults", {"slow_seconds": 5})
    charge = {name: failure[name] for name in "invoice_id credential_id amount_minor currency".split()}
    with pytest.raises(NoAnswer):
        await sandbox.client(0.5).post("/gateway/charges", {"idempotency_key": "att_1", **charge}, START)
    assert (await sandbox.get("/gateway/charges/att_1")).body["status"] == "succeeded"


async def test_the_page_of_the_sandbox_leads_back(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    for answer, outcome, status in (("cancel", "cancelled", "open"), ("approve", "approved", "given")):
        told = await opened(sandbox, failure["customer_id"], payment_type="wallet", redirect=True)
        assert told["url"] == sandbox.url + told["path"]
        async with sandbox.session.post(
            told["url"], data={"answer": answer}, headers={NOW_HEADER: START.isoformat()}, allow_redirects=False
        ) as reply:
            assert reply.status == 303
            went = reply.headers["Location"]
        assert went == f"{BACK}&sandbox_session={told['session_id']}&outcome={outcome}"
        assert (await sandbox.get(f"/gateway/sessions/{told['session_id']}")).body["status"] == status
    in_fields = await opened(sandbox, failure["customer_id"])
    assert (await sandbox.get(f"/gateway/pages/{in_fields['session_id']}")).body["code"] == "no_page"


async def test_neither_tables_nor_answers_hold_what_was_typed(sandbox: RunningSandbox, database_url: str) -> None:
    """Every published number, given, refused, declined later or waiting for its challenge; and what is no request."""
    failure, answers = await sandbox.failure("generic"), []
    for number in [*CARDS, *ACCOUNTS, "6011111111111117"]:
        is_card = number.isdecimal()
        told = await opened(sandbox, failure["customer_id"], payment_type="card" if is_card else "bank_debit")
        typed = {**CARD, "number": number} if is_card else {"iban": number, "holder": "Ada Lovelace"}
        path = f"/gateway/fields/{told['session_id']}"
        strange = await sandbox.post(path, {**typed, "surprise": number})
        assert strange.status == 400
        answers += [strange.text, (await sandbox.post(path, typed)).text]
        answers.append((await sandbox.get(f"/gateway/sessions/{told['session_id']}")).text)
    kept = await everything_in(database_of_sandbox(database_url))
    assert "4242" in kept, "the last four are there, so the search works"
    for number in [*CARDS, *ACCOUNTS, "6011111111111117"]:
        assert number not in kept
        assert not any(number in answer for answer in answers)
    assert published_in(kept) is None
    assert "Lovelace" not in kept


async def everything_in(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        found = [await connection.fetch(f"select t::text from {table['tablename']} t") for table in tables]
    finally:
        await connection.close()
    return "\n".join(row["t"] for rows in found for row in rows)
