"""When words may be said, and on which channels: at which hours, and again where no open channel took them."""

from datetime import UTC, datetime

import pytest

from policies.decide import next_step
from policies.declines import Category
from policies.document import Reinstatement
from policies.facts import AccessLevel, CaseFacts
from policies.messages import Upcoming, upcoming_words
from policies.said import Message, MessageStatus
from policies.situation import Situation
from policies.steps import Charge, Notify
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
