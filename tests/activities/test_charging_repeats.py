"""Repeating a charge where the gateway has keys, has none, or can only be asked by repeating: never paid twice (P2).

The gateway collects for another owner, so nothing but our own care keeps a second request from being a second payment.
"""

from datetime import UTC, datetime, timedelta

import pytest

from activities.charging import SURELY_NOT_UNDER_WAY, Charging
from activities.contracts import Attempted, ChargeRequest, LookUpRequest, RefusedByRule, Stale
from activities.errors import Unavailable
from activities.gateways.contract import GatewayCharge, Unknown
from activities.store.attempts import LedgerState
from activities.store.store import Store
from policies.facts import Outcome
from tests.activities.odd_gateways import SECOND, THIRD, routed_to
from tests.activities.test_charging import Killed, Till, adapters_at, die, killed_after, killed_before
from tests.fixtures.sandbox import START, RunningSandbox, day

REPEATS_SAFELY = ["keys", "by repeating"]
LONG_AGO = timedelta(hours=3)


class Counter(Till):
    """A till whose charges go to a second gateway of some kind."""

    async def asks(self, story: str = "generic") -> ChargeRequest:
        return (await self.request(story)).model_copy(update={"gateway": SECOND})

    async def state(self, request: ChargeRequest) -> LedgerState:
        known = await self.store.attempts.state_of(request.key)
        assert known is not None
        return known

    async def ages(self, ago: timedelta, *columns: str) -> None:
        """As if it had been written so long ago."""
        for table, column in (each.split(".") for each in columns):
            await self.store.pool.execute(f"update {table} set {column} = $1", datetime.now(UTC) - ago)

    async def looks(self, request: ChargeRequest, after: timedelta) -> Attempted:
        look = LookUpRequest(key=request.key, gateway=SECOND, attempted_at=request.now, now=request.now + after)
        return await self.charging.look_up(look)

    def unreachable(self, patch: pytest.MonkeyPatch) -> None:
        """The next request certainly has no effect."""

        async def refused(charge: GatewayCharge) -> None:
            raise Unavailable("connection refused")

        patch.setattr(self.adapters.gateway(SECOND), "charge", refused)


RESERVED, SENT = "attempts.reserved_at", "attempt_results.written_at"


