from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.declines import Category, Retryable, classify
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.money import Money
from policies.network_rules import (
    ATTEMPTS_PER_WINDOW,
    HARD_STOPS,
    RULES,
    WINDOW,
    Allowed,
    LedgerEntry,
    NetworkRule,
    Refused,
    may_attempt,
)
from tests.policies.timeline import at, day, entry, proposed


def test_an_empty_ledger_allows_all_fifteen() -> None:
    assert may_attempt((), proposed(), day(0)) == Allowed(budget=15)


def test_the_fifteenth_attempt_is_allowed_and_the_sixteenth_is_not() -> None:
    fourteen = tuple(entry(day(n)) for n in range(14))
    assert may_attempt(fourteen, proposed(), day(15)) == Allowed(budget=1)
    assert may_attempt((*fourteen, entry(day(14))), proposed(), day(15)) == Refused(
        rule="15 attempts on one credential in 30 days", rule_id="guard", free_at=day(30)
    )


def test_it_is_allowed_at_the_very_time_it_was_said_to_be_free() -> None:
    ledger = tuple(entry(at(7 * n)) for n in range(20))
    refused = may_attempt(ledger, proposed(), day(10))
    assert isinstance(refused, Refused)
    assert refused.free_at is not None
    assert isinstance(may_attempt(ledger, proposed(), refused.free_at - timedelta(seconds=1)), Refused)
    assert may_attempt(ledger, proposed(), refused.free_at) == Allowed(budget=1)


def test_order_and_actor_do_not_matter() -> None:
    ledger = tuple(entry(day(n)) for n in range(15))
    assert may_attempt(ledger[::-1], proposed(), day(15)) == may_attempt(ledger, proposed(), day(15))


def test_what_never_reached_a_network_does_not_count() -> None:
    ledger = tuple(entry(at(n), outcome=Outcome.NOT_ACCEPTED, category=Category.LOST_OR_STOLEN) for n in range(20))
    assert may_attempt(ledger, proposed(), day(1)) == Allowed(budget=ATTEMPTS_PER_WINDOW)


def test_an_attempt_that_is_dated_later_but_was_made_before_counts() -> None:
    """Two cases on one card: the one that was decided on first was sent last."""
    fourteen = tuple(entry(day(n)) for n in range(14))
    overtook = entry(day(14) + timedelta(milliseconds=94))
    assert may_attempt((*fourteen, overtook), proposed(), day(14)) == Refused(
        rule="15 attempts on one credential in 30 days", rule_id="guard", free_at=day(30)
    )


def test_attempts_older_than_the_window_do_not_count() -> None:
    assert may_attempt((entry(day(0)),), proposed(), day(0) + WINDOW) == Allowed(budget=15)


@pytest.mark.parametrize("category", sorted(HARD_STOPS))
def test_a_hard_stop_is_for_good_however_old(category: Category) -> None:
    refused = may_attempt((entry(day(0), category=category),), proposed(), day(400))
    assert refused == Refused(rule=f"hard stop: {category.value} on 2026-03-02", rule_id="hard_stop")


@pytest.mark.parametrize("category", [Category.MERCHANT_CONFIG, Category.DUPLICATE])
def test_a_fault_of_the_merchant_or_of_the_request_forbids_the_card_nothing(category: Category) -> None:
    assert isinstance(may_attempt((entry(day(0), category=category),), proposed(), day(1)), Allowed)


@pytest.mark.parametrize("category", sorted(set(Category) - HARD_STOPS - {Category.AUTHENTICATION_REQUIRED}))
def test_soft_declines_count_and_stop_nothing(category: Category) -> None:
    assert may_attempt((entry(day(0), category=category),), proposed(), day(1)) == Allowed(budget=14)


@pytest.mark.parametrize("outcome", [None, Outcome.UNKNOWN, Outcome.PENDING])
def test_an_attempt_that_is_not_settled_blocks_the_next_one(outcome: Outcome | None) -> None:
    refused = may_attempt((entry(day(0), outcome=outcome),), proposed(), day(1))
    assert isinstance(refused, Refused)
    assert refused.rule == "an earlier attempt is not settled yet"


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(minutes=1), timedelta(minutes=15)),
        (timedelta(hours=3), timedelta(hours=3)),
        (timedelta(days=9), timedelta(days=1)),
    ],
)
def test_the_longer_an_attempt_is_open_the_rarer_it_is_asked_about(age: timedelta, pause: timedelta) -> None:
    refused = may_attempt((entry(day(0), outcome=Outcome.PENDING),), proposed(), day(0) + age)
    assert isinstance(refused, Refused)
    assert refused.free_at == day(0) + age + pause


