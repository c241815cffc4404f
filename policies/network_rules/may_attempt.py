"""Whether one more attempt on a credential is allowed now, given every attempt by anybody (promise P4).

Asked in this order: what stops the credential for good, an attempt that is not settled, then everything that holds it
for a time: a dated stop, the wait that a refusal advised, our own guard on automatic attempts, the other rules of the
network. Of several that refuse, the one that frees it last decides.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never

from policies.declines import TREATMENTS, Category, Decline, Retryable, classify, plain_code, scheme_code
from policies.facts import OPEN_OUTCOMES, Outcome
from policies.instruments import Initiator, Network
from policies.network_rules.ledger import LedgerEntry, ProposedAttempt
from policies.network_rules.rules import NetworkRule, rules_at
from policies.network_rules.verdict import Allowed, Refused

# Faults of the request or of the merchant's account: they forbid this try, and say nothing about the credential.
NOT_THE_CREDENTIAL = frozenset({Category.MERCHANT_CONFIG, Category.DUPLICATE})
HARD_STOPS = (
    frozenset(c for c, treatment in TREATMENTS.items() if treatment.retryable is Retryable.NO) - NOT_THE_CREDENTIAL
)

PAYERS_WORD = frozenset(
    {
        Category.MANDATE_CANCELLED,
        Category.CUSTOMER_DECLINED,
        Category.PAYMENT_DISPUTED,
        Category.ACCOUNT_HOLDER_DECEASED,
    }
)
"""Stops that the payer ordered, or that a death did: one approval later, perhaps of a payment that the customer made,
does not take them back. Every other stop is the issuer's view of the account, and an approval is its newer one."""

WINDOW = timedelta(days=30)
ATTEMPTS_PER_WINDOW = 15
"""Our own guard for automatic attempts, safe under the rules before and after 2025-05-25; counts every attempt."""

UNSETTLED_BLOCKS_FOR = timedelta(days=15)
"""Longer than the last look-up of a slow payment; whatever is open after that counts, and no longer blocks."""
SOONEST_LOOK, LATEST_LOOK = timedelta(minutes=15), timedelta(days=1)

_NEVER = datetime.max.replace(tzinfo=UTC)
_NO_LIMIT = 1_000


def may_attempt(
    ledger: Sequence[LedgerEntry], proposed: ProposedAttempt, at: datetime, guard: int = ATTEMPTS_PER_WINDOW
) -> Allowed | Refused:
    """`ledger` holds the attempts on one credential in any order; entries that never reached a network do not count.
    `guard`: automatic attempts in 30 days at most. When refused, `free_at` is a time at which it is allowed, should
    nothing happen until then."""
    counted = [entry for entry in ledger if entry.outcome is not Outcome.NOT_ACCEPTED]
    verdict = _verdict(counted, proposed, at, guard)
    if isinstance(verdict, Allowed) or verdict.rule_id == "unsettled":
        return verdict
    free_at = at
    later: Allowed | Refused = verdict
    # Freed by one rule, an attempt may meet the next; each round moves the time past at least one aged attempt.
    while isinstance(later, Refused):
        if later.free_at is None:
            return later
        free_at = later.free_at
        later = _verdict(counted, proposed, free_at, guard)
    return verdict.model_copy(update={"free_at": free_at})


def _verdict(counted: list[LedgerEntry], proposed: ProposedAttempt, at: datetime, guard: int) -> Allowed | Refused:
    rules = rules_at(proposed.network, proposed.region, proposed.initiator, at)
    stops = list(_stops(rules, counted, proposed.network, at))
    for_good = next((stop for stop in stops if stop.free_at is None), None)
    first = for_good or _unsettled(counted, at)
    if first:
        return first
    refusals, budget = stops, _NO_LIMIT
    for verdict in _rulings(rules, counted, proposed, at, guard):
        if isinstance(verdict, Refused):
            refusals.append(verdict)
        else:
            budget = min(budget, verdict)
    if refusals:
        return max(refusals, key=_free_at)
    return Allowed(budget=budget)


def _free_at(refusal: Refused) -> datetime:
    return refusal.free_at or _NEVER


def _rulings(
    rules: tuple[NetworkRule, ...], counted: list[LedgerEntry], proposed: ProposedAttempt, at: datetime, guard: int
) -> Iterator[Refused | int]:
    """What is left by each rule, or its refusal."""
    advised = _advised_wait(counted, at)
    if advised:
        yield advised
    if proposed.initiator is Initiator.MERCHANT:
        says = f"{guard} attempts on one credential in {WINDOW.days} days"
        yield _left(counted, at, guard, WINDOW, says, "guard")
    for rule in rules:
        yield from _ruling(rule, counted, proposed, at)


def _ruling(
    rule: NetworkRule, counted: list[LedgerEntry], proposed: ProposedAttempt, at: datetime
) -> Iterator[Refused | int]:
    match rule.kind:
        case "limit":
            yield _left_by(rule, _counted_by(rule, counted, proposed), at)
        case "stop":
            pass  # asked before, in `_stops`
        case "only":
            last = _last(counted, proposed.claim)
            code = scheme_code(last.decline, proposed.network) if last and last.decline else None
            if code and plain_code(code) not in rule.network_codes:
                yield _refused(rule, None)
        case "deadline":
            first = min((entry.at for entry in counted if entry.claim == proposed.claim), default=None)
            if first and at > first + rule.window:
                yield _refused(rule, None)
        case "never":
            if proposed.initiator is Initiator.MERCHANT:
                yield _refused(rule, None)
        case _:
            assert_never(rule.kind)


