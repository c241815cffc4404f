"""Contact rules, alone and by property: in no zone and in no order of events is a customer written to too often or at
night."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.calendars.contact import may_contact, next_time_of_day
from policies.contact_rules import ONE_WEEK, Allowed, CoveredBy, PutOff, Wish, judge, may_be_said
from policies.document import STAGES, Caps, Contact
from policies.steps import Purpose
from policies.surroundings import Contacted, CustomerView

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RULES = Contact()
BERLIN = CustomerView(zone="Europe/Berlin", country="DE")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said(
    at: datetime,
    case: str = "s/a/other",
    stage: str = "notice",
    channel: str | None = "email",
    covers: tuple[str, ...] = (),
) -> Contacted:
    return Contacted(key=f"{case} {at.isoformat()}", at=at, case_id=case, stage=stage, channel=channel, covers=covers)


def wish(
    template: str = "reminder",
    *channels: str,
    purpose: Purpose = Purpose.SCHEDULED,
    case: str = "s/a/mine",
) -> Wish:
    return Wish(case_id=case, template=template, channels=channels or ("email",), purpose=purpose)


def verdict(wanted: Wish, *ledger: Contacted, now: datetime = MONDAY, rules: Contact = RULES) -> object:
    return judge(rules, ledger, BERLIN, wanted, now)


def test_nothing_stands_in_the_way_of_the_first_words() -> None:
    assert verdict(wish("payment_failed", "email", "sms")) == Allowed(("email", "sms"))


def test_one_message_a_day_whichever_case_sent_it() -> None:
    put_off = verdict(wish(), said(MONDAY - HOUR), rules=Contact(gap=HOUR))
    assert isinstance(put_off, PutOff)
    assert put_off.until == datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert put_off.because == "one message a day to one customer"


def test_the_day_is_the_customers_own() -> None:
    late = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    rules = Contact(gap=HOUR)
    assert isinstance(verdict(wish(), said(late), rules=rules, now=datetime(2026, 3, 2, 8, 0, tzinfo=UTC)), Allowed)
    early = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert isinstance(verdict(wish(), said(early), rules=rules, now=datetime(2026, 3, 2, 8, 0, tzinfo=UTC)), PutOff)


def test_the_gap_is_kept_between_cases() -> None:
    yesterday = MONDAY - timedelta(hours=15)
    put_off = verdict(wish(), said(yesterday))
    assert put_off == PutOff(yesterday + RULES.gap, "the gap between two messages to one customer")


def test_the_weeks_cap() -> None:
    ledger = [said(MONDAY - n * DAY) for n in (1, 2, 3, 4)]
    put_off = verdict(wish(), *ledger)
    assert put_off == PutOff(MONDAY - 4 * DAY + ONE_WEEK, "4 messages a week to one customer")


def test_what_is_read_in_the_application_is_not_counted() -> None:
    assert isinstance(verdict(wish(), said(MONDAY - HOUR, channel="in_app")), Allowed)
    assert isinstance(verdict(wish("reminder", "in_app"), said(MONDAY - HOUR)), Allowed)


def test_words_about_service_wait_for_the_day_alone() -> None:
    suspended = wish("suspended", purpose=Purpose.SERVICE)
    assert isinstance(verdict(suspended, *[said(MONDAY - n * DAY) for n in (1, 2, 3, 4)]), Allowed)
    assert isinstance(verdict(suspended, said(MONDAY - HOUR)), PutOff)


def test_thanks_wait_for_nothing_but_the_channel() -> None:
    thanks = wish("recovered", "sms", "email", purpose=Purpose.THANKS)
    assert verdict(thanks, said(MONDAY - HOUR)) == Allowed(("sms", "email"))
    at_night = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert verdict(thanks, said(MONDAY - HOUR), now=at_night) == Allowed(("email",))


def test_thanks_are_said_once_whatever_was_paid() -> None:
    thanks = wish("recovered", purpose=Purpose.THANKS)
    assert isinstance(verdict(thanks, said(MONDAY - HOUR, stage="recovered")), CoveredBy)
    assert isinstance(verdict(thanks, said(MONDAY - HOUR, case="s/a/mine", stage="recovered")), Allowed)


@pytest.mark.parametrize(
    ("stage", "template", "covered"),
    [
        ("reminder", "payment_failed", True),
        ("reminder", "reminder", True),
        ("reminder", "warning", False),
        ("suspended", "final_notice", True),
        ("recovered", "reminder", False),
    ],
)
def test_a_message_that_names_this_invoice_says_it_for_this_case(stage: str, template: str, covered: bool) -> None:
    named = said(MONDAY - HOUR, stage=stage, covers=("s/a/mine",))
    assert isinstance(verdict(wish(template), named), CoveredBy) is covered
    unnamed = said(MONDAY - HOUR, stage=stage)
    assert not isinstance(verdict(wish(template), unnamed), CoveredBy)
    long_ago = said(MONDAY - RULES.gap - HOUR, stage=stage, covers=("s/a/mine",))
    assert not isinstance(verdict(wish(template), long_ago), CoveredBy)


def test_what_a_case_said_whose_clock_is_ahead_counts_as_well() -> None:
    ahead = said(MONDAY + timedelta(milliseconds=50))
    assert verdict(wish(), ahead) == PutOff(ahead.at + RULES.gap, "the gap between two messages to one customer")
    named = ahead.model_copy(update={"covers": ("s/a/mine",), "stage": "reminder"})
    assert isinstance(verdict(wish(), named), CoveredBy)


def test_a_channels_share_of_the_week() -> None:
    ledger = [said(MONDAY - n * DAY, channel="sms") for n in (2, 3)]
    assert verdict(wish("reminder", "sms"), *ledger) == PutOff(MONDAY - 3 * DAY + ONE_WEEK, "sms: 2 messages a week")
    assert verdict(wish("reminder", "email", "sms"), *ledger) == Allowed(("email",))


def test_a_channels_share_of_the_case() -> None:
    ledger = [said(MONDAY - n * 9 * DAY, "s/a/mine", channel="sms") for n in (1, 2, 3, 4)]
    assert verdict(wish("reminder", "sms"), *ledger) == PutOff(None, "sms: 4 messages in one case")
    assert verdict(wish("reminder", "sms", "email"), *ledger) == Allowed(("email",))
    assert may_be_said(RULES, ledger, BERLIN, wish("reminder", "sms"), MONDAY) is None
    told_of_service = [each.model_copy(update={"stage": "suspended"}) for each in ledger]
    assert verdict(wish("reminder", "sms"), *told_of_service) == Allowed(("sms",))
    unlimited = Contact(caps=Caps(case_on={}, week_on={}))
    assert verdict(wish("reminder", "sms"), *ledger, rules=unlimited) == Allowed(("sms",))


def test_quiet_hours_put_it_off() -> None:
    night = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    assert verdict(wish(), now=night) == PutOff(datetime(2026, 3, 2, 7, 0, tzinfo=UTC), "email: quiet hours")


def test_the_next_time_of_day() -> None:
    assert next_time_of_day(MONDAY, "Europe/Berlin", time(9)) == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    assert next_time_of_day(MONDAY, "Europe/Berlin", time(10)) == MONDAY


# --- by property ------------------------------------------------------------------------------------------------------

ZONES = ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu"]
customers = st.builds(
    CustomerView,
    zone=st.sampled_from(ZONES),
    country=st.sampled_from(["DE", "US", "FR", "JP", None]),
)
purposes = {
    "payment_failed": Purpose.SCHEDULED,
    "reminder": Purpose.SCHEDULED,
    "final_notice": Purpose.SCHEDULED,
    "suspended": Purpose.SERVICE,
    "recovered": Purpose.THANKS,
}
Event = tuple[int, int, str, tuple[str, ...]]
events = st.lists(
    st.tuples(
        st.integers(0, 20 * 24 * 60),
        st.integers(0, 6),
        st.sampled_from(sorted(purposes)),
        st.sampled_from([("email",), ("email", "sms"), ("sms", "email"), ("push", "in_app")]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(customers, events)
def test_in_no_zone_and_no_order_is_a_rule_broken(customer: CustomerView, wanted: list[Event]) -> None:
    """Seven invoices want to speak at any moment; what is allowed is said at once, as the activity does it."""
    ledger: list[Contacted] = []
    zone = ZoneInfo(customer.zone)
    for minutes, case, template, channels in sorted(wanted):
        now = MONDAY + timedelta(minutes=minutes)
        asked = wish(template, *channels, purpose=purposes[template], case=f"s/a/{case}")
        answer = judge(RULES, ledger, customer, asked, now)
        if not isinstance(answer, Allowed):
            continue
        channel = answer.channels[0]
        hours = RULES.hours_for(channel) if asked.purpose is Purpose.SCHEDULED else (time(0), time(0))
        assert may_contact(now, customer.zone, customer.country, channel, *hours)
        if asked.purpose is not Purpose.THANKS:
            others = tuple(f"s/a/{n}" for n in range(7) if n != case)
            ledger.append(said(now, asked.case_id, STAGES[template], channel, others))
    counted = [each for each in ledger if each.channel != "in_app"]
    days = [each.at.astimezone(zone).date() for each in counted]
    assert len(days) == len(set(days))
    scheduled = [each.at for each in counted if each.stage != "suspended"]
    for at in scheduled:
        before = [each.at for each in counted if at - ONE_WEEK < each.at <= at]
        assert len(before) <= RULES.caps.per_week


@settings(max_examples=100, deadline=None)
@given(customers, st.integers(0, 6 * 24 * 60), events)
def test_the_moment_that_was_found_holds(customer: CustomerView, minutes: int, before: list[Event]) -> None:
    ledger = [said(MONDAY - timedelta(minutes=m), f"s/a/{case}", STAGES[t], c[0]) for m, case, t, c in before[:5]]
    asked = wish("reminder", "email", "sms")
    found = may_be_said(RULES, ledger, customer, asked, MONDAY + timedelta(minutes=minutes))
    assert found is not None
    assert found.until is not None
    assert not isinstance(judge(RULES, ledger, customer, asked, found.until), PutOff)
