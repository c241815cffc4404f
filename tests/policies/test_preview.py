from datetime import timedelta

import pytest

from policies.declines import Category
from policies.document import PolicyDocument
from policies.facts import AccessLevel, CaseFacts, Outcome
from policies.instruments import Instrument, Network, PaymentType
from policies.preview import Foreseen, forecast, made_up_case, made_up_ledger
from policies.risk import Risk, RiskLevel
from policies.surroundings import Surroundings
from tests.policies.simulator import Scenario, walk
from tests.policies.timeline import (
    ANNUAL,
    DUE,
    ENTERPRISE,
    SELF_SERVE,
    SHIPPED,
    START,
    access,
    at,
    case,
    day,
    declined_as,
    disputed,
    entry,
    everything_told,
    new_card,
    paid,
    paused,
    told,
    tried,
)

QUIET = everything_told(SELF_SERVE, day(-9))
NOWHERE = Surroundings()


def ahead(facts: CaseFacts, around: Surroundings = NOWHERE, policy: PolicyDocument = SELF_SERVE) -> list[Foreseen]:
    return list(forecast(policy, facts, around, START))


def charges(foreseen: list[Foreseen]) -> list[tuple[float, str]]:
    """The day of each and the place in the ladder it uses."""
    return [((f.at - START) / timedelta(days=1), f.what) for f in foreseen if f.kind == "charge"]


def test_the_future_of_a_case_reads_as_its_policy_does() -> None:
    assert [((f.at - START).days, f.kind, f.what, f.access.value) for f in ahead(case())] == [
        (0, "notify", "first_notice by email, in_app", "notice"),
        (1, "charge", "29.00 EUR (ladder-1)", "notice"),
        (3, "charge", "29.00 EUR (ladder-2)", "notice"),
        (4, "notify", "reminder by email, sms", "notice"),
        (6, "charge", "29.00 EUR (ladder-3)", "notice"),
        (6, "offer", "offer_1 by email", "notice"),
        (8, "limit", "takes bonus_credits, add_ons", "limited"),
        (8, "notify", "limited by email, in_app", "limited"),
        (9, "charge", "29.00 EUR (ladder-4)", "limited"),
        (11, "notify", "warning by email, sms", "limited"),
        (13, "charge", "29.00 EUR (ladder-5)", "limited"),
        (14, "suspend", "", "suspended"),
        (14, "notify", "suspended by email, in_app", "suspended"),
        (20, "charge", "29.00 EUR (ladder-6)", "suspended"),
        (21, "notify", "last_call by email", "suspended"),
        (30, "close", "written_off", "suspended"),
    ]


@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    "category",
    [None, Category.INSUFFICIENT_FUNDS, Category.ISSUER_UNAVAILABLE, Category.EXPIRED_CARD, Category.LOST_OR_STOLEN],
)
def test_what_is_foreseen_is_what_happens_when_nothing_helps(policy: PolicyDocument, category: Category | None) -> None:
    walked = walk(Scenario(policy, category, answers=(category or Outcome.DECLINED,)))
    happened = [(max(lap.now, lap.step.at), lap.step.kind, lap.step.because) for lap in walked]
    assert [(f.at, f.kind, f.because) for f in ahead(case(category), policy=policy)] == happened
    assert happened[-1][1] == "close"


def test_a_person_who_is_brought_in_is_foreseen_by_name() -> None:
    assert [(f.at, f.what) for f in ahead(case(), policy=ENTERPRISE) if f.kind == "escalate"] == [
        (day(3), "to support_contact")
    ]


def test_an_attempt_without_an_answer_is_foreseen_as_declined_and_holds_the_next_one_back_no_longer() -> None:
    unclear = tried(1, at(-1), "ladder-1", Outcome.UNKNOWN)
    reserved = entry(at(-1), Outcome.UNKNOWN, key=unclear.key)
    others = entry(day(-2))
    foreseen = ahead(case(attempts=(unclear,), messages=QUIET), Surroundings(ledger=(others, reserved)))
    assert (foreseen[0].kind, foreseen[0].at) == ("reconcile", START)
    assert charges(foreseen)[0] == (3, "29.00 EUR (ladder-2)")
    assert foreseen[1].because == "insufficient_funds may heal with time: ladder rung 2 of self_serve"


def test_a_foreseen_charge_counts_against_the_rules_of_the_network() -> None:
    """With fourteen attempts behind it, the fifteenth is free and the next one when the first of all has aged."""
    ledger = tuple(entry(at(-n)) for n in range(1, 15))
    assert charges(ahead(case(messages=QUIET), Surroundings(ledger=ledger)))[:2] == [
        (1, "29.00 EUR (ladder-1)"),
        ((at(-14) + timedelta(days=30) - START) / timedelta(days=1), "29.00 EUR (ladder-6)"),
    ]


