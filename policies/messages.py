"""Which words are due next, when they may be sent, and on which channels (promises P5 and P6).

Scheduled messages and offers wait for the silent window, the gap and the customer's contact hours. Words about what has
just happened, a change of access or a payment, wait for nothing but a channel that is open by its own window: mail goes
out at any hour, a text does not. What a message may say stands in `words.py`, hours in `calendars/contact.py`.
"""

from collections.abc import Iterator
from datetime import datetime, time
from operator import attrgetter, itemgetter
from typing import NamedTuple

from policies.calendars.contact import ALL_DAY, next_contact_time
from policies.document import Channel, ScheduledMessage, ScheduledOffer
from policies.due import Due, after_the_failure, in_turn
from policies.facts import LOST_ACCESS, MessageStatus
from policies.offers import possible
from policies.situation import Situation
from policies.steps import AnyStep, Basis, Notify, Offer
from policies.words import words_for

_Planned = tuple[datetime, str, ScheduledMessage | ScheduledOffer, tuple[Channel, ...]]
"""Scheduled words that are still to be said: due when, by which name, what, on which channels not tried yet."""


class Upcoming(NamedTuple):
    """The next scheduled words: when the policy has them due, when they may be sent, and the channels not tried yet."""

    due: datetime
    at: datetime
    name: str
    words: ScheduledMessage | ScheduledOffer
    channels: tuple[Channel, ...]

    def as_due(self, here: Situation, next_attempt_at: datetime | None) -> Due:
        def make(at: datetime, basis: Basis) -> AnyStep:
            return _as_step(self, here, at, next_attempt_at, basis)

        return Due(self.at, "notify" if isinstance(self.words, ScheduledMessage) else "offer", make)


def upcoming_words(here: Situation) -> Upcoming | None:
    if not may_write(here):
        return None
    planned = min(_planned(here), key=itemgetter(0), default=None)
    if planned is None:
        return None
    due, name, words, channels = planned
    earliest = max(due, here.silence_ends, _gap_ends(here), here.now)
    return Upcoming(due, in_contact_hours(here, earliest, channels[0]), name, words, channels)


def words_about_access(here: Situation, next_attempt_at: datetime | None) -> Iterator[Due]:
    """They go out with the change: what was lost and how it comes back, or that a part payment has brought it back."""
    change = here.facts.access_changes[-1] if here.facts.access_changes else None
    if change is None or change.unclear:
        return
    if change.level in LOST_ACCESS:
        name, may_tell, earliest = change.level.value, may_write(here), here.silence_ends
        because = f"service was {name}; the customer must know why and how it comes back"
    else:
        name, may_tell, earliest = "reinstated", has_heard(here), change.at
        because = "a part payment brought service back and the customer should know"
    channels = channels_left(here, name, here.policy.access_channels)
    if not channels or not may_tell:
        return
    opening = first_opening(here, max(earliest, here.now), channels)

    def make(at: datetime, basis: Basis) -> AnyStep:
        return Notify(
            at=at,
            name=name,
            template=name,
            channels=opening.channels,
            because=because,
            words=words_for(here, next_attempt_at=next_attempt_at),
            basis=basis,
        )

    yield Due(in_turn(change.at, opening.at, here.now), "notify", make)


def may_write(here: Situation) -> bool:
    treatment = here.treatment
    return treatment is None or treatment.contact


def has_heard(here: Situation) -> bool:
    """Who never heard of the failure hears nothing of its end."""
    return any(message.channel for message in here.facts.messages) and may_write(here)


def channels_left(here: Situation, name: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Words that no open channel took are due again on those that were closed at that hour."""
    if name not in here.told:
        return channels
    sent = [message for message in here.facts.messages if message.name == name]
    if any(message.status is not MessageStatus.UNDELIVERED or not message.asked for message in sent):
        return ()
    asked = {channel for message in sent for channel in message.asked}
    return tuple(channel for channel in channels if channel not in asked)


# --- hours ------------------------------------------------------------------------------------------------------------


class Opening(NamedTuple):
    """When something may be said, and where."""

    at: datetime
    channels: tuple[Channel, ...]


def first_opening(here: Situation, moment: datetime, channels: tuple[Channel, ...]) -> Opening:
    """For words about what has just happened: whichever channels open first, by their own windows alone."""
    opens = {channel: _next_in_hours(here, moment, channel, ALL_DAY) for channel in channels}
    at = min(opens.values())
    return Opening(at, tuple(channel for channel in channels if opens[channel] == at))


def in_contact_hours(here: Situation, moment: datetime, channel: Channel) -> datetime:
    return _next_in_hours(here, moment, channel, here.policy.contact.hours_for(channel))


def _next_in_hours(here: Situation, moment: datetime, channel: Channel, hours: tuple[time, time]) -> datetime:
    customer = here.around.customer
    return next_contact_time(
        moment, customer.zones or customer.zone, customer.country, channel, *hours, customer.subdivision
    )


# --- scheduled words --------------------------------------------------------------------------------------------------


def _planned(here: Situation) -> Iterator[_Planned]:
    """Messages and offers that are still to be sent for this decline, with the time the policy has them due."""
    for message in here.policy.messages:
        channels = channels_left(here, message.name, message.channels)
        due = _when_due(here, message) if channels and _is_for(here, message) else None
        if due:
            yield due, message.name, message, channels
    for number, offer in enumerate(here.policy.offers, start=1):
        name = f"offer_{number}"
        channels = channels_left(here, name, offer.channels)
        if channels and _is_for(here, offer) and possible(here, offer.offers):
            yield here.started + offer.after, name, offer, channels


def _is_for(here: Situation, words: ScheduledMessage | ScheduledOffer) -> bool:
    return not words.categories or (here.decline is not None and here.category in words.categories)


def _when_due(here: Situation, message: ScheduledMessage) -> datetime | None:
    if message.after is not None:
        return here.started + message.after
    return here.failure_number(message.failures)


def _gap_ends(here: Situation) -> datetime:
    """What reached nobody keeps nobody waiting."""
    undelivered = MessageStatus.UNDELIVERED
    newest_first = sorted(here.facts.messages, key=attrgetter("at"), reverse=True)
    sent = next((message.at for message in newest_first if message.status is not undelivered), None)
    return sent + here.policy.contact.gap if sent else here.facts.failed_at


def _as_step(
    upcoming: Upcoming, here: Situation, at: datetime, next_attempt_at: datetime | None, basis: Basis
) -> AnyStep:
    """The hour was chosen for the first channel; of the others those are used that are open then."""
    words = upcoming.words
    said = words_for(here, next_attempt_at=next_attempt_at)
    first, *others = upcoming.channels
    channels = (first, *[channel for channel in others if in_contact_hours(here, at, channel) == at])
    if isinstance(words, ScheduledMessage):
        return Notify(
            at=at,
            name=upcoming.name,
            template=words.template,
            channels=channels,
            because=f"{words.name} is due {_when_in_words(words)}",
            words=said,
            basis=basis,
        )
    offered = possible(here, words.offers)
    return Offer(
        at=at,
        name=upcoming.name,
        offers=offered,
        channels=channels,
        because=f"other ways to pay are offered {after_the_failure(words.after)}",
        words=said.model_copy(update={"offers": offered}),
        basis=basis,
    )


def _when_in_words(message: ScheduledMessage) -> str:
    if message.after is not None:
        return after_the_failure(message.after)
    return "with the first failure" if message.failures == 1 else f"after {message.failures} failures in a row"
