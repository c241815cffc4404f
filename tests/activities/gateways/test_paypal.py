from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from activities.errors import Misconfigured, RateLimited
from activities.gateways.contract import (
    Declined,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
)
from activities.gateways.paypal import PayPalGateway
from policies.declines import Category, CustomerAction
from policies.instruments import Initiator
from policies.money import Money
from tests.activities.gateways.contract import SOME_CHARGE, GatewayContract, sent
from tests.activities.gateways.paypal_server import (
    PayPalWorld,
    error,
    later,
    money,
    paypal_server,
    stamp,
)
from tests.activities.gateways.paypal_stand import KEY, PayPalStand, account, running_stand
from tests.fixtures.sandbox import START


@pytest.fixture
async def stand() -> AsyncIterator[PayPalStand]:
    async with running_stand() as standing:
        yield standing


class TestPayPalGateway(GatewayContract):
    """Charges of PayPal's own subscriptions; those of invoices that others own are tested below."""


async def test_a_capture_says_what_it_takes_and_carries_the_key(stand: PayPalStand) -> None:
    charge = stand.owned()
    await stand.gateway.charge(charge)
    method, path, body = stand.world.asked[-1]
    assert (method, path) == ("POST", f"/v1/billing/subscriptions/{charge.invoice_id}/capture")
    assert KEY in body["note"]
    assert body["amount"] == money("29.00")
    assert KEY in stand.world.answered


@pytest.mark.parametrize(("minor", "currency", "value"), [(2900, "JPY", "2900"), (290000, "HUF", "2900")])
async def test_money_goes_out_as_paypal_writes_it(stand: PayPalStand, minor: int, currency: str, value: str) -> None:
    charge = stand.vaulted(amount=Money(amount_minor=minor, currency=currency))
    await stand.gateway.charge(charge)
    assert stand.world.asked[-1][2]["purchase_units"][0]["amount"] == money(value, currency)


async def test_parts_of_a_forint_are_our_fault_and_never_sent(stand: PayPalStand) -> None:
    with pytest.raises(Misconfigured):
        await stand.gateway.charge(stand.vaulted(amount=Money(amount_minor=290050, currency="HUF")))
    assert stand.world.captures == {}


async def test_a_capture_that_is_only_accepted_is_pending_until_a_transaction_shows(stand: PayPalStand) -> None:
    charge = stand.owned("ACCEPTED")
    outcome = await stand.gateway.charge(charge)
    assert outcome == Pending(reference=KEY)
    assert await stand.gateway.look_up(sent(charge, KEY)) == outcome
    told = stand.world.pay(charge.invoice_id, "COMPLETED", "29.00", START)
    assert await stand.gateway.look_up(sent(charge, KEY)) == Succeeded(reference=told["id"])


async def test_an_accepted_capture_that_never_shows_is_unknown_after_a_day(stand: PayPalStand) -> None:
    charge = stand.owned("ACCEPTED")
    await stand.gateway.charge(charge)
    next_day = sent(charge, KEY).model_copy(update={"now": START + timedelta(days=2)})
    assert isinstance(await stand.gateway.look_up(next_day), Unknown)


async def test_a_refusal_that_only_the_subscription_tells_of_is_found(stand: PayPalStand) -> None:
    charge = stand.owned("ACCEPTED")
    failed = {"amount": money("29.00"), "time": stamp(later(0.1)), "reason_code": "PAYER_CANNOT_PAY"}
    stand.world.subscriptions[charge.invoice_id]["billing_info"]["last_failed_payment"] = failed
    found = await stand.gateway.look_up(sent(charge, KEY))
    assert isinstance(found, Declined)
    assert found.decline.code == "PAYER_CANNOT_PAY"


async def test_only_transactions_of_the_sum_and_the_time_are_taken_for_ours(stand: PayPalStand) -> None:
    charge = stand.owned()
    stand.world.pay(charge.invoice_id, "COMPLETED", "29.00", later(-3))
    stand.world.pay(charge.invoice_id, "COMPLETED", "29.00", later(30))
    stand.world.pay(charge.invoice_id, "COMPLETED", "12.00", START)
    assert await stand.gateway.look_up(sent(charge)) == NeverArrived()


async def test_money_that_was_taken_counts_before_refusals_on_other_pages(stand: PayPalStand) -> None:
    charge = stand.owned()
    paid = stand.world.pay(charge.invoice_id, "COMPLETED", "29.00", START)
    for hour in (1, 2, 3):
        stand.world.pay(charge.invoice_id, "DECLINED", "29.00", later(hour), "5120")
    assert await stand.gateway.look_up(sent(charge)) == Succeeded(reference=paid["id"])


@pytest.mark.parametrize("word", ["SUBSCRIBER_ACCOUNT_CLOSED", "SUBSCRIBER_ACCOUNT_RESTRICTED"])
async def test_a_subscriber_who_cannot_pay_is_a_decline_with_paypal_s_word(stand: PayPalStand, word: str) -> None:
    outcome = await stand.gateway.charge(stand.owned(word))
    assert isinstance(outcome, Declined)
    assert outcome.decline.code == word


