"""One ledger per credential, whoever tries (P2, P4): exclusive under concurrency, settled once, never forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from activities.store.store import Store
from policies.declines import Decline, classify
from policies.facts import Outcome
from policies.invoices import SeenAttempt
from policies.keys import CaseRef
from policies.money import Money
from policies.network_rules import ATTEMPTS_PER_WINDOW, WINDOW, Allowed, ProposedAttempt, Refused

CASE = CaseRef(source="stripe", account="default", invoice_id="in_1")
CARD = "card_1"
EUR = Money(amount_minor=2900, currency="EUR")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NO_FUNDS = classify("sandbox", "insufficient_funds")
LOST = classify("sandbox", "lost_card")
FINAL = [Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.NOT_ACCEPTED]


async def reserve(
    store: Store, key: str, at: datetime = NOW, card: str = CARD, case: CaseRef = CASE
) -> Allowed | Refused:
    return await store.attempts.reserve(case, key, ProposedAttempt(credential_id=card, amount=EUR), at)


async def attempt(store: Store, key: str, at: datetime = NOW, decline: Decline = NO_FUNDS) -> None:
    assert isinstance(await reserve(store, key, at), Allowed)
    await store.attempts.mark_sent(key, at)
    await store.attempts.settle(key, Outcome.DECLINED, decline, "ch_1", at)


async def outcome_of(store: Store, key: str) -> Outcome | None:
    state = await store.attempts.state_of(key)
    assert state is not None
    return state.outcome


async def test_of_twenty_reservations_at_once_one_is_open(store: Store) -> None:
    verdicts = await asyncio.gather(*(reserve(store, f"att_{n}") for n in range(20)))
    assert [isinstance(verdict, Allowed) for verdict in verdicts].count(True) == 1
    refused = next(verdict for verdict in verdicts if isinstance(verdict, Refused))
    assert refused.rule == "an earlier attempt is not settled yet"
    assert refused.free_at is not None
    assert refused.free_at > NOW
    assert len(await store.attempts.of_credential(CASE, CARD, NOW)) == 1


async def test_two_cases_of_one_card_wait_for_each_other_and_two_cards_do_not(store: Store) -> None:
    other = CASE.model_copy(update={"invoice_id": "in_2"})
    assert isinstance(await reserve(store, "att_1"), Allowed)
    assert isinstance(await reserve(store, "att_2", case=other), Refused)
    assert isinstance(await reserve(store, "att_3", card="card_2"), Allowed)
    elsewhere = CASE.model_copy(update={"account": "other"})
    assert isinstance(await reserve(store, "att_4", case=elsewhere), Allowed)


async def test_a_refused_reservation_leaves_no_trace(store: Store) -> None:
    await reserve(store, "att_1")
    await reserve(store, "att_2")
    assert await store.attempts.state_of("att_2") is None


async def test_the_own_key_may_be_reserved_again_and_counts_once(store: Store) -> None:
    for _ in range(3):
        assert isinstance(await reserve(store, "att_1"), Allowed)
    assert len(await store.attempts.of_credential(CASE, CARD, NOW)) == 1
    await store.attempts.mark_sent("att_1", NOW)
    assert isinstance(await reserve(store, "att_1"), Allowed)


async def test_sent_without_an_answer_is_known_as_such(store: Store) -> None:
    await reserve(store, "att_1")
    state = await store.attempts.state_of("att_1")
    assert state is not None
    assert (state.sent, state.outcome) == (False, None)
    await store.attempts.mark_sent("att_1", NOW)
    state = await store.attempts.state_of("att_1")
    assert state is not None
    assert (state.sent, state.outcome) == (True, None)


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
async def test_an_open_outcome_blocks_until_it_is_settled(store: Store, outcome: Outcome) -> None:
    await reserve(store, "att_1")
    await store.attempts.settle("att_1", outcome, None, None, NOW)
    assert isinstance(await reserve(store, "att_2", NOW + timedelta(days=10)), Refused)
    await store.attempts.settle("att_1", Outcome.DECLINED, NO_FUNDS, "ch_1", NOW)
    assert isinstance(await reserve(store, "att_2", NOW + timedelta(days=90)), Allowed)


async def test_what_never_arrived_neither_blocks_nor_counts(store: Store) -> None:
    for number in range(ATTEMPTS_PER_WINDOW + 5):
        verdict = await reserve(store, f"att_{number}")
        assert isinstance(verdict, Allowed)
        assert verdict.budget == ATTEMPTS_PER_WINDOW
        await store.attempts.settle(f"att_{number}", Outcome.NOT_ACCEPTED, None, None, NOW)


async def test_money_that_moved_after_all_outranks_that_nothing_arrived(store: Store) -> None:
    """That a request never arrived is inferred; that it was paid is the gateway's own word."""
    await reserve(store, "att_1")
    await store.attempts.settle("att_1", Outcome.NOT_ACCEPTED, None, None, NOW)
    await store.attempts.settle("att_1", Outcome.SUCCEEDED, None, "ch_1", NOW + timedelta(seconds=1))
    assert await outcome_of(store, "att_1") is Outcome.SUCCEEDED


