import pytest
import stripe

from policies.invoices import InvoiceStatus
from tests.fixtures.sandbox import START, day
from workers.sandbox import stripe_events as events
from workers.sandbox.invoices import Invoice

ONLY_BEFORE_BASIL = ["charge", "payment_intent", "subscription", "paid", "paid_out_of_band"]


def invoice(api_version: str, **changes: object) -> Invoice:
    fields = {
        "invoice_id": "in_a",
        "customer_id": "cus_a",
        "subscription_id": "sub_a",
        "payment_intent_id": "pi_a",
        "amount_minor": 2900,
        "currency": "EUR",
        "status": InvoiceStatus.OPEN,
        "failed_at": START,
        "changed_at": START,
        "first_charge_id": "ch_a",
        "first_credential_id": "card_a",
        "first_code": "insufficient_funds",
        "api_version": api_version,
        **changes,
    }
    return Invoice.model_validate(fields)


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2025-11-17.clover"])
def test_since_basil_the_invoice_names_its_subscription_in_its_parent_alone(version: str) -> None:
    body = events.invoice_payment_failed(invoice(version), START)["data"]["object"]
    assert body["parent"]["subscription_details"]["subscription"] == "sub_a"
    assert not set(ONLY_BEFORE_BASIL) & set(body)


@pytest.mark.parametrize("version", ["2020-08-27", "2024-09-30.acacia"])
def test_before_basil_the_invoice_carries_all_of_it(version: str) -> None:
    body = events.invoice_payment_failed(invoice(version), START)["data"]["object"]
    assert [body[name] for name in ONLY_BEFORE_BASIL] == ["ch_a", "pi_a", "sub_a", False, False]
    assert "parent" not in body


@pytest.mark.parametrize(("version", "names_invoice"), [("2024-09-30.acacia", True), ("2025-03-31.basil", False)])
def test_the_decline_comes_with_the_payment_intent(version: str, names_invoice: bool) -> None:
    body = events.payment_intent_payment_failed(invoice(version), START)["data"]["object"]
    assert body["id"] == "pi_a"
    assert (body["last_payment_error"]["code"], body["last_payment_error"]["decline_code"]) == (
        "card_declined",
        "insufficient_funds",
    )
    assert ("invoice" in body) is names_invoice


@pytest.mark.parametrize(("version", "told"), [("2024-09-30.acacia", True), ("2025-03-31.basil", None)])
def test_money_taken_outside_shows_as_nothing_paid_here(version: str, told: bool | None) -> None:
    paid = invoice(version, status=InvoiceStatus.PAID, paid_minor=2900)
    body = events.invoice_paid(paid, day(1), out_of_band=True)["data"]["object"]
    assert (body["status"], body["amount_paid"], body["amount_remaining"]) == ("paid", 0, 0)
    assert body.get("paid_out_of_band") is told
    through_us = events.invoice_paid(paid, day(1), out_of_band=False)["data"]["object"]
    assert through_us["amount_paid"] == 2900


def test_the_envelope_tells_the_virtual_time() -> None:
    event = events.invoice_voided(invoice(events.BASIL, status=InvoiceStatus.VOID), day(3))
    assert event["created"] == int(day(3).timestamp())
    assert event["data"]["object"]["status_transitions"]["voided_at"] == event["created"]
    assert event["data"]["object"]["created"] == int(START.timestamp())
    assert event["type"] == "invoice.voided"


@pytest.mark.parametrize(("won", "status"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_closed_either_way(won: bool, status: str) -> None:
    disputed = invoice(events.BASIL, dispute_id="du_a")
    event = events.dispute_closed(disputed, day(1), won=won)
    assert event["type"] == "charge.dispute.closed"
    assert (event["data"]["object"]["status"], event["data"]["object"]["id"]) == (status, "du_a")


def test_stripe_s_own_library_accepts_our_signature() -> None:
    body = events.body_of_event(events.invoice_payment_failed(invoice(events.BASIL), START))
    header = events.sign(body, "whsec_test", day(1))
    assert stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_test", tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode() + " ", header, "whsec_test", tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_other", tolerance=None)
