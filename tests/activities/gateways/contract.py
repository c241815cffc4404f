"""What every gateway adapter promises. A new one subclasses `GatewayContract` and provides a `stand`."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import pytest

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.gateways.contract import (
    Declined,
    Gateway,
    GatewayCharge,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
)
from policies.declines import Category
from policies.money import Money
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


class Charge(StrEnum):
    """What a charge comes to when it is made at `START`."""

    PAYS = "pays"
    IS_DECLINED = "is declined for want of funds"
    IS_DECLINED_STRANGELY = "is declined with a code nobody knows"
    IS_PENDING = "is accepted and settles later"
    IS_REFUSED = "names a credential that does not exist"


class GatewayStand(Protocol):
    """The adapter with a provider behind it that behaves as asked."""

    gateway: Gateway

    async def charge_that(self, comes_to: Charge) -> GatewayCharge: ...

    async def money_taken(self, charge: GatewayCharge) -> int:
        """How often the provider took money for this charge's invoice."""
        ...

    def troubled_gateway(self, trouble: Trouble) -> AbstractAsyncContextManager[Gateway]: ...


SOME_CHARGE = GatewayCharge(
    key="att_0123456789abcdef",
    invoice_id="in_somewhere",
    credential_id="card_somewhere",
    amount=Money(amount_minor=2900, currency="EUR"),
    now=START,
)
PERHAPS_SENT = [
    Trouble.HANGS,
    Trouble.CLOSES,
    Trouble.CUTS_SHORT,
    Trouble.BREAKS,
    Trouble.OVERLOADED,
    Trouble.GATEWAY_TIMEOUT,
    Trouble.NONSENSE,
]
CERTAINLY_NOT_ACCEPTED = [Trouble.REFUSES, Trouble.NOT_ACCEPTED]


class GatewayContract:
    async def test_only_an_explicit_yes_is_a_success(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Succeeded)
        assert outcome.reference
        assert await stand.money_taken(charge) == 1

    async def test_an_explicit_no_is_a_decline_in_both_languages(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.INSUFFICIENT_FUNDS
        assert outcome.decline.gateway == stand.gateway.name
        assert await stand.money_taken(charge) == 0

    async def test_a_code_nobody_knows_is_unknown_and_keeps_its_raw_form(self, stand: GatewayStand) -> None:
        outcome = await stand.gateway.charge(await stand.charge_that(Charge.IS_DECLINED_STRANGELY))
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.UNKNOWN
        assert outcome.decline.code not in ("", "none")

    async def test_money_that_moves_later_is_pending(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_PENDING)
        assert isinstance(await stand.gateway.charge(charge), Pending)
        assert isinstance(await stand.gateway.look_up(charge.key, START), Pending)

    @pytest.mark.parametrize("comes_to", [Charge.PAYS, Charge.IS_DECLINED])
    async def test_the_same_charge_twice_is_one_charge_with_one_answer(
        self, stand: GatewayStand, comes_to: Charge
    ) -> None:
        charge = await stand.charge_that(comes_to)
        first = await stand.gateway.charge(charge)
        again = await stand.gateway.charge(charge.model_copy(update={"now": START + timedelta(hours=2)}))
        assert again == first
        assert await stand.money_taken(charge) <= 1

    @pytest.mark.parametrize("comes_to", [Charge.PAYS, Charge.IS_DECLINED])
    async def test_a_look_up_tells_what_the_charge_told(self, stand: GatewayStand, comes_to: Charge) -> None:
        charge = await stand.charge_that(comes_to)
        outcome = await stand.gateway.charge(charge)
        assert await stand.gateway.look_up(charge.key, START) == outcome

    async def test_a_key_the_gateway_never_saw_never_arrived(self, stand: GatewayStand) -> None:
        assert await stand.gateway.look_up("att_never_sent", START) == NeverArrived()

    async def test_a_refused_request_is_our_fault_and_takes_no_money(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_REFUSED)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge)
        assert await stand.money_taken(charge) == 0

    @pytest.mark.parametrize("trouble", PERHAPS_SENT)
    async def test_once_a_byte_was_sent_silence_is_unknown(self, stand: GatewayStand, trouble: Trouble) -> None:
        async with stand.troubled_gateway(trouble) as gateway:
            assert isinstance(await gateway.charge(SOME_CHARGE), Unknown)

    @pytest.mark.parametrize("trouble", CERTAINLY_NOT_ACCEPTED)
    async def test_unavailable_only_when_the_request_was_certainly_not_accepted(
        self, stand: GatewayStand, trouble: Trouble
    ) -> None:
        async with stand.troubled_gateway(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.charge(SOME_CHARGE)

    async def test_a_gateway_that_asks_for_patience_says_how_much(self, stand: GatewayStand) -> None:
        async with stand.troubled_gateway(Trouble.SLOW_DOWN) as gateway:
            with pytest.raises(RateLimited) as caught:
                await gateway.charge(SOME_CHARGE)
        assert caught.value.retry_after_seconds == 7

    @pytest.mark.parametrize("trouble", [*PERHAPS_SENT, *CERTAINLY_NOT_ACCEPTED])
    async def test_a_look_up_without_an_answer_is_asked_again(self, stand: GatewayStand, trouble: Trouble) -> None:
        async with stand.troubled_gateway(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.look_up("att_any", START)

    async def test_a_stranger_who_knows_nothing_does_not_prove_that_a_charge_never_arrived(
        self, stand: GatewayStand
    ) -> None:
        async with stand.troubled_gateway(Trouble.STRANGER) as gateway:
            with pytest.raises(Misconfigured):
                await gateway.look_up("att_any", START)

    def test_keys_live_for_a_while(self, stand: GatewayStand) -> None:
        assert stand.gateway.capabilities.keys_live_for > timedelta(0)
