from collections.abc import AsyncIterator

import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod
from policies.instruments import Network, PaymentType
from tests.activities.gateways.paypal_stand import PayPalStand, running_stand
from tests.activities.gateways.paypal_vault_server import approve
from tests.fixtures.troubled import Trouble

BACK = "https://shop.example/pay/token/back?session=1"
ASKED = SessionRequest(customer_id="customer_1", return_url=BACK, payment_type=PaymentType.WALLET, locale="de-DE")


@pytest.fixture
async def stand() -> AsyncIterator[PayPalStand]:
    async with running_stand() as standing:
        yield standing


async def test_the_vault_is_listed_page_by_page(stand: PayPalStand) -> None:
    ids = [stand.vaulted(kind=kind).credential_id for kind in ("card", "paypal", "card", "bank", "venmo")]
    methods = await stand.gateway.payment_methods("customer_1")
    assert [each.credential_id for each in methods] == ids
    assert (methods[0].expires, methods[0].last4) == ("2027-02", "1111")
    assert methods[0].instrument.network is Network.VISA
    assert methods[1].instrument.payment_type is PaymentType.WALLET
    assert methods[3].instrument.payment_type is PaymentType.BANK_DEBIT
    assert await stand.gateway.payment_methods("customer_2") == ()


class TestASession:
    async def test_it_opens_paypals_page_for_this_customer(self, stand: PayPalStand) -> None:
        session = await stand.gateway.update_session(ASKED)
        assert session.url == f"https://paypal.example/{session.reference}"
        assert session.fields is None
        body = stand.world.asked[-1][2]
        assert body["customer"] == {"id": "customer_1"}
        assert body["payment_source"]["paypal"]["experience_context"] == {
            "return_url": BACK,
            "cancel_url": BACK,
            "locale": "de-DE",
            "shipping_preference": "NO_SHIPPING",
            "vault_instruction": "ON_CREATE_PAYMENT_TOKENS",
        }

    async def test_a_bare_language_is_left_to_the_customers_browser(self, stand: PayPalStand) -> None:
        await stand.gateway.update_session(ASKED.model_copy(update={"locale": "de"}))
        assert "locale" not in stand.world.asked[-1][2]["payment_source"]["paypal"]["experience_context"]

    @pytest.mark.parametrize("other", [{"payment_type": PaymentType.CARD}, {"credential_id": "8kk8451t0001"}])
    async def test_nothing_else_is_opened(self, stand: PayPalStand, other: dict[str, object]) -> None:
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session(ASKED.model_copy(update=other))
        assert stand.world.asked == []

    async def test_a_page_that_cannot_be_opened_now_is_asked_for_again(self, stand: PayPalStand) -> None:
        stand.world.fault = "before"
        with pytest.raises(Unavailable):
            await stand.gateway.update_session(ASKED)


class TestWhatWasGiven:
    async def opened(self, stand: PayPalStand) -> str:
        return (await stand.gateway.update_session(ASKED)).reference

    async def test_an_approved_wallet_is_stored_once_however_often_it_is_asked(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        approve(stand.world, setup)
        given = await stand.gateway.given("customer_1", setup, {})
        assert isinstance(given, StoredMethod)
        assert given.instrument.payment_type is PaymentType.WALLET
        assert await stand.gateway.given("customer_1", setup, {}) == given
        assert [method.credential_id for method in await stand.gateway.payment_methods("customer_1")] == [
            given.credential_id
        ]

    async def test_a_lost_answer_is_asked_for_again(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        approve(stand.world, setup)
        stand.world.fault = "after"
        with pytest.raises(Unavailable):
            await stand.gateway.given("customer_1", setup, {})
        given = await stand.gateway.given("customer_1", setup, {})
        assert isinstance(given, StoredMethod)
        assert list(stand.world.vault) == [given.credential_id]
        assert f"vault_{setup}" in stand.world.answered, "the second time is the same request to PayPal"

    async def test_once_paypal_has_forgotten_the_request_the_wallet_is_found_by_its_payer(
        self, stand: PayPalStand
    ) -> None:
        other, setup = await self.opened(stand), await self.opened(stand)
        approve(stand.world, other, payer_id="PAYER2")
        approve(stand.world, setup)
        await stand.gateway.given("customer_1", other, {})
        given = await stand.gateway.given("customer_1", setup, {})
        stand.world.answered.clear()
        assert await stand.gateway.given("customer_1", setup, {}) == given
        twin = {**stand.world.vault[list(stand.world.vault)[-1]], "id": "twin"}
        stand.world.vault["twin"] = twin
        assert await stand.gateway.given("customer_1", setup, {}) == NotGiven(why="unknown"), "which of the two?"

    async def test_a_customer_who_left_paypals_page_gave_nothing(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        assert await stand.gateway.given("customer_1", setup, {}) == NotGiven(why="unfinished")
        assert all(path != "/v3/vault/payment-tokens" for _, path, _ in stand.world.asked)

    async def test_an_approval_that_was_taken_back_meanwhile_is_unfinished(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        approve(stand.world, setup)
        stand.world.setups[setup]["taken_back"] = True
        assert await stand.gateway.given("customer_1", setup, {}) == NotGiven(why="unfinished")

    async def test_a_refusal_that_is_not_known_is_our_fault(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        stand.world.setups[setup]["status"] = "SOMETHING_NEW"
        with pytest.raises(Misconfigured, match="SOMETHING_NEW"):
            await stand.gateway.given("customer_1", setup, {})

    async def test_the_session_of_another_customer_is_none_of_this_one(self, stand: PayPalStand) -> None:
        setup = await self.opened(stand)
        approve(stand.world, setup)
        assert await stand.gateway.given("customer_2", setup, {}) == NotGiven(why="unknown")
        assert stand.world.vault == {}

    async def test_a_wallet_that_paypal_keeps_for_another_customer_is_none_of_this_one(
        self, stand: PayPalStand
    ) -> None:
        setup = await self.opened(stand)
        approve(stand.world, setup)
        stand.world.setups[setup]["vaulted_for"] = {"id": "customer_2"}
        assert await stand.gateway.given("customer_1", setup, {}) == NotGiven(why="unknown")

    @pytest.mark.parametrize(("reference", "why"), [("5C9UNKNOWN", "expired"), ("../orders/1", "unknown")])
    async def test_a_reference_that_nobody_knows(self, stand: PayPalStand, reference: str, why: str) -> None:
        given = await stand.gateway.given("customer_1", reference, {})
        assert isinstance(given, NotGiven)
        assert given.why == why

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_is_unavailable(self, stand: PayPalStand, trouble: Trouble) -> None:
        async with stand.troubled_readings(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.given("customer_1", "5C90001", {})


async def test_keeping_a_wallet_for_later_changes_nothing_at_paypal(stand: PayPalStand) -> None:
    charge = stand.vaulted(kind="paypal")
    await stand.gateway.keep_for_later("customer_1", charge.credential_id, charge.invoice_id)
    assert stand.world.asked == []