@pytest.mark.parametrize("word", ["ZERO_OUTSTANDING_BALANCE", "SUBSCRIPTION_STATUS_INVALID"])
async def test_what_was_settled_elsewhere_is_unknown_and_never_a_decline(stand: PayPalStand, word: str) -> None:
    charge = stand.owned(word)
    assert isinstance(await stand.gateway.charge(charge), Unknown)
    assert await stand.gateway.look_up(sent(charge)) == NeverArrived()


@pytest.mark.parametrize(
    ("fault", "found"), [("before", NeverArrived), ("after", Succeeded)], ids=["before money moved", "after it moved"]
)
async def test_a_connection_that_dies_leaves_it_to_the_look_up(
    stand: PayPalStand, fault: str, found: type[Any]
) -> None:
    charge = stand.owned()
    stand.world.fault = fault
    assert isinstance(await stand.gateway.charge(charge), Unknown)
    assert isinstance(await stand.gateway.look_up(sent(charge)), found)
    assert isinstance(await stand.gateway.charge(charge), Succeeded)
    assert await stand.money_taken(charge) == 1


async def test_a_token_is_kept_and_renewed_once_when_paypal_takes_it_no_more(stand: PayPalStand) -> None:
    await stand.gateway.charge(stand.owned())
    await stand.gateway.charge(stand.owned().model_copy(update={"key": "att_b"}))
    assert stand.world.logins == 1
    stand.world.tokens.clear()
    charge = stand.owned().model_copy(update={"key": "att_c"})
    assert isinstance(await stand.gateway.charge(charge), Succeeded)
    assert (stand.world.logins, await stand.money_taken(charge)) == (2, 1)


async def test_a_wrong_secret_is_our_fault_and_is_not_told(stand: PayPalStand) -> None:
    async with paypal_server(PayPalWorld()) as url, aiohttp.ClientSession() as session:
        with pytest.raises(Misconfigured) as caught:
            await PayPalGateway(account(url, secret="wrong-secret"), session).charge(SOME_CHARGE)
    assert "wrong-secret" not in str(caught.value)


async def test_a_key_that_may_not_do_it_is_our_fault(stand: PayPalStand) -> None:
    stand.world.fault = 403
    with pytest.raises(Misconfigured):
        await stand.gateway.charge(stand.owned())


async def test_too_many_charges_wait_as_long_as_paypal_says(stand: PayPalStand) -> None:
    charge = stand.owned()
    stand.world.fault = 429
    with pytest.raises(RateLimited) as caught:
        await stand.gateway.charge(charge)
    assert caught.value.retry_after_seconds == 7


async def test_another_body_under_a_key_of_an_order_is_unknown(stand: PayPalStand) -> None:
    charge = stand.vaulted()
    assert isinstance(await stand.gateway.charge(charge), Succeeded)
    other = charge.model_copy(update={"amount": Money(amount_minor=100, currency="EUR")})
    assert isinstance(await stand.gateway.charge(other), Unknown)


async def test_a_card_of_the_vault_is_charged_as_a_recurring_payment_of_the_merchant(stand: PayPalStand) -> None:
    charge = stand.vaulted()
    outcome = await stand.gateway.charge(charge)
    assert isinstance(outcome, Succeeded)
    body = stand.world.asked[-1][2]
    assert body["intent"] == "CAPTURE"
    (unit,) = body["purchase_units"]
    assert (unit["custom_id"], unit["invoice_id"]) == (KEY, charge.invoice_id)
    stored = {"payment_initiator": "MERCHANT", "payment_type": "RECURRING", "usage": "SUBSEQUENT"}
    assert body["payment_source"] == {"card": {"vault_id": charge.credential_id, "stored_credential": stored}}
    assert await stand.gateway.charge(charge) == outcome
    assert len(stand.world.captures) == 1


async def test_a_customer_at_the_page_is_no_merchant(stand: PayPalStand) -> None:
    await stand.gateway.charge(stand.vaulted(initiator=Initiator.CUSTOMER))
    stored = stand.world.asked[-1][2]["payment_source"]["card"]["stored_credential"]
    assert stored == {"payment_initiator": "CUSTOMER", "payment_type": "ONE_TIME", "usage": "SUBSEQUENT"}


@pytest.mark.parametrize("kind", ["paypal", "venmo"])
async def test_wallets_of_the_vault_are_charged_as_what_they_are(stand: PayPalStand, kind: str) -> None:
    assert isinstance(await stand.gateway.charge(stand.vaulted(kind=kind)), Succeeded)
    assert list(stand.world.asked[-1][2]["payment_source"]) == [kind]


async def test_a_billing_agreement_is_a_token(stand: PayPalStand) -> None:
    charge = SOME_CHARGE.model_copy(update={"owned_here": False, "credential_id": "B-5TK"})
    assert isinstance(await stand.gateway.charge(charge), Succeeded)
    source = stand.world.asked[-1][2]["payment_source"]
    assert source == {"token": {"id": "B-5TK", "type": "BILLING_AGREEMENT"}}


