"""The rule. `next_step` says what is due next in a case, when, and why.

Read top-down: first what ends or holds a case, then what is scheduled; of the scheduled steps the earliest wins, and
a charge goes before a message, a message before a loss of service. To add a step: class in `steps.py`, candidate here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies import declines, network_rules
from policies.charges import next_charge
from policies.document import PolicyDocument
from policies.events import CloseOutcome
from policies.facts import LOST_ACCESS, AccessLevel, Attempt, CaseFacts, Ending, InvoiceStatus, Outcome
from policies.local_time import within_hours
from policies.steps import (
    AnyStep,
    Basis,
    Close,
    Escalate,
    Hold,
    Limit,
    Notify,
    Offer,
    Reconcile,
    Reinstate,
    Suspend,
    Words,
)
from policies.surroundings import Surroundings
from policies.words import words_for

UNKNOWN_LOOKED_UP_AFTER = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 360, 720, 1440))
PENDING_LOOKED_UP_AFTER = tuple(timedelta(hours=h) for h in (1, 6, 24, 48, 72, 96, 120, 168, 240, 336))
"""When an attempt without a final answer is looked up, counted from the attempt; after the last one a person is asked.
An unknown outcome should be known within a day; a direct debit may take two weeks to be final."""


DISPUTE_READ_AGAIN = timedelta(days=1)


def next_step(policy: PolicyDocument, facts: CaseFacts, surroundings: Surroundings, now: datetime) -> AnyStep:
    """One step, due at `step.at` (`now` when overdue). News in between makes the caller ask again."""
    step = (
        _troubled(facts, now)
        or _settled(facts, policy, now)
        or _held(facts, policy, now)
        or _scheduled(policy, facts, surroundings, now)
    )
    return step.model_copy(update={"basis": _basis(policy, facts, surroundings, now, step.basis.rejected)})


def _troubled(facts: CaseFacts, now: datetime) -> AnyStep | None:
    """What keeps failing is not tried again by itself, whatever it was."""
    trouble = facts.open_trouble
    return Hold(at=now, waits_for="ops", because=f"needs a person: {trouble.reason}") if trouble else None


# --- what ends a case ------------------------------------------------------------------------------------------------


def _settled(facts: CaseFacts, policy: PolicyDocument, now: datetime) -> AnyStep | None:
    if facts.is_paid:
        return _after_payment(facts, policy, now)
    if facts.ending:
        return _after_ending(facts, facts.ending, now)
    if facts.lost_dispute:
        return Close(
            at=now,
            outcome=CloseOutcome.DISPUTED,
            because="the customer's bank decided the dispute for them",
        )
    if facts.close_asked and not (facts.open_attempt and _may_look_up(facts.open_attempt)):
        asked = facts.close_asked
        return Close(
            at=now,
            outcome=asked.outcome,
            because=f"{asked.actor} closed the case: {asked.reason}",
        )
    return None


def _after_payment(facts: CaseFacts, policy: PolicyDocument, now: datetime) -> AnyStep:
    """Service first, then thanks, then the end; nothing else ever follows a payment."""
    if facts.access in LOST_ACCESS:
        return Reinstate(
            at=now,
            because=f"the invoice is paid, so {facts.access.value} service comes back",
        )
    was_away = any(change.level in LOST_ACCESS for change in facts.access_changes)
    template = "reinstated" if was_away else "recovered"
    treatment = facts.treatment
    heard_of_it = any(message.channel for message in facts.messages) and (treatment is None or treatment.contact)
    if heard_of_it and not _told(facts, template):
        because = "service is back and the customer should know" if was_away else "the customer was told of the failure"
        return Notify(
            at=now,
            name=template,
            template=template,
            channels=policy.access_channels,
            because=because,
            words=words_for(policy, facts),
        )
    return Close(at=now, outcome=CloseOutcome.RECOVERED, because="the invoice is paid")


def _after_ending(facts: CaseFacts, ending: Ending, now: datetime) -> AnyStep:
    status = ending.status
    if status is InvoiceStatus.VOID and facts.access in LOST_ACCESS:
        return Reinstate(at=now, because="the invoice was voided, so nothing is owed for it")
    return Close(
        at=now,
        outcome=CloseOutcome.CANCELLED,
        because=f"the invoice is {status.value} at its source",
    )


# --- what holds a case -----------------------------------------------------------------------------------------------


def _held(facts: CaseFacts, policy: PolicyDocument, now: datetime) -> AnyStep | None:
    if facts.open_attempt:
        return _reconcile(facts, facts.open_attempt, policy, now)
    if facts.open_stop:
        stop = facts.open_stop
        return Hold(at=now, waits_for="ops", because=f"paused by {stop.actor}: {stop.reason}")
    if facts.open_dispute:
        opened = f"{facts.open_dispute.opened_at:%Y-%m-%d}"
        # A dispute the source never told us of may end the same way, so the invoice is read again.
        again_at = now + DISPUTE_READ_AGAIN if facts.open_dispute.dispute_id is None else None
        because = f"a dispute is open since {opened}; nothing is charged or sent"
        return Hold(at=now, waits_for="dispute", again_at=again_at, because=because)
    return None


def _reconcile(facts: CaseFacts, attempt: Attempt, policy: PolicyDocument, now: datetime) -> AnyStep:
    if not _may_look_up(attempt):
        if facts.open_stop:
            return Hold(
                at=now,
                waits_for="ops",
                because=f"attempt {attempt.ordinal} is still {attempt.outcome.value}",
            )
        because = f"attempt {attempt.ordinal} is {attempt.outcome.value} after {attempt.look_ups} look-ups"
        if not any(e.because == because for e in facts.escalations):
            return Escalate(at=now, to="ops", because=because, words=words_for(policy, facts, because=because))
        return Hold(at=now, waits_for="ops", because=because)
    due = attempt.at + _look_ups(attempt)[attempt.look_ups]
    because = (
        f"attempt {attempt.ordinal} has no clear answer; nothing is charged until the gateway says what became of it"
    )
    return Reconcile(at=max(due, now), ordinal=attempt.ordinal, because=because)


def _may_look_up(attempt: Attempt) -> bool:
    return attempt.look_ups < len(_look_ups(attempt))


def _look_ups(attempt: Attempt) -> tuple[timedelta, ...]:
    return PENDING_LOOKED_UP_AFTER if attempt.outcome is Outcome.PENDING else UNKNOWN_LOOKED_UP_AFTER


# --- what is scheduled -----------------------------------------------------------------------------------------------


def _scheduled(policy: PolicyDocument, facts: CaseFacts, around: Surroundings, now: datetime) -> AnyStep:
    """The earliest candidate; candidates come in order of precedence and `min` keeps the first of a tie."""
    candidates = list(_candidates(policy, facts, around, now))
    chosen = min(candidates, key=lambda step: step.at)
    rejected = tuple(f"{other.kind} at {other.at:%Y-%m-%d %H:%M}: later" for other in candidates if other is not chosen)
    due_now = chosen.model_copy(update={"at": max(chosen.at, now)})
    return due_now.model_copy(update={"basis": Basis(rejected=rejected)})


def _candidates(policy: PolicyDocument, facts: CaseFacts, around: Surroundings, now: datetime) -> Iterator[AnyStep]:
    started = facts.failed_at + facts.held_for
    charge = next_charge(policy, facts, around.ledger, now, started)
    words = words_for(policy, facts, next_attempt_at=max(charge.at, now) if charge else None)
    if charge:
        yield charge
    upcoming = _upcoming_words(policy, facts, around, words, now)
    yield from _words_about_access(policy, facts, words)
    if upcoming:
        yield upcoming.step
    yield from _next_person(policy, facts, words, started)
    yield from _next_access(policy, facts, around, upcoming)
    because = f"nothing was recovered within {_days(policy.close.after)}"
    yield Close(at=started + policy.close.after, outcome=policy.close.outcome, because=because)


@dataclass(frozen=True)
class _Upcoming:
    """The next scheduled message: when the policy has it due, and as a step at the moment it may be sent."""

    due: datetime
    step: Notify | Offer


def _words_about_access(policy: PolicyDocument, facts: CaseFacts, words: Words) -> Iterator[Notify]:
    """They go out with the change."""
    change = facts.access_changes[-1] if facts.access_changes else None
    if (
        change
        and change.level in LOST_ACCESS
        and not change.unclear
        and _may_write(facts)
        and not _told(facts, change.level.value)
    ):
        level = change.level.value
        because = f"service was {level}; the customer must know why and how it comes back"
        channels = policy.access_channels
        yield Notify(at=change.at, name=level, template=level, channels=channels, because=because, words=words)


def _upcoming_words(
    policy: PolicyDocument, facts: CaseFacts, around: Surroundings, words: Words, now: datetime
) -> _Upcoming | None:
    """Scheduled messages wait for the silent window, the gap and the customer's contact hours."""
    started = facts.failed_at + facts.held_for
    step = min(_scheduled_words(policy, facts, words, started), key=lambda step: step.at, default=None)
    if step is None or not _may_write(facts):
        return None
    earliest = max(step.at, facts.failed_at + policy.silence_for(facts.category), _gap_ends(policy, facts), now)
    allowed = _in_contact_hours(policy, around, earliest)
    return _Upcoming(due=step.at, step=step.model_copy(update={"at": allowed}))


