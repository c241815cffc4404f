"""A customer gives Stripe a new way to pay; what becomes of it, and of what they only lend."""

from collections.abc import AsyncIterator
from typing import Literal

import aiohttp
import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import (
    GatewayCharge,
    NotGiven,
    Pending,
    SessionRequest,
    StoredMethod,
    Succeeded,
    UpdateSession,
)
from activities.gateways.stripe import StripeGateway
from policies.declines import Category
from policies.instruments import Initiator, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.stripe_server import local_stripe
from tests.activities.gateways.stripe_setup_server import give, refuse
from tests.activities.gateways.stripe_stand import StripeStand
from tests.activities.gateways.stripe_world import Thing
from tests.fixtures.troubled import Trouble

BACK = "https://shop.example/back"
KEY = "pk_test_local"


@pytest.fixture
async def stand() -> AsyncIterator[StripeStand]:
    async with local_stripe() as stripe, aiohttp.ClientSession() as session:
        yield with_key(StripeStand(stripe, session), KEY)


def with_key(stand: StripeStand, key: str | None) -> StripeStand:
    account = stand.stripe.account().model_copy(update={"publishable_key": key})
    stand.gateway = StripeGateway(account, stand.session)
    return stand


async def opened(stand: StripeStand, customer: Thing, **asked: object) -> tuple[UpdateSession, Thing]:
    request = SessionRequest.model_validate({"customer_id": customer["id"], "return_url": BACK, **asked})
    session = await stand.gateway.update_session(request)
    return session, stand.world.things[session.reference]


