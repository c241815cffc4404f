"""Which words are due next, when they may be sent, and on which channels (promises P5 and P6).

Scheduled messages and offers wait for the silent window, the gap and the customer's contact hours; words about access
go out with the change. What a message may say stands in `words.py`, contact hours in `calendars/contact.py`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from policies.calendars.contact import next_contact_time
from policies.document import Channel, ScheduledMessage, ScheduledOffer
from policies.due import Due, after_the_failure
from policies.facts import LOST_ACCESS, MessageStatus
from policies.situation import Situation
from policies.steps import AnyStep, Notify, Offer
from policies.words import words_for


class Planned(NamedTuple):
    """Scheduled words that are still to be said: when the policy has them due, and the channels not tried yet."""

    due: datetime
    name: str
    words: ScheduledMessage | ScheduledOffer
    channels: tuple[Channel, ...]


class Upcoming(NamedTuple):
    """The next scheduled words: when the policy has them due, and when they may be sent."""

    due: datetime
    at: datetime
    planned: Planned

    def as_due(self, here: Situation, next_attempt_at: datetime | None) -> Due:
        def make(at: datetime) -> AnyStep:
            return _as_step(self, here, at, next_attempt_at)

        return Due(self.at, "notify" if isinstance(self.planned.words, ScheduledMessage) else "offer", make)


def upcoming_words(here: Situation) -> Upcoming | None:
    if not may_write(here):
        return None
    planned = min(_planned(here), key=_due, default=None)
    if planned is None:
        return None
    policy, facts = here.policy, here.facts
    earliest = max(planned.due, facts.failed_at + policy.silence_for(here.category), _gap_ends(here), here.now)
    return Upcoming(planned.due, in_contact_hours(here, earliest, planned.channels[0]), planned)


def words_about_access(here: Situation, next_attempt_at: datetime | None) -> Iterator[Due]:
    """They go out with the change."""
    change = here.facts.access_changes[-1] if here.facts.access_changes else None
    if change is None or change.level not in LOST_ACCESS or change.unclear:
        return
    level = change.level.value
    if level in here.told or not may_write(here):
        return

    def make(at: datetime) -> AnyStep:
        return Notify(
            at=at,
            name=level,
            template=level,
            channels=open_channels(here, at, here.policy.access_channels),
            because=f"service was {level}; the customer must know why and how it comes back",
            words=words_for(here, next_attempt_at=next_attempt_at),
        )

    yield Due(change.at, "notify", make)


def may_write(here: Situation) -> bool:
    treatment = here.treatment
    return treatment is None or treatment.contact


def in_contact_hours(here: Situation, moment: datetime, channel: Channel) -> datetime:
    opens, closes = here.policy.contact.hours_for(channel)
    customer = here.around.customer
    return next_contact_time(
        moment, customer.zones or customer.zone, customer.country, channel, opens, closes, customer.subdivision
    )


def _due(planned: Planned) -> datetime:
    return planned.due


def _planned(here: Situation) -> Iterator[Planned]:
    """Messages and offers that are still to be sent for this decline, with the time the policy has them due."""
    for message in here.policy.messages:
        channels = _channels_left(here, message.name, message.channels)
        due = _when_due(here, message) if channels and _is_for(here, message) else None
        if due:
            yield Planned(due, message.name, message, channels)
    for number, offer in enumerate(here.policy.offers, start=1):
        name = f"offer_{number}"
        channels = _channels_left(here, name, offer.channels)
        if channels and _is_for(here, offer):
            yield Planned(here.started + offer.after, name, offer, channels)


def _channels_left(here: Situation, name: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Words that no open channel took are due again on those that were closed at that hour."""
    if name not in here.told:
        return channels
    sent = [message for message in here.facts.messages if message.name == name]
    if any(message.status is not MessageStatus.UNDELIVERED or not message.asked for message in sent):
        return ()
    asked = {channel for message in sent for channel in message.asked}
    return tuple(channel for channel in channels if channel not in asked)


def _is_for(here: Situation, words: ScheduledMessage | ScheduledOffer) -> bool:
    return not words.categories or (here.decline is not None and here.category in words.categories)


def _when_due(here: Situation, message: ScheduledMessage) -> datetime | None:
    if message.after is not None:
        return here.started + message.after
    return here.failure_number(message.failures)


def _gap_ends(here: Situation) -> datetime:
    """What reached nobody keeps nobody waiting."""
    sent = [message.at for message in here.facts.messages if message.status is not MessageStatus.UNDELIVERED]
    return max(sent) + here.policy.contact.gap if sent else here.facts.failed_at


def _as_step(upcoming: Upcoming, here: Situation, at: datetime, next_attempt_at: datetime | None) -> AnyStep:
    words = upcoming.planned.words
    said = words_for(here, next_attempt_at=next_attempt_at)
    channels = open_channels(here, at, upcoming.planned.channels)
    if isinstance(words, ScheduledMessage):
        return Notify(
            at=at,
            name=upcoming.planned.name,
            template=words.template,
            channels=channels,
            because=f"{words.name} is due {_when_in_words(words)}",
            words=said,
        )
    return Offer(
        at=at,
        name=upcoming.planned.name,
        offers=words.offers,
        channels=channels,
        because=f"other ways to pay are offered {after_the_failure(words.after)}",
        words=said.model_copy(update={"offers": words.offers}),
    )


def _when_in_words(message: ScheduledMessage) -> str:
    if message.after is not None:
        return after_the_failure(message.after)
    return "with the first failure" if message.failures == 1 else f"after {message.failures} failures in a row"


def open_channels(here: Situation, at: datetime, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The fallback channels that may be used at this hour; the first one was what the hour was chosen for."""

    def usable(channel: Channel) -> bool:
        return in_contact_hours(here, at, channel) == at

    first, *others = channels
    return (first, *[channel for channel in others if usable(channel)])