def test_an_attempt_that_nobody_ever_settled_stops_blocking_and_goes_on_counting() -> None:
    assert may_attempt((entry(day(0), outcome=Outcome.UNKNOWN),), proposed(), day(16)) == Allowed(budget=14)


# --- the networks' own rules ------------------------------------------------------------------------------------------


def refusal(verdict: Allowed | Refused) -> tuple[str, datetime | None]:
    assert isinstance(verdict, Refused), verdict
    return verdict.rule_id, verdict.free_at


def declined_with(when: datetime, code: str, **signals: Any) -> LedgerEntry:
    return entry(when, decline=classify("stripe", code, **signals))


def many(count: int, hours: float, **more: Any) -> tuple[LedgerEntry, ...]:
    return tuple(entry(at(hours * n), **more) for n in range(count))


CUSTOMER = {"initiator": Initiator.CUSTOMER}


def test_visa_allows_twenty_since_may_2025_and_fifteen_before() -> None:
    visa = proposed(network=Network.VISA, initiator=Initiator.CUSTOMER)
    before, after = datetime(2025, 5, 24, 12, tzinfo=UTC), datetime(2025, 5, 25, 12, tzinfo=UTC)
    fifteen = tuple(entry(before - timedelta(days=1, hours=n), **CUSTOMER) for n in range(15))
    assert refusal(may_attempt(fifteen, visa, before))[0] == "visa-15-in-30-days"
    assert may_attempt(fifteen, visa, after) == Allowed(budget=5)
    twenty = tuple(entry(after - timedelta(hours=n + 1), **CUSTOMER) for n in range(20))
    assert refusal(may_attempt(twenty, visa, after)) == (
        "visa-20-in-30-days",
        after - timedelta(hours=20) + timedelta(days=30),
    )


def test_visa_counts_the_customers_own_tries_and_ours_apart_and_each_amount_for_itself() -> None:
    visa = proposed(network=Network.VISA, initiator=Initiator.CUSTOMER)
    assert may_attempt(many(20, 1), visa, day(2)) == Allowed(budget=20)
    other = Money(amount_minor=1, currency="EUR")
    assert may_attempt(many(20, 1, amount=other, **CUSTOMER), visa, day(2)) == Allowed(budget=20)
    paid = entry(at(30), outcome=Outcome.SUCCEEDED, **CUSTOMER)
    assert may_attempt((*many(20, 1, **CUSTOMER), paid), visa, day(2)) == Allowed(budget=20)


def test_our_own_guard_counts_everything_and_binds_us_alone() -> None:
    tries = many(15, 1, **CUSTOMER)
    assert refusal(may_attempt(tries, proposed(), day(2))) == ("guard", at(0) + WINDOW)
    assert may_attempt(tries, proposed(), day(2), guard=20) == Allowed(budget=5)
    assert isinstance(may_attempt(tries, proposed(**CUSTOMER), day(2)), Allowed)


@pytest.mark.parametrize(("region", "count", "rule"), [(None, 10, "-10-"), ("BR", 7, "brazil"), ("US", 10, "-10-")])
def test_mastercard_counts_a_day(region: str | None, count: int, rule: str) -> None:
    mastercard = proposed(network=Network.MASTERCARD, region=region)
    assert may_attempt(many(count - 1, 1), mastercard, at(12)) == Allowed(budget=1)
    rule_id, free_at = refusal(may_attempt(many(count, 1), mastercard, at(12)))
    assert rule in rule_id
    assert free_at == at(24)


@pytest.mark.parametrize("region", [None, "BR", "US"])
def test_mastercard_counted_twenty_a_day_before_february_2023(region: str | None) -> None:
    mastercard = proposed(network=Network.MASTERCARD, region=region, **CUSTOMER)
    noon = datetime(2023, 1, 30, 12, tzinfo=UTC)
    twenty = tuple(entry(noon - timedelta(minutes=n), **CUSTOMER) for n in range(20))
    assert may_attempt(twenty[1:], mastercard, noon) == Allowed(budget=1)
    rule_id, free_at = refusal(may_attempt(twenty, mastercard, noon))
    assert rule_id == "mastercard-20-in-24-hours"
    assert free_at == noon - timedelta(minutes=19) + timedelta(days=1)


