"""When words may be said, and on which channels: at which hours, and again where no open channel took them."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from policies.decide import next_step
from policies.declines import Category
from policies.document import Caps, PolicyDocument, Reinstatement
from policies.experiments import Variant
from policies.facts import AccessLevel, CaseFacts, Escalation
from policies.messages import Upcoming, upcoming_words
from policies.people import UNREACHABLE
from policies.said import Activity, Deferral, Message, MessageStatus
from policies.situation import Situation
from policies.steps import Charge, Close, Escalate, Notify, Purpose, purpose_of
from policies.surroundings import CustomerView, Surroundings
from tests.policies.timeline import BANK_DEBIT, SELF_SERVE, access, case, day, new_card, paid, told, tried

SUNDAY = day(6)
MONDAY_NINE = datetime(2026, 3, 9, 9, tzinfo=UTC)


def bounced(name: str, *asked: str) -> Message:
    return told(name, SUNDAY, MessageStatus.UNDELIVERED).model_copy(update={"asked": asked})


def next_words(*messages: Message) -> Upcoming:
    facts = case(Category.EXPIRED_CARD, messages=messages)
    upcoming = upcoming_words(Situation.of(SELF_SERVE, facts, Surroundings(), SUNDAY))
    assert upcoming
    return upcoming


def heard(*names: str) -> tuple[Message, ...]:
    return tuple(told(name, day(1)) for name in (*names, "offer_1"))


def test_words_that_bounced_on_a_sunday_are_due_again_when_the_next_channel_opens() -> None:
    facts = case(Category.EXPIRED_CARD, messages=(*heard("first_notice"), bounced("reminder", "email")))
    step = next_step(SELF_SERVE, facts, Surroundings(), SUNDAY)
    assert isinstance(step, Notify)
    assert (step.name, step.channels, step.at) == ("reminder", ("sms",), MONDAY_NINE)


def test_words_that_every_channel_refused_are_not_tried_again() -> None:
    upcoming = next_words(*heard("first_notice"), bounced("reminder", "email", "sms"))
    assert upcoming.name == "warning"


def test_words_of_which_nobody_knows_where_they_were_tried_are_not_tried_again() -> None:
    upcoming = next_words(*heard("first_notice"), bounced("reminder"))
    assert upcoming.name == "warning"


def test_words_that_one_channel_took_are_not_sent_on_another() -> None:
    delivered = told("reminder", SUNDAY).model_copy(update={"asked": ("email",)})
    assert next_words(*heard("first_notice"), delivered).name == "warning"


def test_words_that_hang_on_failures_come_with_each_and_say_which_it_was() -> None:
    first = next_step(BANK_DEBIT, case(), Surroundings(), day(0))
    assert isinstance(first, Notify)
    assert (first.name, first.because) == ("first_notice", "first_notice is due with the first failure")
    again = case(messages=(told("first_notice", day(0)),), attempts=(tried(1, day(5), "ladder-1"),))
    second = next_step(BANK_DEBIT, again, Surroundings(), day(5))
    assert isinstance(second, Notify)
    assert (second.name, second.because) == ("second_failure", "second_failure is due after 2 failures in a row")


def test_what_reached_nobody_keeps_nobody_waiting() -> None:
    upcoming = next_words(bounced("first_notice", "email", "sms", "in_app"))
    assert (upcoming.name, upcoming.at) == ("reminder", SUNDAY)


# --- words about what has just happened -------------------------------------------------------------------------------

NIGHT = datetime(2026, 3, 18, 2, tzinfo=UTC)
"""A Wednesday, three in the morning in Berlin."""
MORNING = datetime(2026, 3, 18, 8, tzinfo=UTC)
BERLIN = Surroundings(customer=CustomerView(zone="Europe/Berlin", country="DE"))
TOLD = tuple(told(name, day(1)) for name in ("first_notice", "reminder", "warning", "last_call", "offer_1"))
SUSPENDED = case(Category.EXPIRED_CARD, messages=TOLD, access_changes=(access(AccessLevel.SUSPENDED, NIGHT),))
PAID = case(Category.EXPIRED_CARD, messages=TOLD, payments=(paid(NIGHT),))
BACK = (*SUSPENDED.access_changes, access(AccessLevel.FULL, NIGHT))
HALF_PAID = case(
    Category.EXPIRED_CARD,
    messages=TOLD,
    payments=(paid(NIGHT).model_copy(update={"settles": False}),),
    access_changes=BACK,
)
HALF_IS_ENOUGH = Reinstatement(conditions=("Pay.",), paid_percent=50)


def said(facts: CaseFacts, *channels: str, now: datetime = NIGHT) -> Notify:
    policy = SELF_SERVE.model_copy(update={"access_channels": channels, "reinstatement": HALF_IS_ENOUGH})
    step = next_step(policy, facts, BERLIN, now)
    assert isinstance(step, Notify)
    return step


JUST_HAPPENED = pytest.mark.parametrize(
    ("facts", "name"), [(SUSPENDED, "suspended"), (PAID, "recovered"), (HALF_PAID, "reinstated")]
)


@JUST_HAPPENED
@pytest.mark.parametrize(
    ("channels", "when", "where"),
    [
        (("email", "in_app"), NIGHT, ("email", "in_app")),
        (("sms", "email"), NIGHT, ("email",)),
        (("email", "sms"), NIGHT, ("email",)),
        (("sms",), MORNING, ("sms",)),
    ],
)
def test_what_has_just_happened_is_said_at_once_where_a_channel_is_open_and_else_at_the_first_opening(
    facts: CaseFacts, name: str, channels: tuple[str, ...], when: datetime, where: tuple[str, ...]
) -> None:
    step = said(facts, *channels)
    assert (step.name, step.at, step.channels) == (name, when, where)


@JUST_HAPPENED
def test_by_day_all_channels_are_open_in_their_order(facts: CaseFacts, name: str) -> None:
    step = said(facts, "sms", "email", now=MORNING)
    assert (step.name, step.at, step.channels) == (name, MORNING, ("sms", "email"))


@JUST_HAPPENED
def test_words_that_bounced_at_night_go_out_by_text_in_the_morning(facts: CaseFacts, name: str) -> None:
    bounce = told(name, NIGHT, MessageStatus.UNDELIVERED).model_copy(update={"asked": ("email",)})
    step = said(facts.model_copy(update={"messages": (*facts.messages, bounce)}), "email", "sms")
    assert (step.name, step.at, step.channels) == (name, MORNING, ("sms",))


def test_a_text_that_waits_for_the_morning_keeps_nothing_else_waiting() -> None:
    facts = SUSPENDED.model_copy(update={"new_credentials": (new_card(NIGHT),)})
    only_text = SELF_SERVE.model_copy(update={"access_channels": ("sms",)})
    assert isinstance(next_step(only_text, facts, BERLIN, NIGHT), Charge)


# --- what the customer wants and does ---------------------------------------------------------------------------------


def words_now(
    facts: CaseFacts, view: CustomerView, policy: PolicyDocument = SELF_SERVE, now: datetime = SUNDAY
) -> Upcoming:
    upcoming = upcoming_words(Situation.of(policy, facts, Surroundings(customer=view), now))
    assert upcoming
    return upcoming


FIRST = case(Category.EXPIRED_CARD, messages=heard("first_notice"))


@pytest.mark.parametrize(
    ("channels", "prefers", "asked"),
    [
        (("email", "sms", "in_app"), 0, ("email", "sms")),
        (("sms", "email"), 1, ("sms", "email")),
        (("in_app", "sms"), 0, ("sms",)),
        (("in_app",), 1, ("email", "sms")),
        ((), 0, ("email", "sms")),
        (None, 0, ("email", "sms")),
    ],
)
def test_favourites_go_first_and_what_does_not_reach_them_is_left_out(
    channels: tuple[str, ...] | None, prefers: int, asked: tuple[str, ...]
) -> None:
    """A reminder is for e-mail and text; where neither reaches them it is tried, so that a person hears of it."""
    view = CustomerView(channels=channels, prefers=prefers)
    assert words_now(FIRST, view, now=MONDAY_NINE).channels == asked


def test_who_has_just_clicked_is_not_reminded_meanwhile() -> None:
    clicked = FIRST.model_copy(update={"activities": (Activity(at=SUNDAY, what="clicked a message"),)})
    assert words_now(clicked, CustomerView()).at == SUNDAY + SELF_SERVE.contact.pause_after_activity
    opened = FIRST.model_copy(update={"activities": (Activity(at=SUNDAY, what="opened a message"),)})
    assert words_now(opened, CustomerView()).at == SUNDAY


def test_words_that_were_put_off_wait_as_long_as_the_rule_said() -> None:
    put_off = Deferral(at=SUNDAY, name="reminder", because="one message a day", until=MONDAY_NINE)
    assert words_now(FIRST.model_copy(update={"deferrals": (put_off,)}), CustomerView()).at == MONDAY_NINE
    for_good = put_off.model_copy(update={"until": None})
    step = next_step(SELF_SERVE, FIRST.model_copy(update={"deferrals": (for_good,)}), Surroundings(), SUNDAY)
    assert not isinstance(step, Notify)


def test_a_message_whose_fate_nobody_knows_goes_out_on_the_next_channel_when_its_time_is_over() -> None:
    sent = told("reminder", MONDAY_NINE, MessageStatus.UNCLEAR)
    unclear = sent.model_copy(update={"channel": "email", "asked": ("email", "sms")})
    rules = SELF_SERVE.contact.model_copy(update={"gap": timedelta(hours=1), "caps": Caps(per_day=2)})
    policy = SELF_SERVE.model_copy(update={"contact": rules})
    again = words_now(case(Category.EXPIRED_CARD, messages=(*heard("first_notice"), unclear)), CustomerView(), policy)
    assert (again.name, again.channels, again.at) == ("reminder", ("sms",), MONDAY_NINE + rules.receipt_window)


def test_a_share_of_the_case_that_is_used_up_leaves_the_words_out() -> None:
    caps = Caps(case_on={"email": 2, "sms": 2})
    policy = SELF_SERVE.model_copy(update={"contact": SELF_SERVE.contact.model_copy(update={"caps": caps})})
    facts = case(Category.EXPIRED_CARD, messages=heard("first_notice", "reminder"))
    by_text = words_now(facts, CustomerView(), policy, day(12))
    assert (by_text.name, by_text.channels) == ("warning", ("sms",))
    used_up = (
        *heard("first_notice", "reminder"),
        *(told(f"text_{n}", day(2)).model_copy(update={"channel": "sms"}) for n in (1, 2)),
    )
    assert (
        upcoming_words(Situation.of(policy, facts.model_copy(update={"messages": used_up}), Surroundings(), day(12)))
        is None
    )


def test_who_is_reached_by_no_channel_is_a_persons_matter_once() -> None:
    lost = bounced("last_call", "email")
    facts = case(Category.EXPIRED_CARD, messages=(*heard("first_notice", "reminder", "warning"), lost))
    step = next_step(SELF_SERVE, facts, Surroundings(), SUNDAY)
    assert isinstance(step, Escalate)
    assert step.because == UNREACHABLE
    asked = Escalation(ordinal=1, at=SUNDAY, to="ops", because=UNREACHABLE)
    assert not isinstance(
        next_step(SELF_SERVE, facts.model_copy(update={"escalations": (asked,)}), Surroundings(), SUNDAY), Escalate
    )


def test_that_it_is_over_is_told_before_the_case_closes() -> None:
    policy = SELF_SERVE.model_copy(update={"close": SELF_SERVE.close.model_copy(update={"tell": True})})
    facts = case(Category.EXPIRED_CARD, messages=TOLD, access_changes=SUSPENDED.access_changes)
    facts = facts.model_copy(update={"messages": (*TOLD, told("suspended", day(16)))})
    step = next_step(policy, facts, BERLIN, day(31))
    assert isinstance(step, Notify)
    assert (step.name, step.template) == ("closed", "closed")
    done = facts.model_copy(update={"messages": (*facts.messages, told("closed", day(31)))})
    assert isinstance(next_step(policy, done, BERLIN, day(31)), Close)


# --- trials -----------------------------------------------------------------------------------------------------------


def on_trial(holdout: int = 0, **differs: Any) -> PolicyDocument:
    reminder = next(m for m in SELF_SERVE.messages if m.name == "reminder")
    variants = (Variant(name="other", share=100, **differs),) if differs else ()
    changed = reminder.model_copy(update={"variants": variants, "holdout": holdout})
    others = [m for m in SELF_SERVE.messages if m.name != "reminder"]
    return SELF_SERVE.model_copy(update={"messages": (*others, changed)})


def trial_step(policy: PolicyDocument) -> Notify:
    step = next_step(policy, FIRST, BERLIN, MONDAY_NINE)
    assert isinstance(step, Notify)
    return step


def test_a_variant_has_its_own_words_channels_and_hour() -> None:
    assert trial_step(on_trial(wording="warm")).wording == "warm"
    assert trial_step(on_trial(wording="warm")).variant == "other"
    assert trial_step(on_trial(channels=("sms", "push"))).channels == ("sms", "push")
    assert trial_step(on_trial(at=time(18))).at == datetime(2026, 3, 9, 17, tzinfo=UTC)
    assert trial_step(SELF_SERVE).variant is None


def test_who_is_held_out_is_asked_for_as_such() -> None:
    step = trial_step(on_trial(holdout=100))
    assert (step.held_out, step.variant) == (True, "holdout")


@pytest.mark.parametrize(
    ("template", "is_paid", "purpose"),
    [
        ("recovered", True, Purpose.THANKS),
        ("reinstated", True, Purpose.THANKS),
        ("reinstated", False, Purpose.SERVICE),
        ("suspended", False, Purpose.SERVICE),
        ("reminder", False, Purpose.SCHEDULED),
    ],
)
def test_why_words_are_said(template: str, is_paid: bool, purpose: Purpose) -> None:
    step = trial_step(SELF_SERVE).model_copy(update={"template": template})
    assert purpose_of(step, is_paid) is purpose


def test_where_the_bank_wants_a_confirmation_the_first_notice_asks_for_that() -> None:
    def first_words(category: Category) -> Notify:
        step = next_step(SELF_SERVE, case(category), Surroundings(), MONDAY_NINE)
        assert isinstance(step, Notify)
        return step

    assert first_words(Category.AUTHENTICATION_REQUIRED).template == "confirm_payment"
    assert first_words(Category.EXPIRED_CARD).template == "payment_failed"