@pytest.fixture(params=["keys", "no keys", "by repeating"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def counter(sandbox: RunningSandbox, store: Store, kind: str) -> Counter:
    adapters = adapters_at(sandbox.url, sandbox.session)
    return Counter(sandbox, store, routed_to(adapters, sandbox, kind))


# Killed


async def test_killed_after_sending_it_is_paid_once(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    request = await counter.asks()
    gateway = counter.adapters.gateway(SECOND)
    await die(counter, request, monkeypatch, lambda patch: killed_after(patch, gateway, "charge"))
    for _ in range(2):
        assert await counter.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(await counter.charged(request)) == 1


@pytest.mark.parametrize("kind", ["no keys"], indirect=True)
async def test_without_keys_the_quiet_time_begins_with_the_sending_not_with_the_reservation(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway was away for hours; then one request goes out, and its worker dies before it lands."""
    request = await counter.asks()
    with monkeypatch.context() as patch:
        counter.unreachable(patch)
        with pytest.raises(Unavailable):
            await counter.charging.charge(request)
    await counter.ages(LONG_AGO, RESERVED, SENT)
    await die(counter, request, monkeypatch, lambda patch: killed_after(patch, counter.store.attempts, "mark_sent"))
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    assert await counter.charged(request) == []


@pytest.mark.parametrize("kind", ["no keys"], indirect=True)
async def test_without_keys_what_was_surely_lost_may_be_sent_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks()
    await die(counter, request, monkeypatch, lambda patch: killed_after(patch, counter.store.attempts, "mark_sent"))
    await counter.ages(SURELY_NOT_UNDER_WAY, RESERVED, SENT)
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(await counter.charged(request)) == 1


@pytest.mark.parametrize("kind", ["no keys"], indirect=True)
async def test_without_keys_of_two_runs_at_once_one_sends(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was taken for dead goes on from its reservation, while the next one sends."""
    request = await counter.asks()
    real, overtaken = counter.store.attempts.mark_sent, False

    async def overtake(key: str, at: datetime, *quiet: timedelta) -> bool:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            gateway = counter.adapters.gateway(SECOND)
            with monkeypatch.context() as patch:
                killed_before(patch, gateway, "charge")
                with pytest.raises(Killed):
                    await Charging(counter.store, counter.adapters).charge(request)
        return await real(key, at, *quiet)

    monkeypatch.setattr(counter.store.attempts, "mark_sent", overtake)
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    assert await counter.charged(request) == []


# Certainly nothing: of this run, not of the one before


async def test_a_run_that_certainly_sent_nothing_does_not_speak_for_the_one_before(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run sent it and died; the next finds nobody; then the invoice is paid otherwise."""
    request = await counter.asks()
    await die(counter, request, monkeypatch, lambda patch: killed_after(patch, counter.store.attempts, "mark_sent"))
    await counter.ages(SURELY_NOT_UNDER_WAY, SENT)
    with monkeypatch.context() as patch:
        counter.unreachable(patch)
        with pytest.raises(Unavailable):
            await counter.charging.charge(request)
    assert (await counter.state(request)).sent
    await counter.change(request, "pay")
    answer = await counter.charging.charge(request)
    assert isinstance(answer, Attempted)
    assert not (await counter.state(request)).withdrawn
    assert await counter.charged(request) == []


# Withdrawn


async def test_the_key_of_a_withdrawn_reservation_serves_another_amount(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks()
    await die(counter, request, monkeypatch, lambda patch: killed_before(patch, counter.store.attempts, "mark_sent"))
    part = {"key": "by_check", "amount_minor": 5_00, "currency": "EUR", "gateway": "desk", "reference": "r1"}
    reply = await counter.sandbox.post(f"/source/invoices/{request.case.invoice_id}/payments", part)
    assert reply.status == 200, reply.text
    stale = await counter.charging.charge(request)
    assert isinstance(stale, Stale)
    assert (await counter.state(request)).withdrawn
    rest = request.model_copy(update={"amount": stale.invoice.due})
    assert await counter.charging.charge(rest) == Attempted(outcome=Outcome.SUCCEEDED)
    assert (await counter.state(request)).amount == stale.invoice.due


async def test_a_reservation_is_not_withdrawn_once_another_run_has_begun_to_send_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks()
    await die(counter, request, monkeypatch, lambda patch: killed_before(patch, counter.store.attempts, "mark_sent"))
    before = await counter.state(request)
    assert await counter.store.attempts.mark_sent(request.key, START)
    assert not await counter.store.attempts.withdraw(before, START)
    assert not await counter.store.attempts.never_arrived(before, START)
    assert (await counter.state(request)).sent


async def test_what_was_withdrawn_or_never_arrived_is_not_sent_any_more(counter: Counter) -> None:
    for give_up in (counter.store.attempts.withdraw, counter.store.attempts.never_arrived):
        request = await counter.asks()
        with pytest.MonkeyPatch.context() as patch:
            killed_before(patch, counter.store.attempts, "mark_sent")
            with pytest.raises(Killed):
                await counter.charging.charge(request)
        assert await give_up(await counter.state(request), START)
        assert not await counter.store.attempts.mark_sent(request.key, START)


# Look-ups


async def test_a_look_up_sends_nothing_that_was_only_reserved(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks()
    await die(counter, request, monkeypatch, lambda patch: killed_before(patch, counter.store.attempts, "mark_sent"))
    assert await counter.looks(request, timedelta(minutes=1)) == Attempted(outcome=Outcome.NOT_ACCEPTED)
    assert await counter.charged(request) == []
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.NOT_ACCEPTED)
    assert await counter.may_charge_again(request)


@pytest.mark.parametrize("kind", ["keys"], indirect=True)
async def test_what_was_sent_long_after_it_was_decided_may_be_under_way_for_as_long(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The activity waited for its gateway for two hours, sent it and died; the case looks it up at once."""
    request = await counter.asks()
    sent_at = request.now + timedelta(hours=2)
    await die(counter, request, monkeypatch, lambda patch: killed_before(patch, counter.store.attempts, "mark_sent"))
    assert await counter.store.attempts.mark_sent(request.key, sent_at)
    soon = await counter.looks(request, timedelta(hours=2, minutes=1))
    assert soon == Attempted(outcome=Outcome.UNKNOWN)
    later = await counter.looks(request, timedelta(hours=2) + SURELY_NOT_UNDER_WAY)
    assert later == Attempted(outcome=Outcome.NOT_ACCEPTED)


@pytest.mark.parametrize("kind", ["by repeating"], indirect=True)
async def test_where_nothing_can_be_read_the_request_is_repeated_while_its_key_lives(counter: Counter) -> None:
    request = await counter.asks("answer_never_comes")
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    assert await counter.looks(request, timedelta(minutes=1)) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(await counter.charged(request)) == 1


@pytest.mark.parametrize("kind", ["by repeating"], indirect=True)
async def test_it_is_not_repeated_after_its_key_nor_when_the_invoice_has_changed_nor_for_a_closed_case(
    counter: Counter,
) -> None:
    request = await counter.asks("never_arrives")
    assert await counter.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    look = LookUpRequest(key=request.key, gateway=SECOND, attempted_at=START, now=day(1), only_reads=True)
    assert await counter.charging.look_up(look) == Attempted(outcome=Outcome.UNKNOWN)
    await counter.ages(timedelta(days=7), RESERVED)
    assert await counter.looks(request, timedelta(days=7)) == Attempted(outcome=Outcome.UNKNOWN)
    await counter.ages(timedelta(), RESERVED)
    await counter.change(request, "void")
    assert await counter.looks(request, timedelta(days=1)) == Attempted(outcome=Outcome.UNKNOWN)
    assert await counter.charged(request) == []


@pytest.mark.parametrize("kind", ["keys"], indirect=True)
async def test_what_is_settled_while_the_gateway_is_asked_is_the_answer(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks("answer_never_comes")
    await counter.charging.charge(request)

    async def told_meanwhile(_: object) -> Unknown:
        await counter.store.attempts.settle(request.key, Outcome.SUCCEEDED, None, "ch_1", START)
        return Unknown(reason="no answer")

    monkeypatch.setattr(counter.adapters.gateway(SECOND), "look_up", told_meanwhile)
    assert await counter.looks(request, timedelta(minutes=1)) == Attempted(outcome=Outcome.SUCCEEDED)


# Another gateway by now


@pytest.mark.parametrize("kind", ["keys"], indirect=True)
@pytest.mark.parametrize("named", [SECOND, "stripe"])
async def test_what_was_begun_at_one_gateway_is_not_begun_at_the_one_the_settings_name_by_now(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """`stripe`: a case from before routes names the kind only; the route decides."""
    request = (await counter.asks()).model_copy(update={"gateway": named})
    gateway = counter.adapters.gateway(SECOND)
    await die(counter, request, monkeypatch, lambda patch: killed_after(patch, gateway, "charge"))
    by_now = routed_to(counter.adapters, counter.sandbox, "keys", THIRD)
    again = request if named == "stripe" else request.model_copy(update={"gateway": THIRD})
    answer = await Charging(counter.store, by_now).charge(again)
    assert isinstance(answer, Attempted)
    assert answer.outcome is Outcome.SUCCEEDED
    assert len(await counter.charged(request)) == 1


# A rule stands in the way


async def test_a_gateway_that_is_out_of_order_gives_the_reservation_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await counter.asks()
    counter.unreachable(monkeypatch)
    for _ in range(6):
        with pytest.raises(Unavailable):
            await counter.charging.charge(request)
        if await counter.charging._watched.is_out_of_order(SECOND, request.now):
            break
    answer = await counter.charging.charge(request)
    assert isinstance(answer, RefusedByRule)
    assert answer.by_gateway
    assert (await counter.state(request)).withdrawn
    assert await counter.may_charge_again(request)