@pytest.mark.parametrize(
    ("region", "now"), [("US", datetime(2023, 11, 1, tzinfo=UTC)), ("CA", datetime(2024, 4, 1, tzinfo=UTC))]
)
def test_mastercard_counts_thirty_five_per_amount_and_acceptor(region: str, now: datetime) -> None:
    card = proposed(network=Network.MASTERCARD, region=region, acceptor="m1", **CUSTOMER)
    tries = tuple(entry(now - timedelta(hours=20 * n + 1), acceptor="m1", **CUSTOMER) for n in range(35))
    rule_id, free_at = refusal(may_attempt(tries, card, now))
    assert "35-in-30-days" in rule_id
    assert free_at == now - timedelta(hours=681) + timedelta(days=30)
    assert isinstance(may_attempt(tries, card, now - timedelta(days=1)), Allowed)
    assert isinstance(may_attempt(tries, card.model_copy(update={"acceptor": "m2"}), now), Allowed)


@pytest.mark.parametrize("advice", ["03", "21"])
def test_mastercards_advice_not_to_try_again_stops_the_card(advice: str) -> None:
    mastercard = proposed(network=Network.MASTERCARD)
    stopped = declined_with(day(0), "generic_decline", advice_code=advice, network=Network.MASTERCARD)
    soft = stopped.model_copy(update={"decline": classify("x", "y").model_copy(update={"advice_code": advice})})
    for ledger in ((stopped,), (soft,)):
        assert refusal(may_attempt(ledger, mastercard, day(1))) == ("mastercard-stop", day(30))
        assert may_attempt(ledger, mastercard, day(30)) == Allowed(budget=10)


def test_mastercards_advice_is_read_with_and_without_its_zero() -> None:
    stopped = declined_with(day(0), "generic_decline", advice_code="3", network=Network.MASTERCARD)
    assert refusal(may_attempt((stopped,), proposed(network=Network.MASTERCARD), day(1))) == (
        "mastercard-stop",
        day(30),
    )


@pytest.mark.parametrize("advice", ["03", "21"])
def test_a_stolen_card_stays_stolen_after_the_thirty_days_of_the_advice(advice: str) -> None:
    stolen = declined_with(day(0), "stolen_card", advice_code=advice, network=Network.MASTERCARD)
    assert refusal(may_attempt((stolen,), proposed(network=Network.MASTERCARD), day(1)))[1] is None
    assert refusal(may_attempt((stolen,), proposed(network=Network.MASTERCARD), day(31))) == ("hard_stop", None)


def test_a_gateway_that_says_do_not_try_again_says_no_more_than_the_advice() -> None:
    blocked = declined_with(day(0), "do_not_try_again", advice_code="03", network=Network.MASTERCARD)
    assert refusal(may_attempt((blocked,), proposed(network=Network.MASTERCARD), day(1))) == (
        "mastercard-stop",
        day(30),
    )


@pytest.mark.parametrize("code", ["04", "4", "07", "12", "14", "15", "41", "43", "46", "R0", "R1", "R3"])
def test_visas_first_category_is_named_by_its_rule_and_is_for_good(code: str) -> None:
    stopped = declined_with(day(0), "generic_decline", network_code=code, network=Network.VISA)
    assert may_attempt((stopped,), proposed(network=Network.VISA), day(300)) == Refused(
        rule="Visa category 1: the issuer will never approve", rule_id="visa-stop"
    )


def test_visas_first_category_is_known_by_its_advice_too() -> None:
    stopped = declined_with(day(0), "generic_decline", advice_code="1", network=Network.VISA)
    assert refusal(may_attempt((stopped,), proposed(network=Network.VISA), day(300))) == ("visa-stop", None)


def test_what_is_for_good_goes_before_an_attempt_that_is_not_settled() -> None:
    ledger = (entry(day(0), category=Category.LOST_OR_STOLEN), entry(day(1), outcome=Outcome.PENDING))
    assert refusal(may_attempt(ledger, proposed(), day(1))) == ("hard_stop", None)
    advised = declined_with(day(0), "generic_decline", advice_code="03", network=Network.MASTERCARD)
    pending = (advised, entry(day(1), outcome=Outcome.PENDING))
    assert refusal(may_attempt(pending, proposed(network=Network.MASTERCARD), day(1)))[0] == "unsettled"


PAYERS_WORD = {Category.MANDATE_CANCELLED, Category.PAYMENT_DISPUTED, Category.ACCOUNT_HOLDER_DECEASED}


