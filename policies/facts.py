"""What is known about a case. Facts are kept, state is recomputed from them, nothing is counted up.

Every fact has `at` (the case's own time, UTC). Facts hold ids, money, codes and times, never names or addresses (P9).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Literal, NamedTuple

from policies.asked import CloseAsked, CustomerSaid, Plan, Promise, RefusedAction, Stop
from policies.base import Record, UtcTime
from policies.declines import Category, Decline
from policies.events import MethodChange
from policies.instruments import Instrument
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef
from policies.money import Money
from policies.policy_change import PolicyChange
from policies.risk import Risk
from policies.said import ARRIVED, Activity, Deferral, Message


class AccessLevel(StrEnum):
    """What the customer may still use; reversible but for the last."""

    FULL = "full"
    NOTICE = "notice"
    LIMITED = "limited"
    SUSPENDED = "suspended"
    CLOSED = "closed"


LOST_ACCESS = (AccessLevel.LIMITED, AccessLevel.SUSPENDED)
"""Levels at which the customer misses something; a payment gives it back."""


class Outcome(StrEnum):
    """Only an explicit yes or no is `succeeded` or `declined`. `not_accepted`: reconciled, no money moved."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PENDING = "pending"
    UNKNOWN = "unknown"
    NOT_ACCEPTED = "not_accepted"


OPEN_OUTCOMES = frozenset({Outcome.PENDING, Outcome.UNKNOWN})


class Attempt(Record):
    """One try of ours to collect the invoice. `rung` names the place in the ladder it used; a try after the customer
    gave a new credential uses none. `gateway`: where it was made, "gateway/account"; None: at the invoice's own.
    `backup`: on another way to pay of the customer, whose refusal says nothing of the one they pay with. `told_at`:
    when news came of an attempt that had no clear answer. `left`: what is still owed once a part was paid; None:
    nothing."""

    ordinal: int
    key: str
    at: UtcTime
    credential_id: str
    amount: Money
    outcome: Outcome
    because: str
    rung: str | None = None
    action_id: str | None = None
    decline: Decline | None = None
    looked_up_at: UtcTime | None = None
    look_ups: int = 0
    gateway: str | None = None
    backup: bool = False
    told_at: UtcTime | None = None
    left: Money | None = None


class Refusal(Record):
    """An attempt that a rule forbade before anything was sent. Without `free_at` it is forbidden for good.
    `by_gateway`: the gateway was out of order, and the credential is not to blame."""

    at: UtcTime
    credential_id: str
    rule: str
    free_at: UtcTime | None = None
    rung: str | None = None
    by_gateway: bool = False


class FraudFlag(Record):
    at: UtcTime
    signals: tuple[str, ...]


class AccessChange(Record):
    """`unclear`: the access system did not answer; service may be gone, so a payment gives it back."""

    ordinal: int
    at: UtcTime
    level: AccessLevel
    because: str
    benefits_taken: tuple[str, ...] = ()
    unclear: bool = False


class Failure(Record):
    """The source said that a payment failed. `retries_at`: when it will try again itself; `retries_itself`: it will,
    and does not say when."""

    at: UtcTime
    happened_at: UtcTime
    decline: Decline | None = None
    retries_at: UtcTime | None = None
    retries_itself: bool = False


class Payment(Record):
    """`settles` false: a part of the claim; the rest is still owed."""

    at: UtcTime
    happened_at: UtcTime
    paid: Money
    how: Literal["attempt", "source", "out_of_band"]
    settles: bool = True


class Ending(Record):
    """The claim ended without a payment."""

    at: UtcTime
    happened_at: UtcTime
    status: InvoiceStatus


class Dispute(Record):
    """`dispute_id` None: seen when the invoice was read, the source has not told us of it (yet)."""

    dispute_id: str | None
    opened_at: UtcTime
    closed_at: UtcTime | None = None
    won: bool | None = None


class NewCredential(Record):
    """`renewed`: it was put in the place of the one that failed, mostly by the network's account updater; nobody is in
    front of a screen, so the merchant charges it. `keep` false: lent for this once. `amount`: how much of what is owed
    it is charged; None: all. `gateway`: who keeps it and names the customer `gateway_customer_id`; None: the invoice's
    own."""

    at: UtcTime
    credential_id: str
    action_id: str
    instrument: Instrument = Instrument()
    renewed: bool = False
    keep: bool = True
    amount: Money | None = None
    gateway: str | None = None
    gateway_customer_id: str | None = None


