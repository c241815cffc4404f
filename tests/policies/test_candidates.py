"""Which way to pay a rung tries: only with consent, one a rung, in the customer's order, never against their word."""

from datetime import timedelta

import pytest

from policies.charges import NextCharge, next_charge
from policies.declines import Category
from policies.document import PolicyDocument
from policies.facts import CaseFacts, FraudFlag, Outcome, Refusal
from policies.instruments import Initiator, Instrument
from policies.network_rules import LedgerEntry
from policies.record import with_renewed_credential
from policies.risk import Risk, RiskLevel
from policies.situation import Situation
from policies.surroundings import GatewayView, Surroundings
from policies.ways_to_pay import WayToPay
from tests.policies.timeline import (
    DUE,
    NEW_CARD,
    OLD_CARD,
    SELF_SERVE,
    START,
    case,
    day,
    declined_as,
    new_card,
    paid,
    tried,
)

STRIPE, ADYEN = GatewayView(name="stripe/default"), GatewayView(name="adyen/main")
DOWN = GatewayView(name="stripe/default", down_until=day(9), because="7 of 8 calls failed")
SPARE, THIRD = WayToPay(credential_id="card_spare"), WayToPay(credential_id="card_third")
AT_ADYEN = WayToPay(credential_id="tok_1", gateway="adyen/main", gateway_customer_id="shopper_1")


def around(*ways: WayToPay, gateways: tuple[GatewayView, ...] = (STRIPE,)) -> Surroundings:
    return Surroundings(ways=ways, gateways=gateways)


def policy(**retries: object) -> PolicyDocument:
    return SELF_SERVE.model_copy(update={"retries": SELF_SERVE.retries.model_copy(update=retries)})


def charge_of(
    facts: CaseFacts, surroundings: Surroundings, on: float, under: PolicyDocument = SELF_SERVE
) -> NextCharge | None:
    return next_charge(Situation.of(under, facts, surroundings, day(on)))


def card_of(charge: NextCharge | None) -> str | None:
    return charge.credential_id if charge else None


def test_while_time_may_heal_the_first_no_other_is_charged() -> None:
    charge = charge_of(case(), around(SPARE), 0.5)
    assert (card_of(charge), charge and charge.backup) == (OLD_CARD, False)
    assert charge is not None
    assert charge.gateway == "stripe/default"


def test_once_the_first_is_hopeless_the_next_rung_tries_the_other_that_the_customer_agreed_to() -> None:
    charge = charge_of(case(Category.EXPIRED_CARD), around(SPARE, THIRD), 0.5)
    assert charge is not None
    assert (charge.credential_id, charge.backup, charge.rung, charge.at) == ("card_spare", True, "ladder-1", day(1))
    assert charge.initiator is Initiator.MERCHANT
    assert "another way to pay (their no. 1)" in charge.because


def test_without_consent_there_is_no_other_and_nothing_is_charged() -> None:
    assert charge_of(case(Category.EXPIRED_CARD), around(), 0.5) is None


def test_each_rung_tries_one_more_and_a_card_that_was_refused_for_good_is_not_tried_again() -> None:
    first = tried(1, day(1), "ladder-1", category=Category.LOST_OR_STOLEN, credential_id="card_spare", backup=True)
    charge = charge_of(case(Category.EXPIRED_CARD, attempts=(first,)), around(SPARE, THIRD), 1.5)
    assert charge is not None
    assert (charge.credential_id, charge.rung) == ("card_third", "ladder-2")
    both = (
        first,
        tried(2, day(3), "ladder-2", category=Category.EXPIRED_CARD, credential_id="card_third", backup=True),
    )
    assert charge_of(case(Category.EXPIRED_CARD, attempts=both), around(SPARE, THIRD), 3.5) is None


def test_one_that_time_may_heal_is_tried_again_when_all_had_their_turn() -> None:
    tries = (
        tried(1, day(1), "ladder-1", credential_id="card_spare", backup=True),
        tried(2, day(3), "ladder-2", credential_id="card_third", backup=True),
    )
    assert card_of(charge_of(case(Category.EXPIRED_CARD, attempts=tries), around(SPARE, THIRD), 4)) == "card_spare"


def test_the_refusal_of_another_way_says_nothing_of_the_one_they_pay_with() -> None:
    refused = tried(1, day(1), "ladder-1", category=Category.LOST_OR_STOLEN, credential_id="card_spare", backup=True)
    assert case(Category.EXPIRED_CARD, attempts=(refused,)).category is Category.EXPIRED_CARD


def test_in_turn_each_rung_takes_the_one_that_was_tried_least() -> None:
    under = policy(backup_methods="in_turn")
    assert card_of(charge_of(case(), around(SPARE), 0.5, under)) == "card_spare"
    after = case(attempts=(tried(1, day(1), "ladder-1", credential_id="card_spare", backup=True),))
    assert card_of(charge_of(after, around(SPARE), 1.5, under)) == OLD_CARD


def test_never_means_never() -> None:
    under = policy(backup_methods="never", failover=True)
    assert charge_of(case(Category.EXPIRED_CARD), around(SPARE), 0.5, under) is None
    assert card_of(charge_of(case(), around(AT_ADYEN, gateways=(DOWN, ADYEN)), 0.5, under)) == OLD_CARD


@pytest.mark.parametrize(
    "category", [Category.MANDATE_CANCELLED, Category.PAYMENT_DISPUTED, Category.ACCOUNT_HOLDER_DECEASED]
)
def test_what_the_payer_forbade_is_not_taken_elsewhere(category: Category) -> None:
    assert charge_of(case(category), around(SPARE), 0.5) is None


