"""What ends a case, and what holds it: looked at before anything is scheduled.

A payment is followed by service, thanks and the end, and by nothing else. Trouble, an attempt without a clear answer,
a pause and an open dispute hold the case; who ends the hold stands in the step.
"""

from datetime import datetime, timedelta

from policies.events import CloseOutcome
from policies.facts import LOST_ACCESS, Attempt, CaseFacts, Ending, Outcome
from policies.invoices import InvoiceStatus
from policies.messages import channels_left, first_opening, has_heard
from policies.people import unanswered
from policies.situation import Situation
from policies.steps import AnyStep, Close, Escalate, Hold, Notify, Purpose, Reconcile, Reinstate
from policies.words import words_for

UNKNOWN_LOOKED_UP_AFTER = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 360, 720, 1440))
PENDING_LOOKED_UP_AFTER = tuple(timedelta(hours=h) for h in (1, 6, 24, 48, 72, 96, 120, 168, 240, 336))
"""When an attempt without a final answer is looked up, counted from the attempt; after the last one a person is asked.
An unknown outcome should be known within a day; a direct debit may take two weeks to be final."""

DISPUTE_READ_AGAIN = timedelta(days=1)


def troubled(here: Situation) -> AnyStep | None:
    """What keeps failing is not tried again by itself, whatever it was."""
    trouble = here.facts.open_trouble
    return Hold(at=here.now, waits_for="ops", because=f"needs a person: {trouble.reason}") if trouble else None


# --- what ends a case ------------------------------------------------------------------------------------------------


def settled(here: Situation) -> AnyStep | None:
    facts, now = here.facts, here.now
    if facts.is_paid:
        return _after_payment(here)
    if facts.ending:
        return _after_ending(facts, facts.ending, now)
    if facts.lost_dispute:
        because = "the customer's bank decided the dispute for them"
        return Close(at=now, outcome=CloseOutcome.DISPUTED, because=because)
    asked, unclear = facts.close_asked, here.open_attempt
    if asked and not (unclear and _may_look_up(unclear)):
        return Close(at=now, outcome=asked.outcome, because=f"{asked.actor} closed the case: {asked.reason}")
    return None


def _after_payment(here: Situation) -> AnyStep:
    """Service first, then thanks, then the end; nothing else ever follows a payment."""
    now = here.now
    if here.access in LOST_ACCESS:
        return Reinstate(at=now, because=f"the invoice is paid, so {here.access.value} service comes back")
    if _came_back_with_it(here):
        template, because = "reinstated", "service is back and the customer should know"
    else:
        template, because = "recovered", "the customer was told of the failure"
    channels = channels_left(here, template, here.policy.access_channels)
    if has_heard(here) and channels:
        opening = first_opening(here, template, now, channels, Purpose.THANKS)
        return Notify(
            at=opening.at,
            name=template,
            template=template,
            channels=opening.channels,
            because=because,
            words=words_for(here),
        )
    return Close(at=now, outcome=CloseOutcome.RECOVERED, because="the invoice is paid")


def _came_back_with_it(here: Situation) -> bool:
    """Whether service comes back with this payment; not when a part of the claim had brought it back before."""
    facts, payment = here.facts, here.facts.settling_payment
    told_before = payment and any(m.name == "reinstated" and m.at < payment.at for m in facts.messages)
    return not told_before and any(change.level in LOST_ACCESS for change in facts.access_changes)


def _after_ending(facts: CaseFacts, ending: Ending, now: datetime) -> AnyStep:
    status = ending.status
    if status is InvoiceStatus.VOID and facts.access in LOST_ACCESS:
        return Reinstate(at=now, because="the invoice was voided, so nothing is owed for it")
    return Close(at=now, outcome=CloseOutcome.CANCELLED, because=f"the invoice is {status.value} at its source")


# --- what holds a case -----------------------------------------------------------------------------------------------


def held(here: Situation) -> AnyStep | None:
    facts, now = here.facts, here.now
    if here.open_attempt:
        return _reconcile(here, here.open_attempt)
    if facts.open_stop:
        stop, told = facts.open_stop, unanswered(here)
        if told:
            words = words_for(here, because=told[0].in_words)
            return Escalate(at=now, to="support_contact", because=told[0].in_words, words=words)
        return Hold(at=now, waits_for="ops", because=f"paused by {stop.actor}: {stop.reason}")
    if facts.open_dispute:
        opened = f"{facts.open_dispute.opened_at:%Y-%m-%d}"
        # A dispute the source never told us of may end the same way, so the invoice is read again.
        again_at = now + DISPUTE_READ_AGAIN if facts.open_dispute.dispute_id is None else None
        because = f"a dispute is open since {opened}; nothing is charged or sent"
        return Hold(at=now, waits_for="dispute", again_at=again_at, because=because)
    return None


def _reconcile(here: Situation, attempt: Attempt) -> AnyStep:
    if not _may_look_up(attempt):
        return _nobody_knows(here, attempt)
    due = attempt.told_at or attempt.at + _look_ups(attempt)[attempt.look_ups]
    because = (
        f"attempt {attempt.ordinal} has no clear answer; nothing is charged until the gateway says what became of it"
    )
    return Reconcile(at=max(due, here.now), ordinal=attempt.ordinal, because=because)


def _nobody_knows(here: Situation, attempt: Attempt) -> AnyStep:
    facts, now = here.facts, here.now
    if facts.open_stop:
        return Hold(at=now, waits_for="ops", because=f"attempt {attempt.ordinal} is still {attempt.outcome.value}")
    because = f"attempt {attempt.ordinal} is {attempt.outcome.value} after {attempt.look_ups} look-ups"
    if not any(escalation.because == because for escalation in facts.escalations):
        return Escalate(at=now, to="ops", because=because, words=words_for(here, because=because))
    return Hold(at=now, waits_for="ops", because=because)


def _may_look_up(attempt: Attempt) -> bool:
    return attempt.look_ups < len(_look_ups(attempt))


def _look_ups(attempt: Attempt) -> tuple[timedelta, ...]:
    return PENDING_LOOKED_UP_AFTER if attempt.outcome is Outcome.PENDING else UNKNOWN_LOOKED_UP_AFTER
