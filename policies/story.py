"""The case told: one line per fact, in order, and the state a person would name. Derived, never stored apart."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from policies.base import Record, UtcTime
from policies.declines import Retryable
from policies.facts import AccessLevel, CaseFacts, Outcome
from policies.money import Money
from policies.said import MessageStatus
from policies.steps import (
    AnyStep,
    Charge,
    Close,
    Escalate,
    Hold,
    Limit,
    Notify,
    Offer,
    Reconcile,
    Reinstate,
    Suspend,
)


class CaseState(StrEnum):
    """What ops filter by in the Temporal UI."""

    OPENING = "opening"
    RETRYING = "retrying"
    AWAITING_CUSTOMER = "awaiting_customer"
    RECONCILING = "reconciling"
    ON_HOLD = "on_hold"
    DISPUTE_OPEN = "dispute_open"
    GATEWAY_DOWN = "gateway_down"
    LIMITED = "limited"
    SUSPENDED = "suspended"
    CLOSED = "closed"


_HELD = {"ops": CaseState.ON_HOLD, "dispute": CaseState.DISPUTE_OPEN, "gateway": CaseState.GATEWAY_DOWN}


class Line(Record):
    at: UtcTime
    what: str
    because: str = ""


class Shown(Record):
    """What the search attributes of the Temporal UI show. Computed with the decision, so that it stands in the history
    beside it and new code cannot break the replay of a running case."""

    state: CaseState
    segment: str
    category: str
    gateway: str
    currency: str
    amount_minor: int
    attempts: int
    next_step_at: UtcTime | None


def shown(facts: CaseFacts, segment: str, step: AnyStep, now: datetime) -> Shown:
    return Shown(
        state=state_of(facts, step, now),
        segment=segment,
        category=facts.category.value,
        gateway=facts.invoice.gateway,
        currency=facts.due.currency,
        amount_minor=facts.due.amount_minor,
        attempts=facts.attempts_made,
        next_step_at=None if isinstance(step, Hold) else step.at,
    )


def state_of(facts: CaseFacts, step: AnyStep, now: datetime) -> CaseState:
    if isinstance(step, Close) and step.at <= now:
        return CaseState.CLOSED
    if isinstance(step, Hold):
        return _HELD[step.waits_for]
    if facts.open_attempt:
        return CaseState.RECONCILING
    if facts.access is AccessLevel.SUSPENDED:
        return CaseState.SUSPENDED
    if facts.access is AccessLevel.LIMITED:
        return CaseState.LIMITED
    may_retry = facts.decline is not None and facts.decline.retryable is Retryable.YES
    return CaseState.RETRYING if may_retry else CaseState.AWAITING_CUSTOMER


def summary_of(step: AnyStep) -> str:
    """At most 200 characters: stands on timers and activities in the Temporal UI."""
    match step:
        case Charge():
            what = f"charge {step.amount} ({step.rung or 'new credential'})"
        case Notify() | Offer():
            what = f"message {step.name}"
        case Limit():
            what = f"limit: take {', '.join(step.takes)}"
        case Suspend():
            what = "suspend service"
        case Reinstate():
            what = "reinstate service"
        case Reconcile():
            what = f"look up attempt {step.ordinal}"
        case Escalate():
            what = f"hand over to {step.to}"
        case Hold():
            what = f"hold for {step.waits_for}"
        case Close():
            what = f"close: {step.outcome.value}"
        case _:
            assert_never(step)
    return f"{what} · {step.because}"[:200]


def tell(facts: CaseFacts) -> list[Line]:
    """Every fact of the case in the order of the case's own time."""
    fetched = f"not in the event, read at its source: {', '.join(facts.fetched)}" if facts.fetched else ""
    what = f"case opened: {_owed_first(facts)} is owed, {_category(facts)}"
    opened = Line(at=facts.opened_at, what=what, because=fetched)
    lines = [opened, *_attempts(facts), *_from_the_source(facts), *_words_and_access(facts), *_from_people(facts)]
    return sorted(lines, key=lambda line: line.at)


def _owed_first(facts: CaseFacts) -> Money:
    """What is owed now, and what was paid in parts since."""
    parts = sum(payment.paid.amount_minor for payment in facts.payments if not payment.settles)
    return facts.due.model_copy(update={"amount_minor": facts.due.amount_minor + parts})


def _from_the_source(facts: CaseFacts) -> Iterator[Line]:
    for failure in facts.failures:
        yield Line(at=failure.at, what=f"the source reported a failed payment ({_code(failure.decline)})")
    for paid in facts.payments:
        what = f"paid {paid.paid}" if paid.settles else f"paid {paid.paid} in part"
        yield Line(at=paid.at, what=what, because=f"by {paid.how.replace('_', ' ')}")
    for method in facts.method_changes:
        yield Line(at=method.at, what=f"way to pay {method.what.value} at the source")
    for ending in facts.endings:
        yield Line(at=ending.at, what=f"invoice {ending.status.value} at its source")
    for dispute in facts.disputes:
        yield Line(at=dispute.opened_at, what="dispute opened")
        if dispute.closed_at:
            ended = {True: "won", False: "lost", None: "no longer open at the source"}[dispute.won]
            yield Line(at=dispute.closed_at, what=f"dispute {ended}")


