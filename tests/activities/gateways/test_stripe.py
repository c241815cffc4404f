from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import (
    Declined,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
)
from activities.gateways.stripe import StripeGateway
from activities.stripe_objects import MARK, amount_at_stripe
from policies.declines import Category, Retryable
from policies.instruments import Initiator, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.contract import NO_ANSWER, Charge, GatewayContract, sent
from tests.activities.gateways.stripe_server import LocalStripe, local_stripe
from tests.activities.gateways.stripe_stand import StripeStand
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


@pytest.fixture
async def at_stripe() -> AsyncIterator[tuple[LocalStripe, aiohttp.ClientSession]]:
    async with local_stripe() as stripe, aiohttp.ClientSession() as session:
        yield stripe, session


class TestStripeGateway(GatewayContract):
    @pytest.fixture
    def stand(self, at_stripe: tuple[LocalStripe, aiohttp.ClientSession]) -> StripeStand:
        return StripeStand(*at_stripe)

    async def test_money_moves_in_the_last_call_and_the_mark_is_there_before(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        (made,) = stand.world.all("charge")
        assert made["metadata"] == {MARK: charge.key}
        assert [(method, path.rsplit("/", 1)[1]) for method, path, _ in stand.stripe.asked] == [
            ("GET", charge.invoice_id),
            ("POST", made["payment_intent"]),
            ("POST", "pay"),
        ]
        assert stand.stripe.asked[-1][2]["Idempotency-Key"] == charge.key

    async def test_the_vendor_s_client_neither_measures_nor_repeats(self, stand: StripeStand) -> None:
        for key in ("att_1", "att_2"):
            await stand.gateway.charge(stand.card_that("pays", key=key))
        assert not any("X-Stripe-Client-Telemetry" in headers for _, _, headers in stand.stripe.asked)
        async with stand.troubled(Trouble.BREAKS) as (gateway, charge):
            before = len(stand.stripe.asked)
            await gateway.charge(charge)
        assert len(stand.stripe.asked) - before == 3

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.CUTS_SHORT, Trouble.BREAKS, Trouble.HANGS])
    async def test_money_that_moved_in_silence_is_found_and_moves_once(
        self, stand: StripeStand, trouble: Trouble
    ) -> None:
        stand.stripe.money_moves_first = True
        async with stand.troubled(trouble) as (gateway, charge):
            assert isinstance(await gateway.charge(charge), Unknown)
        found = await stand.gateway.look_up(sent(charge))
        assert isinstance(found, Succeeded)
        assert await stand.gateway.charge(charge) == found
        assert await stand.money_taken(charge) == 1

    async def test_silence_before_the_money_moves_is_unavailable(self, stand: StripeStand) -> None:
        for trouble in NO_ANSWER:
            async with stand.troubled_readings(trouble) as gateway:
                with pytest.raises(Unavailable):
                    await gateway.charge(await stand.charge_that(Charge.PAYS))

    @pytest.mark.parametrize("initiator", list(Initiator))
    async def test_a_payment_that_must_be_confirmed_is_declined_and_waits_for_the_customer(
        self, stand: StripeStand, initiator: Initiator
    ) -> None:
        charge = stand.card_that("requires_action", initiator=initiator)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.AUTHENTICATION_REQUIRED
        assert await stand.gateway.look_up(sent(charge)) == outcome

    @pytest.mark.parametrize(
        ("behaves", "category"),
        [
            ("expired_card", Category.EXPIRED_CARD),
            ("stolen_card", Category.LOST_OR_STOLEN),
            ("fraudulent", Category.SUSPECTED_FRAUD),
            ("authentication_required", Category.AUTHENTICATION_REQUIRED),
        ],
    )
    async def test_each_kind_of_decline_is_told_alike_by_the_charge_and_later(
        self, stand: StripeStand, behaves: str, category: Category
    ) -> None:
        charge = stand.card_that(behaves)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is category
        assert await stand.gateway.look_up(sent(charge)) == outcome
        stand.world.intent_of(stand.world.things[charge.invoice_id])["last_payment_error"] = None
        later = await stand.gateway.look_up(sent(charge))
        assert isinstance(later, Declined)
        assert later.decline.category is category

    async def test_an_error_that_names_no_charge_is_told_from_the_charges(self, stand: StripeStand) -> None:
        stand.stripe.hides = {"charge", "payment_intent", "payment_method", "network_decline_code"}
        first = stand.card_that("insufficient_funds")
        stand.world.pay(stand.world.things[first.invoice_id], stand.world.things[first.credential_id])
        outcome = await stand.gateway.charge(first)
        assert isinstance(outcome, Declined)
        assert outcome.decline.network_code == "51"
        assert outcome.reference == stand.world.all("charge")[0]["id"]
        assert await stand.gateway.look_up(sent(first)) == outcome

    async def test_the_network_s_advice_outranks_the_code(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        card = stand.world.card(customer, "do_not_honor", network="mastercard")
        outcome = await stand.gateway.charge(stand.charge_of(customer, card["id"]))
        assert isinstance(outcome, Declined)
        assert outcome.decline.advice_code == "03"
        assert outcome.decline.network_code == "05"
        assert outcome.decline.retryable is Retryable.NO

    async def test_a_charge_that_others_made_beneath_our_mark_is_not_ours(self, stand: StripeStand) -> None:
        charge = stand.card_that("insufficient_funds")
        outcome = await stand.gateway.charge(charge)
        invoice = stand.world.things[charge.invoice_id]
        stand.world.pay(invoice, stand.world.card(stand.world.things[charge.customer_id]))
        assert await stand.gateway.look_up(sent(charge)) == outcome

    @pytest.mark.parametrize("status", ["requires_payment_method", "requires_confirmation"])
    async def test_a_mark_alone_is_no_attempt(self, stand: StripeStand, status: str) -> None:
        async with stand.troubled(Trouble.CLOSES) as (gateway, charge):
            assert isinstance(await gateway.charge(charge), Unknown)
        intent = stand.world.intent_of(stand.world.things[charge.invoice_id])
        intent["status"] = status
        assert intent["metadata"] == {MARK: charge.key}
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_each_attempt_on_one_invoice_is_told_apart(self, stand: StripeStand) -> None:
        first = stand.card_that("insufficient_funds")
        declined = await stand.gateway.charge(first)
        stand.world.behaves[first.credential_id] = "pays"
        second = first.model_copy(update={"key": "att_second"})
        succeeded = await stand.gateway.charge(second)
        assert isinstance(succeeded, Succeeded)
        assert await stand.gateway.look_up(sent(first)) == declined
        assert await stand.gateway.look_up(sent(second)) == succeeded

    async def test_marks_are_found_on_every_page(self, stand: StripeStand) -> None:
        charge = stand.card_that("insufficient_funds")
        outcome = await stand.gateway.charge(charge)
        invoice, card = stand.world.things[charge.invoice_id], stand.world.things[charge.credential_id]
        stand.world.intent_of(invoice)["metadata"] = {}
        for _ in range(120):
            stand.world.pay(invoice, card)
        assert await stand.gateway.look_up(sent(charge)) == outcome

    @pytest.mark.parametrize("how", ["paid", "void", "uncollectible"])
    async def test_an_invoice_settled_elsewhere_is_unknown_and_never_a_decline(
        self, stand: StripeStand, how: str
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        invoice = stand.world.things[charge.invoice_id]
        if how == "paid":
            stand.world.settle(invoice)
        else:
            stand.world.end(invoice, how)
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        assert await stand.money_taken(charge) == 0

    async def test_another_payment_that_is_under_way_keeps_us_from_charging(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        charge = stand.charge_of(customer, stand.world.card(customer)["id"])
        stand.world.pay(stand.world.things[charge.invoice_id], stand.world.debit(customer))
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert len(stand.world.all("charge")) == 1

    async def test_more_or_less_than_the_invoice_asks_for_is_never_sent(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        more = charge.model_copy(update={"amount": Money(amount_minor=3000, currency="EUR")})
        less = charge.model_copy(update={"amount": Money(amount_minor=1000, currency="EUR")})
        assert isinstance(await stand.gateway.charge(more), Unknown)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(less)
        assert stand.world.all("charge") == []

    async def test_what_is_asked_of_stripe_is_named_in_no_error(self, stand: StripeStand) -> None:
        with pytest.raises(Misconfigured) as caught:
            await stand.gateway.charge(await stand.charge_that(Charge.IS_REFUSED))
        assert "@" not in str(caught.value)
        assert caught.value.__cause__ is None

    async def test_methods_are_listed_with_the_default_first(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        stand.world.card(customer, network="mastercard", default=False)
        debit = stand.world.debit(customer)
        stand.world.card(customer, default=False)
        first, *rest = await stand.gateway.payment_methods(customer["id"])
        assert (first.credential_id, first.is_default) == (debit["id"], True)
        assert first.instrument.payment_type is PaymentType.BANK_DEBIT
        assert {m.instrument.network for m in rest} == {Network.VISA, Network.MASTERCARD}
        assert {m.expires for m in rest} == {"2027-11"}
        assert all(m.fingerprint and m.instrument.country == "DE" for m in rest)
        assert await stand.gateway.payment_methods("cus_nobody") == ()

    async def test_a_card_is_renewed_when_it_is_not_the_one_that_was_charged(self, stand: StripeStand) -> None:
        charge = stand.card_that("expired_card")
        await stand.gateway.charge(charge)
        asked = (charge.customer_id, charge.credential_id, START + timedelta(hours=1))
        assert await stand.gateway.refreshed(*asked) is None
        stand.world.things[charge.credential_id]["card"]["exp_year"] = 2031
        renewed = await stand.gateway.refreshed(*asked)
        assert renewed is not None
        assert (renewed.credential_id, renewed.expires) == (charge.credential_id, "2031-11")
        never_charged = await stand.gateway.refreshed(charge.customer_id, charge.credential_id, START - timedelta(1))
        assert never_charged is None

    async def test_a_wrong_key_is_our_fault(self, stand: StripeStand) -> None:
        gateway = StripeGateway(stand.stripe.account(key="sk_test_other"), stand.session)
        with pytest.raises(Misconfigured):
            await gateway.charge(await stand.charge_that(Charge.PAYS))


class TestStripeGatewayForOthers(GatewayContract):
    """Somebody else owns the invoice."""

    @pytest.fixture
    def stand(self, at_stripe: tuple[LocalStripe, aiohttp.ClientSession]) -> StripeStand:
        return StripeStand(*at_stripe, owned_here=False)

    async def test_the_payment_names_the_attempt_and_the_invoice(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        (intent,) = stand.world.all("payment_intent")
        assert intent["metadata"] == {MARK: charge.key, "recoup_invoice": "inv_elsewhere"}

    async def test_nothing_is_left_that_a_customer_could_confirm_later(self, stand: StripeStand) -> None:
        charge = stand.card_that("requires_action", initiator=Initiator.CUSTOMER)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.AUTHENTICATION_REQUIRED
        (intent,) = stand.world.all("payment_intent")
        assert intent["status"] == "requires_payment_method"

    async def test_the_same_key_for_another_sum_is_refused(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge.model_copy(update={"amount": Money(amount_minor=1, currency="EUR")}))
        assert await stand.money_taken(charge) == 1

    async def test_a_key_that_is_in_use_is_unknown(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.stripe.in_use.add(charge.key)
        assert isinstance(await stand.gateway.charge(charge), Unknown)

    async def test_payments_are_found_on_every_page(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.IS_PENDING)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Pending)
        for _ in range(120):
            stand.world.intent(1, "eur", charge.customer_id)
        assert await stand.gateway.look_up(sent(charge)) == outcome

    async def test_without_a_customer_nothing_is_charged(self, stand: StripeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge.model_copy(update={"customer_id": ""}))
        assert stand.stripe.asked == []

    async def test_what_was_refused_before_a_charge_was_made_is_found_as_refused(self, stand: StripeStand) -> None:
        charge = stand.card_that("authentication_required")
        outcome = await stand.gateway.charge(charge)
        (made,) = stand.world.all("charge")
        del stand.world.things[made["id"]]
        (intent,) = stand.world.all("payment_intent")
        intent["latest_charge"] = None
        del intent["last_payment_error"]["charge"]
        found = await stand.gateway.look_up(sent(charge))
        assert isinstance(found, Declined)
        assert isinstance(outcome, Declined)
        assert (found.reference, found.decline) == (intent["id"], outcome.decline)


@pytest.mark.parametrize(
    ("minor", "currency", "at_stripe_"), [(2900, "EUR", 2900), (500, "ISK", 50000), (700, "MGA", 7), (500, "JPY", 500)]
)
def test_amounts_are_written_in_stripe_s_unit(minor: int, currency: str, at_stripe_: int) -> None:
    assert amount_at_stripe(Money(amount_minor=minor, currency=currency)) == at_stripe_


def test_a_sum_that_stripe_cannot_write_is_our_fault() -> None:
    with pytest.raises(Misconfigured):
        amount_at_stripe(Money(amount_minor=750, currency="MGA"))
