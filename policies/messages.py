"""Which words are due next, when they may be sent, and on which channels (promises P5 and P6).

Scheduled messages and offers wait for the silent window, the gap and the customer's contact hours. Words about what has
just happened, a change of access or a payment, wait for nothing but a channel that is open by its own window: mail goes
out at any hour, a text does not. What a message may say stands in `words.py`, hours in `calendars/contact.py`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from policies.agreements import Standing
from policies.calendars.contact import next_contact_time, next_time_of_day
from policies.channels import Channel
from policies.contact_rules import Allowed, Wish, judge, may_be_said
from policies.declines import CustomerAction
from policies.document import ScheduledMessage, ScheduledOffer
from policies.due import Due, after_the_failure, in_turn
from policies.experiments import Assignment, assigned
from policies.facts import LOST_ACCESS
from policies.heard import contacts, lost_at
from policies.offers import possible
from policies.said import Message, MessageStatus
from policies.situation import Situation
from policies.steps import AnyStep, Basis, Notify, Offer, Purpose
from policies.words import words_for

_Planned = tuple[datetime, str, ScheduledMessage | ScheduledOffer, tuple[Channel, ...]]
"""Scheduled words that are still to be said: due when, by which name, what, on which channels not tried yet."""

AS_USUAL = Assignment()

TOLD_BEFORE = timedelta(days=2)
"""An instalment is told of so long before it is charged."""


class Upcoming(NamedTuple):
    """The next scheduled words: when the policy has them due, when they may be sent, the channels not tried yet that
    are open then, and the trial that they belong to in this case."""

    due: datetime
    at: datetime
    name: str
    words: ScheduledMessage | ScheduledOffer
    channels: tuple[Channel, ...]
    trial: Assignment = AS_USUAL

    def as_due(self, here: Situation, next_attempt_at: datetime | None) -> Due:
        def make(at: datetime, basis: Basis) -> AnyStep:
            return _as_step(self, here, at, next_attempt_at, basis)

        return Due(self.at, "notify" if isinstance(self.words, ScheduledMessage) else "offer", make)


def upcoming_words(here: Situation) -> Upcoming | None:
    """The earliest due that may still be said: what a rule forbids in this case for good is left out."""
    if not may_write(here):
        return None
    for due, name, words, channels in sorted(_planned(here), key=itemgetter(0)):
        trial = _trial_of(here, words)
        wanted = here.around.customer.reached_by(trial.channels_of(channels, words.channels))
        wish = _wish(here, _template(here, words), wanted, Purpose.SCHEDULED)
        earliest = max(due, here.silence_ends, _busy_until(here), _deferred_until(here, name), here.now)
        if trial.variant and trial.variant.at:
            earliest = next_time_of_day(earliest, here.around.customer.zone, trial.variant.at)
        free = may_be_said(here.policy.contact, contacts(here), here.around.customer, wish, earliest)
        if free and free.until:
            return Upcoming(due, free.until, name, words, _open_at(here, wish, free.until), trial)
    return None


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
    opening = first_opening(here, name, max(earliest, here.now), channels, Purpose.SERVICE)

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


def words_about_instalment(here: Situation, agreed: Standing) -> Iterator[Due]:
    """Shortly before an instalment of a plan is charged, the customer is told of it."""
    if agreed.instalment is None or agreed.charge_at is None or agreed.rung.endswith("-again"):
        return
    name, charge_at = f"instalment_{agreed.instalment}", agreed.charge_at
    channels = channels_left(here, name, here.policy.access_channels)
    if not channels or here.now >= charge_at or not may_write(here):
        return
    earliest = max(charge_at - TOLD_BEFORE, here.now)
    opening = first_opening(here, "instalment_due", earliest, channels, Purpose.SCHEDULED)

    def make(at: datetime, basis: Basis) -> AnyStep:
        words = words_for(here, next_attempt_at=charge_at)
        return Notify(
            at=at,
            name=name,
            template="instalment_due",
            channels=opening.channels,
            because=f"instalment {agreed.instalment} is charged soon",
            words=words.model_copy(update={"due": agreed.amount, "owed": here.facts.due, "on": charge_at}),
            basis=basis,
        )

    if opening.at < charge_at:
        yield Due(opening.at, "notify", make)


def may_write(here: Situation) -> bool:
    treatment = here.treatment
    return treatment is None or treatment.contact


def has_heard(here: Situation) -> bool:
    """Who never heard of the failure hears nothing of its end."""
    return any(message.channel for message in here.facts.messages) and may_write(here)


def channels_left(here: Situation, name: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Words that reached nobody are due again on the channels that were not tried."""
    reaching = here.around.customer.reached_by(channels)
    if name not in here.told:
        return reaching
    sent = [message for message in here.facts.messages if message.name == name]
    if any(lost_at(here, message) is None for message in sent):
        return ()
    tried = {channel for message in sent for channel in message.tried}
    return tuple(channel for channel in reaching if channel not in tried)


def never_arrived(here: Situation) -> Message | None:
    """The latest words that reached nobody and that no channel is left for."""
    lost = [m for m in here.facts.messages if m.status is MessageStatus.UNDELIVERED and m.asked]
    return next((m for m in reversed(lost) if not channels_left(here, m.name, _channels_for(here, m.name))), None)


def _channels_for(here: Situation, name: str) -> tuple[Channel, ...]:
    """Those of the policy, by the name of the words."""
    planned = {message.name: message.channels for message in here.policy.messages}
    planned |= {f"offer_{number}": offer.channels for number, offer in enumerate(here.policy.offers, start=1)}
    return planned.get(name, here.policy.access_channels)


