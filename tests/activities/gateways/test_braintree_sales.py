"""Sales for claims of others, ways to pay, and sessions to give new ones, through Braintree's adapter."""

from collections.abc import AsyncIterator

import pytest

from activities.errors import Misconfigured
from activities.gateways.contract import (
    Succeeded,
    Unknown,
)
from policies.instruments import Initiator, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.braintree_stand import (
    BEHAVES,
    KEY,
    BraintreeStand,
    gateway_at,
    running_stand,
)
from tests.activities.gateways.braintree_world import PRICE, Method
from tests.activities.gateways.contract import Charge, sent
from tests.fixtures.sandbox import START, day


@pytest.fixture
async def stand() -> AsyncIterator[BraintreeStand]:
    async with running_stand() as stand:
        yield stand


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

    async def test_one_that_is_under_way_counts_before_a_refused_one(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False)
        refusing = stand.world.add(Method("refusing", charge.customer_id, "processor_declined", "2001"))
        stand.world.transact(refusing, PRICE, order_id=KEY)
        stand.world.transact(stand.world.methods[charge.credential_id], PRICE, order_id=KEY)["status"] = "authorizing"
        stand.world.transact(refusing, PRICE, order_id=KEY)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Unknown)

    async def test_a_duplicate_of_our_own_sale_is_no_refusal(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False, status="gateway_rejected", code="duplicate")
        assert isinstance(await stand.gateway.charge(charge), Unknown)

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
