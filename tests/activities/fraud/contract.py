"""What every fraud check promises: a verdict, or no answer at all; never a guess."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from activities.errors import Misconfigured, Unavailable
from activities.fraud.contract import Clear, FraudCheck, FraudQuestion, Suspicious
from policies.money import Money
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


class FraudStand(Protocol):
    check: FraudCheck

    async def clear_question(self) -> FraudQuestion: ...

    async def suspicious_question(self) -> FraudQuestion: ...

    def troubled_check(self, trouble: Trouble) -> AbstractAsyncContextManager[FraudCheck]: ...


SOME_QUESTION = FraudQuestion(
    customer_id="cus_any", credential_id="card_any", amount=Money(amount_minor=1, currency="EUR"), now=START
)


class FraudContract:
    async def test_an_ordinary_charge_is_clear(self, frauds: FraudStand) -> None:
        assert await frauds.check.assess(await frauds.clear_question()) == Clear()

    async def test_card_testing_is_suspicious_and_says_why(self, frauds: FraudStand) -> None:
        verdict = await frauds.check.assess(await frauds.suspicious_question())
        assert isinstance(verdict, Suspicious)
        assert verdict.signals
        assert all(verdict.signals)

    async def test_asking_twice_gives_one_answer(self, frauds: FraudStand) -> None:
        question = await frauds.suspicious_question()
        assert await frauds.check.assess(question) == await frauds.check.assess(question)

    @pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.STRANGER])
    async def test_without_a_verdict_it_is_unavailable(self, frauds: FraudStand, trouble: Trouble) -> None:
        async with frauds.troubled_check(trouble) as check:
            with pytest.raises(Unavailable):
                await check.assess(SOME_QUESTION)

    async def test_a_stranger_s_404_is_our_fault(self, frauds: FraudStand) -> None:
        async with frauds.troubled_check(Trouble.STRANGER) as check:
            with pytest.raises(Misconfigured):
                await check.assess(SOME_QUESTION)
