"""The whole future of a case, should nothing help: what is done when, and why. For people who want to see before they
change something, and for comparing two policies.

Assumed: every charge is declined again as the last one was, the customer does nothing, every message is accepted by its
first channel, service is changed when asked for. The same `next_step` as in the live case decides.
"""

from datetime import datetime

from policies import record
from policies.base import Record, UtcTime
from policies.decide import next_step
from policies.declines import Decline
from policies.document import PolicyDocument
from policies.facts import AccessChange, AccessLevel, Attempt, CaseFacts, Escalation, Outcome
from policies.instruments import Instrument
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef, attempt_key
from policies.money import Money
from policies.network_rules import LedgerEntry
from policies.risk import Risk
from policies.said import Message, MessageStatus
from policies.steps import AnyStep, Charge, Escalate, Limit, Notify, Offer, Reconcile, Reinstate, Suspend
from policies.surroundings import Surroundings

LAPS_MAX = 300


class Foreseen(Record):
    """One thing that will be done. `what`: rung, message, benefits or level; `access`: the level afterwards."""

    at: UtcTime
    kind: str
    what: str
    because: str
    access: AccessLevel


def forecast(
    policy: PolicyDocument, facts: CaseFacts, around: Surroundings, now: datetime, laps_max: int = LAPS_MAX
) -> tuple[Foreseen, ...]:
    """Ends with the close of the case, or with the hold that only news can end."""
    seen: list[Foreseen] = []
    for _ in range(laps_max):
        step = next_step(policy, facts, around, now)
        now = max(now, step.at)
        facts, around = _after(step, facts, around, now)
        foreseen = Foreseen(at=now, kind=step.kind, what=_what(step), because=step.because, access=facts.access)
        seen.append(foreseen)
        if step.kind in ("close", "hold"):
            break
    return tuple(seen)


def made_up_case(
    decline: Decline | None,
    due: Money,
    now: datetime,
    instrument: Instrument | None = None,
    plan_interval: str | None = None,
    risk: Risk | None = None,
) -> CaseFacts:
    """A case that has just failed and that nobody owes."""
    case = CaseRef(source="preview", account="preview", invoice_id="in_preview")
    invoice = InvoiceNow(
        status=InvoiceStatus.OPEN,
        due=due,
        customer_id="cus_preview",
        credential_id="card_preview",
        gateway=decline.gateway if decline else "preview",
        as_of=now,
        failed_at=now,
        last_decline=decline,
        instrument=instrument or Instrument(),
        plan_interval=plan_interval,
    )
    return CaseFacts(case=case, opened_at=now, failed_at=now, invoice=invoice, risk=risk or Risk())


def made_up_ledger(facts: CaseFacts) -> tuple[LedgerEntry, ...]:
    """The failure that the case begins with: to the networks it is the first presentment."""
    return (
        LedgerEntry(
            key="first failure",
            actor="gateway",
            at=facts.failed_at,
            amount=facts.due,
            outcome=Outcome.DECLINED,
            decline=facts.decline,
            acceptor=facts.case.acceptor,
            claim=facts.case.case_id,
        ),
    )


def _what(step: AnyStep) -> str:
    match step:
        case Charge():
            return f"{step.amount} ({step.rung or 'new credential'})"
        case Notify() | Offer():
            return f"{step.name} by {', '.join(step.channels)}"
        case Limit():
            return f"takes {', '.join(step.takes)}"
        case Escalate():
            return f"to {step.to}"
        case _:
            return getattr(step, "outcome", "")


def _after(step: AnyStep, facts: CaseFacts, around: Surroundings, now: datetime) -> tuple[CaseFacts, Surroundings]:
    match step:
        case Charge():
            return _declined_again(step, facts, around, now)
        case Reconcile():
            return _found_declined(step, facts, around, now)
        case Notify() | Offer():
            return record.with_fact(facts, "messages", _message(step, facts, now)), around
        case Limit():
            return _with_access(facts, AccessLevel.LIMITED, step, now, step.takes), around
        case Suspend():
            return _with_access(facts, AccessLevel.SUSPENDED, step, now), around
        case Reinstate():
            return _with_access(facts, AccessLevel.FULL, step, now), around
        case Escalate():
            asked = Escalation(ordinal=len(facts.escalations) + 1, at=now, to=step.to, because=step.because)
            return record.with_fact(facts, "escalations", asked), around
        case _:
            return facts, around


def _declined_again(
    step: Charge, facts: CaseFacts, around: Surroundings, now: datetime
) -> tuple[CaseFacts, Surroundings]:
    ordinal, decline = len(facts.attempts) + 1, facts.decline
    attempt = Attempt(
        ordinal=ordinal,
        key=attempt_key(facts.case, ordinal),
        at=now,
        credential_id=step.credential_id,
        amount=step.amount,
        outcome=Outcome.DECLINED,
        because=step.because,
        rung=step.rung,
        action_id=step.action_id,
        decline=decline,
    )
    entry = LedgerEntry(
        key=attempt.key,
        actor="recoup",
        at=now,
        amount=step.amount,
        outcome=Outcome.DECLINED,
        decline=decline,
        acceptor=facts.case.acceptor,
        claim=facts.case.case_id,
    )
    ledger = (*around.ledger, entry)
    return record.with_attempt(facts, attempt), around.model_copy(update={"ledger": ledger})


def _found_declined(
    step: Reconcile, facts: CaseFacts, around: Surroundings, now: datetime
) -> tuple[CaseFacts, Surroundings]:
    """In the ledger too: there an attempt without an answer would hold the next one back."""
    attempt = next(a for a in facts.attempts if a.ordinal == step.ordinal)
    answer = {"outcome": Outcome.DECLINED, "decline": facts.decline}
    ledger = tuple(e.model_copy(update=answer) if e.key == attempt.key else e for e in around.ledger)
    settled = attempt.model_copy(update={**answer, "looked_up_at": now})
    return record.with_attempt(facts, settled), around.model_copy(update={"ledger": ledger})


def _message(step: Notify | Offer, facts: CaseFacts, now: datetime) -> Message:
    return Message(
        ordinal=len(facts.messages) + 1,
        at=now,
        name=step.name,
        template=step.template,
        status=MessageStatus.ACCEPTED,
        because=step.because,
        channel=step.channels[0],
    )


def _with_access(
    facts: CaseFacts, level: AccessLevel, step: AnyStep, now: datetime, taken: tuple[str, ...] = ()
) -> CaseFacts:
    ordinal = len(facts.access_changes) + 1
    change = AccessChange(ordinal=ordinal, at=now, level=level, because=step.because, benefits_taken=taken)
    return record.with_fact(facts, "access_changes", change)
