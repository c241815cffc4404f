from datetime import timedelta

from policies.declines import Category
from policies.facts import AccessLevel, CaseFacts, Failure, FraudFlag, Outcome, Refusal
from policies.invoices import InvoiceStatus
from policies.said import MessageStatus
from tests.policies.timeline import (
    NEW_CARD,
    OLD_CARD,
    START,
    access,
    case,
    day,
    declined_as,
    disputed,
    invoice,
    new_card,
    paid,
    paused,
    told,
    tried,
)


def test_derived_answers_follow_the_facts_and_not_an_earlier_copy() -> None:
    before = case()
    asked = (before.is_paid, before.access, before.attempts_made, before.category)
    after = before.model_copy(
        update={
            "payments": (paid(day(1)),),
            "access_changes": (access(AccessLevel.LIMITED, day(1)),),
            "attempts": (tried(1, day(1), category=Category.EXPIRED_CARD),),
        }
    )
    assert asked == (False, AccessLevel.FULL, 0, Category.INSUFFICIENT_FUNDS)
    assert (after.is_paid, after.access, after.attempts_made, after.category) == (
        True,
        AccessLevel.LIMITED,
        1,
        Category.EXPIRED_CARD,
    )


def test_an_invoice_that_its_owner_calls_paid_is_paid() -> None:
    assert case(invoice=invoice(InvoiceStatus.PAID)).is_paid


def test_the_latest_refusal_counts_whoever_told_it() -> None:
    told_by_source = Failure(at=day(3), happened_at=day(2), decline=declined_as(Category.EXPIRED_CARD))
    ours_later = tried(1, day(2.5), category=Category.DO_NOT_HONOR)
    assert case(failures=(told_by_source,)).category is Category.EXPIRED_CARD
    assert case(failures=(told_by_source,), attempts=(ours_later,)).category is Category.DO_NOT_HONOR
    assert case(None).decline is None
    assert case(None).category is Category.UNKNOWN


def test_rungs_used_and_attempts_made_are_different_numbers() -> None:
    facts = case(
        attempts=(
            tried(1, day(1), "ladder-1"),
            tried(2, day(2), None, action_id="act_1"),
            tried(3, day(3), "ladder-2", outcome=Outcome.NOT_ACCEPTED),
        )
    )
    assert facts.attempts_made == 2
    assert facts.tally.rungs_used == {"ladder-1", "ladder-2"}


def test_only_a_delivered_message_is_notice() -> None:
    assert case(messages=(told("first_notice", day(0), MessageStatus.UNDELIVERED),)).access is AccessLevel.FULL
    assert case(messages=(told("first_notice", day(0), MessageStatus.UNCLEAR),)).access is AccessLevel.FULL
    assert case(messages=(told("first_notice", day(0)),)).access is AccessLevel.NOTICE


def test_the_new_credential_is_the_one_to_charge() -> None:
    assert case().credential_id == OLD_CARD
    assert case(new_credentials=(new_card(day(1)),)).credential_id == NEW_CARD


def test_a_new_credential_is_untried_until_an_attempt_carries_its_action() -> None:
    facts = case(new_credentials=(new_card(day(1)),))
    assert facts.untried_credential() == new_card(day(1))
    assert facts.model_copy(update={"attempts": (tried(1, day(1), action_id="act_1"),)}).untried_credential() is None
    for_good = Refusal(at=day(1), credential_id=NEW_CARD, rule="hard stop")
    assert facts.model_copy(update={"refusals": (for_good,)}).untried_credential() is None
    earlier = for_good.model_copy(update={"at": day(0.5)})
    assert facts.model_copy(update={"refusals": (earlier,)}).untried_credential() == new_card(day(1))
    assert case().untried_credential() is None


def test_a_refusal_of_the_old_card_says_nothing_of_the_new_one() -> None:
    """The old card's attempt was under way when the customer gave the new card."""
    refused = Refusal(at=day(2), credential_id=OLD_CARD, rule="hard stop")
    facts = case(new_credentials=(new_card(day(1)),), refusals=(refused,))
    assert facts.untried_credential() == new_card(day(1))
    assert not facts.cannot_use("act_1")


def test_the_attempt_of_an_action_is_the_latest_one_made_because_of_it() -> None:
    lost = tried(2, day(1), outcome=Outcome.NOT_ACCEPTED, action_id="act_1")
    again = tried(3, day(2), outcome=Outcome.SUCCEEDED, action_id="act_1")
    facts = case(attempts=(tried(1, day(0), "ladder-1"), lost, again, tried(4, day(3), action_id="act_2")))
    assert facts.attempt_for("act_1") == again
    assert facts.attempt_for("act_3") is None


def test_a_card_is_of_no_use_once_a_rule_or_the_fraud_check_has_stopped_it() -> None:
    facts = case(new_credentials=(new_card(day(1)), new_card(day(1), "act_2")))
    assert not facts.cannot_use("act_1")
    for_now = Refusal(at=day(1), credential_id=NEW_CARD, rule="15 attempts", free_at=day(9))
    assert facts.model_copy(update={"refusals": (for_now,)}).cannot_use("act_1")
    flag = FraudFlag(at=day(1), signals=("many_cards",))
    assert facts.model_copy(update={"fraud_flags": (flag,)}).cannot_use("act_2")


def test_what_was_stopped_before_a_card_was_given_and_an_unknown_action_stop_nothing() -> None:
    earlier = Refusal(at=day(0), credential_id=NEW_CARD, rule="hard stop")
    flag = FraudFlag(at=day(0), signals=("many_cards",))
    facts = case(new_credentials=(new_card(day(1)),), refusals=(earlier,), fraud_flags=(flag,))
    assert not facts.cannot_use("act_1")
    assert not facts.model_copy(update={"fraud_flags": (flag.model_copy(update={"at": day(2)}),)}).cannot_use("act_9")


def test_holds_that_are_over_stop_the_clocks_and_overlapping_ones_count_once() -> None:
    assert case(stops=(paused(day(1)),)).held_for == timedelta()
    assert case(stops=(paused(day(1), day(3)),)).held_for == timedelta(days=2)
    both = case(stops=(paused(day(1), day(3)),), disputes=(disputed(day(2), day(6), won=True),))
    assert both.held_for == timedelta(days=5)
    inside = case(stops=(paused(day(1), day(9)), paused(day(2), day(3))))
    assert inside.held_for == timedelta(days=8)


def test_facts_come_back_from_json_as_they_were() -> None:
    facts = case(attempts=(tried(1, day(1)),), stops=(paused(START, day(2)),), payments=(paid(day(3)),))
    assert CaseFacts.model_validate_json(facts.model_dump_json()) == facts
