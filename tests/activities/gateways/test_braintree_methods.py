import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.braintree import BraintreeGateway
from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod, Succeeded
from activities.threads import Threads
from policies.declines import Category
from policies.instruments import Network, PaymentType
from policies.money import Money
from tests.activities.gateways.braintree_stand import BraintreeStand, account, running_stand
from tests.activities.gateways.braintree_world import Method
from tests.fixtures.troubled import Trouble

BACK = "https://shop.example/pay/token/back?session=1"


@pytest.fixture
async def stand() -> AsyncIterator[BraintreeStand]:
    async with running_stand() as standing:
        yield standing


def asked(customer_id: str, **changes: Any) -> SessionRequest:
    return SessionRequest(customer_id=customer_id, return_url=BACK, **changes)


async def opened(stand: BraintreeStand, customer_id: str = "customer_1", currency: str = "EUR") -> str:
    stand.world.known(customer_id)
    owed = Money(amount_minor=2900, currency=currency)
    return (await stand.gateway.update_session(asked(customer_id, owed=owed))).reference


class TestASession:
    async def test_a_client_token_opens_braintrees_fields_in_our_page(self, stand: BraintreeStand) -> None:
        session = await stand.gateway.update_session(asked(stand.world.known("customer_1")))
        fields = session.fields
        assert fields is not None
        assert fields.kind == "braintree"
        assert fields.options == {"authorization": "made-up-client-token"}
        assert [script.rpartition("/")[2] for script in fields.scripts] == ["client.min.js", "hosted-fields.min.js"]
        assert fields.origins.frame == ("https://assets.braintreegateway.com",)
        assert "https://client-analytics.sandbox.braintreegateway.com" in fields.origins.connect
        assert "customer_1" not in session.reference, "the reference is public"
        assert re.fullmatch(r"[A-Za-z0-9_]+", session.reference)

    async def test_two_sessions_are_told_apart(self, stand: BraintreeStand) -> None:
        assert await opened(stand) != await opened(stand)

    async def test_the_live_page_allows_the_live_addresses_and_no_sandbox(self, stand: BraintreeStand) -> None:
        stand.world.known("customer_1")
        session = await self.session_of(stand, live=True)
        assert session.fields is not None
        assert "https://api.braintreegateway.com" in session.fields.origins.connect
        assert "sandbox" not in str(session.fields.origins)

    async def test_with_three_d_secure_the_bank_may_ask_from_anywhere(self, stand: BraintreeStand) -> None:
        stand.world.known("customer_1")
        session = await self.session_of(stand, three_d_secure=True)
        assert session.fields is not None
        assert session.fields.options["confirmAmount"] == "0.00"
        assert session.fields.scripts[-1].endswith("/three-d-secure.min.js")
        assert session.fields.origins.frame == ("https:",)
        assert "https://songbirdstag.cardinalcommerce.com" in session.fields.origins.script

    async def session_of(self, stand: BraintreeStand, **changes: Any) -> Any:
        threads = Threads("braintree", count=1)
        gateway = BraintreeGateway(account(stand.server.url).model_copy(update=changes), threads)
        session = await gateway.update_session(asked("customer_1"))
        gateway.close()
        threads.close()
        return session

    async def test_a_currency_with_an_account_of_its_own_is_verified_there(self, stand: BraintreeStand) -> None:
        reference = await opened(stand, currency="USD")
        assert stand.server.sent("/client_token")[-1].text("merchant_account_id") == "shop_usd"
        await stand.gateway.given("customer_1", reference, {"nonce": stand.world.typed()})
        options = stand.server.sent("/payment_methods")[-1].part("options")
        assert options.text("verification_merchant_account_id") == "shop_usd"

    @pytest.mark.parametrize("other", [{"payment_type": PaymentType.BANK_DEBIT}, {"credential_id": "card_1"}])
    async def test_nothing_else_is_opened(self, stand: BraintreeStand, other: dict[str, Any]) -> None:
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session(asked(stand.world.known("customer_1"), **other))
        assert stand.server.requests == []

    async def test_a_customer_nobody_has_is_our_fault(self, stand: BraintreeStand) -> None:
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session(asked("nobody"))