# --- when and where ---------------------------------------------------------------------------------------------------


class Opening(NamedTuple):
    """When something may be said, and where."""

    at: datetime
    channels: tuple[Channel, ...]


def first_opening(
    here: Situation, template: str, moment: datetime, channels: tuple[Channel, ...], purpose: Purpose
) -> Opening:
    """For words about what has just happened: whichever channels open first, by their own windows alone."""
    moment = max(moment, _lost_by(here, template), _deferred_until(here, template))
    wish = _wish(here, template, channels, purpose)
    free = may_be_said(here.policy.contact, contacts(here), here.around.customer, wish, moment)
    at = free.until if free and free.until else moment
    return Opening(at, _open_at(here, wish, at))


def in_contact_hours(here: Situation, moment: datetime, channel: Channel) -> datetime:
    customer, hours = here.around.customer, here.policy.contact.hours_for(channel)
    zones = customer.zones or customer.zone
    return next_contact_time(moment, zones, customer.country, channel, *hours, customer.subdivision)


def _wish(here: Situation, template: str, channels: tuple[Channel, ...], purpose: Purpose) -> Wish:
    return Wish(case_id=here.facts.case.case_id, template=template, channels=channels, purpose=purpose)


def _open_at(here: Situation, wish: Wish, at: datetime) -> tuple[Channel, ...]:
    verdict = judge(here.policy.contact, contacts(here), here.around.customer, wish, at)
    return verdict.channels if isinstance(verdict, Allowed) else wish.channels


def _lost_by(here: Situation, name: str) -> datetime:
    """When it was known that earlier tries had reached nobody."""
    lost = [lost_at(here, message) for message in here.facts.messages if message.name == name]
    return max([at for at in lost if at], default=here.facts.failed_at)


def _deferred_until(here: Situation, name: str) -> datetime:
    """A rule has put it off when it was about to be sent; for good: as long as there are cases."""
    put_off = next((each for each in here.facts.deferrals if each.name == name), None)
    if put_off is None:
        return here.facts.failed_at
    return put_off.until or put_off.at + FOR_GOOD


FOR_GOOD = timedelta(days=3650)


def _busy_until(here: Situation) -> datetime:
    """Who has just clicked is not reminded meanwhile. An opened mail says little: machines open mails."""
    clicks = [each.at for each in here.facts.activities if not each.what.startswith("opened")]
    return max(clicks) + here.policy.contact.pause_after_activity if clicks else here.facts.failed_at


# --- scheduled words --------------------------------------------------------------------------------------------------


def _planned(here: Situation) -> Iterator[_Planned]:
    """Messages and offers that are still to be sent for this decline, with the time the policy has them due."""
    for message in here.policy.messages:
        channels = channels_left(here, message.name, message.channels)
        due = _when_due(here, message) if channels and _is_for(here, message) else None
        if due:
            yield max(due, _lost_by(here, message.name)), message.name, message, channels
    for number, offer in enumerate(here.policy.offers, start=1):
        name = f"offer_{number}"
        channels = channels_left(here, name, offer.channels)
        if channels and _is_for(here, offer) and possible(here, offer.offers):
            yield max(here.started + offer.after, _lost_by(here, name)), name, offer, channels


def _is_for(here: Situation, words: ScheduledMessage | ScheduledOffer) -> bool:
    return not words.categories or (here.decline is not None and here.category in words.categories)


def _when_due(here: Situation, message: ScheduledMessage) -> datetime | None:
    if message.after is not None:
        return here.started + message.after
    return here.failure_number(message.failures)


def _template(here: Situation, words: ScheduledMessage | ScheduledOffer) -> str:
    """Where the bank only wants the customer to confirm, the first notice asks for that and for nothing else."""
    if isinstance(words, ScheduledOffer):
        return "offer"
    asked = here.decline.customer_action if here.decline and not here.decline.fraud_signal else None
    confirms = words.template == "payment_failed" and asked is CustomerAction.AUTHENTICATE
    return "confirm_payment" if confirms else words.template


def _trial_of(here: Situation, words: ScheduledMessage | ScheduledOffer) -> Assignment:
    if isinstance(words, ScheduledOffer) or not (words.variants or words.holdout):
        return AS_USUAL
    return assigned(here.facts.case.case_id, words.name, words.variants, words.holdout)


def _as_step(
    upcoming: Upcoming, here: Situation, at: datetime, next_attempt_at: datetime | None, basis: Basis
) -> AnyStep:
    words = upcoming.words
    said = words_for(here, next_attempt_at=next_attempt_at)
    if isinstance(words, ScheduledMessage):
        return Notify(
            at=at,
            name=upcoming.name,
            template=_template(here, words),
            channels=upcoming.channels,
            because=f"{words.name} is due {_when_in_words(words)}",
            words=said,
            basis=basis,
            variant=upcoming.trial.name,
            wording=upcoming.trial.wording,
            held_out=upcoming.trial.held_out,
        )
    offered = possible(here, words.offers)
    return Offer(
        at=at,
        name=upcoming.name,
        offers=offered,
        channels=upcoming.channels,
        because=f"other ways to pay are offered {after_the_failure(words.after)}",
        words=said.model_copy(update={"offers": offered}),
        basis=basis,
    )


def _when_in_words(message: ScheduledMessage) -> str:
    if message.after is not None:
        return after_the_failure(message.after)
    return "with the first failure" if message.failures == 1 else f"after {message.failures} failures in a row"
