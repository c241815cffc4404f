"""From the webhook to the end of a case no card number reaches a table, a history or a log; and what becomes of one
that somebody sends past the API, from the Temporal UI (P9)."""

import logging
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.fixtures.card_numbers import (
    AMEX,
    MASTERCARD,
    PUBLISHED,
    VISA,
    histories_with_card_numbers,
    published_in,
    tables_with_card_numbers,
)
from tests.fixtures.temporal import PLANTED
from tests.fixtures.town import SECRET, Case, Town
from workers.sandbox.stripe_events import body_of_event, sign

SENTENCE = "my card is 4242 4242 4242 4242 12/27"
WHO = {"actor": "ops", "reason": "a look"}


async def history_holds_one(case: Case) -> bool:
    return bool(await histories_with_card_numbers(case.town.temporal, [case.ref.workflow_id]))


async def hook(town: Town, told: dict[str, Any]) -> int:
    body = body_of_event(told)
    headers = {"Stripe-Signature": sign(body, SECRET, datetime.now(UTC))}
    async with town.session.post(f"{town.api_url}/webhooks/stripe/default", data=body, headers=headers) as response:
        assert published_in(await response.text()) is None
        return response.status


def about_customer(case: Case, **fields: Any) -> dict[str, Any]:
    customer = {"id": case.customer_id, "object": "customer", **fields}
    kind, created = "customer.updated", int(datetime.now(UTC).timestamp())
    unique = uuid.uuid4().hex
    return {"id": f"evt_{unique}", "object": "event", "created": created, "type": kind, "data": {"object": customer}}


async def test_from_the_webhook_to_the_end_none_is_left_anywhere(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        case = await town.fails("insufficient_funds")
        assert await hook(town, about_customer(case, name=f"Ada {VISA}", description=SENTENCE, phone=AMEX)) == 200
        for number in PUBLISHED:
            status, answer = await case.acts("pause", reason=f"she wrote {number}")
            assert (status, answer["error"]) == (400, "invalid")
            status, answer = await case.acts("update_payment_method", credential_id=number)
            assert (status, answer["error"]) == (400, "invalid")
        assert (await case.gives_card())[0] == 200
        assert await case.until_closed() == "recovered"
    assert published_in(caplog.text) is None
    assert not await history_holds_one(case)
    assert await tables_with_card_numbers(town.settings.database_url.get_secret_value()) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pause", {"reason": SENTENCE}),
        ("pause", {"actor": MASTERCARD}),
        ("pause", {"action_id": f"click {VISA}"}),
        ("close", {"reason": SENTENCE, "outcome": "cancelled"}),
        ("update_payment_method", {"credential_id": VISA}),
        ("update_payment_method", {"credential_id": f"card_{AMEX}"}),
    ],
)
async def test_an_update_from_the_temporal_ui_that_holds_one_is_refused_and_leaves_no_trace(
    town: Town, caplog: pytest.LogCaptureFixture, name: str, change: dict[str, Any]
) -> None:
    case = await town.fails("do_not_honor")
    with caplog.at_level(logging.DEBUG), pytest.raises(WorkflowUpdateFailedError) as refusal:
        await case.handle.execute_update(name, {"action_id": "1", **WHO, **change})
    assert published_in(f"{refusal.value} {refusal.value.cause}") is None
    assert published_in(caplog.text) is None
    assert not await history_holds_one(case)
    assert (await case.status()).state == "retrying"


@pytest.mark.plants_card_numbers
async def test_a_signal_from_the_temporal_ui_that_holds_one_stays_where_it_was_sent_to_and_goes_no_further(
    town: Town,
) -> None:
    """The server writes a signal down before any worker sees it. The case drops it, so it is in no fact, no status, no
    table and no log, and the next signal is heard."""
    described = await town.describe()
    case = Case(town, f"{described.ref.invoice_id}{PLANTED}", described.customer_id)
    await case.fail("do_not_honor")
    await case.until_decided()
    await case.handle.signal("pause", {"action_id": "1", "actor": "ops", "reason": SENTENCE})
    await case.handle.signal("pause", {"action_id": "2", **WHO})
    assert (await case.until_state("on_hold")).facts is not None
    status = await case.status()
    assert published_in(status.model_dump_json()) is None
    assert status.facts is not None
    assert [stop.reason for stop in status.facts.stops] == ["a look"]
    assert await history_holds_one(case), "the search does not find what was planted"
    assert await tables_with_card_numbers(town.settings.database_url.get_secret_value()) == []


async def test_what_the_sandbox_is_told_holds_none_either(town: Town) -> None:
    for path, body in {
        "/world/failures": {"story": "generic", "invoice_id": VISA},
        f"/world/customers/{VISA}/cards": {"kind": "good"},
        "/gateway/charges": {"key": SENTENCE},
    }.items():
        async with town.session.post(town.settings.sandbox_url + path, json=body) as response:
            assert response.status == 400
            assert published_in(await response.text()) is None