class TestTheSession:
    async def test_stripe_s_own_fields_are_opened_in_our_page_and_nothing_is_charged(self, stand: StripeStand) -> None:
        session, setup = await opened(stand, stand.world.customer())
        assert session.url is None
        assert session.fields is not None
        assert session.fields.kind == "stripe"
        assert session.fields.scripts == ("https://js.stripe.com/endive/stripe.js",)
        assert session.fields.options == {
            "publishable_key": KEY,
            "client_secret": setup["client_secret"],
            "type": "card",
        }
        origins = session.fields.origins
        assert origins.script == ("https://js.stripe.com", "https://*.js.stripe.com")
        assert "https://hooks.stripe.com" in origins.frame
        assert origins.connect == ("https://api.stripe.com",)
        assert (setup["usage"], setup["payment_method_types"]) == ("off_session", ["card"])
        assert stand.world.all("payment_intent") == []

    @pytest.mark.parametrize(
        ("currency", "debit"),
        [("EUR", "sepa_debit"), ("USD", "us_bank_account"), ("GBP", "bacs_debit"), ("CAD", "acss_debit")],
    )
    async def test_a_debit_is_the_one_of_the_currency(self, stand: StripeStand, currency: str, debit: str) -> None:
        owed = Money(amount_minor=2900, currency=currency)
        _, setup = await opened(stand, stand.world.customer(), payment_type=PaymentType.BANK_DEBIT, owed=owed)
        assert setup["payment_method_types"] == [debit]
        if debit in ("us_bank_account", "acss_debit"):
            assert setup["payment_method_options"][debit]["verification_method"] == "instant"

    async def test_a_debit_of_which_nobody_named_the_sum_is_in_the_customer_s_currency(
        self, stand: StripeStand
    ) -> None:
        _, setup = await opened(stand, stand.world.customer(currency="gbp"), payment_type=PaymentType.BANK_DEBIT)
        assert setup["payment_method_types"] == ["bacs_debit"]

    @pytest.mark.parametrize("currency", [None, "jpy"])
    async def test_a_debit_that_stripe_has_not_is_never_asked_for(
        self, stand: StripeStand, currency: str | None
    ) -> None:
        with pytest.raises(Misconfigured):
            await opened(stand, stand.world.customer(currency=currency), payment_type=PaymentType.BANK_DEBIT)
        assert stand.world.all("setup_intent") == []

    async def test_wallets_are_those_that_the_account_has_and_no_debits(self, stand: StripeStand) -> None:
        session, setup = await opened(stand, stand.world.customer(), payment_type=PaymentType.WALLET)
        assert setup["payment_method_types"] == ["card", "link", "paypal"]
        assert session.fields is not None
        assert session.fields.options["type"] == "wallet"

    async def test_a_stored_card_is_only_confirmed_with_3_d_secure(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        card = stand.world.card(customer)
        session, setup = await opened(stand, customer, credential_id=card["id"])
        assert (setup["payment_method"], setup["payment_method_types"]) == (card["id"], ["card"])
        assert setup["payment_method_options"] == {"card": {"request_three_d_secure": "any"}}
        assert session.fields is not None
        assert session.fields.options["payment_method"] == card["id"]

    async def test_somebody_else_s_card_is_never_confirmed(self, stand: StripeStand) -> None:
        card = stand.world.card(stand.world.customer())
        with pytest.raises(Misconfigured):
            await opened(stand, stand.world.customer(), credential_id=card["id"])
        assert stand.world.all("setup_intent") == []

    @pytest.mark.parametrize("key", [None, "sk_test_local", "rk_test_local"])
    async def test_without_a_publishable_key_nothing_is_opened_and_no_secret_shown(
        self, stand: StripeStand, key: str | None
    ) -> None:
        with pytest.raises(Misconfigured, match="publishable_key") as caught:
            await opened(with_key(stand, key), stand.world.customer())
        assert "_test_" not in str(caught.value)
        assert stand.stripe.asked == []


class TestWhatCameOfIt:
    async def test_a_given_card_is_told_with_all_that_a_customer_recognises(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        session, setup = await opened(stand, customer)
        card = stand.world.card(customer, network="mastercard", default=False)
        give(setup, card)
        given = await stand.gateway.given(customer["id"], session.reference, {"setup_intent": "forged"})
        assert isinstance(given, StoredMethod)
        assert (given.credential_id, given.last4, given.expires) == (card["id"], "4242", "2027-11")
        assert (given.instrument.network, given.fingerprint) == (Network.MASTERCARD, card["card"]["fingerprint"])
        assert given.is_default is False
        assert await stand.gateway.given(customer["id"], session.reference, {}) == given

    async def test_a_given_debit_is_one(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        session, setup = await opened(stand, customer)
        give(setup, stand.world.debit(customer))
        given = await stand.gateway.given(customer["id"], session.reference, {})
        assert isinstance(given, StoredMethod)
        assert (given.instrument.payment_type, given.last4) == (PaymentType.BANK_DEBIT, "3000")
        assert given.is_default is True

    async def test_a_refused_card_is_told_with_the_bank_s_reason(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        session, setup = await opened(stand, customer)
        refuse(setup, "insufficient_funds")
        given = await stand.gateway.given(customer["id"], session.reference, {})
        assert isinstance(given, NotGiven)
        assert given.why == "refused"
        assert given.decline is not None
        assert given.decline.category is Category.INSUFFICIENT_FUNDS
        assert given.decline.network_code == "51"

    @pytest.mark.parametrize(
        ("status", "why"),
        [
            ("requires_payment_method", "unfinished"),
            ("requires_confirmation", "unfinished"),
            ("requires_action", "unfinished"),
            ("processing", "unfinished"),
            ("canceled", "expired"),
            ("something_new", "unfinished"),
        ],
    )
    async def test_what_is_not_done_is_not_given(
        self, stand: StripeStand, status: str, why: Literal["unfinished", "expired"]
    ) -> None:
        customer = stand.world.customer()
        session, setup = await opened(stand, customer)
        setup.update(status=status, payment_method=stand.world.card(customer)["id"])
        assert await stand.gateway.given(customer["id"], session.reference, {}) == NotGiven(why=why)

    async def test_another_customer_s_session_is_nobody_s(self, stand: StripeStand) -> None:
        victim, thief = stand.world.customer(), stand.world.customer()
        session, setup = await opened(stand, victim)
        give(setup, stand.world.card(victim))
        assert await stand.gateway.given(thief["id"], session.reference, {}) == NotGiven(why="unknown")

    @pytest.mark.parametrize("reference", ["seti_nobody_has", "../customers/cus_1", "pi_1?x="])
    async def test_a_session_that_stripe_does_not_know_is_nobody_s(self, stand: StripeStand, reference: str) -> None:
        customer = stand.world.customer()
        assert await stand.gateway.given(customer["id"], reference, {}) == NotGiven(why="unknown")

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_is_asked_again(self, stand: StripeStand, trouble: Trouble) -> None:
        async with stand.troubled_readings(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.given("cus_1", "seti_1", {})
            with pytest.raises(Unavailable):
                await gateway.keep_for_later("cus_1", "pm_1", "in_1")


class TestKeepForLater:
    async def test_the_customer_is_charged_to_it_from_now_on(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        old = stand.world.card(customer)
        invoice = stand.world.invoice(customer)
        new = stand.world.card(customer, default=False)
        await stand.gateway.keep_for_later(customer["id"], new["id"], invoice["id"])
        await stand.gateway.keep_for_later(customer["id"], new["id"], invoice["id"])
        assert customer["invoice_settings"]["default_payment_method"] == new["id"] != old["id"]
        assert stand.world.subscription_of(invoice)["default_payment_method"] is None

    async def test_a_subscription_s_own_way_to_pay_is_changed_as_well(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        invoice = stand.world.invoice(customer)
        subscription = stand.world.subscription_of(invoice)
        subscription["default_payment_method"] = stand.world.card(customer)["id"]
        new = stand.world.card(customer, default=False)
        await stand.gateway.keep_for_later(customer["id"], new["id"], invoice["id"])
        assert subscription["default_payment_method"] == new["id"]

    async def test_nothing_is_changed_at_what_has_ended_or_is_another_s(self, stand: StripeStand) -> None:
        customer, other = stand.world.customer(), stand.world.customer()
        ended, foreign = stand.world.invoice(customer), stand.world.invoice(other)
        for invoice in (ended, foreign):
            stand.world.subscription_of(invoice)["default_payment_method"] = "pm_old"
        stand.world.subscription_of(ended)["status"] = "canceled"
        new = stand.world.card(customer, default=False)
        for invoice_id in (ended["id"], foreign["id"], "in_nobody_has", "INV-1"):
            await stand.gateway.keep_for_later(customer["id"], new["id"], invoice_id)
        for invoice in (ended, foreign):
            assert stand.world.subscription_of(invoice)["default_payment_method"] == "pm_old"

    async def test_somebody_else_s_card_is_never_kept(self, stand: StripeStand) -> None:
        customer = stand.world.customer()
        theirs = stand.world.card(stand.world.customer())
        with pytest.raises(Misconfigured):
            await stand.gateway.keep_for_later(customer["id"], theirs["id"], "")
        assert customer["invoice_settings"]["default_payment_method"] is None


class TestPayingOnce:
    @pytest.mark.parametrize("keep", [True, False])
    async def test_what_is_lent_is_not_kept_though_the_subscription_would(self, stand: StripeStand, keep: bool) -> None:
        customer, subscription, charge = lent_for(stand, "on_subscription")
        paid = await stand.gateway.charge(charge.model_copy(update={"keep": keep}))
        assert isinstance(paid, Succeeded)
        assert (subscription["default_payment_method"] == charge.credential_id) is keep
        assert customer["invoice_settings"]["default_payment_method"] != charge.credential_id

    async def test_a_lent_debit_that_is_paid_days_later_is_not_kept_either(self, stand: StripeStand) -> None:
        _, subscription, charge = lent_for(stand, "on_subscription")
        stand.world.behaves[charge.credential_id] = "processing"
        assert isinstance(await stand.gateway.charge(charge), Pending)
        assert subscription["payment_settings"]["save_default_payment_method"] == "off"

    async def test_a_subscription_that_keeps_nothing_is_left_alone(self, stand: StripeStand) -> None:
        _, subscription, charge = lent_for(stand, "off")
        await stand.gateway.charge(charge)
        assert ("POST", f"/v1/subscriptions/{subscription['id']}") not in [each[:2] for each in stand.stripe.asked]

    async def test_a_sum_for_somebody_else_s_invoice_keeps_nothing(self, stand: StripeStand) -> None:
        customer, _, charge = lent_for(stand, "on_subscription")
        await stand.gateway.charge(charge.model_copy(update={"owned_here": False}))
        (intent,) = [each for each in stand.world.all("payment_intent") if each["status"] == "succeeded"]
        assert "setup_future_usage" not in intent
        assert customer["invoice_settings"]["default_payment_method"] != charge.credential_id


def lent_for(stand: StripeStand, saves: str) -> tuple[Thing, Thing, GatewayCharge]:
    customer = stand.world.customer()
    stand.world.card(customer)
    lent = stand.world.card(customer, default=False)
    charge = stand.charge_of(customer, lent["id"], initiator=Initiator.CUSTOMER, keep=False)
    subscription = stand.world.subscription_of(stand.world.things[charge.invoice_id])
    subscription["payment_settings"]["save_default_payment_method"] = saves
    return customer, subscription, charge