def _may_write(facts: CaseFacts) -> bool:
    treatment = facts.treatment
    return treatment is None or treatment.contact


def _in_contact_hours(policy: PolicyDocument, around: Surroundings, moment: datetime) -> datetime:
    return within_hours(moment, around.customer.zone, policy.contact.opens, policy.contact.closes)


def _scheduled_words(
    policy: PolicyDocument, facts: CaseFacts, words: Words, started: datetime
) -> Iterator[Notify | Offer]:
    """Messages and offers that are still to be sent."""
    for message in policy.messages:
        if not _told(facts, message.name):
            yield Notify(
                at=started + message.after,
                name=message.name,
                template=message.template,
                channels=message.channels,
                because=f"{message.name} is due {_after(message.after)}",
                words=words,
            )
    for number, offer in enumerate(policy.offers, start=1):
        if not _told(facts, f"offer_{number}"):
            yield Offer(
                at=started + offer.after,
                name=f"offer_{number}",
                offers=offer.offers,
                channels=offer.channels,
                because=f"other ways to pay are offered {_after(offer.after)}",
                words=words.model_copy(update={"offers": offer.offers}),
            )


def _next_person(policy: PolicyDocument, facts: CaseFacts, words: Words, started: datetime) -> Iterator[AnyStep]:
    """Somebody to look at it: by policy once, and whenever the fraud check is suspicious."""
    if policy.escalate and not facts.escalations:
        because = f"the policy brings in a person {_after(policy.escalate.after)}"
        to, at = policy.escalate.to, started + policy.escalate.after
        yield Escalate(at=at, to=to, because=because, words=words.model_copy(update={"because": because}))
    flag = facts.fraud_flags[-1] if facts.fraud_flags else None
    if flag and not any(e.at >= flag.at for e in facts.escalations):
        because = f"the fraud check is suspicious: {', '.join(flag.signals)}"
        yield Escalate(at=flag.at, to="ops", because=because, words=words.model_copy(update={"because": because}))


