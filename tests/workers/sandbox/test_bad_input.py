"""Whatever is wrong is named, refused with 400 and changes nothing; a value is never repeated in the answer."""

from typing import Any

import pytest

from tests.fixtures.sandbox import RunningSandbox
from workers.sandbox.http import NOW_HEADER

CHARGE: dict[str, Any] = {
    "idempotency_key": "att_1",
    "invoice_id": "in_1",
    "credential_id": "card_1",
    "amount_minor": 2900,
    "currency": "EUR",
}
MESSAGE = {"key": "mes_1", "case_id": "stripe/acct/in_1", "to": "ada@example.test", "subject": "Hello", "text": "Hi"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_minor", 29.0),
        ("amount_minor", "2900"),
        ("amount_minor", True),
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 10**18),
        ("currency", "eur"),
        ("currency", "XXX"),
        ("invoice_id", "in/1"),
        ("invoice_id", ""),
        ("idempotency_key", "a\x00b"),
        ("credential_id", None),
        ("surprise", 1),
    ],
)
async def test_a_wrong_field_of_a_charge_is_named(sandbox: RunningSandbox, field: str, value: Any) -> None:
    reply = await sandbox.post("/gateway/charges", {**CHARGE, field: value})
    assert reply.status == 400
    assert reply.body["error"].startswith(f"{field}: ")


@pytest.mark.parametrize("field", CHARGE)
async def test_a_missing_field_of_a_charge_is_named(sandbox: RunningSandbox, field: str) -> None:
    reply = await sandbox.post("/gateway/charges", {name: v for name, v in CHARGE.items() if name != field})
    assert (reply.status, reply.body["error"]) == (400, f"{field}: Field required")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 5000])
async def test_a_body_that_is_no_request_is_refused(sandbox: RunningSandbox, body: bytes) -> None:
    assert (await sandbox.post("/gateway/charges", body)).status == 400


@pytest.mark.parametrize(
    "token",
    [
        "4242424242424242",
        "card_4242424242424242",
        "card_4242-4242-4242-4242_x",
        "378282246310005",
        "card_994242424242424242",
        "card_4222222222222",
        "6304000000000000000",
    ],
)
@pytest.mark.parametrize("path", ["/gateway/charges", "/fraud/assessments", "/world/failures"])
async def test_what_looks_like_a_card_number_never_enters(sandbox: RunningSandbox, token: str, path: str) -> None:
    bodies = {
        "/gateway/charges": {**CHARGE, "credential_id": token},
        "/fraud/assessments": {
            "customer_id": "cus_1",
            "credential_id": token,
            "amount_minor": 1,
            "currency": "EUR",
        },
        "/world/failures": {"story": "generic", "credential_id": token},
    }
    reply = await sandbox.post(path, bodies[path])
    assert reply.status == 400
    assert reply.body["error"].startswith("credential_id: ")
    assert token not in reply.text


@pytest.mark.parametrize("token", ["card_424242424242", "card_1111111111111", "card_abcdefghijklm"])
async def test_digits_that_are_no_card_number_are_a_token(sandbox: RunningSandbox, token: str) -> None:
    reply = await sandbox.post("/gateway/charges", {**CHARGE, "credential_id": token})
    assert reply.body["code"] == "no_such_invoice"


@pytest.mark.parametrize("value", ["tomorrow", "2026-03-02T09:00:00", ""])
async def test_a_time_without_a_zone_is_refused(sandbox: RunningSandbox, value: str) -> None:
    async with sandbox.session.post(
        f"{sandbox.url}/gateway/charges", json=CHARGE, headers={NOW_HEADER: value}
    ) as reply:
        assert reply.status == 400
        assert (await reply.json())["error"].startswith(NOW_HEADER)


@pytest.mark.parametrize(
    ("field", "value"),
    [("subject", "a\r\nBcc: all@example.test"), ("text", "a\x00b"), ("to", ""), ("case_id", "a\nb"), ("key", 1)],
)
async def test_a_wrong_field_of_a_message_is_named(sandbox: RunningSandbox, field: str, value: Any) -> None:
    reply = await sandbox.post("/channels/email/messages", {**MESSAGE, field: value})
    assert reply.status == 400
    assert reply.body["error"].startswith(f"{field}: ")
    assert (await sandbox.get("/outbox.json")).body["messages"] == []


async def test_a_channel_nobody_has_is_not_found(sandbox: RunningSandbox) -> None:
    assert (await sandbox.post("/channels/pigeon/messages", MESSAGE)).status == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/world/failures", {"story": "no_such_story"}, "story"),
        ("/world/failures", {"story": "generic", "amount_minor": 1.5}, "amount_minor"),
        ("/world/failures", {"story": "generic", "at": "2026-03-02T09:00:00"}, "at"),
        ("/world/outages", {"begins_at": "2026-03-02T09:00:00Z"}, "ends_at"),
        ("/access/changes", {"key": "k", "customer_id": "c", "level": "gone", "takes": []}, "level"),
        ("/access/changes", {"key": "k", "customer_id": "c", "level": "full", "takes": "all"}, "takes"),
    ],
)
async def test_a_wrong_field_of_anything_else_is_named(
    sandbox: RunningSandbox, path: str, body: dict[str, Any], field: str
) -> None:
    reply = await sandbox.post(path, body)
    assert reply.status == 400
    assert reply.body["error"].startswith(f"{field}: ")


async def test_a_card_that_cannot_be_is_refused(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    reply = await sandbox.post(f"/world/customers/{failure['customer_id']}/cards", {"kind": "golden"})
    assert (reply.status, reply.body["code"]) == (400, "bad_input")


@pytest.mark.parametrize(
    "path", ["/gateway/charges/a%00b", "/source/invoices/a%2Fb", "/access/%F0%9F%92%A5", "/billing/%3Cscript%3E"]
)
async def test_an_id_that_is_none_is_refused(sandbox: RunningSandbox, path: str) -> None:
    assert (await sandbox.get(path)).status in (400, 404)


@pytest.mark.parametrize("path", ["/outbox?case=%00", "/outbox.json?case=%00", "/world/ledger?invoice=%00"])
async def test_a_filter_that_matches_nothing_shows_nothing(sandbox: RunningSandbox, path: str) -> None:
    assert (await sandbox.get(path)).status == 200