def _refused(rule: NetworkRule, free_at: datetime | None) -> Refused:
    return Refused(rule=rule.says, rule_id=rule.id, free_at=free_at)


# --- the credential's own history ------------------------------------------------------------------------------------


def _stops(
    rules: tuple[NetworkRule, ...], counted: list[LedgerEntry], network: Network, at: datetime
) -> Iterator[Refused]:
    """What earlier refusals forbid: as the network's dated rule says where one is about them, else for good."""
    stop_rules = [rule for rule in rules if rule.kind == "stop"]
    last = _last(counted)
    approved_at = max([entry.at for entry in counted if entry.outcome is Outcome.SUCCEEDED], default=None)
    for entry in counted:
        decline = entry.decline
        if decline is None or (approved_at and entry.at < approved_at and decline.category not in PAYERS_WORD):
            continue
        about = _about(stop_rules, decline, network)
        for rule in about:
            free_at = entry.at + rule.window if rule.days else None
            if (entry is last or not rule.last_only) and (free_at is None or at < free_at):
                yield _refused(rule, free_at)
        if _is_hard(decline) and (not about or _is_hard_without_advice(decline, network)):
            yield Refused(rule=f"hard stop: {decline.category.value} on {entry.at:%Y-%m-%d}", rule_id="hard_stop")


def _about(rules: list[NetworkRule], decline: Decline, network: Network) -> list[NetworkRule]:
    code, advice = scheme_code(decline, network), decline.advice_code
    codes = plain_code(code) if code else None, plain_code(advice) if advice else None
    return [
        rule
        for rule in rules
        if codes[0] in rule.network_codes or codes[1] in rule.advice_codes or decline.category in rule.categories
    ]


def _is_hard(decline: Decline) -> bool:
    return decline.retryable is Retryable.NO and decline.category not in NOT_THE_CREDENTIAL


def _is_hard_without_advice(decline: Decline, network: Network) -> bool:
    """A stolen card stays stolen when the days that the network's advice names are over. A gateway that only repeats
    that it must not be tried again says no more than the advice."""
    rest = classify(decline.gateway, decline.code, decline.network_code, network=network)
    return _is_hard(rest) and rest.category is not Category.RETRY_BLOCKED


def _unsettled(counted: list[LedgerEntry], at: datetime) -> Refused | None:
    waiting = [
        at - entry.at
        for entry in counted
        if (entry.outcome is None or entry.outcome in OPEN_OUTCOMES) and at - entry.at < UNSETTLED_BLOCKS_FOR
    ]
    if not waiting:
        return None
    # The longer it takes, the rarer the next look: an hour-old entry is looked at again in an hour.
    pause = min(max(min(waiting), SOONEST_LOOK), LATEST_LOOK)
    return Refused(rule="an earlier attempt is not settled yet", rule_id="unsettled", free_at=at + pause)


def _advised_wait(counted: list[LedgerEntry], at: datetime) -> Refused | None:
    """The network's advice, or the gateway, said how long a retry is of no use."""
    last = _last(counted)
    if last is None or last.decline is None or last.decline.earliest_retry is None:
        return None
    free_at = last.at + last.decline.earliest_retry
    if at >= free_at:
        return None
    return Refused(rule=f"{last.decline.decided_by} advises to wait", rule_id="advised_wait", free_at=free_at)


def _last(counted: list[LedgerEntry], claim: str | None = None) -> LedgerEntry | None:
    """The latest attempt; what it was answered is what stands now."""
    return max((entry for entry in counted if claim is None or entry.claim == claim), key=_at, default=None)


def _at(entry: LedgerEntry) -> datetime:
    return entry.at


# --- counting --------------------------------------------------------------------------------------------------------


def _left(
    counted: list[LedgerEntry], at: datetime, count: int, window: timedelta, says: str, rule_id: str
) -> Refused | int:
    """An attempt that is dated later counts as well: another case was faster, while this one waited in a queue or for
    its worker."""
    since = at - window
    recent = [entry.at for entry in counted if since < entry.at]
    if len(recent) < count:
        return count - len(recent)
    oldest_that_must_age = sorted(recent)[len(recent) - count]
    return Refused(rule=says, rule_id=rule_id, free_at=oldest_that_must_age + window)


def _left_by(rule: NetworkRule, matching: list[LedgerEntry], at: datetime) -> Refused | int:
    if not rule.final:
        return _left(matching, at, rule.count, rule.window, rule.says, rule.id)
    return rule.count - len(matching) if len(matching) < rule.count else _refused(rule, None)


def _counted_by(rule: NetworkRule, counted: list[LedgerEntry], proposed: ProposedAttempt) -> list[LedgerEntry]:
    """The entries that count for this attempt; where a success starts the count anew, those after the last one."""
    matching = [
        entry
        for entry in counted
        if ("amount" not in rule.per or entry.amount == proposed.amount)
        and ("acceptor" not in rule.per or entry.acceptor == proposed.acceptor)
        and ("initiator" not in rule.per or entry.initiator is proposed.initiator)
        and ("claim" not in rule.per or entry.claim == proposed.claim)
    ]
    if not rule.consecutive:
        return matching
    successes = [entry.at for entry in matching if entry.outcome is Outcome.SUCCEEDED]
    return [entry for entry in matching if entry.at > max(successes)] if successes else matching