@pytest.mark.parametrize("category", sorted(HARD_STOPS - PAYERS_WORD))
@pytest.mark.parametrize("initiator", Initiator)
def test_a_later_success_shows_that_the_credential_works_after_all(category: Category, initiator: Initiator) -> None:
    stopped, approved = entry(day(1), category=category), {"outcome": Outcome.SUCCEEDED, "initiator": initiator}
    assert isinstance(may_attempt((stopped, entry(day(2), **approved)), proposed(), day(3)), Allowed)
    assert isinstance(may_attempt((stopped, entry(day(0), **approved)), proposed(), day(3)), Refused)
    assert isinstance(may_attempt((stopped, entry(day(1), **approved)), proposed(), day(3)), Refused)


@pytest.mark.parametrize("category", sorted(PAYERS_WORD))
def test_no_success_takes_back_what_the_payer_said(category: Category) -> None:
    ledger = (entry(day(1), category=category), entry(day(2), outcome=Outcome.SUCCEEDED))
    assert refusal(may_attempt(ledger, proposed(), day(3))) == ("hard_stop", None)


@pytest.mark.parametrize(("code", "stopped"), [("14", False), ("R0", True), ("R1", True), ("R3", True)])
def test_a_success_lifts_visas_stop_unless_the_payer_ordered_it(code: str, stopped: bool) -> None:
    refused = declined_with(day(0), "generic_decline", network_code=code, network=Network.VISA)
    ledger = (refused, entry(day(1), outcome=Outcome.SUCCEEDED, **CUSTOMER))
    assert isinstance(may_attempt(ledger, proposed(network=Network.VISA), day(2)), Refused) is stopped


@pytest.mark.parametrize(
    ("code", "on", "stopped"),
    [
        ("R1", datetime(2024, 1, 1, tzinfo=UTC), True),
        ("57", datetime(2026, 10, 20, tzinfo=UTC), False),
        ("57", datetime(2026, 10, 26, tzinfo=UTC), True),
        ("51", datetime(2026, 10, 26, tzinfo=UTC), False),
    ],
)
def test_visa_stops_by_code_and_codes_have_their_day(code: str, on: datetime, stopped: bool) -> None:
    when = on
    soft = classify("x", "y").model_copy(update={"network_code": code})
    verdict = may_attempt((entry(when, decline=soft),), proposed(network=Network.VISA), when + timedelta(days=1))
    assert isinstance(verdict, Refused) is stopped


@pytest.mark.parametrize(("advice", "hours"), [("24", 1), ("25", 24), ("30", 240), ("02", 72)])
def test_advice_to_wait_is_kept_until_a_later_attempt_says_otherwise(advice: str, hours: int) -> None:
    told_to_wait = declined_with(day(0), "insufficient_funds", advice_code=advice)
    assert refusal(may_attempt((told_to_wait,), proposed(), at(0.5))) == ("advised_wait", at(hours))
    assert isinstance(may_attempt((told_to_wait,), proposed(), at(hours)), Allowed)
    assert isinstance(may_attempt((told_to_wait, entry(at(0.2))), proposed(), at(0.5)), Allowed)


def test_a_payment_the_bank_wants_confirmed_is_the_customers_to_make() -> None:
    asked = entry(day(0), category=Category.AUTHENTICATION_REQUIRED)
    assert refusal(may_attempt((asked,), proposed(), day(9))) == ("sca-needs-the-customer", None)
    assert isinstance(may_attempt((asked,), proposed(**CUSTOMER), day(9)), Allowed)
    confirmed = entry(day(1), outcome=Outcome.SUCCEEDED, **CUSTOMER)
    assert isinstance(may_attempt((asked, confirmed), proposed(), day(9)), Allowed)


def test_cards_issued_in_india_are_never_charged_by_themselves() -> None:
    assert refusal(may_attempt((), proposed(region="IN"), day(0))) == ("india-no-automatic-retry", None)
    assert isinstance(may_attempt((), proposed(region="IN", **CUSTOMER), day(0)), Allowed)


ACH = {"network": Network.ACH, "claim": "c1"}


def returned(when: datetime, code: str, claim: str = "c1", network: Network = Network.ACH) -> LedgerEntry:
    decline = classify("x", "y", network=network).model_copy(update={"network_code": code})
    return entry(when, decline=decline, claim=claim)


