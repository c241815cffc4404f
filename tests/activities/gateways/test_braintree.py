"""The adapter with the vendor's own client against a local server that speaks its API; see `braintree_server.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from activities.errors import Misconfigured, Unavailable
from activities.gateways.accounts import BraintreeAccount
from activities.gateways.braintree import BraintreeGateway
from activities.gateways.contract import (
    Declined,
    Gateway,
    GatewayCharge,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.threads import Threads
from policies.declines import Category
from policies.instruments import Initiator, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.braintree_server import MERCHANT, PRIVATE, PUBLIC, BraintreeServer
from tests.activities.gateways.braintree_world import PRICE, Method, Subscription
from tests.activities.gateways.contract import SOME_CHARGE, Charge, GatewayContract, sent
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble, troubled

EUROS = Money(amount_minor=2900, currency="EUR")
KEY = "att_0123456789abcdef0123456789abcdef01234567"
BEHAVES: dict[Charge, dict[str, Any]] = {
    Charge.PAYS: {},
    Charge.IS_DECLINED: {"status": "processor_declined", "code": "2001", "network_code": "51"},
    Charge.IS_DECLINED_STRANGELY: {"status": "processor_declined", "code": "2998", "network_code": ""},
    Charge.IS_PENDING: {"status": "settlement_pending", "bank": True},
    Charge.IS_REFUSED: {},
}


def account(url: str, timeout_seconds: float = 5, private_key: str = PRIVATE) -> BraintreeAccount:
    return BraintreeAccount(
        merchant_id=MERCHANT,
        public_key=PUBLIC,
        private_key=SecretStr(private_key),
        base_url=url,
        timeout_seconds=timeout_seconds,
        merchant_accounts={"USD": "shop_usd"},
    )


@asynccontextmanager
async def gateway_at(url: str, **settings: Any) -> AsyncIterator[BraintreeGateway]:
    threads = Threads("braintree", count=2)
    gateway = BraintreeGateway(account(url, **settings), threads)
    try:
        yield gateway
    finally:
        gateway.close()
        threads.close()


class BraintreeStand:
    def __init__(self, server: BraintreeServer, gateway: BraintreeGateway) -> None:
        self.server = server
        self.world = server.world
        self.gateway: Gateway = gateway

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = self.charge_of(**BEHAVES[comes_to])
        return charge.model_copy(update={"credential_id": "nobodys"}) if comes_to is Charge.IS_REFUSED else charge

    def charge_of(self, owned_here: bool = True, key: str = KEY, **behaves: Any) -> GatewayCharge:
        """On another card than the one that was refused at the renewal."""
        number = len(self.world.subscriptions) + 1
        method = Method(f"card_{number}", f"customer_{number}", **behaves)
        subscription = self.world.past_due(method)
        return GatewayCharge(
            key=key,
            invoice_id=f"{subscription.id}.2026-03-02" if owned_here else "in_elsewhere",
            customer_id=method.customer_id,
            credential_id=method.token,
            amount=EUROS,
            now=START + timedelta(hours=1),
            owned_here=owned_here,
        )

    def subscription_of(self, charge: GatewayCharge) -> Subscription:
        return self.world.subscriptions[charge.invoice_id.partition(".")[0]]

    async def money_taken(self, charge: GatewayCharge) -> int:
        if charge.owned_here:
            return self.world.money_taken(charge.invoice_id.partition(".")[0])
        return self.world.money_taken(None, charge.key)

    async def settle(self, charge: GatewayCharge) -> None:
        raise AssertionError("cards do not settle later")

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        if trouble is Trouble.REFUSES:
            async with self.troubled_readings(trouble) as gateway:
                yield gateway, SOME_CHARGE
            return
        self.server.trouble = trouble
        async with gateway_at(self.server.url, timeout_seconds=0.5) as gateway:
            yield gateway, await self.charge_that(Charge.PAYS)

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url, gateway_at(url, timeout_seconds=0.5) as gateway:
            yield gateway


@pytest.fixture
async def stand() -> AsyncIterator[BraintreeStand]:
    async with BraintreeServer().running() as server, gateway_at(server.url) as gateway:
        stand = BraintreeStand(server, gateway)
        stand.world.now = START + timedelta(hours=1)
        yield stand


class TestBraintreeGateway(GatewayContract):
    async def test_the_subscription_is_retried_on_the_chosen_card_and_is_paid(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        subscription = stand.subscription_of(charge)
        assert subscription.status == "Active"
        assert subscription.payment_method_token == charge.credential_id

    async def test_a_new_card_alone_charges_nothing_even_where_proration_is_on(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        (update,) = [body for body in stand.server.sent("/subscriptions/sub1") if body.fields]
        assert update.text("payment_method_token") == charge.credential_id
        assert len(stand.subscription_of(charge).transactions) == 2, "the renewal and one retry"

    async def test_the_card_that_the_subscription_has_is_not_set_again(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        charge = charge.model_copy(update={"credential_id": stand.subscription_of(charge).payment_method_token})
        assert isinstance(await stand.gateway.charge(charge), Declined)
        assert [body.fields for body in stand.server.sent("/subscriptions/sub1") if body.fields] == []

    async def test_a_part_of_what_is_owed_can_be_collected(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        part = charge.model_copy(update={"amount": Money(amount_minor=1000, currency="EUR")})
        assert isinstance(await stand.gateway.charge(part), Succeeded)
        assert stand.subscription_of(charge).status == "Past Due"

    @pytest.mark.parametrize("owned_here", [True, False])
    async def test_an_answer_that_was_lost_is_found_by_the_look_up_and_by_the_next_charge(
        self, stand: BraintreeStand, owned_here: bool
    ) -> None:
        charge = stand.charge_of(owned_here=owned_here)
        stand.server.hangs_up_after_the_money = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert await stand.money_taken(charge) == 1

    async def test_a_retry_that_another_process_makes_again_finds_the_first(self, stand: BraintreeStand) -> None:
        """Nothing is remembered there, but the activity is repeated with the time it had."""
        charge = await stand.charge_that(Charge.IS_DECLINED)
        first = await stand.gateway.charge(charge)
        async with gateway_at(stand.server.url) as other:
            assert await other.charge(charge) == first
        assert len(stand.subscription_of(charge).transactions) == 2

    async def test_an_earlier_refusal_is_not_taken_for_this_attempt(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        stand.world.methods[charge.credential_id].status = "submitted_for_settlement"
        stand.world.now = day(3)
        later = charge.model_copy(update={"key": KEY.replace("0", "9"), "now": day(3)})
        assert await stand.gateway.look_up(sent(later)) == NeverArrived()
        assert isinstance(await stand.gateway.charge(later), Succeeded)

    async def test_another_sum_or_another_card_is_another_attempt(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        other = stand.world.methods[subscription.payment_method_token]
        stand.world.transact(other, PRICE, subscription)
        stand.world.transact(stand.world.methods[charge.credential_id], PRICE / 2, subscription)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_what_somebody_else_collected_just_then_is_not_collected_again(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        theirs = stand.world.transact(stand.world.methods[charge.credential_id], PRICE, subscription)
        assert await stand.gateway.charge(charge) == Succeeded(reference=theirs["id"])
        assert await stand.money_taken(charge) == 1

    @pytest.mark.parametrize("status", ["Active", "Canceled", "Expired"])
    async def test_a_subscription_settled_elsewhere_is_unknown_and_never_a_decline(
        self, stand: BraintreeStand, status: str
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        other = stand.world.add(Method("other", charge.customer_id))
        stand.world.transact(other, PRICE, subscription)
        subscription.status = status
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert stand.server.sent("/transactions") == []
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_a_debit_that_came_back_on_an_active_subscription_is_for_a_person(
        self, stand: BraintreeStand
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.subscription_of(charge).status = "Active"
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge)

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_while_the_card_is_set_is_no_unknown(self, stand: BraintreeStand, trouble: Trouble) -> None:
        """Nothing moved, so Temporal may try again."""
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.trouble_with_cards = trouble
        async with gateway_at(stand.server.url, timeout_seconds=0.5) as gateway:
            with pytest.raises(Unavailable):
                await gateway.charge(charge)
        assert stand.server.sent("/transactions") == []

    async def test_a_transaction_that_is_still_being_authorized_is_unknown(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(status="authorizing")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Unknown)

    @pytest.mark.parametrize("status", ["authorized", "settlement_pending"])
    async def test_money_that_nobody_asked_for_yet_is_pending(self, stand: BraintreeStand, status: str) -> None:
        assert isinstance(await stand.gateway.charge(stand.charge_of(status=status)), Pending)

    async def test_a_bank_debit_is_paid_when_the_bank_says_so_and_may_come_back(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_PENDING)
        pending = await stand.gateway.charge(charge)
        assert isinstance(pending, Pending)
        made = stand.world.transactions[pending.reference]
        made["status"] = "settled"
        assert isinstance(await stand.gateway.look_up(sent(charge, pending.reference)), Succeeded)
        made["status"], made["processor_settlement_response_code"] = "settlement_declined", "4001"
        returned = await stand.gateway.look_up(sent(charge))
        assert isinstance(returned, Declined)
        assert returned.decline.code == "4001"

    async def test_everything_that_braintree_tells_of_a_refusal_is_handed_on(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(status="processor_declined", code="2000", network_code="05", advice_code="03")
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.network_code, outcome.decline.advice_code) == ("2000", "05", "03")
        assert outcome.decline.decided_by.startswith("mastercard_mac"), "a MAC is read as the card's network means it"

    @pytest.mark.parametrize(
        ("status", "code", "category"),
        [
            ("processor_declined", "2099", Category.AUTHENTICATION_REQUIRED),
            ("gateway_rejected", "three_d_secure", Category.AUTHENTICATION_REQUIRED),
            ("processor_declined", "2004", Category.EXPIRED_CARD),
            ("processor_declined", "2047", Category.LOST_OR_STOLEN),
            ("gateway_rejected", "duplicate", Category.DUPLICATE),
            ("failed", "3000", Category.GATEWAY_ERROR),
        ],
    )
    async def test_each_kind_of_refusal_has_its_category(
        self, stand: BraintreeStand, status: str, code: str, category: Category
    ) -> None:
        charge = stand.charge_of(status=status, code=code, network_code="")
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.category) == (code, category)


class TestSales:
    """Claims that somebody else owns."""

    async def test_a_sale_carries_our_key_and_says_that_it_is_recurring(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        (sale,) = stand.server.sent("/transactions")
        assert sale.fields == {
            "amount": "29.00",
            "order_id": KEY,
            "payment_method_token": charge.credential_id,
            "options": {"submit_for_settlement": "true"},
            "transaction_source": "recurring",
            "type": "sale",
        }

    async def test_a_customer_s_own_payment_is_not_called_recurring(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False).model_copy(update={"initiator": Initiator.CUSTOMER})
        await stand.gateway.charge(charge)
        (sale,) = stand.server.sent("/transactions")
        assert "transaction_source" not in sale.fields

    async def test_each_currency_goes_to_its_own_merchant_account(self, stand: BraintreeStand) -> None:
        dollars = Money(amount_minor=2950, currency="USD")
        charge = stand.charge_of(owned_here=False).model_copy(update={"amount": dollars})
        await stand.gateway.charge(charge)
        (sale,) = stand.server.sent("/transactions")
        assert (sale.fields["merchant_account_id"], sale.fields["amount"]) == ("shop_usd", "29.50")

    @pytest.mark.parametrize("comes_to", [Charge.PAYS, Charge.IS_DECLINED])
    async def test_the_same_sale_twice_is_one_sale_with_one_answer(
        self, stand: BraintreeStand, comes_to: Charge
    ) -> None:
        charge = stand.charge_of(owned_here=False, **BEHAVES[comes_to])
        first = await stand.gateway.charge(charge)
        async with gateway_at(stand.server.url) as other:
            assert await other.charge(charge.model_copy(update={"now": day(9)})) == first
        assert await stand.gateway.look_up(sent(charge)) == first
        assert len(stand.server.sent("/transactions")) == 1

    async def test_a_sale_is_found_on_the_second_page_of_a_search_and_the_paid_one_counts(
        self, stand: BraintreeStand
    ) -> None:
        charge = stand.charge_of(owned_here=False)
        refusing = stand.world.add(Method("refusing", charge.customer_id, "processor_declined", "2001"))
        for _ in range(3):
            stand.world.transact(refusing, PRICE, order_id=KEY)
        paid = stand.world.transact(stand.world.methods[charge.credential_id], PRICE, order_id=KEY)
        assert await stand.gateway.look_up(sent(charge)) == Succeeded(reference=paid["id"])

    async def test_an_unknown_card_is_our_fault(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False).model_copy(update={"credential_id": "nobodys"})
        with pytest.raises(Misconfigured, match="91518"):
            await stand.gateway.charge(charge)


class TestWaysToPay:
    async def test_the_default_comes_first_with_what_its_issuer_is(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(default=True)
        stand.world.add(Method("bank", charge.customer_id, bank=True))
        first, *others = await stand.gateway.payment_methods(charge.customer_id)
        assert (first.credential_id, first.is_default, first.expires) == (charge.credential_id, True, "2027-12")
        assert (first.instrument.network, first.instrument.country) == (Network.MASTERCARD, "DE")
        assert first.instrument.issuer == "Some Bank"
        assert first.fingerprint == first.instrument.fingerprint == "same_customer_1"
        by_id = {method.credential_id: method for method in others}
        assert by_id["old_1"].fingerprint == first.fingerprint, "the same card under another token"
        assert by_id["bank"].instrument.payment_type is PaymentType.BANK_DEBIT
        assert by_id["bank"].expires is None

    async def test_a_customer_nobody_has_keeps_no_way_to_pay(self, stand: BraintreeStand) -> None:
        assert await stand.gateway.payment_methods("nobody") == ()

    async def test_a_card_that_was_renewed_since_is_told(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of()
        card = stand.world.methods[charge.credential_id]
        assert await stand.gateway.refreshed(charge.customer_id, card.token, START) is None
        card.updated_at, card.expiration = day(2), "01/2030"
        renewed = await stand.gateway.refreshed(charge.customer_id, card.token, START)
        assert renewed is not None
        assert (renewed.credential_id, renewed.expires) == (card.token, "2030-01")
        card.expired = True
        assert await stand.gateway.refreshed(charge.customer_id, card.token, START) is None

    async def test_a_client_token_opens_the_fields_in_our_page(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of()
        session = await stand.gateway.update_session(charge.customer_id, "https://shop.example/back")
        assert session == UpdateSession(reference=charge.customer_id, client_token="made-up-client-token")
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session("nobody", "https://shop.example/back")


async def test_a_wrong_key_is_our_fault_and_is_never_shown(stand: BraintreeStand) -> None:
    charge = await stand.charge_that(Charge.PAYS)
    async with gateway_at(stand.server.url, private_key="another_secret") as gateway:
        with pytest.raises(Misconfigured) as caught:
            await gateway.charge(charge)
    assert "another_secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://127.0.0.1:8443", "http://127.0.0.1:443", "ftp://x:1", "shop.example"])
def test_an_address_that_the_client_cannot_speak_to_is_refused_at_once(url: str) -> None:
    threads = Threads("braintree", count=1)
    with pytest.raises(ValueError, match="base_url"):
        BraintreeGateway(account(url), threads)
    threads.close()


def test_without_an_address_it_is_the_vendor_s_own() -> None:
    threads = Threads("braintree", count=1)
    for live, host in ((True, "api.braintreegateway.com"), (False, "api.sandbox.braintreegateway.com")):
        settings = account("http://127.0.0.1:1").model_copy(update={"base_url": None, "live": live})
        gateway = BraintreeGateway(settings, threads)
        assert host in gateway._client._gateway.config.base_url()
        gateway.close()
    threads.close()
