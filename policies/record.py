"""How news becomes a fact: facts in, facts out. The workflow calls these and keeps the result; it derives nothing.

Every function is safe to call with old or repeated news: it then returns the facts unchanged.
"""

from datetime import datetime
from typing import Literal, assert_never

from policies.asked import RefusedAction, Stop
from policies.base import Record
from policies.declines import Decline, classify
from policies.events import (
    ActionRequired,
    AttemptSettled,
    CaseEvent,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    InvoiceVoided,
    MandateChanged,
    MessageReported,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.facts import (
    Attempt,
    CaseFacts,
    Dispute,
    Ending,
    Failure,
    FraudFlag,
    MethodChanged,
    NewCredential,
    Outcome,
    Payment,
    Refusal,
)
from policies.instruments import Instrument
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import message_key
from policies.money import Money
from policies.policy_change import PolicyChange
from policies.said import Activity, Deferral, MessageStatus

MAX_SEEN = 500
ENDED = frozenset({InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.REFUNDED, InvoiceStatus.CANCELLED})

MANDATE_ENDED = classify("gocardless", "mandate_cancelled")
"""For sources that say that a mandate ended and not why."""


def with_event(facts: CaseFacts, event: CaseEvent, now: datetime) -> CaseFacts:
    """What the source said, once: an event id that was seen changes nothing."""
    if event.event_id in facts.seen:
        return facts
    return _as_fact(with_seen(facts, event.event_id), event, now)


def _as_fact(facts: CaseFacts, event: CaseEvent, now: datetime) -> CaseFacts:
    if isinstance(event, PaymentSucceeded | InvoiceVoided) and _is_older_than_the_failure(facts, event):
        reason = "it is older than the failure that opened the case; the invoice is read before anything is done"
        return _add(facts, "refused_actions", RefusedAction(at=now, kind=event.kind, reason=reason))
    match event:
        case PaymentFailed():
            return _add(facts, "failures", _failure_of(event, event.decline, now))
        case ActionRequired():
            decline = classify(facts.invoice.gateway, "authentication_required")
            return _add(facts, "failures", _failure_of(event, decline, now))
        case PaymentSucceeded():
            if event.remaining and event.remaining.amount_minor > 0:
                return _with_less_due(facts, event.remaining, event.happened_at, now)
            return _add(facts, "payments", _payment_of(event, facts.due, now))
        case InvoiceVoided():
            return _add(facts, "endings", Ending(at=now, happened_at=event.happened_at, status=InvoiceStatus.VOID))
        case SubscriptionCancelled():
            ending = Ending(at=now, happened_at=event.happened_at, status=InvoiceStatus.CANCELLED)
            return _add(facts, "endings", ending)
        case DisputeOpened():
            return with_dispute(facts, event.dispute_id, now)
        case DisputeClosed():
            return _with_dispute_closed(facts, event, now)
        case FraudWarning():
            return _add(facts, "fraud_flags", FraudFlag(at=now, signals=(event.signal,)))
        case PaymentMethodChanged():
            return _with_method_changed(facts, event, now)
        case MandateChanged():
            return _with_mandate_changed(facts, event, now)
        case _:
            assert_never(event)


def _failure_of(event: PaymentFailed | ActionRequired, decline: Decline | None, now: datetime) -> Failure:
    return Failure(
        at=now,
        happened_at=event.happened_at,
        decline=decline,
        retries_at=event.retries_at,
        retries_itself=event.retries_itself,
    )


def with_attempt_settled(facts: CaseFacts, news: AttemptSettled, now: datetime) -> CaseFacts:
    """The ledger knows by now what became of it, so it is looked up at once."""
    if news.event_id in facts.seen:
        return facts
    told = {"told_at": now}
    attempts = tuple(a.model_copy(update=told) if a.key == news.key else a for a in facts.attempts)
    return with_seen(facts, news.event_id).model_copy(update={"attempts": attempts})


def with_message_reported(facts: CaseFacts, news: MessageReported, now: datetime) -> CaseFacts:
    """A message that did not arrive is due on the next channel; one that was opened or clicked shows a customer who is
    busy with it."""
    if news.event_id in facts.seen:
        return facts
    facts = with_seen(facts, news.event_id)
    if news.what in ("opened", "clicked"):
        facts = _add(facts, "activities", Activity(at=now, what=f"{news.what} a message"))
    status = _REPORTED.get(news.what)
    if status is None:
        return facts
    told = {"status": status, "reported_at": now}
    messages = tuple(
        m.model_copy(update=told)
        if m.channel == news.channel
        and m.status in _CAN_STILL_CHANGE
        and message_key(facts.case, m.ordinal, m.name) == news.key
        else m
        for m in facts.messages
    )
    return facts.model_copy(update={"messages": messages})


_REPORTED = {
    "delivered": MessageStatus.DELIVERED,
    "opened": MessageStatus.DELIVERED,
    "clicked": MessageStatus.DELIVERED,
    "undelivered": MessageStatus.UNDELIVERED,
}
_CAN_STILL_CHANGE = frozenset({MessageStatus.ACCEPTED, MessageStatus.UNCLEAR, MessageStatus.DELIVERED})
"""Also what was delivered: a mail server may take a mail and send it back later."""


def with_deferral(facts: CaseFacts, deferral: Deferral) -> CaseFacts:
    """One per words: the latest counts."""
    others = tuple(each for each in facts.deferrals if each.name != deferral.name)
    return facts.model_copy(update={"deferrals": (*others, deferral)})


def _is_older_than_the_failure(facts: CaseFacts, event: CaseEvent) -> bool:
    """What was paid and has failed since, such as a debit that was returned, is not paid."""
    return bool(facts.failures) and event.happened_at < facts.failures[0].happened_at


def _with_method_changed(facts: CaseFacts, event: PaymentMethodChanged, now: datetime) -> CaseFacts:
    """A credential that the customer gave to the source is tried like one that they gave to us; the same one again
    counts when the source says that it was renewed."""
    what, credential_id = event.change, event.credential_id
    changed = MethodChanged(at=now, happened_at=event.happened_at, what=what, credential_id=credential_id)
    facts = _add(facts, "method_changes", changed)
    is_new = what is MethodChange.UPDATED or (what is MethodChange.ADDED and credential_id != facts.credential_id)
    return _with_credential(facts, credential_id, event, now) if credential_id and is_new else facts


def _with_mandate_changed(facts: CaseFacts, event: MandateChanged, now: datetime) -> CaseFacts:
    if event.active:
        return _with_credential(facts, event.replaced_by or event.mandate_id, event, now)
    if event.mandate_id != facts.credential_id:
        return facts
    decline = event.decline or MANDATE_ENDED
    return _add(facts, "failures", Failure(at=now, happened_at=event.happened_at, decline=decline))


def _with_credential(facts: CaseFacts, credential_id: str, event: CaseEvent, now: datetime) -> CaseFacts:
    if facts.is_paid or facts.ending or facts.close_asked:
        return facts
    return _add(facts, "new_credentials", NewCredential(at=now, credential_id=credential_id, action_id=event.event_id))


def _with_less_due(
    facts: CaseFacts, due: Money, happened_at: datetime, now: datetime, how: Literal["attempt", "source"] = "source"
) -> CaseFacts:
    """Part of the claim was paid: the rest is what is charged from here on, and what messages name. The difference
    counts, not what each event says, so one payment that is told twice is one payment."""
    less = facts.due.amount_minor - due.amount_minor
    if less <= 0:
        return facts
    part = Money(amount_minor=less, currency=due.currency)
    facts = facts.model_copy(update={"invoice": facts.invoice.model_copy(update={"due": due})})
    return _add(facts, "payments", Payment(at=now, happened_at=happened_at, paid=part, how=how, settles=False))


def _payment_of(event: PaymentSucceeded, due: Money, now: datetime) -> Payment:
    """Money that never passed through the source shows there as paid with a sum of zero: then all of it was paid. So it
    was where the source tells no sums at all."""
    paid = event.paid or due
    nothing_shown = paid.amount_minor == 0
    how: Literal["out_of_band", "source"] = "out_of_band" if event.out_of_band or nothing_shown else "source"
    return Payment(at=now, happened_at=event.happened_at, paid=due if nothing_shown else paid, how=how)


def with_dispute(facts: CaseFacts, dispute_id: str | None, now: datetime) -> CaseFacts:
    """A dispute that was only seen at the source gets its name when the source tells of it."""
    if dispute_id is not None and any(d.dispute_id == dispute_id for d in facts.disputes):
        return facts
    nameless = next((d for d in facts.disputes if d.dispute_id is None and d.closed_at is None), None)
    if nameless is None:
        return _add(facts, "disputes", Dispute(dispute_id=dispute_id, opened_at=now))
    named = nameless.model_copy(update={"dispute_id": dispute_id})
    return facts.model_copy(update={"disputes": tuple(named if d is nameless else d for d in facts.disputes)})


def _with_dispute_closed(facts: CaseFacts, event: DisputeClosed, now: datetime) -> CaseFacts:
    known = with_dispute(facts, event.dispute_id, now)
    return _with_disputes_ended(known, event.dispute_id, now, event.won)


def _with_disputes_ended(facts: CaseFacts, dispute_id: str | None, now: datetime, won: bool | None) -> CaseFacts:
    ended = {"closed_at": now, "won": won}
    disputes = tuple(
        d.model_copy(update=ended) if d.dispute_id == dispute_id and d.closed_at is None else d for d in facts.disputes
    )
    return facts.model_copy(update={"disputes": disputes})


def with_trouble(facts: CaseFacts, reason: str, now: datetime) -> CaseFacts:
    """Something kept failing: the case waits for a person, who ends it with resume. The latest trouble counts."""
    facts = with_trouble_over(facts, now, "something else failed")
    return _add(facts, "stops", Stop(kind="trouble", began_at=now, actor="recoup", reason=reason[:300]))


def with_trouble_over(facts: CaseFacts, now: datetime, why: str) -> CaseFacts:
    """Ends what kept failing; a colleague's pause goes on."""
    end = {"ended_at": now, "ended_by": "recoup", "end_reason": why}
    stops = tuple(s.model_copy(update=end) if s.kind == "trouble" and s.ended_at is None else s for s in facts.stops)
    return facts.model_copy(update={"stops": stops})


def with_stops_ended(facts: CaseFacts, now: datetime, actor: str, reason: str) -> CaseFacts:
    end = {"ended_at": now, "ended_by": actor, "end_reason": reason}
    stops = tuple(s if s.ended_at else s.model_copy(update=end) for s in facts.stops)
    return facts.model_copy(update={"stops": stops})


def with_invoice(facts: CaseFacts, invoice: InvoiceNow, now: datetime) -> CaseFacts:
    """What the owner of the invoice says now outranks what we believed."""
    owed_before, happened_at = facts.due, invoice.changed_at or invoice.as_of
    if invoice.status is InvoiceStatus.OPEN and not facts.is_paid:
        facts = _with_less_due(facts, invoice.due, happened_at, now)
    facts = facts.model_copy(update={"invoice": invoice})
    if invoice.status is InvoiceStatus.PAID and not facts.settling_payment:
        facts = _add(facts, "payments", Payment(at=now, happened_at=happened_at, paid=owed_before, how="source"))
    if invoice.status in ENDED and not facts.ending:
        facts = _add(facts, "endings", Ending(at=now, happened_at=happened_at, status=invoice.status))
    if invoice.dispute_open and not facts.open_dispute:
        return with_dispute(facts, None, now)
    return facts if invoice.dispute_open else _with_disputes_ended(facts, None, now, None)


def with_refusal(facts: CaseFacts, refusal: Refusal) -> CaseFacts:
    """One per credential, rule and rung: being told again replaces what was told before."""
    same = (refusal.credential_id, refusal.rule, refusal.rung)
    others = tuple(r for r in facts.refusals if (r.credential_id, r.rule, r.rung) != same)
    return facts.model_copy(update={"refusals": (*others, refusal)})


def with_attempt(facts: CaseFacts, attempt: Attempt) -> CaseFacts:
    """A new attempt, or the same one (by ordinal) with a later outcome. A success is a payment, of a part where less
    was charged than is owed."""
    others = tuple(a for a in facts.attempts if a.ordinal != attempt.ordinal)
    facts = facts.model_copy(update={"attempts": tuple(sorted((*others, attempt), key=lambda a: a.ordinal))})
    if attempt.outcome is not Outcome.SUCCEEDED or facts.settling_payment:
        return facts
    at = attempt.looked_up_at or attempt.at
    if attempt.left:
        # What the source has told of it by now is not counted again.
        return _with_less_due(facts, attempt.left, at, at, "attempt")
    return _add(facts, "payments", Payment(at=at, happened_at=at, paid=attempt.amount, how="attempt"))


def with_renewed_credential(facts: CaseFacts, credential_id: str, instrument: Instrument, now: datetime) -> CaseFacts:
    """The account updater replaced the card after it was refused; once per card, so that a card which is refused again
    asks its customer."""
    action_id = f"renewed/{credential_id}"
    known = any(credential.action_id == action_id for credential in facts.new_credentials)
    if known or facts.is_paid or facts.ending or facts.close_asked:
        return facts
    new = NewCredential(at=now, credential_id=credential_id, action_id=action_id, instrument=instrument, renewed=True)
    return _add(facts, "new_credentials", new)


def with_policy_change(facts: CaseFacts, change: PolicyChange, action_id: str) -> CaseFacts:
    if action_id in facts.seen:
        return facts
    return _add(with_seen(facts, action_id), "policy_changes", change)


def with_fact(facts: CaseFacts, field: str, fact: Record) -> CaseFacts:
    """Appends to one of the tuples of CaseFacts, such as `messages` or `access_changes`."""
    return _add(facts, field, fact)


def _add(facts: CaseFacts, field: str, fact: Record) -> CaseFacts:
    return facts.model_copy(update={field: (*getattr(facts, field), fact)})


def with_seen(facts: CaseFacts, identity: str) -> CaseFacts:
    """The latest ids are enough: the inbox already keeps one row per event for ever."""
    return facts.model_copy(update={"seen": (*facts.seen, identity)[-MAX_SEEN:]})