class MethodChanged(Record):
    """What the source said of the customer's way to pay."""

    at: UtcTime
    happened_at: UtcTime
    what: MethodChange
    credential_id: str | None = None


class Escalation(Record):
    ordinal: int
    at: UtcTime
    to: str
    because: str


class Tally(NamedTuple):
    """What attempts and failures come to. `failed_times`: when the payment failed, the first time and each time we
    tried again; what the source tells of its own retries is not added up, for it tells one failure in several events.
    `refusal`: the latest that anybody has told us, and when it happened; None until one is known."""

    attempts_made: int
    rungs_used: frozenset[str]
    failed_times: tuple[datetime, ...]
    refusal: tuple[datetime, Decline] | None
    open_attempt: Attempt | None


class CaseFacts(Record):
    """All that a decision may rest on, besides policy, surroundings and the time. `fetched`: what the event that opened
    the case did not say and was read elsewhere.

    Derived answers are plain properties: `model_copy` would carry a cached one over to facts where it no longer holds.
    """

    case: CaseRef
    opened_at: UtcTime
    failed_at: UtcTime
    invoice: InvoiceNow
    risk: Risk = Risk()
    fetched: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    fraud_flags: tuple[FraudFlag, ...] = ()
    messages: tuple[Message, ...] = ()
    deferrals: tuple[Deferral, ...] = ()
    activities: tuple[Activity, ...] = ()
    access_changes: tuple[AccessChange, ...] = ()
    payments: tuple[Payment, ...] = ()
    endings: tuple[Ending, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    stops: tuple[Stop, ...] = ()
    new_credentials: tuple[NewCredential, ...] = ()
    promises: tuple[Promise, ...] = ()
    plans: tuple[Plan, ...] = ()
    customer_said: tuple[CustomerSaid, ...] = ()
    method_changes: tuple[MethodChanged, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    refused_actions: tuple[RefusedAction, ...] = ()
    close_asked: CloseAsked | None = None
    policy_changes: tuple[PolicyChange, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def due(self) -> Money:
        """What is still owed: the latest reading, less nothing; the source does the sums."""
        return self.invoice.due

    @property
    def is_paid(self) -> bool:
        return self.invoice.status is InvoiceStatus.PAID or self.settling_payment is not None

    @property
    def settling_payment(self) -> Payment | None:
        return next((payment for payment in self.payments if payment.settles), None) if self.payments else None

    @property
    def paid_percent(self) -> int:
        """How much of the claim has been paid in parts, rounded down."""
        parts = sum([p.paid.amount_minor for p in self.payments if not p.settles]) if self.payments else 0
        return 100 * parts // (parts + self.due.amount_minor) if parts else 0

    @property
    def ending(self) -> Ending | None:
        return self.endings[-1] if self.endings else None

    @property
    def credential_id(self) -> str:
        kept = self.kept_credential
        return kept.credential_id if kept else self.invoice.credential_id

    @property
    def instrument(self) -> Instrument:
        kept = self.kept_credential
        return kept.instrument if kept else self.invoice.instrument

    @property
    def kept_credential(self) -> NewCredential | None:
        """The latest that came in place of the invoice's own; what was lent for once did not."""
        if not self.new_credentials:
            return None
        return next((new for new in reversed(self.new_credentials) if new.keep), None)

    @property
    def tally(self) -> Tally:
        """In one pass: each decision asks for all of it."""
        declined, lost = Outcome.DECLINED, Outcome.NOT_ACCEPTED
        made, rungs, failed = len(self.attempts), set(), [self.failed_at]
        latest: tuple[datetime, Decline] | None = None
        unclear: Attempt | None = None
        for attempt in self.attempts:
            outcome, rung, decline = attempt.outcome, attempt.rung, attempt.decline
            if outcome is declined:
                failed.append(attempt.at)
            elif outcome is lost:
                made -= 1
            elif unclear is None and outcome in OPEN_OUTCOMES:
                unclear = attempt
            if rung:
                rungs.add(rung)
            if decline and not attempt.backup and (latest is None or attempt.at > latest[0]):
                latest = attempt.at, decline
        refusals = [latest] if latest else []
        refusals += [(f.happened_at, f.decline) for f in self.failures if f.decline]
        first = self.invoice.last_decline
        if first:
            refusals.append((self.failed_at, first))
        refusal = max(refusals, key=itemgetter(0), default=None)
        return Tally(made, frozenset(rungs), tuple(failed), refusal, unclear)

    @property
    def decline(self) -> Decline | None:
        refusal = self.tally.refusal
        return refusal[1] if refusal else None

    @property
    def category(self) -> Category:
        decline = self.decline
        return decline.category if decline else Category.UNKNOWN

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt whose outcome nobody knows yet; it blocks the next one."""
        return self.tally.open_attempt

    @property
    def attempts_made(self) -> int:
        return self.tally.attempts_made

    @property
    def open_dispute(self) -> Dispute | None:
        return next((d for d in self.disputes if d.closed_at is None), None) if self.disputes else None

    @property
    def lost_dispute(self) -> Dispute | None:
        return next((d for d in self.disputes if d.won is False), None) if self.disputes else None

    @property
    def open_stop(self) -> Stop | None:
        return next((s for s in self.stops if s.ended_at is None), None) if self.stops else None

    @property
    def open_trouble(self) -> Stop | None:
        """What keeps failing, unless the case has ended since: then its last acts are tried once more."""
        trouble = next((s for s in self.stops if s.kind == "trouble" and s.ended_at is None), None)
        if trouble is None:
            return None
        ended = [p.at for p in self.payments if p.settles] + [e.at for e in self.endings]
        return None if any(at > trouble.began_at for at in ended) else trouble

    @property
    def access(self) -> AccessLevel:
        if self.access_changes:
            return self.access_changes[-1].level
        for message in self.messages:
            if message.status in ARRIVED:
                return AccessLevel.NOTICE
        return AccessLevel.FULL

    @property
    def held_for(self) -> timedelta:
        """How long pauses, troubles and disputes lasted that are over; the policy's clocks stood still meanwhile."""
        return self.stood_still()

    def stood_still(self, agreed: tuple[tuple[datetime, datetime], ...] = ()) -> timedelta:
        """The same, and while what the customer had `agreed` to was waited for."""
        if not (self.stops or self.disputes or agreed):
            return timedelta()
        spans = [*agreed, *((s.began_at, s.ended_at) for s in self.stops if s.ended_at)]
        spans += [(d.opened_at, d.closed_at) for d in self.disputes if d.closed_at]
        return _total(spans)

    def attempt_for(self, action_id: str) -> Attempt | None:
        """The latest attempt made because of this action."""
        return next((a for a in reversed(self.attempts) if a.action_id == action_id), None)

    def cannot_use(self, action_id: str) -> bool:
        """A rule or the fraud check stopped the credential that this action brought."""
        new = next((c for c in self.new_credentials if c.action_id == action_id), None)
        if new is None:
            return False
        ours = [r for r in self.refusals if r.credential_id == new.credential_id and not r.by_gateway]
        refused = any(r.at >= new.at for r in ours)
        return refused or any(flag.at >= new.at for flag in self.fraud_flags)

    def untried_credential(self) -> NewCredential | None:
        """A credential the customer gave that no attempt of ours has used yet."""
        latest = self.new_credentials[-1] if self.new_credentials else None
        if latest is None:
            return None
        tries = [a.outcome for a in self.attempts if a.action_id == latest.action_id]
        # A request that was lost on the way is made once more; the customer gave the card to be charged.
        if len(tries) >= 2 or any(outcome is not Outcome.NOT_ACCEPTED for outcome in tries):
            return None
        stops = [r for r in self.refusals if r.credential_id == latest.credential_id and r.free_at is None]
        return None if any(r.at >= latest.at for r in stops) else latest


def _total(spans: list[tuple[datetime, datetime]]) -> timedelta:
    """Length of the union: overlapping holds count once."""
    total, end = timedelta(), None
    for began, ended in sorted(spans):
        start = began if end is None else max(began, end)
        if ended > start:
            total += ended - start
        end = ended if end is None else max(end, ended)
    return total
