"""Calls to a gateway count for its health; while it is out of order one charge at a time may try, and cases look again
one after the other."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from activities import watched as watched_module
from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.contract import (
    ChargeOutcome,
    Declined,
    Gateway,
    GatewayCharge,
    Pending,
    Succeeded,
    Unknown,
)
from activities.gateways.sandbox import SandboxGateway
from activities.store.database import make_pool
from activities.store.store import Store
from activities.watched import Watched
from policies.declines import classify
from policies.gateway_health import Admitted, GatewayHealth, NotNow
from policies.instruments import Instrument
from policies.keys import CaseRef
from policies.money import Money
from tests.fixtures.sandbox import RunningSandbox
from tests.fixtures.store import DEAD_DATABASE

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAME = "stripe/default"
GERMAN = Instrument(country="DE")
CASE = CaseRef(source="stripe", account="default", invoice_id="in_1")


class Answering(SandboxGateway):
    """The sandbox's adapter with one answer for every charge."""

    def __init__(self, sandbox: RunningSandbox, answer: ChargeOutcome | OutsideError) -> None:
        super().__init__(sandbox.client())
        self._answer = answer

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        if isinstance(self._answer, OutsideError):
            raise self._answer
        return self._answer


def charge(number: int = 1, at: datetime = NOW) -> GatewayCharge:
    return GatewayCharge(
        key=f"att_{number}",
        invoice_id="in_1",
        credential_id="card_1",
        amount=Money(amount_minor=2900, currency="EUR"),
        now=at,
        instrument=GERMAN,
    )


async def called(watched: Watched, gateway: Gateway, times: int, at: datetime = NOW) -> None:
    for number in range(times):
        try:
            await watched.charge(NAME, gateway, charge(number, at))
        except OutsideError:
            continue


async def health(store: Store, at: datetime = NOW) -> GatewayHealth:
    return await store.gateway_health.health(NAME, None, None, at)


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (Succeeded(reference="ch_1"), 0.0),
        (Pending(reference="ch_1"), 0.0),
        (Declined(reference="ch_1", decline=classify("stripe", "insufficient_funds")), 0.0),
        (Declined(reference="ch_1", decline=classify("stripe", "processing_error")), 1.0),
        (Unknown(reason="no answer"), 1.0),
        (Unavailable("refused"), 1.0),
        (RateLimited("slowly", 3), 1.0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, float) else "",
)
async def test_each_answer_counts_for_what_it_says_of_the_gateway(
    store: Store, sandbox: RunningSandbox, answer: ChargeOutcome | OutsideError, failed: float
) -> None:
    await called(Watched(store), Answering(sandbox, answer), 4)
    figures = (await health(store)).figures
    assert (figures.calls, figures.failure_share) == (4, failed)


async def test_what_is_ours_to_mend_says_nothing_of_the_gateway(store: Store, sandbox: RunningSandbox) -> None:
    watched = Watched(store)
    with pytest.raises(Misconfigured):
        await watched.charge(NAME, Answering(sandbox, Misconfigured("no key")), charge())
    assert (await health(store)).figures.calls == 0


async def test_while_it_is_out_of_order_one_charge_at_a_time_may_try(store: Store, sandbox: RunningSandbox) -> None:
    watched = Watched(store)
    assert await watched.admit(NAME, GERMAN, CASE, "att_9", NOW) == Admitted()
    await called(watched, Answering(sandbox, Unavailable("refused")), 5)
    turned_away = await watched.admit(NAME, GERMAN, CASE, "att_9", NOW)
    assert isinstance(turned_away, NotNow)
    assert turned_away.because == "stripe/default is out of order: 5 of 5 calls failed in the last ten minutes"
    assert NOW < turned_away.free_at <= NOW + timedelta(minutes=3)
    later = NOW + timedelta(minutes=2)
    assert isinstance(await watched.admit(NAME, GERMAN, CASE, "att_9", later), Admitted)
    assert isinstance(await watched.admit(NAME, GERMAN, CASE, "att_10", later), NotNow)


async def test_three_charges_that_are_answered_end_it_and_cases_come_back_one_after_the_other(
    store: Store, sandbox: RunningSandbox
) -> None:
    watched, now = Watched(store), NOW
    await called(watched, Answering(sandbox, Unavailable("refused")), 5)
    view = await watched.view(NAME, GERMAN, CASE, NOW)
    assert view.down_until is not None
    works = Answering(sandbox, Succeeded(reference="ch_1"))
    for number in range(3):
        now += timedelta(minutes=20)
        assert isinstance(await watched.admit(NAME, GERMAN, CASE, f"att_{number}", now), Admitted)
        await watched.charge(NAME, works, charge(number, now))
    cases = [CASE.model_copy(update={"invoice_id": f"in_{n}"}) for n in range(50)]
    soon = now + timedelta(seconds=5)
    views = [await watched.view(NAME, GERMAN, case, soon) for case in cases]
    waits = [view.down_until for view in views if view.down_until]
    assert len(set(waits)) > 30, "they are spread"
    assert max(waits) <= now + timedelta(minutes=31)
    assert "it works again since" in views[0].because
    assert not await watched.is_out_of_order(NAME, soon)


async def test_what_became_of_money_outlives_a_database_that_is_away(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    pool = await make_pool(DEAD_DATABASE)
    with caplog.at_level(logging.WARNING):
        outcome = await Watched(Store(pool)).charge(NAME, Answering(sandbox, Succeeded(reference="ch_1")), charge())
    await pool.close()
    assert outcome == Succeeded(reference="ch_1")
    assert "was not counted for its health" in caplog.text


async def test_a_charge_that_takes_longer_than_an_activity_may_is_unknown(
    store: Store, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dripping(SandboxGateway):
        async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits so long")

    monkeypatch.setattr(watched_module, "LONGEST_SECONDS", 0.05)
    outcome = await Watched(store).charge(NAME, Dripping(sandbox.client()), charge())
    assert isinstance(outcome, Unknown)
    assert (await health(store)).figures.failure_share == 1.0