async def test_what_the_vault_does_not_have_is_our_fault(stand: PayPalStand) -> None:
    with pytest.raises(Misconfigured):
        await stand.gateway.charge(SOME_CHARGE.model_copy(update={"owned_here": False}))
    with pytest.raises(Misconfigured):
        await stand.gateway.charge(stand.vaulted(kind="bank"))


@pytest.mark.parametrize(
    ("comes_to", "category"),
    [
        ("DECLINED:5120", Category.INSUFFICIENT_FUNDS),
        ("DECLINED:5400", Category.EXPIRED_CARD),
        ("FAILED:9500", Category.SUSPECTED_FRAUD),
        ("DECLINED:ZZ99", Category.UNKNOWN),
        ("PAYER_ACTION_REQUIRED", Category.AUTHENTICATION_REQUIRED),
        ("INSTRUMENT_DECLINED", Category.DO_NOT_HONOR),
        ("CARD_EXPIRED", Category.EXPIRED_CARD),
    ],
)
async def test_every_no_to_an_order_is_a_decline(stand: PayPalStand, comes_to: str, category: Category) -> None:
    outcome = await stand.gateway.charge(stand.vaulted(comes_to))
    assert isinstance(outcome, Declined)
    assert outcome.decline.category is category


async def test_the_processor_s_advice_is_handed_on(stand: PayPalStand) -> None:
    outcome = await stand.gateway.charge(stand.vaulted("DECLINED:5100:01"))
    assert isinstance(outcome, Declined)
    assert outcome.decline.advice_code == "01"
    assert outcome.decline.customer_action is not CustomerAction.NONE


async def test_issues_that_are_our_fault_are_no_declines(stand: PayPalStand) -> None:
    for word in ("INVALID_CURRENCY_CODE", "NOT_ENABLED_FOR_CARD_PROCESSING", "PAYEE_ACCOUNT_RESTRICTED", "NEW_WORD"):
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(stand.vaulted(word, key=f"att_{word}"))


@pytest.mark.parametrize("comes_to", ["DUPLICATE_INVOICE_ID", "CREATED"])
async def test_a_guard_and_an_unpaid_order_are_unknown(stand: PayPalStand, comes_to: str) -> None:
    assert isinstance(await stand.gateway.charge(stand.vaulted(comes_to)), Unknown)


@pytest.mark.parametrize("comes_to", ["COMPLETED", "PENDING", "DECLINED:5120"])
async def test_an_order_is_found_by_its_reference_and_by_our_mark(stand: PayPalStand, comes_to: str) -> None:
    for number in range(3):
        await stand.gateway.charge(stand.vaulted(key=f"att_{number}"))
    charge = stand.vaulted(comes_to)
    outcome = await stand.gateway.charge(charge)
    assert not isinstance(outcome, Unknown)
    assert await stand.gateway.look_up(sent(charge, outcome.reference)) == outcome
    assert await stand.gateway.look_up(sent(charge)) == outcome


async def test_an_order_that_asks_the_payer_is_found_by_its_id(stand: PayPalStand) -> None:
    charge = stand.vaulted("PAYER_ACTION_REQUIRED")
    outcome = await stand.gateway.charge(charge)
    assert isinstance(outcome, Declined)
    assert await stand.gateway.look_up(sent(charge, outcome.reference)) == outcome


async def test_an_order_never_arrived_only_once_the_search_would_show_it(stand: PayPalStand) -> None:
    early = sent(stand.vaulted())
    assert isinstance(await stand.gateway.look_up(early), Unknown)
    late = early.model_copy(update={"now": later(5)})
    assert await stand.gateway.look_up(late) == NeverArrived()
    stand.world.refreshed = later(0.5)
    assert isinstance(await stand.gateway.look_up(late), Unknown), "the search itself says how far it reaches"
    stand.world.refreshed = later(2)
    assert await stand.gateway.look_up(late) == NeverArrived()


async def test_a_search_that_does_not_reach_so_far_is_no_mistake_of_ours_at_first(stand: PayPalStand) -> None:
    stand.world.search_answers = error(400, "INVALID_REQUEST")
    early = sent(stand.vaulted())
    assert isinstance(await stand.gateway.look_up(early), Unknown)
    with pytest.raises(Misconfigured):
        await stand.gateway.look_up(early.model_copy(update={"now": later(5)}))


async def test_a_refund_that_repeats_our_mark_is_not_taken_for_the_payment(stand: PayPalStand) -> None:
    info = {"transaction_id": "R1", "transaction_status": "S", "custom_field": KEY, "transaction_event_code": "T1107"}
    info["transaction_initiation_date"] = stamp(START)
    stand.world.searched.append({"transaction_info": info})
    late = sent(stand.vaulted()).model_copy(update={"now": later(5)})
    assert await stand.gateway.look_up(late) == NeverArrived()


async def test_a_subscription_is_not_collected_from_another_wallet(stand: PayPalStand) -> None:
    """PayPal would take it from what the subscriber pays with, whatever we name."""
    other = stand.owned().model_copy(update={"credential_id": stand.vaulted(kind="paypal").credential_id})
    with pytest.raises(Misconfigured, match="subscriber"):
        await stand.gateway.charge(other)
    assert await stand.money_taken(other) == 0