@pytest.mark.parametrize("code", ["R01", "R09"])
def test_nacha_lets_an_entry_be_presented_twice_again(code: str) -> None:
    twice = (returned(day(0), code), returned(day(5), code))
    assert isinstance(may_attempt(twice, proposed(**ACH), day(10)), Allowed)
    thrice = (*twice, returned(day(10), code))
    assert refusal(may_attempt(thrice, proposed(**ACH), day(20))) == ("nacha-2-representments", None)
    another = proposed(network=Network.ACH, claim="c2")
    assert isinstance(may_attempt(thrice, another, day(20)), Allowed)


@pytest.mark.parametrize(
    ("network", "code", "count"),
    [(Network.ACH, "R01", 3), (Network.SEPA, "AM04", 3), (Network.BACS, "ARUDD-0", 3), (Network.BECS_AU, "6", 4)],
)
@pytest.mark.parametrize("days", [10, 29, 61, 180, 300])
def test_a_debit_that_was_presented_as_often_as_allowed_is_never_presented_again(
    network: Network, code: str, count: int, days: int
) -> None:
    tries = tuple(returned(day(n), code, network=network) for n in range(count))
    assert refusal(may_attempt(tries, proposed(network=network, claim="c1"), day(days)))[1] is None
    assert isinstance(may_attempt(tries, proposed(network=network, claim="c2"), day(40)), Allowed)


@pytest.mark.parametrize(
    ("network", "own", "bad"),
    [
        (Network.ACH, "nacha", "R08"),
        (Network.SEPA, "sepa", "AC06"),
        (Network.BACS, "bacs", "ARUDD-6"),
    ],
)
def test_a_scheme_that_speaks_for_itself_names_its_code_as_the_gateways(network: Network, own: str, bad: str) -> None:
    debit = proposed(network=network, claim="c1")
    told = classify(own, bad, network=network).model_copy(update={"retryable": Retryable.AFTER_CUSTOMER_ACTION})
    rule_id, free_at = refusal(may_attempt((entry(day(0), decline=told, claim="c1"),), debit, day(5)))
    assert ("-only-" in rule_id, free_at) == (True, None)


@pytest.mark.parametrize(("gateway", "code"), [("nacha", None), ("stripe", "insufficient_funds"), ("nacha", "r01")])
def test_a_refusal_without_a_code_of_the_scheme_is_not_judged_by_it(gateway: str, code: str | None) -> None:
    told = classify(gateway, code, network=Network.ACH)
    assert isinstance(may_attempt((entry(day(0), decline=told, claim="c1"),), proposed(**ACH), day(5)), Allowed)


def test_nacha_forbids_other_codes_and_after_180_days() -> None:
    assert refusal(may_attempt((returned(day(0), "R08"),), proposed(**ACH), day(5))) == ("nacha-only-r01-r09", None)
    assert isinstance(may_attempt((returned(day(0), "R01"),), proposed(**ACH), day(180)), Allowed)
    assert refusal(may_attempt((returned(day(0), "R01"),), proposed(**ACH), day(181))) == ("nacha-180-days", None)


@pytest.mark.parametrize(
    ("network", "good", "bad", "last_day"),
    [
        (Network.BACS, "ARUDD-0", "ARUDD-6", 30),
        (Network.SEPA, "AM04", "MD07", None),
        (Network.BECS_AU, "6", None, 28),
    ],
)
def test_direct_debits_have_rules_of_their_own(
    network: Network, good: str, bad: str | None, last_day: int | None
) -> None:
    debit = proposed(network=network, claim="c1")
    once = (returned(day(0), good, network=network),)
    assert isinstance(may_attempt(once, debit, day(20)), Allowed)
    if bad:
        refused = may_attempt((returned(day(0), bad, network=network),), debit, day(5))
        assert refusal(refused)[1] is None
    if last_day:
        assert isinstance(may_attempt(once, debit, day(last_day)), Allowed)
        assert refusal(may_attempt(once, debit, day(last_day + 1)))[0].endswith(("bacs-30-days", "becs-4-weeks"))
    tries = tuple(returned(day(n), good, network=network) for n in range(4))
    assert refusal(may_attempt(tries, debit, day(10)))[1] is None


def test_what_one_rule_frees_another_may_still_hold() -> None:
    """Ten in a day hold until tomorrow, fifteen in thirty days longer: the answer is when both allow it."""
    tries = (*many(5, 24), *(entry(day(10) + timedelta(minutes=n)) for n in range(10)))
    card = proposed(network=Network.MASTERCARD)
    _, free_at = refusal(may_attempt(tries, card, day(10) + timedelta(hours=1)))
    assert free_at == day(30)
    assert isinstance(may_attempt(tries, card, free_at), Allowed)