class TestWhatWasGiven:
    async def test_a_card_that_its_bank_knows_is_stored_and_not_yet_the_default(self, stand: BraintreeStand) -> None:
        reference = await opened(stand)
        given = await stand.gateway.given("customer_1", reference, {"nonce": stand.world.typed()})
        assert isinstance(given, StoredMethod)
        assert (given.instrument.network, given.last4, given.expires) == (Network.MASTERCARD, "0007", "2027-12")
        assert not given.is_default
        assert [each.credential_id for each in await stand.gateway.payment_methods("customer_1")] == [
            given.credential_id
        ]

    async def test_the_same_nonce_is_the_same_card_and_is_asked_of_the_bank_once(self, stand: BraintreeStand) -> None:
        reference, result = await opened(stand), {"nonce": stand.world.typed()}
        first = await stand.gateway.given("customer_1", reference, result)
        assert await stand.gateway.given("customer_1", reference, result) == first
        assert len(stand.server.sent("/payment_methods")) == 1

    async def test_a_lost_answer_is_found_again(self, stand: BraintreeStand) -> None:
        reference, result = await opened(stand), {"nonce": stand.world.typed()}
        stand.world.loses_the_next_answer = True
        with pytest.raises(Unavailable):
            await stand.gateway.given("customer_1", reference, result)
        assert isinstance(await stand.gateway.given("customer_1", reference, result), StoredMethod)
        assert len(stand.world.methods) == 1

    @pytest.mark.parametrize(
        ("verification", "category"),
        [
            ({"status": "processor_declined", "processor_response_code": "2001"}, Category.INSUFFICIENT_FUNDS),
            ({"status": "processor_declined", "processor_response_code": "2004"}, Category.EXPIRED_CARD),
            (
                {"status": "gateway_rejected", "gateway_rejection_reason": "three_d_secure"},
                Category.AUTHENTICATION_REQUIRED,
            ),
        ],
    )
    async def test_a_card_that_was_refused_says_why_and_is_not_stored(
        self, stand: BraintreeStand, verification: dict[str, str], category: Category
    ) -> None:
        reference, result = await opened(stand), {"nonce": stand.world.typed(verification=verification)}
        given = await stand.gateway.given("customer_1", reference, result)
        assert isinstance(given, NotGiven)
        assert given.why == "refused"
        assert given.decline is not None
        assert given.decline.category is category
        assert stand.world.methods == {}
        assert await stand.gateway.given("customer_1", reference, result) == NotGiven(why="unknown")

    @pytest.mark.parametrize(
        ("code", "why"), [("81703", "refused"), ("81736", "refused"), ("93108", "expired"), ("91617", "unknown")]
    )
    async def test_what_is_wrong_with_the_card_or_the_nonce(self, stand: BraintreeStand, code: str, why: str) -> None:
        nonce = stand.world.typed(codes={"credit_card": code})
        given = await stand.gateway.given("customer_1", await opened(stand), {"nonce": nonce})
        assert isinstance(given, NotGiven)
        assert given.why == why

    async def test_any_other_refusal_is_our_fault(self, stand: BraintreeStand) -> None:
        nonce = stand.world.typed(codes={"credit_card": "91728"})
        with pytest.raises(Misconfigured, match="91728"):
            await stand.gateway.given("customer_1", await opened(stand), {"nonce": nonce})

    @pytest.mark.parametrize("result", [{}, {"nonce": ""}, {"nonce": "../../transactions"}, {"nonce": "x" * 200}])
    async def test_without_a_nonce_nothing_was_given(self, stand: BraintreeStand, result: dict[str, str]) -> None:
        assert await stand.gateway.given("customer_1", await opened(stand), result) == NotGiven(why="unfinished")
        assert stand.server.sent("/payment_methods") == []

    async def test_a_nonce_that_nobody_knows_has_expired(self, stand: BraintreeStand) -> None:
        given = await stand.gateway.given("customer_1", await opened(stand), {"nonce": "tokencc_made_up"})
        assert given == NotGiven(why="expired")

    async def test_the_session_of_another_customer_is_none_of_this_one(self, stand: BraintreeStand) -> None:
        reference, nonce = await opened(stand), stand.world.typed()
        stand.world.known("customer_2")
        assert await stand.gateway.given("customer_2", reference, {"nonce": nonce}) == NotGiven(why="unknown")
        forged = reference.replace("_EUR_", "_USD_")
        assert await stand.gateway.given("customer_1", forged, {"nonce": nonce}) == NotGiven(why="unknown")
        assert stand.world.methods == {}

    async def test_one_nonce_makes_no_card_for_two_customers(self, stand: BraintreeStand) -> None:
        nonce = stand.world.typed()
        first = await stand.gateway.given("customer_1", await opened(stand), {"nonce": nonce})
        assert isinstance(first, StoredMethod)
        second = await stand.gateway.given("customer_2", await opened(stand, "customer_2"), {"nonce": nonce})
        assert second == NotGiven(why="unknown")

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_is_unavailable(self, stand: BraintreeStand, trouble: Trouble) -> None:
        reference = await opened(stand)
        async with stand.troubled_readings(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.given("customer_1", reference, {"nonce": "tokencc_bh_000001"})


class TestForLater:
    async def test_a_card_becomes_the_default_and_the_subscriptions_without_a_charge(
        self, stand: BraintreeStand
    ) -> None:
        charge = stand.charge_of()
        for _ in range(2):
            await stand.gateway.keep_for_later(charge.customer_id, charge.credential_id, charge.invoice_id)
        assert stand.world.methods[charge.credential_id].default
        assert stand.subscription_of(charge).payment_method_token == charge.credential_id
        assert await stand.money_taken(charge) == 0, "with proration on in the control panel"
        changes = [path for path, body in stand.server.requests if body.fields and "search" not in path]
        assert len(changes) == 2, "the second time there is nothing to change"

    async def test_a_claim_of_somebody_else_moves_no_subscription(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False)
        before = {name: each.payment_method_token for name, each in stand.world.subscriptions.items()}
        await stand.gateway.keep_for_later(charge.customer_id, charge.credential_id, "in_elsewhere")
        assert stand.world.methods[charge.credential_id].default
        assert {name: each.payment_method_token for name, each in stand.world.subscriptions.items()} == before

    async def test_the_subscription_of_another_customer_is_left_alone(self, stand: BraintreeStand) -> None:
        mine, other = stand.charge_of(), stand.charge_of(key="att_" + "2" * 40)
        await stand.gateway.keep_for_later(mine.customer_id, mine.credential_id, other.invoice_id)
        assert stand.subscription_of(other).payment_method_token == "old_2"

    async def test_a_subscription_that_has_ended_is_left_alone(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of()
        stand.subscription_of(charge).status = "Canceled"
        await stand.gateway.keep_for_later(charge.customer_id, charge.credential_id, charge.invoice_id)
        assert stand.subscription_of(charge).payment_method_token == "old_1"

    async def test_a_card_of_another_customer_is_our_fault(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of()
        stand.world.known("customer_9")
        stand.world.add(Method("card_9", "customer_9"))
        with pytest.raises(Misconfigured):
            await stand.gateway.keep_for_later(charge.customer_id, "card_9", charge.invoice_id)
        assert not stand.world.methods["card_9"].default


class TestForOnce:
    async def test_a_card_that_is_lent_is_not_put_on_the_subscription(self, stand: BraintreeStand) -> None:
        assert not stand.gateway.capabilities.pays_once
        charge = stand.charge_of().model_copy(update={"keep": False})
        with pytest.raises(Misconfigured, match="later"):
            await stand.gateway.charge(charge)
        assert stand.subscription_of(charge).payment_method_token == "old_1"
        assert await stand.money_taken(charge) == 0

    async def test_the_subscriptions_own_card_needs_no_change(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of().model_copy(update={"keep": False})
        stand.subscription_of(charge).payment_method_token = charge.credential_id
        assert isinstance(await stand.gateway.charge(charge), Succeeded)

    async def test_a_sale_takes_a_lent_card_and_leaves_the_default(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(owned_here=False).model_copy(update={"keep": False})
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert not stand.world.methods[charge.credential_id].default
