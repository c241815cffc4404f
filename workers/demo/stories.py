"""Who fails, what happens to them on which day, and how it must end. To add a story: a row here.

`sandbox` names the story of the sandbox world that makes the payment fail; days count from the failure.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from policies.base import Record
from policies.calendars.spared_days import after_spared_days
from policies.events import CloseOutcome
from policies.facts import AccessLevel


class Act(StrEnum):
    """What somebody does on their day. New cards come over the page, colleagues through our API; the rest happens at
    the source, which then tells us."""

    GIVE_NEW_CARD = "give_new_card"
    GIVE_BAD_CARD = "give_bad_card"
    PAY_ANOTHER_WAY = "pay"
    CONFIRM = "confirm"
    VOID = "void"
    CANCEL = "cancel"
    DISPUTE = "dispute"
    WIN_DISPUTE = "win-dispute"
    LOSE_DISPUTE = "lose-dispute"
    OPS_CLOSE = "close"


class Day(Record):
    day: float
    act: Act


class DemoStory(Record):
    """`reaches`: the furthest access level the case must come to; None: service is never touched. `suspended_on`: the
    day on which its policy suspends."""

    name: str
    says: str
    sandbox: str
    segment: str
    amount_minor: int
    currency: str
    expected: CloseOutcome
    days: tuple[Day, ...] = ()
    reaches: AccessLevel | None = None
    suspended_on: int | None = None
    zone: str = "Europe/Berlin"
    charges_at_most: int = 15

    def days_from(self, began: datetime) -> tuple[Day, ...]:
        """When people act in a case that began then. Nobody is suspended over the turn of the year, so who acts after a
        suspension acts as much later."""
        if self.suspended_on is None:
            return self.days
        due = began + timedelta(days=self.suspended_on)
        later = ceil((after_spared_days(due, self.zone) - due) / timedelta(days=1))
        return tuple(Day(day=day.day + later, act=day.act) for day in self.days)


R, W, C, D = CloseOutcome.RECOVERED, CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED, CloseOutcome.DISPUTED

STORIES = (
    DemoStory(
        name="payday",
        says="the account is empty until payday; a retry finds the money",
        sandbox="insufficient_funds",
        segment="self_serve",
        amount_minor=2900,
        currency="EUR",
        expected=R,
    ),
    DemoStory(
        name="expired_card",
        says="only the customer can help; she gives a new card on day 3",
        sandbox="expired_card",
        segment="self_serve",
        amount_minor=1900,
        currency="EUR",
        expected=R,
        days=(Day(day=3, act=Act.GIVE_NEW_CARD),),
        charges_at_most=1,
    ),
    DemoStory(
        name="issuer_down",
        says="the bank is down for two hours; nobody is bothered",
        sandbox="issuer_down",
        segment="self_serve",
        amount_minor=900,
        currency="USD",
        expected=R,
        zone="America/New_York",
    ),
    DemoStory(
        name="lost_card",
        says="never charged again; suspended, then a new card on day 16 brings everything back",
        sandbox="lost_card",
        segment="self_serve",
        amount_minor=4900,
        currency="EUR",
        expected=R,
        days=(Day(day=16, act=Act.GIVE_NEW_CARD),),
        reaches=AccessLevel.SUSPENDED,
        suspended_on=14,
        charges_at_most=1,
    ),
    DemoStory(
        name="needs_confirmation",
        says="the bank wants the customer to confirm; she does on day 2",
        sandbox="authentication_required",
        segment="premium",
        amount_minor=12900,
        currency="EUR",
        expected=R,
        days=(Day(day=2, act=Act.CONFIRM),),
        charges_at_most=1,
    ),
    DemoStory(
        name="answer_never_comes",
        says="the money moves but the answer is lost; looked up, never charged twice",
        sandbox="answer_never_comes",
        segment="self_serve",
        amount_minor=3900,
        currency="GBP",
        expected=R,
        zone="Europe/London",
        charges_at_most=1,
    ),
    DemoStory(
        name="request_lost",
        says="the request is lost on the way; looked up, then charged again",
        sandbox="never_arrives",
        segment="self_serve",
        amount_minor=2400,
        currency="GBP",
        expected=R,
        zone="Europe/London",
    ),
    DemoStory(
        name="pays_by_transfer",
        says="limited on day 8, pays by bank transfer on day 10, gets the extras back",
        sandbox="do_not_honor",
        segment="self_serve",
        amount_minor=5900,
        currency="EUR",
        expected=R,
        days=(Day(day=10, act=Act.PAY_ANOTHER_WAY),),
        reaches=AccessLevel.LIMITED,
    ),
    DemoStory(
        name="never_pays",
        says="every retry is refused, nobody answers; written off on day 30",
        sandbox="do_not_honor",
        segment="self_serve",
        amount_minor=1900,
        currency="USD",
        expected=W,
        reaches=AccessLevel.SUSPENDED,
        zone="America/Los_Angeles",
        charges_at_most=12,
    ),
    DemoStory(
        name="second_card_works",
        says="the first new card is refused as well, the second one pays",
        sandbox="lost_card",
        segment="premium",
        amount_minor=9800,
        currency="JPY",
        expected=R,
        days=(Day(day=4, act=Act.GIVE_BAD_CARD), Day(day=6, act=Act.GIVE_NEW_CARD)),
        zone="Asia/Tokyo",
        charges_at_most=2,
    ),
    DemoStory(
        name="enterprise_grace",
        says="extended grace and a named contact; pays on day 26, service never touched",
        sandbox="do_not_honor",
        segment="enterprise",
        amount_minor=1_200_000,
        currency="EUR",
        expected=R,
        days=(Day(day=26, act=Act.PAY_ANOTHER_WAY),),
    ),
    DemoStory(
        name="enterprise_late",
        says="limited on day 30, suspended on day 42, pays on day 44 and is reinstated",
        sandbox="do_not_honor",
        segment="enterprise",
        amount_minor=450_000,
        currency="KWD",
        expected=R,
        days=(Day(day=44, act=Act.PAY_ANOTHER_WAY),),
        reaches=AccessLevel.SUSPENDED,
        suspended_on=42,
        zone="Asia/Kuwait",
    ),
    DemoStory(
        name="dispute_lost",
        says="disputes the charge on day 5: everything stops; the bank decides for her on day 20",
        sandbox="do_not_honor",
        segment="premium",
        amount_minor=8900,
        currency="EUR",
        expected=D,
        days=(Day(day=5, act=Act.DISPUTE), Day(day=20, act=Act.LOSE_DISPUTE)),
    ),
    DemoStory(
        name="dispute_won",
        says="the dispute is won, the clocks stood still meanwhile, then she pays",
        sandbox="do_not_honor",
        segment="self_serve",
        amount_minor=6900,
        currency="EUR",
        expected=R,
        days=(
            Day(day=2.5, act=Act.DISPUTE),
            Day(day=12, act=Act.WIN_DISPUTE),
            Day(day=14, act=Act.PAY_ANOTHER_WAY),
        ),
    ),
    DemoStory(
        name="invoice_voided",
        says="the merchant voids the invoice half a day later",
        sandbox="insufficient_funds",
        segment="self_serve",
        amount_minor=2900,
        currency="EUR",
        expected=C,
        days=(Day(day=0.5, act=Act.VOID),),
    ),
    DemoStory(
        name="suspicious",
        says="the fraud check stops the charge; a person looks and gives the claim up on day 3",
        sandbox="fraud_suspect",
        segment="self_serve",
        amount_minor=9900,
        currency="USD",
        expected=W,
        days=(Day(day=3, act=Act.OPS_CLOSE),),
        charges_at_most=0,
        zone="America/Chicago",
    ),
    DemoStory(
        name="already_paid",
        says="paid before anybody looked: closed at once, no message",
        sandbox="already_paid",
        segment="self_serve",
        amount_minor=1500,
        currency="EUR",
        expected=R,
        charges_at_most=0,
    ),
)

LAST_DAY = 61
"""Every policy shipped closes by then."""