def _gap_ends(policy: PolicyDocument, facts: CaseFacts) -> datetime:
    sent = [message.at for message in facts.messages]
    return max(sent) + policy.contact.gap if sent else facts.failed_at


def _next_access(
    policy: PolicyDocument, facts: CaseFacts, around: Surroundings, upcoming: _Upcoming | None
) -> Iterator[AnyStep]:
    """Within contact hours, since words go out with it; and never before a warning that should have come first."""
    treatment = facts.treatment
    if treatment is None or not treatment.blames_customer:
        return

    def moment(after: timedelta) -> datetime:
        due = facts.failed_at + facts.held_for + after
        if upcoming and upcoming.due <= due:
            due = max(due, upcoming.step.at + policy.contact.gap)
        return _in_contact_hours(policy, around, due)

    unclear = facts.access_changes[-1].level if facts.access_changes and facts.access_changes[-1].unclear else None
    if policy.limit and (facts.access in (AccessLevel.FULL, AccessLevel.NOTICE) or unclear is AccessLevel.LIMITED):
        because = f"still unpaid {_after(policy.limit.after)}; extras go first"
        yield Limit(at=moment(policy.limit.after), takes=policy.limit.takes, because=because)
    if policy.suspend and (facts.access is not AccessLevel.SUSPENDED or unclear is AccessLevel.SUSPENDED):
        because = f"still unpaid {_after(policy.suspend.after)}"
        yield Suspend(at=moment(policy.suspend.after), because=because)


# --- shared ----------------------------------------------------------------------------------------------------------


def _told(facts: CaseFacts, name: str) -> bool:
    return any(message.name == name for message in facts.messages)


def _after(span: timedelta) -> str:
    return f"{_days(span)} after the failure" if span else "as soon as the payment has failed"


def _days(span: timedelta) -> str:
    hours = int(span.total_seconds()) // 3600
    if hours % 24 == 0:
        return f"{hours // 24} days" if hours != 24 else "1 day"
    return f"{hours} hours"


def _basis(
    policy: PolicyDocument,
    facts: CaseFacts,
    around: Surroundings,
    now: datetime,
    rejected: tuple[str, ...],
) -> Basis:
    counted = [e for e in around.ledger if e.outcome is not Outcome.NOT_ACCEPTED and e.at > now - network_rules.WINDOW]
    inputs = {
        "category": facts.category.value if facts.decline else "not known yet",
        "attempts": str(facts.attempts_made),
        "rungs_used": ",".join(sorted(facts.rungs_used)) or "none",
        "access": facts.access.value,
        "ledger_30d": str(len(counted)),
        "zone": around.customer.zone,
    }
    return Basis(
        inputs=inputs,
        editions=(policy.edition, declines.EDITION, network_rules.EDITION),
        rejected=rejected,
    )