@pytest.mark.parametrize("first", [Outcome.SUCCEEDED, Outcome.DECLINED])
async def test_the_first_final_outcome_stands_whatever_is_written_later(store: Store, first: Outcome) -> None:
    """Two runs of one activity: the slower one comes back with an older answer, or marks as sent what is settled."""
    await reserve(store, "att_1")
    decline = NO_FUNDS if first is Outcome.DECLINED else None
    await store.attempts.settle("att_1", first, decline, "ch_1", NOW)
    for later in (*FINAL, Outcome.UNKNOWN, Outcome.PENDING):
        await store.attempts.settle("att_1", later, None, "ch_2", NOW + timedelta(seconds=1))
        assert await outcome_of(store, "att_1") is first, later
    await store.attempts.mark_sent("att_1", NOW)
    assert await outcome_of(store, "att_1") is first
    (entry,) = await store.attempts.of_credential(CASE, CARD, NOW)
    assert entry.outcome is first
    assert isinstance(await reserve(store, "att_2"), Allowed)


async def test_of_many_settlements_at_once_all_readers_see_one(store: Store) -> None:
    await reserve(store, "att_1")
    await asyncio.gather(*(store.attempts.settle("att_1", outcome, None, None, NOW) for outcome in FINAL * 4))
    final = "select count(*) from attempt_results where outcome in ('succeeded', 'declined')"
    assert await store.pool.fetchval(final) == 1


async def test_fifteen_in_thirty_days_and_the_sixteenth_when_the_first_has_aged(store: Store) -> None:
    for number in range(ATTEMPTS_PER_WINDOW):
        await attempt(store, f"att_{number}", NOW + timedelta(days=number))
    refused = await reserve(store, "att_more", NOW + timedelta(days=20))
    assert isinstance(refused, Refused)
    assert "15 attempts" in refused.rule
    assert refused.free_at == NOW + WINDOW
    assert isinstance(await reserve(store, "att_more", NOW + WINDOW - timedelta(seconds=1)), Refused)
    assert isinstance(await reserve(store, "att_more", NOW + WINDOW), Allowed)


async def test_a_hard_stop_outlives_every_window(store: Store) -> None:
    await attempt(store, "att_1", decline=LOST)
    for later in (timedelta(minutes=1), timedelta(days=31), timedelta(days=300)):
        refused = await reserve(store, "att_2", NOW + later)
        assert isinstance(refused, Refused)
        assert "hard stop: lost" in refused.rule
        assert refused.free_at is None
    assert isinstance(await reserve(store, "att_2", card="card_2"), Allowed)


async def test_what_others_tried_counts_once_however_often_it_is_seen(store: Store) -> None:
    seen = SeenAttempt(key="ch_theirs", credential_id=CARD, amount=EUR, at=NOW, decline=NO_FUNDS)
    await asyncio.gather(*(store.attempts.record_seen(CASE, seen) for _ in range(8)))
    (entry,) = await store.attempts.of_credential(CASE, CARD, NOW)
    assert (entry.actor, entry.outcome, entry.decline) == ("gateway", Outcome.DECLINED, NO_FUNDS)
    verdict = await reserve(store, "att_1")
    assert isinstance(verdict, Allowed)
    assert verdict.budget == ATTEMPTS_PER_WINDOW - 1


async def test_a_hard_stop_that_others_ran_into_stops_us(store: Store) -> None:
    await store.attempts.record_seen(CASE, SeenAttempt(key="ch", credential_id=CARD, amount=EUR, at=NOW, decline=LOST))
    assert isinstance(await reserve(store, "att_1"), Refused)


async def test_the_same_reference_of_two_accounts_is_two_attempts(store: Store) -> None:
    seen = SeenAttempt(key="ch", credential_id=CARD, amount=EUR, at=NOW)
    elsewhere = CASE.model_copy(update={"account": "other"})
    await store.attempts.record_seen(CASE, seen)
    await store.attempts.record_seen(elsewhere, seen)
    assert len(await store.attempts.of_credential(elsewhere, CARD, NOW)) == 1


async def test_a_decline_comes_back_as_it_went_in(store: Store) -> None:
    await attempt(store, "att_1", decline=classify("sandbox", "do_not_honor", "05", "try_again_later"))
    state = await store.attempts.state_of("att_1")
    assert state is not None
    assert state.decline == classify("sandbox", "do_not_honor", "05", "try_again_later")


async def test_nothing_is_ever_rewritten(store: Store) -> None:
    """Append-only: every word about an attempt is still there."""
    await reserve(store, "att_1")
    await store.attempts.mark_sent("att_1", NOW)
    await store.attempts.settle("att_1", Outcome.UNKNOWN, None, None, NOW)
    await store.attempts.settle("att_1", Outcome.SUCCEEDED, None, "ch_1", NOW)
    words = await store.pool.fetch("select outcome from attempt_results order by id")
    assert [row["outcome"] for row in words] == ["sent", "unknown", "succeeded"]