def _attempts(facts: CaseFacts) -> Iterator[Line]:
    for attempt in facts.attempts:
        what = f"attempt {attempt.ordinal} of {attempt.amount}: {attempt.outcome.value}"
        what += f" ({_code(attempt.decline)})" if attempt.decline else ""
        what += ", known after a look-up" if attempt.looked_up_at and attempt.outcome is not Outcome.UNKNOWN else ""
        yield Line(at=attempt.at, what=what, because=attempt.because)
    for refusal in facts.refusals:
        yield Line(at=refusal.at, what="an attempt was refused before it was sent", because=refusal.rule)
    for flag in facts.fraud_flags:
        yield Line(at=flag.at, what="fraud check: suspicious", because=", ".join(flag.signals))


def _words_and_access(facts: CaseFacts) -> Iterator[Line]:
    for message in facts.messages:
        how = f"by {message.channel}" if message.status is MessageStatus.ACCEPTED else message.status.value
        if message.status is MessageStatus.DELIVERED:
            how = f"delivered by {message.channel}"
        if message.covers:
            how += f", naming {len(message.covers)} more invoices"
        yield Line(at=message.at, what=f"message {message.name} {how}", because=message.because)
    for put_off in facts.deferrals:
        when = f"until {_time(put_off.until)}" if put_off.until else "for good"
        yield Line(at=put_off.at, what=f"message {put_off.name} put off {when}", because=put_off.because)
    for seen in facts.activities:
        yield Line(at=seen.at, what=f"the customer {seen.what}")
    for change in facts.access_changes:
        taken = f" without {', '.join(change.benefits_taken)}" if change.benefits_taken else ""
        taken += ", but the access system did not answer" if change.unclear else ""
        yield Line(at=change.at, what=f"access {change.level.value}{taken}", because=change.because)


def _from_people(facts: CaseFacts) -> Iterator[Line]:
    for stop in facts.stops:
        word = "paused" if stop.kind == "pause" else "held"
        yield Line(at=stop.began_at, what=f"{word} by {stop.actor}", because=stop.reason)
        if stop.ended_at:
            yield Line(at=stop.ended_at, what=f"resumed by {stop.ended_by}", because=stop.end_reason or "")
    for card in facts.new_credentials:
        what = "the customer gave a new way to pay" if card.keep else "the customer lent a way to pay for once"
        yield Line(at=card.at, what=f"{what}, for {card.amount}" if card.amount else what)
    for promise in facts.promises:
        yield Line(at=promise.at, what=f"the customer promised to pay on {promise.due_at:%Y-%m-%d}")
    for plan in facts.plans:
        parts = ", ".join(f"{part.amount} on {part.at:%Y-%m-%d}" for part in plan.instalments)
        yield Line(at=plan.at, what=f"the customer chose a plan of {len(plan.instalments)} instalments", because=parts)
    for said in facts.customer_said:
        yield Line(at=said.at, what=said.in_words)
    for escalation in facts.escalations:
        yield Line(at=escalation.at, what=f"handed over to {escalation.to}", because=escalation.because)
    for change in facts.policy_changes:
        what = f"moved from {change.from_edition} to {change.to_edition} by {change.actor}"
        yield Line(at=change.at, what=what, because=change.reason)
    for refused in facts.refused_actions:
        yield Line(at=refused.at, what=f"{refused.kind} was refused", because=refused.reason)
    if facts.close_asked:
        asked = facts.close_asked
        yield Line(at=asked.at, what=f"{asked.actor} asked to close: {asked.outcome}", because=asked.reason)


def as_markdown(facts: CaseFacts, step: AnyStep, policy_edition: str) -> str:
    """Who, how much, why, what is next and when: the current details of the Temporal UI."""
    last = "\n".join(f"| {_time(line.at)} | {_cell(line.what)} | {_cell(line.because)} |" for line in tell(facts)[-12:])
    return "\n".join(
        [
            f"**{facts.due}** owed by `{facts.invoice.customer_id}` on invoice `{facts.case.invoice_id}`",
            "",
            f"- why: {_category(facts)}; {facts.attempts_made} attempts of ours, access {facts.access.value}",
            f"- next: **{summary_of(step)}**{'' if isinstance(step, Hold) else f' at {_time(step.at)}'}",
            f"- {policy_edition}, failed {_time(facts.failed_at)}",
            "",
            "| when (UTC) | what | because |",
            "|---|---|---|",
            last,
        ]
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _cell(text: str) -> str:
    """What a person wrote must not break the table it stands in."""
    return " ".join(text.replace("|", "/").split())


def _code(decline: object) -> str:
    return getattr(decline, "code", None) or "no code"


def _category(facts: CaseFacts) -> str:
    return f"{facts.decline.category.value} ({facts.decline.code})" if facts.decline else "decline not known yet"