def test_a_new_card_is_foreseen_declined_too_and_the_ladder_goes_on() -> None:
    foreseen = ahead(case(messages=QUIET, new_credentials=(new_card(START),)))
    assert charges(foreseen)[:3] == [
        (0, "29.00 EUR (new credential)"),
        (1, "29.00 EUR (ladder-1)"),
        (3, "29.00 EUR (ladder-2)"),
    ]


def test_of_a_paid_case_the_way_back_is_foreseen() -> None:
    lost = access(AccessLevel.SUSPENDED, day(-1))
    facts = case(payments=(paid(START),), access_changes=(lost,), messages=(told("suspended", day(-1)),))
    assert [(f.kind, f.what, f.access) for f in ahead(facts)] == [
        ("reinstate", "", AccessLevel.FULL),
        ("notify", "reinstated by email, in_app", AccessLevel.FULL),
        ("close", "recovered", AccessLevel.FULL),
    ]


@pytest.mark.parametrize("held", [{"stops": (paused(START),)}, {"disputes": (disputed(START),)}])
def test_beyond_a_hold_nothing_is_foreseen(held: dict[str, object]) -> None:
    assert [(f.at, f.kind, f.what) for f in ahead(case(**held))] == [(START, "hold", "")]


def test_a_look_ahead_stops_after_as_many_steps_as_were_asked_for() -> None:
    assert forecast(SELF_SERVE, case(), NOWHERE, START, laps_max=4) == tuple(ahead(case())[:4])


def test_a_case_overdue_for_days_is_foreseen_from_now_on() -> None:
    late = forecast(SELF_SERVE, case(), NOWHERE, day(40))
    assert {f.at for f in late[:3]} == {day(40)}
    assert all(f.at >= day(40) for f in late)
    assert late[-1].kind == "close"


# --- a case that is made up -------------------------------------------------------------------------------------------


def test_a_made_up_case_has_just_failed_and_knows_what_it_was_told() -> None:
    card = Instrument(network=Network.VISA, country="DE")
    facts = made_up_case(declined_as(Category.EXPIRED_CARD), DUE, START, card, "year", Risk(level=RiskLevel.CHRONIC))
    assert (facts.opened_at, facts.failed_at, facts.invoice.as_of) == (START, START, START)
    assert (facts.due, facts.category, facts.invoice.gateway) == (DUE, Category.EXPIRED_CARD, "stripe")
    assert (facts.instrument, facts.invoice.plan_interval, facts.risk.level) == (card, "year", RiskLevel.CHRONIC)
    assert ahead(facts, policy=ANNUAL)[-1].kind == "close"


def test_a_made_up_case_without_a_decline_is_charged_and_limited_never() -> None:
    facts = made_up_case(None, DUE, START)
    assert (facts.instrument, facts.risk, facts.invoice.plan_interval) == (Instrument(), Risk(), None)
    assert {f.kind for f in ahead(facts)} == {"notify", "offer", "close"}


def test_suspicion_and_a_hard_rule_are_foreseen_without_a_charge() -> None:
    funds = declined_as(Category.INSUFFICIENT_FUNDS)
    suspicious = ahead(made_up_case(funds, DUE, START, risk=Risk(level=RiskLevel.SUSPICIOUS)))
    indian = ahead(made_up_case(funds, DUE, START, Instrument(payment_type=PaymentType.CARD, country="IN")))
    assert charges(suspicious) == charges(indian) == []
    assert [f.what for f in suspicious if f.kind == "escalate"] == ["to ops"]


def debit(network: Network, category: Category = Category.INSUFFICIENT_FUNDS) -> CaseFacts:
    account = Instrument(payment_type=PaymentType.BANK_DEBIT, network=network, country="US")
    return made_up_case(declined_as(category), DUE, START, account)


def test_the_failure_itself_is_the_first_entry_of_a_made_up_ledger() -> None:
    facts = debit(Network.ACH)
    [first] = made_up_ledger(facts)
    assert (first.at, first.amount, first.outcome, first.decline) == (START, DUE, Outcome.DECLINED, facts.decline)
    assert (first.claim, first.acceptor) == (facts.case.case_id, facts.case.acceptor)


@pytest.mark.parametrize("network", [Network.ACH, Network.SEPA, Network.BACS])
@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.name)
def test_no_debit_is_foreseen_a_third_time_again(policy: PolicyDocument, network: Network) -> None:
    facts = debit(network)
    foreseen = ahead(facts, Surroundings(ledger=made_up_ledger(facts)), policy)
    assert len(charges(foreseen)) == 2
