from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.gateways.adyen import AdyenGateway
from activities.gateways.contract import Declined, Pending, Succeeded, Unknown
from activities.threads import Threads
from policies.declines import Category
from policies.instruments import Initiator, Instrument, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.adyen_server import MERCHANT, Error, running_adyen
from tests.activities.gateways.adyen_stand import SEPA, YES, AdyenStand, account_at
from tests.activities.gateways.contract import Charge, GatewayContract, sent
from tests.fixtures.troubled import Trouble


@pytest.fixture
async def stand() -> AsyncIterator[AdyenStand]:
    threads = Threads("adyen")
    async with running_adyen() as server:
        yield AdyenStand(server, threads)
    threads.close()


class TestAdyenGateway(GatewayContract):
    pass


class TestWhatIsSent:
    async def test_the_invoice_is_the_reference_and_the_key_goes_as_key_and_as_mark(self, stand: AdyenStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        asked = stand.server.requests[-1]
        assert (asked.path, asked.key) == ("/v72/payments", charge.key)
        assert asked.body == {
            "merchantAccount": MERCHANT,
            "amount": {"value": 2900, "currency": "EUR"},
            "reference": charge.invoice_id,
            "returnUrl": "https://return.invalid/",
            "metadata": {"recoup_attempt": charge.key},
            "shopperReference": charge.customer_id,
            "paymentMethod": {"type": "scheme", "storedPaymentMethodId": charge.credential_id},
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": "Subscription",
        }

    async def test_a_customer_who_pays_is_present(self, stand: AdyenStand) -> None:
        await stand.gateway.charge(stand.charge_with(YES, initiator=Initiator.CUSTOMER))
        body = stand.server.requests[-1].body
        assert (body["shopperInteraction"], body["recurringProcessingModel"]) == ("Ecommerce", "CardOnFile")

    @pytest.mark.parametrize(
        ("amount_minor", "currency", "value"),
        [(1990, "CLP", 199000), (1990, "ISK", 199000), (500, "CVE", 5), (1200, "JPY", 1200), (1234, "KWD", 1234)],
    )
    async def test_amounts_are_in_adyen_s_units(
        self, stand: AdyenStand, amount_minor: int, currency: str, value: int
    ) -> None:
        await stand.gateway.charge(stand.charge_with(YES, amount=Money(amount_minor=amount_minor, currency=currency)))
        assert stand.server.requests[-1].body["amount"] == {"value": value, "currency": currency}

    async def test_what_adyen_could_not_take_is_never_sent(self, stand: AdyenStand) -> None:
        half = stand.charge_with(YES, amount=Money(amount_minor=1050, currency="IDR"))
        long = stand.charge_with(YES, invoice_id="i" * 81)
        becs = stand.charge_with(
            YES, instrument=Instrument(payment_type=PaymentType.BANK_DEBIT, network=Network.BECS_AU)
        )
        for charge in (half, long, becs):
            with pytest.raises(Misconfigured):
                await stand.gateway.charge(charge)
        assert stand.server.requests == []


class TestWhatAnswersMean:
    async def test_a_direct_debit_is_pending_under_adyen_s_reference(self, stand: AdyenStand) -> None:
        charge = stand.charge_with({"resultCode": "Received"}, instrument=SEPA)
        outcome = await stand.gateway.charge(charge)
        assert outcome == Pending(reference=stand.server.payments[-1]["pspReference"])
        assert stand.server.requests[-1].body["paymentMethod"]["type"] == "sepadirectdebit"

    async def test_a_decline_carries_the_network_s_code_and_advice(self, stand: AdyenStand) -> None:
        told = {
            "paymentMethod": "mc",
            "refusalReasonRaw": "05 : Do not honor",
            "merchantAdviceCode": "03 : Do not retry",
        }
        answer = {"resultCode": "Refused", "refusalReasonCode": "2", "additionalData": told}
        outcome = await stand.gateway.charge(stand.charge_with(answer))
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.network_code, outcome.decline.advice_code) == ("2", "05", "03")
        assert outcome.decline.retryable.value == "no"

    @pytest.mark.parametrize("result", ["RedirectShopper", "ChallengeShopper", "IdentifyShopper"])
    async def test_a_bank_that_wants_to_see_the_customer_declines(self, stand: AdyenStand, result: str) -> None:
        charge = stand.charge_with({"resultCode": result, "pspReference": None})
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.AUTHENTICATION_REQUIRED
        assert outcome.reference == charge.key

    async def test_a_bank_that_hints_at_authentication_is_understood(self, stand: AdyenStand) -> None:
        told = {"inferredRefusalReason": "3D Secure Mandated"}
        outcome = await stand.gateway.charge(
            stand.charge_with({"resultCode": "Refused", "refusalReasonCode": "2", "additionalData": told})
        )
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.AUTHENTICATION_REQUIRED

    @pytest.mark.parametrize(
        ("answer", "category"),
        [
            ({"resultCode": "Error", "refusalReasonCode": "9"}, Category.ISSUER_UNAVAILABLE),
            ({"resultCode": "Error", "refusalReasonCode": "4"}, Category.GATEWAY_ERROR),
            ({"resultCode": "Cancelled"}, Category.UNKNOWN),
        ],
    )
    async def test_an_error_with_a_known_reason_and_a_cancelled_payment_took_nothing(
        self, stand: AdyenStand, answer: dict[str, Any], category: Category
    ) -> None:
        outcome = await stand.gateway.charge(stand.charge_with(answer))
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is category

    @pytest.mark.parametrize(
        "answer",
        [
            {"resultCode": "Error"},
            {"resultCode": "Error", "refusalReasonCode": "9999"},
            {"resultCode": "PartiallyAuthorised"},
            {"resultCode": "PresentToShopper"},
            {"resultCode": "SomethingNew"},
            {"resultCode": "Authorised", "pspReference": None},
            {"resultCode": "Authorised", "merchantReference": "another-invoice"},
        ],
    )
    async def test_what_says_neither_yes_nor_no_is_unknown(self, stand: AdyenStand, answer: dict[str, Any]) -> None:
        assert isinstance(await stand.gateway.charge(stand.charge_with(answer)), Unknown)

    @pytest.mark.parametrize("status", [409, 422])
    async def test_a_key_that_is_under_way_is_unknown(self, stand: AdyenStand, status: int) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.refusal = Error(status, "704", "validation", **{"transient-error": "true"})
        assert isinstance(await stand.gateway.charge(charge), Unknown)

    async def test_a_transient_error_is_unknown_until_it_is_repeated(self, stand: AdyenStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.refusal = Error(422, "901", "internal", **{"transient-error": "true"})
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)

    async def test_a_lost_answer_is_unknown_and_the_same_key_finds_it_again(self, stand: AdyenStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.swallowed = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Unknown)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert await stand.money_taken(charge) == 1

    async def test_a_redirect_is_no_answer(self, stand: AdyenStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.redirects = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert [asked.method for asked in stand.server.requests] == ["POST"]

    @pytest.mark.parametrize("wrong", [{"api_key": SecretStr("wrong")}, {"merchant_account": "NotOurs"}])
    async def test_a_wrong_key_and_a_wrong_account_are_ours_to_mend(
        self, stand: AdyenStand, wrong: dict[str, Any]
    ) -> None:
        gateway = AdyenGateway(account_at(stand.server.url, **wrong), stand.threads)
        with pytest.raises(Misconfigured) as caught:
            await gateway.charge(await stand.charge_that(Charge.PAYS))
        assert "for people only" not in str(caught.value)
        assert caught.value.__cause__ is None


class TestWaysToPay:
    async def test_stored_ways_to_pay_are_listed(self, stand: AdyenStand) -> None:
        card = stand.server.store("cus & co", YES, alias="A123", brand="mc", issuerName="Bank of Tests")
        debit = stand.server.store("cus & co", YES, type="sepadirectdebit", brand=None, expiryMonth=None)
        stand.server.store("cus_other", YES)
        first, second = await stand.gateway.payment_methods("cus & co")
        assert (first.credential_id, first.expires, first.fingerprint) == (card, "2030-03", "A123")
        assert first.instrument.network is Network.MASTERCARD
        assert (second.credential_id, second.expires) == (debit, None)
        assert second.instrument.payment_type is PaymentType.BANK_DEBIT
        assert await stand.gateway.payment_methods("cus_nobody") == ()

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_a_list_without_an_answer_is_asked_again(self, stand: AdyenStand, trouble: Trouble) -> None:
        async with stand.troubled_readings(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.payment_methods("cus_any")

    async def test_a_list_may_be_asked_to_wait(self, stand: AdyenStand) -> None:
        async with stand.troubled_readings(Trouble.SLOW_DOWN) as gateway:
            with pytest.raises(RateLimited):
                await gateway.payment_methods("cus_any")
