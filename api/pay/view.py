"""What the page shows, as data: the HTML page and the JSON of a page that a merchant builds are made from it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from activities.page_desk import StoredWay, WaysOpen
from activities.page_words import PageVoice
from activities.store.checkouts import Way
from api.pay.claims import Claim, ClaimState
from api.pay.sentences import headline, state_of, what_happens, why
from policies.base import Record
from policies.instruments import PaymentType
from policies.money import Money


class Sum(Record):
    """`text`: as people write it in the page's language."""

    amount_minor: int
    currency: str
    text: str


class ClaimShown(Record):
    invoice_id: str
    due: Sum
    failed_on: str
    state: ClaimState


class WayShown(Record):
    """`stored`: the name of a stored way, to be sent back; `brand`, `last4`, `expires`: what is known of it."""

    way: Way
    stored: str | None = None
    kind: PaymentType = PaymentType.CARD
    brand: str = ""
    last4: str | None = None
    expires: str | None = None


class InstalmentShown(Record):
    due: Sum
    day: str


class PlanShown(Record):
    """`number` is sent back."""

    number: int
    instalments: tuple[InstalmentShown, ...]


class CodePlace(Record):
    """Where a code can be sent; `to` is masked."""

    channel: str
    to: str


class PageShown(Record):
    """`locale`: a BCP 47 tag. `happens`: what follows without a payment, a sentence a day. `total`: of all that is owed
    now, where it is in one currency. `access`: the lowest of the claims. `least`: the smallest part that may be paid;
    None: all or nothing. `promise_from`, `promise_until`: which days may be named. `wants_code`: stored ways, or the
    whole page, are shown to who types in a code; it can be sent to `code_places`."""

    locale: str
    direction: Literal["ltr", "rtl"]
    merchant: str
    state: ClaimState
    access: str
    headline: str
    text: str
    claims: tuple[ClaimShown, ...] = ()
    total: Sum | None = None
    happens: tuple[str, ...] = ()
    ways: tuple[WayShown, ...] = ()
    may_lend: bool = False
    least: Sum | None = None
    plans: tuple[PlanShown, ...] = ()
    promise_from: date | None = None
    promise_until: date | None = None
    wants_code: Literal["", "stored", "page"] = ""
    code_places: tuple[CodePlace, ...] = ()


ORDER_OF_ACCESS = ("closed", "suspended", "limited", "notice", "full")


def sum_of(amount: Money, voice: PageVoice) -> Sum:
    return Sum(amount_minor=amount.amount_minor, currency=amount.currency, text=voice.money(amount))


def lowest_access(claims: Sequence[Claim]) -> str:
    levels = {claim.facts.access.value for claim in claims if claim.state != "settled"}
    return next((level for level in ORDER_OF_ACCESS if level in levels), "full")


def total_of(amounts: Sequence[Money]) -> Money | None:
    """None where there is nothing, or not one currency."""
    if len({amount.currency for amount in amounts}) != 1:
        return None
    return Money(amount_minor=sum(amount.amount_minor for amount in amounts), currency=amounts[0].currency)


def shown(
    voice: PageVoice,
    merchant: str,
    claims: Sequence[Claim],
    zone: str,
    ways: Sequence[WayShown] = (),
    open_ways: WaysOpen | None = None,
) -> PageShown:
    state, owed = state_of(claims), [claim for claim in claims if claim.state == "owed"]
    total = total_of([claim.facts.due for claim in owed])
    page = PageShown(
        locale=voice.tag,
        direction=voice.direction,
        merchant=voice.isolated(merchant),
        state=state,
        access=lowest_access(claims),
        headline=headline(voice, state, claims),
        text=why(voice, state, claims),
        claims=tuple(_claim(voice, claim, zone) for claim in claims if claim.state != "settled"),
        total=sum_of(total, voice) if total else None,
        happens=tuple(what_happens(voice, claims, zone)),
    )
    if not owed or open_ways is None:
        return page
    return page.model_copy(
        update={
            "ways": tuple(ways),
            "may_lend": open_ways.once,
            **_days(owed, zone),
            # A part or a plan is of one invoice; who has several chooses which to pay.
            **(_offers(voice, owed[0], zone) if len(owed) == 1 and open_ways.parts else {}),
        }
    )


def _days(owed: Sequence[Claim], zone: str) -> dict[str, object]:
    """On which days all of it may be promised, where each of the claims takes a promise."""
    until = [claim.offers.promise_until for claim in owed]
    known = [moment for moment in until if moment]
    if len(known) < len(until):
        return {}
    return {"promise_from": day_at(owed[0].now, zone, ahead=1), "promise_until": day_at(min(known), zone)}


def _claim(voice: PageVoice, claim: Claim, zone: str) -> ClaimShown:
    return ClaimShown(
        invoice_id=claim.case.invoice_id,
        due=sum_of(claim.facts.due, voice),
        failed_on=voice.day(claim.facts.failed_at, zone, short=True),
        state=claim.state,
    )


def _offers(voice: PageVoice, claim: Claim, zone: str) -> dict[str, object]:
    offers = claim.offers
    plans = tuple(
        PlanShown(
            number=plan.number,
            instalments=tuple(
                InstalmentShown(due=sum_of(each.amount, voice), day=voice.day(each.at, zone, short=True))
                for each in plan.instalments
            ),
        )
        for plan in offers.plans
    )
    return {"least": sum_of(offers.least, voice) if offers.least else None, "plans": plans}


def day_at(moment: datetime, zone: str, ahead: int = 0) -> date:
    """The calendar day at the customer's own place."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    return date.fromordinal(day.toordinal() + ahead)


def stored_shown(way: StoredWay, voice: PageVoice) -> WayShown:
    method = way.method
    return WayShown(
        way="stored",
        stored=way.name,
        kind=method.instrument.payment_type,
        brand=BRANDS.get(method.instrument.network.value, ""),
        last4=method.last4,
        expires=voice.month(method.expires) if method.expires else None,
    )


BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "elo": "Elo",
    "sepa": "SEPA",
    "bacs": "Bacs",
    "ach": "ACH",
}
"""Names that people know their card or debit by."""
