"""Which of what the policy lets customers do on their page can be done in a case now. Pure; asked when the page is
shown, and again when something is done, for the page may be old."""

from datetime import datetime, timedelta
from typing import NamedTuple

from policies.agreements import agreements_of
from policies.document import PlanTerms, PolicyDocument
from policies.events import AgreePlan, CaseAction, Instalment, PromiseToPay, UpdatePaymentMethod
from policies.facts import CaseFacts
from policies.money import Money


class PlanOffered(NamedTuple):
    """`number`: its place in the policy, from 0."""

    number: int
    instalments: tuple[Instalment, ...]


class PageOffers(NamedTuple):
    """`least`: the smallest part that may be paid; None: all or nothing. `promise_until`: the last moment that may be
    named; None: no day may be. `agreed`: something stands already, so that only paying is left."""

    least: Money | None
    plans: tuple[PlanOffered, ...]
    promise_until: datetime | None
    agreed: bool = False


def page_offers(policy: PolicyDocument, facts: CaseFacts, now: datetime) -> PageOffers:
    """Nothing is offered that the case would refuse."""
    terms, due = policy.page, facts.due
    if agreements_of(facts, now).standing:
        return PageOffers(_least(terms.part.least_percent, due) if terms.part else None, (), None, agreed=True)
    plans = [PlanOffered(n, instalments_of(plan, due, now)) for n, plan in enumerate(terms.plans)]
    promise = terms.promise
    may_promise = promise is not None and len(facts.promises) < promise.times
    return PageOffers(
        least=_least(terms.part.least_percent, due) if terms.part else None,
        plans=tuple(plan for plan in plans if plan.instalments),
        promise_until=now + promise.within if promise and may_promise else None,
    )


def instalments_of(terms: PlanTerms, due: Money, now: datetime) -> tuple[Instalment, ...]:
    """Equal parts; what does not divide evenly is in the first. None where a part would be nothing."""
    each, rest = divmod(due.amount_minor, terms.instalments)
    if each <= 0:
        return ()
    sums = [each + rest, *[each] * (terms.instalments - 1)]
    return tuple(
        Instalment(at=now + number * terms.every, amount=Money(amount_minor=minor, currency=due.currency))
        for number, minor in enumerate(sums)
    )


def why_not_offered(policy: PolicyDocument, facts: CaseFacts, action: CaseAction, now: datetime) -> str | None:
    """Why the policy does not allow what a customer asks for; None when it does."""
    offers = page_offers(policy, facts, now)
    match action:
        case UpdatePaymentMethod(keep=False) if not policy.page.pay_once:
            return "a way to pay cannot be lent for once here"
        case UpdatePaymentMethod(amount=Money() as part):
            return _why_not_part(offers, facts.due, part)
        case AgreePlan():
            asked = [each.amount for each in action.instalments]
            same = any(asked == [each.amount for each in plan.instalments] for plan in offers.plans)
            return None if same else "this plan is not offered (any more); please choose one that is"
        case PromiseToPay():
            return _why_not_promised(offers, action.due_at, now)
        case _:
            return None


def _least(percent: int, due: Money) -> Money | None:
    """Rounded up; None where it would be all of it."""
    minor = -(-due.amount_minor * percent // 100)
    return Money(amount_minor=minor, currency=due.currency) if 0 < minor < due.amount_minor else None


def _why_not_part(offers: PageOffers, due: Money, part: Money) -> str | None:
    if part == due:
        return None
    if offers.least is None:
        return f"only all of {due} can be paid"
    if part.currency != due.currency or not offers.least.amount_minor <= part.amount_minor < due.amount_minor:
        return f"between {offers.least} and {due} can be paid, not {part}"
    return None


def _why_not_promised(offers: PageOffers, due_at: datetime, now: datetime) -> str | None:
    if offers.promise_until is None:
        return "no day can be promised here (any more)"
    if not now < due_at <= offers.promise_until + timedelta(days=1):
        return f"the day must lie before {offers.promise_until:%Y-%m-%d}"
    return None
