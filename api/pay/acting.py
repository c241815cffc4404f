"""What customers do on their page, for the HTML page and for the JSON of a merchant's own page alike: the same rules,
and the way of every action, an inbox row first and then an update of the case (`api/actions.py`).

Repeating is safe: a checkout or a form has one id, and one id is one action of a case.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from activities.customers import Customer
from activities.links import PayLink
from activities.page_desk import Intention, StoredWay, WaysOpen
from activities.page_words import PageVoice
from activities.store.cases import Task
from activities.store.checkouts import Checkout, Claimed
from api.actions import Refused, note, perform
from api.parts import ApiParts, PageParts
from api.pay.claims import Claim
from policies.events import (
    ActionAnswer,
    AgreePlan,
    AskForHelp,
    CaseAction,
    CustomerDid,
    MistakeTopic,
    PromiseToPay,
    ReportMistake,
    UpdatePaymentMethod,
)
from policies.keys import CaseRef
from policies.page_tries import HOUR, Allowed, AskPerson, Verdict, Wait
from policies.self_service import why_not_offered

CHECKOUTS_PER_HOUR = 20
"""Of one customer. Each opens fields of a gateway, in which many cards could be tried."""


@dataclass(frozen=True)
class Visitor:
    """Who is on the page. `verified`: they have typed in a code that went to an address on file. `session_hash` stands
    for their browser. `learns`: they agreed that we note when they are busy here, and their browser does not object."""

    parts: ApiParts
    page: PageParts
    link: PayLink
    customer: Customer
    voice: PageVoice
    session_hash: str
    verified: bool
    learns: bool
    headers: Mapping[str, str]

    @property
    def zone(self) -> str:
        return self.customer.view().zone


async def began(
    visitor: Visitor, wanted: Intention, stored: StoredWay | None, open_ways: WaysOpen, return_to: Callable[[str], str]
) -> Checkout:
    """A stored way is charged at once, for the others the gateway's fields are opened; but not to who has used up their
    tries, for fields test cards as well. Raises OutsideError."""
    now, desk = datetime.now(UTC), visitor.page.desk
    verdict = await _may_open_fields(visitor, now)
    if isinstance(verdict, AskPerson):
        await visitor.parts.store.page_tries.ask_person(visitor.link.customer, wanted.cases[0], now)
    if not isinstance(verdict, Allowed):
        return await desk.stopped(visitor.link, wanted, verdict.kind, verdict.until, now)
    if stored:
        return await pay(visitor, await desk.begin_stored(visitor.link, stored, wanted, now), {})
    till = open_ways.confirms if wanted.way == "confirm" else open_ways.given.get(wanted.way)
    if till is None:
        raise ValueError(f"{wanted.way} was not offered")
    return await desk.begin(visitor.link, till, wanted, return_to, now)


async def _may_open_fields(visitor: Visitor, now: datetime) -> Verdict:
    store, customer = visitor.parts.store, visitor.link.customer
    if await store.checkouts.begun_since(customer, now - HOUR) >= CHECKOUTS_PER_HOUR:
        return Wait(until=now + HOUR)
    return await store.page_tries.outlook(customer, now)


async def as_it_stands(visitor: Visitor, checkout: Checkout) -> Checkout:
    """Fields that are open already are not shown to who has used up their tries since."""
    if checkout.is_over or checkout.stopped:
        return checkout
    verdict = await visitor.parts.store.page_tries.outlook(visitor.link.customer, datetime.now(UTC))
    if isinstance(verdict, Allowed):
        return checkout
    return checkout.model_copy(update={"stopped": verdict.kind, "stopped_until": verdict.until})


async def pay(visitor: Visitor, checkout: Checkout, result: Mapping[str, str]) -> Checkout:
    """What the fields brought is charged: each invoice in turn, until one is refused. Raises OutsideError when the
    gateway cannot be asked; nothing was tried then."""
    if checkout.answers:
        return checkout
    parts, link, now = visitor.parts, visitor.link, datetime.now(UTC)
    verdict = await parts.store.page_tries.reserve(link.customer, checkout.cases[0], checkout.id, now)
    if not isinstance(verdict, Allowed):
        return await _kept(visitor, checkout, stopped=verdict.kind, stopped_until=verdict.until)
    given = await visitor.page.desk.given(checkout, result)
    checkout = await _kept(visitor, checkout, given=given, stopped=None, stopped_until=None)
    if checkout.not_given:
        # The case sees every charge; what ended in the fields it would not hear of.
        cases = [CaseRef.from_case_id(case_id) for case_id in checkout.cases]
        await noted(visitor, cases, "tried_to_pay", checkout.way)
        await noted(visitor, cases, "was_answered", checkout.not_given.why)
        await parts.store.page_tries.ended(checkout.id, succeeded=False)
        return checkout
    answers: list[Claimed] = []
    for case_id in checkout.cases:
        answers.append(await _charged(visitor, checkout, case_id))
        if not _goes_on(answers[-1]):
            break
    went_well = all(_goes_on(each) for each in answers)
    await parts.store.page_tries.ended(checkout.id, succeeded=went_well)
    return await _kept(visitor, checkout, answers=tuple(answers))


async def _charged(visitor: Visitor, checkout: Checkout, case_id: str) -> Claimed:
    """What was offered was asked when the checkout was begun; the case itself refuses what cannot be any more."""
    case = CaseRef.from_case_id(case_id)
    return _claimed(case_id, await perform(visitor.parts, case, _as_action(checkout), visitor.headers))


def _claimed(case_id: str, done: ActionAnswer | Refused) -> Claimed:
    if isinstance(done, Refused):
        return Claimed(case_id=case_id, word=done.word)
    return Claimed(case_id=case_id, answer=done)


def _as_action(checkout: Checkout) -> CaseAction:
    method = checkout.method
    if method is None:
        raise ValueError("a checkout without a way to pay cannot be charged")
    way: dict[str, Any] = {
        "action_id": f"page-{checkout.id}",
        "credential_id": method.credential_id,
        "gateway": checkout.gateway,
        "gateway_customer_id": checkout.gateway_customer_id,
        "instrument": method.instrument,
    }
    if checkout.plan:
        return AgreePlan(**way, instalments=checkout.plan)
    return UpdatePaymentMethod(**way, keep=checkout.keep, amount=checkout.amount)


def _goes_on(claimed: Claimed) -> bool:
    return claimed.answer is not None and claimed.answer.result in ("paid", "processing", "done")


async def _kept(visitor: Visitor, checkout: Checkout, **changes: object) -> Checkout:
    changed = checkout.model_copy(update=changes)
    await visitor.parts.store.checkouts.save(changed, visitor.link)
    return changed


async def act(visitor: Visitor, claim: Claim, action: CaseAction) -> Claimed:
    """What the policy does not offer does not reach the case."""
    case_id = claim.case.case_id
    is_new = action.action_id not in claim.facts.seen
    if is_new and why_not_offered(claim.policy, claim.facts, action, claim.now):
        return Claimed(case_id=case_id, word="not_offered")
    return _claimed(case_id, await perform(visitor.parts, claim.case, action, visitor.headers))


async def promise(visitor: Visitor, claims: Sequence[Claim], on: date, once: str) -> list[Claimed]:
    """All that is owed may be charged on that day, from when messages may be sent on."""
    done = []
    for claim in claims:
        due_at = _moment(on, claim.policy.contact.opens, visitor.zone)
        done.append(await act(visitor, claim, PromiseToPay(action_id=f"page-{once}", due_at=due_at)))
    return done


def _moment(day: date, opens: time, zone: str) -> datetime:
    return datetime.combine(day, opens, ZoneInfo(zone)).astimezone(UTC)


async def report_mistake(
    visitor: Visitor, claims: Sequence[Claim], topic: MistakeTopic, words: str, once: str
) -> list[Claimed]:
    done = [await act(visitor, claim, ReportMistake(action_id=f"page-{once}", topic=topic)) for claim in claims]
    await _pass_on(visitor, claims, words, once)
    return done


async def ask_for_help(visitor: Visitor, claims: Sequence[Claim], words: str, once: str) -> list[Claimed]:
    done = [await act(visitor, claim, AskForHelp(action_id=f"page-{once}")) for claim in claims[:1]]
    await _pass_on(visitor, claims, words, once)
    return done


async def _pass_on(visitor: Visitor, claims: Sequence[Claim], words: str, once: str) -> None:
    """What a customer wrote is personal: it lies in PostgreSQL for the colleague, and in no history."""
    if words and claims:
        task = Task(
            key=f"words.{visitor.link.link_id}.{once}",
            case_id=claims[0].case.case_id,
            kind="customer_words",
            assignee="support_contact",
            summary=words,
            created_at=datetime.now(UTC),
        )
        await visitor.parts.store.cases.add_task(task)


async def noted(
    visitor: Visitor,
    cases: Sequence[CaseRef],
    what: Literal["opened_page", "chose_method", "left_fields", "tried_to_pay", "was_answered"],
    method: str | None = None,
) -> None:
    """As a fact of each case, once an hour; and when the customer agreed to it, as an hour in which they are busy."""
    now = datetime.now(UTC)
    for case in cases:
        event_id = f"{visitor.link.link_id}-{what}-{method or ''}-{now:%Y%m%d%H}"
        news = CustomerDid(event_id=event_id, happened_at=now, what=what, method=method)
        await note(visitor.parts, case, news, visitor.headers)
    if visitor.learns:
        await visitor.parts.store.checkouts.visited(visitor.link.customer, now)
