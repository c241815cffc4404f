"""Whether one more attempt on a credential is allowed now, given every attempt by anybody (promise P4).

Sources: Visa allows 20 re-attempts in 30 days since 2025-05-25 (15 before; Cielo changelog, Checkout.com 2026-03-04);
our own guard stays at 15 by policy, which is safe under both. A hard stop comes from the credential's own history.
"""

from datetime import timedelta
from typing import Literal

from policies.base import Record, UtcTime
from policies.declines import TREATMENTS, Category, Retryable
from policies.facts import Outcome
from policies.money import Money

EDITION = "network rules 2026-11-22"

# Faults of the request or of the merchant's account: they forbid this try, and say nothing about the credential.
NOT_THE_CREDENTIAL = frozenset({Category.MERCHANT_CONFIG, Category.DUPLICATE})
HARD_STOPS = (
    frozenset(c for c, treatment in TREATMENTS.items() if treatment.retryable is Retryable.NO) - NOT_THE_CREDENTIAL
)

WINDOW = timedelta(days=30)
ATTEMPTS_PER_WINDOW = 15

UNSETTLED_BLOCKS_FOR = timedelta(days=15)
"""Longer than the last look-up of a slow payment; whatever is open after that counts, and no longer blocks."""
SOONEST_LOOK, LATEST_LOOK = timedelta(minutes=15), timedelta(days=1)


class LedgerEntry(Record):
    """One attempt on the credential, whoever made it. `outcome` None: reserved, nothing heard yet."""

    key: str
    actor: str
    at: UtcTime
    amount: Money
    outcome: Outcome | None = None
    category: Category | None = None


class Allowed(Record):
    kind: Literal["allowed"] = "allowed"
    budget: int


class Refused(Record):
    """`free_at` None: never again on this credential."""

    kind: Literal["refused"] = "refused"
    rule: str
    free_at: UtcTime | None = None


def may_attempt(ledger: tuple[LedgerEntry, ...], at: UtcTime) -> Allowed | Refused:
    """`ledger` holds the attempts on one credential in any order; entries that never reached a network do not count."""
    counted = [entry for entry in ledger if entry.outcome is not Outcome.NOT_ACCEPTED]
    stop = next((e for e in counted if e.category in HARD_STOPS), None)
    if stop and stop.category:
        return Refused(rule=f"hard stop: {stop.category.value} on {stop.at:%Y-%m-%d}")
    unsettled = (None, Outcome.UNKNOWN, Outcome.PENDING)
    waiting = [at - e.at for e in counted if e.outcome in unsettled and at - e.at < UNSETTLED_BLOCKS_FOR]
    if waiting:
        # The longer it takes, the rarer the next look: an hour-old entry is looked at again in an hour.
        pause = min(max(min(waiting), SOONEST_LOOK), LATEST_LOOK)
        return Refused(rule="an earlier attempt is not settled yet", free_at=at + pause)
    recent = sorted(entry.at for entry in counted if at - WINDOW < entry.at <= at)
    if len(recent) >= ATTEMPTS_PER_WINDOW:
        oldest_that_must_age = recent[len(recent) - ATTEMPTS_PER_WINDOW]
        rule = f"{ATTEMPTS_PER_WINDOW} attempts on one credential in {WINDOW.days} days"
        return Refused(rule=rule, free_at=oldest_that_must_age + WINDOW)
    return Allowed(budget=ATTEMPTS_PER_WINDOW - len(recent))
