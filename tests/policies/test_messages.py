"""Words that no open channel took: when, and on which channels, they are due again."""

from datetime import UTC, datetime

from policies.decide import next_step
from policies.declines import Category
from policies.facts import Message, MessageStatus
from policies.messages import Upcoming, upcoming_words
from policies.situation import Situation
from policies.steps import Notify
from policies.surroundings import Surroundings
from tests.policies.timeline import BANK_DEBIT, SELF_SERVE, case, day, told, tried

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
    assert upcoming.planned.name == "warning"


def test_words_of_which_nobody_knows_where_they_were_tried_are_not_tried_again() -> None:
    upcoming = next_words(*heard("first_notice"), bounced("reminder"))
    assert upcoming.planned.name == "warning"


def test_words_that_one_channel_took_are_not_sent_on_another() -> None:
    delivered = told("reminder", SUNDAY).model_copy(update={"asked": ("email",)})
    assert next_words(*heard("first_notice"), delivered).planned.name == "warning"


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
    assert (upcoming.planned.name, upcoming.at) == ("reminder", SUNDAY)
