"""Health of gateways in PostgreSQL: counted by scope, opened once, one probe at a time, ended by probes or by hand."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from activities.store.store import Store
from policies.gateway_health import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    Admitted,
    Call,
    GatewayHealth,
    Kind,
    NotNow,
    Result,
    Scope,
    State,
)

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GATEWAY = "stripe/default"


class Calls:
    """A hand that calls a gateway, so to speak."""

    def __init__(self, store: Store) -> None:
        self.health = store.gateway_health
        self.number = 0

    async def make(
        self,
        result: Result = Result.APPROVED,
        times: int = 1,
        at: datetime = NOW,
        region: str | None = None,
        issuer: str | None = None,
        seconds: float = 1,
        key: str | None = None,
        gateway: str = GATEWAY,
    ) -> None:
        for _ in range(times):
            self.number += 1
            call = Call(at=at, took_seconds=seconds, result=result)
            await self.health.record(gateway, region, issuer, key or f"att_{self.number}", call)

    async def look(
        self, region: str | None = None, issuer: str | None = None, now: datetime = NOW, gateway: str = GATEWAY
    ) -> GatewayHealth:
        return await self.health.health(gateway, region, issuer, now)

    async def ask(
        self, key: str, now: datetime, region: str | None = None, issuer: str | None = None
    ) -> Admitted | NotNow:
        return await self.health.admit(GATEWAY, region, issuer, key, now)


async def test_what_nobody_has_called_is_healthy(store: Store) -> None:
    found = await Calls(store).look("DE", "Sparkasse")
    assert (found.state, found.scope, found.figures.calls) == (State.HEALTHY, Scope(Kind.ACCOUNT), 0)
    assert await Calls(store).ask("att_1", NOW, "DE", "Sparkasse") == Admitted()
    assert await store.gateway_health.all(NOW) == []


async def test_calls_are_counted_for_each_scope_and_forgotten_by_the_window(store: Store) -> None:
    calls = Calls(store)
    await calls.make(at=NOW - 10 * MINUTE)
    await calls.make(times=2, at=NOW - 9 * MINUTE, region="DE", issuer="Sparkasse", seconds=3)
    await calls.make(Result.DECLINED, at=NOW, region="FR")
    found = {each.scope: each for each in await store.gateway_health.all(NOW)}
    assert {scope: one.figures.calls for scope, one in found.items()} == {
        Scope(Kind.ACCOUNT): 3,
        Scope(Kind.REGION, "DE"): 2,
        Scope(Kind.REGION, "FR"): 1,
        Scope(Kind.ISSUER, "Sparkasse"): 2,
    }
    account = found[Scope(Kind.ACCOUNT)].figures
    assert (account.approval_rate, account.usual_approval_rate) == (0.667, 0.75)
    assert (account.mean_seconds, account.longest_seconds) == (2.333, 3.0)


async def test_five_failures_make_the_account_down_for_everybody_there_and_nobody_else(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5, region="DE", issuer="Sparkasse")
    found = await calls.look("FR")
    assert (found.state, found.scope, found.since) == (State.DOWN, Scope(Kind.ACCOUNT), NOW)
    assert found.because == "5 of 5 calls failed in the last ten minutes"
    assert await calls.ask("att_x", NOW, "FR") == NotNow(because=found.because, free_at=NOW + FIRST_PAUSE)
    assert (await calls.look(gateway="stripe/other")).state is State.HEALTHY
    assert [past.scope for past in await store.gateway_health.history()] == [Scope(Kind.ACCOUNT)]


async def test_a_region_or_an_issuer_is_down_alone_while_the_rest_works(store: Store) -> None:
    calls = Calls(store)
    await calls.make(times=20, region="FR")
    await calls.make(Result.FAILED, times=5, region="DE")
    assert (await calls.look("DE")).scope == Scope(Kind.REGION, "DE")
    assert isinstance(await calls.ask("att_x", NOW, "DE"), NotNow)
    assert await calls.ask("att_x", NOW, "FR") == Admitted()
    await calls.make(times=20, region="FR", issuer="BNP")
    await calls.make(Result.ISSUER_FAILED, times=5, region="FR", issuer="Revolut")
    assert (await calls.look("FR", "Revolut")).state is State.DOWN
    assert await calls.ask("att_x", NOW, "FR", "BNP") == Admitted()


async def test_banks_out_of_reach_are_the_accounts_outage_once_they_are_three(store: Store) -> None:
    calls = Calls(store)
    for bank in ("A", "B"):
        await calls.make(Result.ISSUER_FAILED, times=4, issuer=bank)
    assert (await calls.look()).state is State.HEALTHY
    await calls.make(Result.ISSUER_FAILED, issuer="C")
    assert (await calls.look()).state is State.DOWN


async def test_the_outage_of_the_whole_takes_up_those_of_its_parts(store: Store) -> None:
    calls = Calls(store)
    await calls.make(times=6)
    await calls.make(Result.FAILED, times=5, region="DE")
    assert (await calls.look()).state is State.DEGRADED
    await calls.make(Result.FAILED, region="FR")
    ended = {past.scope: past.ended_by for past in await store.gateway_health.history(GATEWAY)}
    assert ended == {Scope(Kind.ACCOUNT): None, Scope(Kind.REGION, "DE"): "a wider outage"}


async def test_an_outage_seen_by_many_at_once_is_one_row(store: Store) -> None:
    calls = Calls(store)
    await asyncio.gather(*(calls.make(Result.FAILED, region="DE", issuer="Sparkasse") for _ in range(20)))
    assert len([past for past in await store.gateway_health.history() if past.ended_at is None]) == 1
    assert (await calls.look()).figures.calls == 20


async def test_of_many_that_ask_at_once_one_has_the_probe(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5)
    due = NOW + FIRST_PAUSE
    answers = await asyncio.gather(*(calls.ask(f"att_of_{n}", due, "DE") for n in range(25)))
    assert Counter(type(answer) for answer in answers) == {Admitted: 1, NotNow: 24}
    winner = next(n for n, answer in enumerate(answers) if isinstance(answer, Admitted))
    assert answers[winner] == Admitted(probes=(Scope(Kind.ACCOUNT),))
    assert isinstance(await calls.ask(f"att_of_{winner}", due, "DE"), Admitted), "asking again, it still has it"
    assert isinstance(await calls.ask("att_late", due + LEASE, "DE"), Admitted), "a probe without an answer is lost"
    await calls.make(key=f"att_of_{winner}", at=due + LEASE)
    row = await store.pool.fetchrow("select good_probes, probe_key from outages")
    assert tuple(row) == (0, "att_late")


async def test_three_good_probes_end_it_and_what_failed_before_does_not_count_any_more(store: Store) -> None:
    calls, now = Calls(store), NOW
    await calls.make(Result.FAILED, times=8)
    for n in range(3):
        now += 2 * MINUTE
        assert isinstance(await calls.ask(f"probe_{n}", now), Admitted)
        assert isinstance(await calls.ask("another", now), NotNow)
        await calls.make(key=f"probe_{n}", at=now)
    found = await calls.look(now=now + MINUTE)
    assert (found.state, found.last_began_at) == (State.HEALTHY, NOW)
    assert found.last_ended_at == now + timedelta(seconds=1)
    assert await calls.ask("another", now + MINUTE) == Admitted()
    await calls.make(Result.FAILED, at=now + MINUTE)
    assert (await calls.look(now=now + MINUTE)).state is State.HEALTHY
    assert (await store.gateway_health.history())[0].ended_by == "probes"


async def test_a_failed_probe_makes_the_pause_longer(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5)
    now = NOW + FIRST_PAUSE
    await calls.ask("probe", now)
    await calls.make(Result.FAILED, key="probe", at=now, seconds=20)
    answer = await calls.ask("another", now)
    assert isinstance(answer, NotNow)
    assert answer.free_at == now + timedelta(seconds=20) + 2 * FIRST_PAUSE


async def test_slow_answers_are_an_outage_too(store: Store) -> None:
    calls = Calls(store)
    await calls.make(times=5, seconds=15)
    assert (await calls.look()).because == "5 of 5 calls took more than ten seconds in the last ten minutes"


async def test_a_case_whose_clock_is_before_the_outage_does_not_see_it(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5, at=NOW + timedelta(days=7))
    assert (await calls.look()).state is State.HEALTHY
    assert await calls.ask("att_x", NOW) == Admitted()
    assert await store.gateway_health.all(NOW) == []


async def test_a_probe_taken_far_ahead_holds_nobody_longer_than_the_longest_pause(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5)
    await calls.ask("ahead", NOW + timedelta(days=7))
    answer = await calls.ask("here", NOW + FIRST_PAUSE)
    assert isinstance(answer, NotNow)
    assert answer.free_at == NOW + FIRST_PAUSE + LONGEST_PAUSE


async def test_a_person_ends_one_outage_or_all_and_their_name_and_reason_are_kept(store: Store) -> None:
    calls = Calls(store)
    await calls.make(times=20)
    await calls.make(Result.FAILED, times=5, region="DE")
    await calls.make(Result.FAILED, times=5, region="FR")
    end, scope = store.gateway_health.end_by_hand, Scope(Kind.REGION, "DE")
    assert await end(GATEWAY, scope, "alice", "they called", NOW + MINUTE) == (scope,)
    assert await end(GATEWAY, scope, "alice", "they called", NOW + MINUTE) == ()
    assert await end(GATEWAY, None, "bob", "all is well", NOW + MINUTE) == (Scope(Kind.REGION, "FR"),)
    assert await end("stripe/other", None, "bob", "all is well", NOW) == ()
    told = {past.scope.name: (past.ended_by, past.ended_because) for past in await store.gateway_health.history()}
    assert told == {"DE": ("alice", "they called"), "FR": ("bob", "all is well")}
    assert await calls.ask("att_x", NOW + MINUTE, "DE") == Admitted()


async def test_old_counts_are_forgotten_and_outages_are_not(store: Store) -> None:
    calls = Calls(store)
    await calls.make(Result.FAILED, times=5, at=NOW - timedelta(days=3))
    await calls.make()
    await store.gateway_health.forget(NOW - timedelta(days=2))
    assert await store.pool.fetchval("select count(*) from gateway_calls") == 2
    assert len(await store.gateway_health.history()) == 1