def test_nobody_who_may_be_a_fraudster_is_charged_anywhere() -> None:
    flagged = case(Category.EXPIRED_CARD, fraud_flags=(FraudFlag(at=day(0.1), signals=("velocity",)),))
    assert charge_of(flagged, around(SPARE), 0.5) is None
    suspicious = case(Category.EXPIRED_CARD, risk=Risk(level=RiskLevel.SUSPICIOUS))
    assert charge_of(suspicious, around(SPARE), 0.5) is None


def test_nobody_is_charged_while_it_is_not_known_why_the_payment_failed() -> None:
    assert charge_of(case(None), around(SPARE), 0.5) is None


def test_a_credential_that_is_the_first_one_is_no_other() -> None:
    assert charge_of(case(Category.EXPIRED_CARD), around(WayToPay(credential_id=OLD_CARD)), 0.5) is None


def test_one_that_a_rule_forbids_for_good_gives_its_turn_to_the_next() -> None:
    refused = Refusal(at=day(1), credential_id="card_spare", rule="stopped")
    assert card_of(charge_of(case(Category.EXPIRED_CARD, refusals=(refused,)), around(SPARE, THIRD), 1)) == "card_third"


def test_where_the_network_stops_the_first_for_good_the_other_has_its_turn() -> None:
    refused = Refusal(at=day(0.2), credential_id=OLD_CARD, rule="never again")
    assert card_of(charge_of(case(refusals=(refused,)), around(SPARE), 0.5)) == "card_spare"
    closed = LedgerEntry(
        key="x",
        actor="gateway",
        at=day(-20),
        amount=DUE,
        outcome=Outcome.DECLINED,
        decline=declined_as(Category.ACCOUNT_CLOSED),
    )
    stopped = around(SPARE).model_copy(update={"ledger": (closed,)})
    assert card_of(charge_of(case(), stopped, 0.5)) == "card_spare"


def test_the_networks_limits_hold_for_every_card_by_its_own_ledger() -> None:
    stolen = LedgerEntry(
        key="x",
        actor="gateway",
        at=day(-20),
        amount=DUE,
        outcome=Outcome.DECLINED,
        decline=declined_as(Category.LOST_OR_STOLEN),
    )
    stopped = SPARE.model_copy(update={"ledger": (stolen,)})
    assert card_of(charge_of(case(Category.EXPIRED_CARD), around(stopped, THIRD), 0.5)) == "card_third"


def test_while_the_gateway_is_down_another_is_asked_where_the_policy_says_so() -> None:
    under = policy(failover=True)
    charge = charge_of(case(), around(SPARE, AT_ADYEN, gateways=(DOWN, ADYEN)), 0.5, under)
    assert charge is not None
    assert (charge.credential_id, charge.gateway, charge.gateway_customer_id) == ("tok_1", "adyen/main", "shopper_1")
    assert "stripe/default is out of order" in charge.because
    assert card_of(charge_of(case(), around(SPARE, AT_ADYEN, gateways=(DOWN, ADYEN)), 0.5)) == OLD_CARD


def test_fail_over_needs_a_way_that_another_gateway_keeps() -> None:
    assert card_of(charge_of(case(), around(SPARE, gateways=(DOWN, ADYEN)), 0.5, policy(failover=True))) == OLD_CARD
    healthy = charge_of(case(), around(AT_ADYEN, gateways=(STRIPE, ADYEN)), 0.5, policy(failover=True))
    assert card_of(healthy) == OLD_CARD
    nowhere = charge_of(case(Category.EXPIRED_CARD), around(SPARE, gateways=()), 0.5, policy(failover=True))
    assert nowhere is not None
    assert nowhere.gateway is None


# A card that the network renewed


def test_a_renewed_card_is_tried_at_once_by_the_merchant_and_uses_no_rung() -> None:
    renewed = with_renewed_credential(case(Category.EXPIRED_CARD), NEW_CARD, Instrument(), day(0.1))
    charge = charge_of(renewed, around(SPARE), 0.1)
    assert charge is not None
    assert (charge.credential_id, charge.rung, charge.initiator) == (NEW_CARD, None, Initiator.MERCHANT)
    assert "a newer card is on file" in charge.because


def test_a_card_is_renewed_once_and_not_in_a_case_that_ends() -> None:
    once = with_renewed_credential(case(Category.EXPIRED_CARD), NEW_CARD, Instrument(), day(0.1))
    assert with_renewed_credential(once, NEW_CARD, Instrument(), day(1)) == once
    ended = case(payments=(paid(START),))
    assert with_renewed_credential(ended, NEW_CARD, Instrument(), day(1)).new_credentials == ()


def test_a_card_that_the_customer_gave_is_charged_in_their_name() -> None:
    charge = charge_of(case(Category.EXPIRED_CARD, new_credentials=(new_card(day(0.2)),)), around(), 0.2)
    assert charge is not None
    assert charge.initiator is Initiator.CUSTOMER


def test_a_gateway_that_was_out_of_order_does_not_make_a_card_unusable() -> None:
    given = case(Category.EXPIRED_CARD, new_credentials=(new_card(START),))
    held = Refusal(at=START, credential_id=NEW_CARD, rule="out of order", free_at=day(1), by_gateway=True)
    assert not given.model_copy(update={"refusals": (held,)}).cannot_use("act_1")
    by_rule = held.model_copy(update={"by_gateway": False, "free_at": START + timedelta(days=40)})
    assert given.model_copy(update={"refusals": (by_rule,)}).cannot_use("act_1")
