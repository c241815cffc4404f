"""What a visitor may choose from: the page's data with its ways to pay, and a choice checked against it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from activities.errors import Misconfigured
from activities.page_desk import Intention, StoredWay, WaysOpen
from activities.store.checkouts import Way
from api.pay.acting import Visitor
from api.pay.claims import Claim
from api.pay.view import CodePlace, PageShown, WayShown, shown, stored_shown
from policies.base import Record
from policies.document import PageWay
from policies.events import Instalment
from policies.money import Money


class Offered(NamedTuple):
    """`shown`: the page. `open_ways` None: nothing can be paid now. `stored`: ways the visitor may see."""

    shown: PageShown
    claims: tuple[Claim, ...]
    open_ways: WaysOpen | None
    stored: tuple[StoredWay, ...]

    @property
    def owed(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.state == "owed"]

    @property
    def open(self) -> list[Claim]:
        """Also what is on its way or being looked into: about that a person may be asked as well."""
        return [claim for claim in self.claims if claim.state != "settled"]


class Choice(Record):
    """`invoices` left out: all that are owed. `stored`: the name of a stored way. `amount`, `plan`: of one invoice."""

    way: Way
    stored: str | None = None
    invoices: tuple[str, ...] = Field(default=(), max_length=100)
    amount: Money | None = None
    plan: int | None = None
    keep: bool = True
    once: str | None = None


class NotOffered(Exception):
    """What was chosen cannot be (any more); `word` for programs."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


async def offered(visitor: Visitor, claims: tuple[Claim, ...]) -> Offered:
    owed = [claim for claim in claims if claim.state == "owed"]
    open_ways = await _open_ways(visitor, owed)
    step_up = step_up_of(claims)
    may_see = visitor.verified or step_up == "never"
    stored: list[StoredWay] = []
    if owed and open_ways and may_see and "stored" in owed[0].policy.page.ways:
        who = visitor.link.customer.customer_id
        stored = await visitor.page.desk.stored_ways(owed[0].case, who, owed[0].facts)
    merchant = visitor.page.speaker.merchant.name
    ways = _in_order(visitor, owed[0].policy.page.ways, open_ways, stored) if open_ways else []
    page = shown(visitor.voice, merchant, claims, visitor.zone, ways, open_ways)
    if not may_see:
        page = await _asking_for_code(visitor, page, step_up, owed)
    if page.wants_code == "page":
        return Offered(page, (), None, ())
    return Offered(page, claims, open_ways, tuple(stored))


def step_up_of(claims: Sequence[Claim]) -> Literal["never", "stored", "always"]:
    """The strictest of what the policies of the open claims ask for: one page shows them all."""
    asked = {claim.policy.page.step_up for claim in claims if claim.state != "settled"}
    return "always" if "always" in asked else "stored" if "stored" in asked else "never"


class Chosen(NamedTuple):
    """`stored`: one of the customer's own; None: something is given in the gateway's fields."""

    wanted: Intention
    stored: StoredWay | None
    open_ways: WaysOpen


def chosen(choice: Choice, here: Offered, locale: str) -> Chosen:
    """Raises NotOffered. Whatever is named must be among what was offered to this very visitor."""
    claims = _named(choice, here.owed)
    amount, plan = _how_much(choice, claims, here)
    stored = next((way for way in here.stored if choice.way == "stored" and way.name == choice.stored), None)
    if here.open_ways is None or (choice.way == "stored" and stored is None):
        raise NotOffered("unknown_way")
    if choice.way == "confirm" and here.open_ways.confirms is None:
        raise NotOffered("unknown_way")
    if choice.way not in ("stored", "confirm") and choice.way not in here.open_ways.given:
        raise NotOffered("unknown_way")
    if not choice.keep and not here.open_ways.once:
        raise NotOffered("only_kept")
    wanted = Intention(
        way=choice.way,
        cases=tuple(claim.case.case_id for claim in claims),
        owed=tuple(claim.facts.due for claim in claims),
        amount=amount,
        plan=plan,
        keep=choice.keep,
        credential_id=claims[0].facts.credential_id if choice.way == "confirm" else None,
        once=choice.once,
        locale=locale,
    )
    return Chosen(wanted, stored, here.open_ways)


def _named(choice: Choice, owed: Sequence[Claim]) -> list[Claim]:
    claims = [claim for claim in owed if not choice.invoices or claim.case.invoice_id in choice.invoices]
    if not claims or len(claims) < len(set(choice.invoices)):
        raise NotOffered("unknown_invoice")
    return claims


def _how_much(choice: Choice, claims: Sequence[Claim], here: Offered) -> tuple[Money | None, tuple[Instalment, ...]]:
    if choice.amount is None and choice.plan is None:
        return None, ()
    if len(claims) != 1 or here.open_ways is None or not here.open_ways.parts:
        raise NotOffered("only_all")
    if choice.plan is not None:
        plan = next((plan for plan in claims[0].offers.plans if plan.number == choice.plan), None)
        # The later instalments are collected from what is kept, so it cannot be lent for once.
        if plan is None or choice.amount is not None or not choice.keep:
            raise NotOffered("unknown_plan")
        return None, plan.instalments
    return _part(choice.amount, claims[0]), ()


def _part(amount: Money | None, claim: Claim) -> Money | None:
    due, least = claim.facts.due, claim.offers.least
    if amount is None or amount == due:
        return None
    if least is None or amount.currency != due.currency:
        raise NotOffered("only_all")
    if not least.amount_minor <= amount.amount_minor < due.amount_minor:
        raise NotOffered("wrong_amount")
    return amount


async def _open_ways(visitor: Visitor, owed: Sequence[Claim]) -> WaysOpen | None:
    if not owed:
        return None
    first, customer_id = owed[0], visitor.link.customer.customer_id
    try:
        return await visitor.page.desk.ways_open(first.case, customer_id, first.policy, first.facts)
    except Misconfigured:
        # The charge itself tells a person; here the customer finds whom to write to.
        return None


def _in_order(
    visitor: Visitor, wanted: Sequence[PageWay], open_ways: WaysOpen, stored: Sequence[StoredWay]
) -> list[WayShown]:
    """As the policy has them; what the bank only wants to be confirmed comes first."""
    ways: list[WayShown] = [WayShown(way="confirm")] if open_ways.confirms else []
    for way in wanted:
        if way == "stored":
            ways += [stored_shown(each, visitor.voice) for each in stored]
        elif way in open_ways.given:
            ways.append(WayShown(way=way))
    return ways


async def _asking_for_code(visitor: Visitor, page: PageShown, step_up: str, owed: Sequence[Claim]) -> PageShown:
    """What waits for a code is not shown, not even that there is something."""
    places = await visitor.page.access.places(visitor.link.customer)
    told = tuple(CodePlace(channel=channel, to=to) for channel, to in places.items())
    if step_up == "stored":
        wanted = "stored" if places and owed and "stored" in owed[0].policy.page.ways else ""
        return page.model_copy(update={"wants_code": wanted, "code_places": told if wanted else ()})
    return PageShown(
        locale=page.locale,
        direction=page.direction,
        merchant=page.merchant,
        state=page.state,
        access="full",
        headline=page.headline,
        text=who_are_you(visitor),
        wants_code="page",
        code_places=told,
    )


def who_are_you(visitor: Visitor) -> str:
    return visitor.voice.gettext("To show you more we have to know that it is you.")