def test_a_rule_that_begins_during_the_wait_moves_the_answer_behind_it() -> None:
    """Ten in a day hold until 1 November 2023; on that day the thirty-five of thirty days begin to count."""
    now = datetime(2023, 10, 31, 12, tzinfo=UTC)
    ten = [entry(now - timedelta(hours=n), **CUSTOMER) for n in range(10)]
    older = [entry(now - timedelta(days=20, hours=n), **CUSTOMER) for n in range(25)]
    card = proposed(network=Network.MASTERCARD, region="US", **CUSTOMER)
    rule_id, free_at = refusal(may_attempt([*ten, *older], card, now))
    assert rule_id == "mastercard-10-in-24-hours"
    assert free_at == now - timedelta(days=20, hours=24) + timedelta(days=30)
    assert isinstance(may_attempt([*ten, *older], card, free_at - timedelta(seconds=1)), Refused)
    assert may_attempt([*ten, *older], card, free_at) == Allowed(budget=1)


def test_a_wait_that_outlasts_the_last_day_is_a_refusal_for_good() -> None:
    """Bacs allows 30 days from the first presentation; the account is free again on the 31st."""
    first = returned(day(0), "ARUDD-0", network=Network.BACS)
    others = tuple(returned(day(1) + timedelta(hours=n), "ARUDD-0", "c2", Network.BACS) for n in range(15))
    debit = proposed(network=Network.BACS, claim="c1")
    assert refusal(may_attempt(others, debit, day(6))) == ("guard", day(31))
    assert refusal(may_attempt((first, *others), debit, day(6))) == ("bacs-30-days", None)


def test_a_row_that_says_too_little_is_refused() -> None:
    row: dict[str, Any] = {"id": "x", "networks": ["visa"], "from": date(2020, 1, 1), "says": "s", "source": "s"}
    final = {"kind": "limit", "count": 3, "final": True}
    assert NetworkRule.model_validate({**row, **final}).count == 3
    for wrong in (
        *({"kind": "limit"}, {"kind": "limit", "count": 3}, {**final, "days": 30}, {**final, "count": 0}),
        *({"kind": "stop"}, {"kind": "never", "until": date(2019, 1, 1)}),
    ):
        with pytest.raises(ValidationError, match="x: "):
            NetworkRule.model_validate({**row, **wrong})


def test_every_rule_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "network-rules.md").read_text()
    assert not [rule.id for rule in RULES if f"`{rule.id}`" not in text], "docs/network-rules.md misses these rules"


ledgers = st.lists(
    st.builds(
        lambda hours, amount, initiator: entry(
            at(hours), amount=Money(amount_minor=amount, currency="EUR"), initiator=initiator
        ),
        st.integers(0, 24 * 40),
        st.sampled_from([100, 2900]),
        st.sampled_from(Initiator),
    ),
    max_size=40,
)


@given(ledgers, st.sampled_from([Network.VISA, Network.MASTERCARD, Network.AMEX]), st.sampled_from(Initiator))
def test_refused_until_it_is_free_and_allowed_from_then_on(
    ledger: list[LedgerEntry], network: Network, initiator: Initiator
) -> None:
    attempt, now = proposed(network=network, initiator=initiator), day(41)
    verdict = may_attempt(ledger, attempt, now)
    assert verdict == may_attempt(ledger[::-1], attempt, now)
    if isinstance(verdict, Refused):
        assert verdict.free_at is not None
        assert verdict.free_at > now
        assert isinstance(may_attempt(ledger, attempt, verdict.free_at), Allowed)


@given(st.sampled_from([Network.VISA, Network.MASTERCARD]), st.sampled_from(Initiator), st.integers(1, 60))
def test_who_follows_the_verdicts_never_breaks_a_rule(network: Network, initiator: Initiator, minutes: int) -> None:
    attempt, ledger, now = proposed(network=network, initiator=initiator), list[LedgerEntry](), day(0)
    for _ in range(60):
        verdict = may_attempt(ledger, attempt, now)
        now = now if isinstance(verdict, Allowed) else (verdict.free_at or now)
        ledger.append(entry(now, initiator=initiator))
        now += timedelta(minutes=minutes)
    times = [each.at for each in ledger]
    most = max(sum(1 for other in times if moment - timedelta(days=30) < other <= moment) for moment in times)
    assert most <= (15 if initiator is Initiator.MERCHANT else 20 if network is Network.VISA else 35)
