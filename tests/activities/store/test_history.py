"""What happened with a customer before: counted from cases and attempts, up to the moment that is handed in."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.contracts import CloseRequest, Opened
from activities.store.store import Store
from policies.declines import classify
from policies.document import PolicySnapshot
from policies.events import CloseOutcome
from policies.facts import Outcome
from policies.keys import CaseRef
from policies.money import Money
from policies.network_rules import ProposedAttempt
from policies.risk import PaymentHistory
from tests.policies.timeline import SELF_SERVE, case

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EUR = Money(amount_minor=2900, currency="EUR")
PRESENT = CaseRef(source="sandbox", account="default", invoice_id="in_now")
pytestmark = pytest.mark.usefixtures("store")


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


async def happened(
    store: Store, number: int, opened: datetime, outcome: CloseOutcome | None, customer: str = "cus_1"
) -> CaseRef:
    ref = PRESENT.model_copy(update={"invoice_id": f"in_{number}"})
    facts = case()
    invoice = facts.invoice.model_copy(update={"customer_id": customer})
    facts = facts.model_copy(update={"case": ref, "opened_at": opened, "failed_at": opened, "invoice": invoice})
    await store.cases.opened(Opened(facts=facts, policy=PolicySnapshot.of(SELF_SERVE), segment="self_serve"))
    if outcome:
        closed = opened + timedelta(days=5)
        request = CloseRequest(
            case=ref, outcome=outcome, because="b", happened_at=closed, attempts=1, messages=0, unsettled=None,
            timeline=(), now=closed,
        )  # fmt: skip
        await store.cases.closed(request)
    return ref


async def tried(store: Store, ref: CaseRef, key: str, card: str, at: datetime, outcome: Outcome) -> None:
    await store.attempts.reserve(ref, key, ProposedAttempt(credential_id=card, amount=EUR), at)
    decline = classify("sandbox", "insufficient_funds") if outcome is Outcome.DECLINED else None
    await store.attempts.settle(key, outcome, decline, None, at)


async def before(store: Store, since: datetime | None = None) -> PaymentHistory:
    return await store.history.before(PRESENT, "cus_1", since, NOW)


async def test_a_stranger_has_this_one_failure_and_nothing_else(store: Store) -> None:
    assert await before(store) == PaymentHistory(failures_90d=1, consecutive_failures=1)


async def test_cases_are_counted_by_how_they_ended_and_when(store: Store) -> None:
    await happened(store, 1, days(400), CloseOutcome.RECOVERED)
    await happened(store, 2, days(300), CloseOutcome.WRITTEN_OFF)
    await happened(store, 3, days(200), CloseOutcome.RECOVERED)
    await happened(store, 4, days(80), CloseOutcome.DISPUTED)
    await happened(store, 5, days(20), None)
    await happened(store, 6, days(10), CloseOutcome.WRITTEN_OFF, customer="cus_other")
    known = await before(store, since=days(500))
    assert known == PaymentHistory(
        payments_365d=1,
        failures_90d=3,
        consecutive_failures=3,
        written_off=1,
        disputes_365d=1,
        disputes_lost_365d=1,
        tenure_days=500,
    )


async def test_cards_and_attempts_are_counted_by_the_hour_the_day_and_the_month(store: Store) -> None:
    ref = await happened(store, 1, days(40), None)
    for n, (card, ago) in enumerate([("a", 0.01), ("b", 0.02), ("b", 0.5), ("c", 20), ("d", 35)]):
        await tried(store, ref, f"att_{n}", card, days(ago), Outcome.DECLINED)
    known = await before(store)
    assert (known.attempts_1h, known.cards_tried_24h, known.cards_tried_30d) == (2, 2, 3)


async def test_payments_that_went_well_are_remembered_newest_last(store: Store) -> None:
    for n in range(15):
        ref = await happened(store, n, days(30 * n + 10), CloseOutcome.RECOVERED)
        await tried(store, ref, f"att_{n}", "card", days(30 * n + 5), Outcome.SUCCEEDED)
    await tried(store, ref, "att_x", "card_2", days(1), Outcome.DECLINED)
    paid = await store.history.paid_at(PRESENT, "cus_1", NOW)
    assert len(paid) == 12
    assert paid == tuple(sorted(paid))
    assert paid[-1] == days(5)
    assert await store.history.paid_at(PRESENT, "cus_1", days(100)) != paid


async def test_the_clock_of_a_merchant_that_runs_ahead_makes_nobody_younger_than_new(store: Store) -> None:
    assert (await before(store, since=days(-5))).tenure_days is None
