"""How one customer is written to, however many of their invoices have failed (promise P6).

The ledger is the customer's, over all cases. Each case has a clock of its own: what another one said a moment ahead of
this one's counts as well. The same question is asked twice: by the decision, to know when words are due, and right
before sending, with the customer locked, when another case may have spoken meanwhile. What is only read in the
application (`in_app`) disturbs nobody and is not counted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policies.base import Record
from policies.calendars.contact import ALL_DAY, next_contact_time
from policies.document import STAGES, TONE, Contact
from policies.steps import Purpose
from policies.surroundings import Contacted, CustomerView

ONE_DAY, ONE_WEEK = timedelta(days=1), timedelta(days=7)
UNCOUNTED = frozenset({"in_app"})
NECESSARY = frozenset({"limited", "suspended", "reinstated", "closed"})
"""Stages that tell what has happened: they use up nothing of a case's share."""


class Wish(Record):
    """Words that a case would like to say. `channels` in order."""

    case_id: str
    template: str
    channels: tuple[str, ...]
    purpose: Purpose = Purpose.SCHEDULED

    @property
    def stage(self) -> str:
        return STAGES.get(self.template, self.template)


class Allowed(NamedTuple):
    """`channels`: those that are open now."""

    channels: tuple[str, ...]


class PutOff(NamedTuple):
    """Not before `until`; None: never in this case, its share is used up."""

    until: datetime | None
    because: str


class CoveredBy(NamedTuple):
    """Another message has said it for this case as well."""

    contact: Contacted


Verdict = Allowed | PutOff | CoveredBy


def judge(rules: Contact, ledger: Sequence[Contacted], customer: CustomerView, wish: Wish, now: datetime) -> Verdict:
    if said := _said_already(rules, ledger, wish, now):
        return CoveredBy(said)
    waits = list(_waits(rules, ledger, customer, wish, now))
    if waits:
        return max(waits, key=lambda each: each.until or now)
    return _open_channels(rules, ledger, customer, wish, now)


def may_be_said(
    rules: Contact, ledger: Sequence[Contacted], customer: CustomerView, wish: Wish, moment: datetime
) -> PutOff | None:
    """The first moment from `moment` on; None: never in this case. Every rule that puts it off names a later moment,
    and what was said is finite, so this ends."""
    because, at = "", moment
    while isinstance(verdict := judge(rules, ledger, customer, wish, at), PutOff):
        if verdict.until is None:
            return None
        because, at = verdict.because, verdict.until
    return PutOff(at, because)


def _said_already(rules: Contact, ledger: Sequence[Contacted], wish: Wish, now: datetime) -> Contacted | None:
    """By another case, within the gap, and as firmly. Thanks are said once, whatever was paid."""
    for contact in sorted(ledger, key=lambda each: each.at, reverse=True):
        if contact.case_id == wish.case_id or not now - rules.gap < contact.at < now + rules.gap:
            continue
        if wish.purpose is Purpose.THANKS and contact.stage == wish.stage:
            return contact
        if wish.case_id in contact.covers and _tone(contact.stage) >= _tone(wish.stage) >= 0:
            return contact
    return None


def _tone(stage: str) -> int:
    return TONE.index(stage) if stage in TONE else -1


def _waits(
    rules: Contact, ledger: Sequence[Contacted], customer: CustomerView, wish: Wish, now: datetime
) -> Iterator[PutOff]:
    """What keeps all its channels waiting."""
    if wish.purpose is Purpose.THANKS or UNCOUNTED.issuperset(wish.channels):
        return
    disturbed = sorted(each.at for each in ledger if each.channel not in UNCOUNTED)
    zone = ZoneInfo(customer.zone)
    today = [at for at in disturbed if at.astimezone(zone).date() >= now.astimezone(zone).date()]
    if len(today) >= rules.caps.per_day:
        yield PutOff(_tomorrow(now, zone), f"{_times(rules.caps.per_day)} a day to one customer")
    if wish.purpose is Purpose.SERVICE:
        return
    if disturbed and now < disturbed[-1] + rules.gap:
        yield PutOff(disturbed[-1] + rules.gap, "the gap between two messages to one customer")
    week = [at for at in disturbed if at > now - ONE_WEEK]
    if len(week) >= rules.caps.per_week:
        yield PutOff(week[-rules.caps.per_week] + ONE_WEEK, f"{_times(rules.caps.per_week)} a week to one customer")


def _tomorrow(now: datetime, zone: ZoneInfo) -> datetime:
    day = now.astimezone(zone).date() + ONE_DAY
    return max(datetime.combine(day, time(0), tzinfo=zone).astimezone(now.tzinfo), now + timedelta(minutes=1))


def _times(count: int) -> str:
    return "one message" if count == 1 else f"{count} messages"


def _open_channels(
    rules: Contact, ledger: Sequence[Contacted], customer: CustomerView, wish: Wish, now: datetime
) -> Verdict:
    opens = {channel: _opens(rules, ledger, customer, wish, channel, now) for channel in wish.channels}
    usable = {channel: each for channel, each in opens.items() if each.until is not None}
    if not usable:
        return PutOff(None, next(iter(opens.values())).because)
    # Scheduled words keep to the hours of their first channel: it is the one they are meant for.
    first = next(iter(usable.values()))
    wanted = first if wish.purpose is Purpose.SCHEDULED else min(usable.values(), key=lambda each: each.until or now)
    if wanted.until and wanted.until > now:
        return wanted
    return Allowed(tuple(channel for channel, each in usable.items() if each.until and each.until <= now))


def _opens(
    rules: Contact, ledger: Sequence[Contacted], customer: CustomerView, wish: Wish, channel: str, now: datetime
) -> PutOff:
    """When this channel may be used: hours, its share of a week, its share of the case."""
    moment, because = now, "it is used now"
    if wish.purpose is Purpose.SCHEDULED:
        used = sorted(each.at for each in ledger if each.channel == channel)
        in_case = [
            each
            for each in ledger
            if each.channel == channel and each.case_id == wish.case_id and each.stage not in NECESSARY
        ]
        of_case, of_week = rules.caps.in_case(channel), rules.caps.in_week(channel)
        if of_case is not None and len(in_case) >= of_case:
            return PutOff(None, f"{channel}: {_times(of_case)} in one case")
        week = [at for at in used if at > now - ONE_WEEK]
        if of_week is not None and len(week) >= of_week:
            moment, because = week[-of_week] + ONE_WEEK, f"{channel}: {_times(of_week)} a week"
    opens, closes = rules.hours_for(channel) if wish.purpose is Purpose.SCHEDULED else ALL_DAY
    zones = customer.zones or customer.zone
    at = next_contact_time(moment, zones, customer.country, channel, opens, closes, customer.subdivision)
    return PutOff(at, f"{channel}: quiet hours" if at > moment else because)
