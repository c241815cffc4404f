"""What a customer agreed to on their page: a day on which all may be charged, or a plan of parts.

While it stands the policy's clocks stand still: nothing is reminded of, limited or retried but what was agreed. An
agreement ends by itself: the promised charge was made, an instalment was refused twice, or the promised day has passed
where nothing could be charged.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from policies.asked import Plan, Promise
from policies.declines import Retryable
from policies.events import AgreePlan, CustomerAgrees
from policies.facts import OPEN_OUTCOMES, Attempt, CaseFacts, Outcome
from policies.money import Money

TRIED_AGAIN_AFTER = timedelta(days=3)
"""An instalment that was refused is tried once more; then the plan is over."""

Span = tuple[datetime, datetime]


class Standing(NamedTuple):
    """An agreement that holds now. `charge_at`, `rung`: what is charged next; None where nothing can be charged, and
    then `ends_at` says until when it is waited. `instalment`: its number, from 1; None: of a promise."""

    began_at: datetime
    ends_at: datetime
    amount: Money
    charge_at: datetime | None
    rung: str
    instalment: int | None = None


class Agreements(NamedTuple):
    """`standing`: the one that holds now. `spans`: how long any held, up to now."""

    standing: Standing | None
    spans: tuple[Span, ...]


NONE = Agreements(None, ())


def agreements_of(facts: CaseFacts, now: datetime) -> Agreements:
    if not (facts.promises or facts.plans):
        return NONE
    held = [*(_of_promise(facts, each, now) for each in facts.promises), *_of_plans(facts)]
    standing = next((state for state in held if isinstance(state, Standing)), None)
    spans = [(state.began_at, now) if isinstance(state, Standing) else state for state in held]
    return Agreements(standing, tuple(span for span in spans if span[1] > span[0]))


def refusal_of_agreement(facts: CaseFacts, action: CustomerAgrees, now: datetime) -> str | None:
    """Why the case cannot agree; None when it can. What the policy offers is asked before, in `self_service.py`."""
    if facts.open_dispute:
        return "a dispute is open, so nothing can be agreed until it is decided"
    if agreements_of(facts, now).standing:
        return "something has been agreed already; it stands until it is kept or over"
    if isinstance(action, AgreePlan) and _sum(action) != facts.due:
        return f"{facts.due} is owed by now; the instalments come to another sum, so please look again"
    return None


def _sum(action: AgreePlan) -> Money | None:
    currencies = {each.amount.currency for each in action.instalments}
    if len(currencies) > 1 or any(each.amount.amount_minor <= 0 for each in action.instalments):
        return None
    return Money(amount_minor=sum(each.amount.amount_minor for each in action.instalments), currency=currencies.pop())


# --- promises ---------------------------------------------------------------------------------------------------------


def _of_promise(facts: CaseFacts, promise: Promise, now: datetime) -> Standing | Span:
    tried_at = _tried_at(facts, promise.rung)
    if tried_at:
        return promise.at, tried_at
    chargeable = _chargeable(facts)
    if now >= promise.due_at and not chargeable:
        return promise.at, promise.due_at
    return Standing(promise.at, promise.due_at, facts.due, promise.due_at if chargeable else None, promise.rung)


def _tried_at(facts: CaseFacts, rung: str) -> datetime | None:
    """When the charge of this rung was made, or a rule forbade it for good."""
    made = [a.at for a in _tries(facts, rung)]
    made += [r.at for r in facts.refusals if r.rung == rung and r.free_at is None]
    return max(made, default=None)


def _tries(facts: CaseFacts, rung: str) -> list[Attempt]:
    return [a for a in facts.attempts if a.rung == rung and a.outcome is not Outcome.NOT_ACCEPTED]


def _chargeable(facts: CaseFacts) -> bool:
    """A card that has expired cannot pay on any day: the customer pays by then, or does not."""
    decline = facts.decline
    if decline is None or decline.retryable is not Retryable.YES or facts.fraud_flags:
        return False
    return not any(r.free_at is None and r.credential_id == facts.credential_id for r in facts.refusals)


# --- plans ------------------------------------------------------------------------------------------------------------


def _of_plans(facts: CaseFacts) -> Iterator[Standing | Span]:
    for plan in facts.plans:
        state = _of_plan(facts, plan)
        if state:
            yield state


def _of_plan(facts: CaseFacts, plan: Plan) -> Standing | Span | None:
    """None: it never began, its first part was refused."""
    first = facts.attempt_for(plan.action_id)
    if first is None or first.outcome not in {Outcome.SUCCEEDED, *OPEN_OUTCOMES}:
        return None
    paid, total = _paid_since(facts, plan), 0
    for number, instalment in enumerate(plan.instalments, start=1):
        total += instalment.amount.amount_minor
        if total > paid and number > 1:
            open_part = Money(amount_minor=min(total - paid, facts.due.amount_minor), currency=facts.due.currency)
            return _of_instalment(facts, plan, number, instalment.at, open_part)
    return plan.at, max(plan.at, *(p.at for p in facts.payments), first.at)


def _of_instalment(facts: CaseFacts, plan: Plan, number: int, due_at: datetime, part: Money) -> Standing | Span:
    rung = f"plan-{plan.number}-{number}"
    over = _tried_at(facts, f"{rung}-again")
    if over:
        return plan.at, over
    tried_at = _tried_at(facts, rung)
    if tried_at and not _chargeable(facts):
        return plan.at, tried_at
    charge_at = tried_at + TRIED_AGAIN_AFTER if tried_at else due_at
    last = plan.instalments[-1].at
    return Standing(plan.at, max(last, charge_at), part, charge_at, f"{rung}-again" if tried_at else rung, number)


def _paid_since(facts: CaseFacts, plan: Plan) -> int:
    return sum(payment.paid.amount_minor for payment in facts.payments if payment.at >= plan.at)
