"""Whether the times of a document fit together: nothing after the end, no service taken before retries had their
chance, nothing that can never happen. A part of the door."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from policies.declines import Category
from policies.document import Chronic, LimitAccess, PolicyDocument, Retries, SuspendAccess
from policies.findings import Finding, Path
from policies.written import write_duration

USEFUL_WITHIN = timedelta(days=14)
"""A retry later than that after the failure seldom brings the money: an assumption, unverified, after Recurly's study
of 2018 (most recoveries fall on days 2 to 12 after the decline, a held card up to day 15; dunning of at least 14 days
is advised); a good policy has at least 70 % of its recoveries by day 14."""


class _Moment(NamedTuple):
    path: Path
    what: str
    at: timedelta


def timeline_findings(policy: PolicyDocument) -> Iterator[Finding]:
    yield from _nothing_after_the_end(policy)
    yield from _waits_shorter_than_the_case(policy)
    yield from _failures_that_can_be_reached(policy)
    yield from _words_after_the_silence(policy)
    yield from _loss_of_service(policy)
    if policy.chronic:
        yield from _chronic(policy, policy.chronic)


# --- inside the case --------------------------------------------------------------------------------------------------


def _nothing_after_the_end(policy: PolicyDocument) -> Iterator[Finding]:
    end = policy.close.after
    for path, what, at in _scheduled(policy):
        if at >= end:
            says = f"{what} at {write_duration(at)} never happens: the case closes at {write_duration(end)}"
            yield Finding(path, f"{says}; put it earlier or close later")


def _scheduled(policy: PolicyDocument) -> Iterator[_Moment]:
    for position, at in enumerate(_rung_times(policy.retries)):
        yield _Moment(("retries", "ladder", position), f"ladder rung {position + 1}", at)
    for position, at in enumerate(policy.retries.immediate):
        yield _Moment(("retries", "immediate", position), f"immediate rung {position + 1}", at)
    for position, message in enumerate(policy.messages):
        if message.after is not None:
            yield _Moment(("messages", position, "after"), f"message {message.name}", message.after)
    for position, offer in enumerate(policy.offers):
        yield _Moment(("offers", position, "after"), f"offer {position + 1}", offer.after)
    for name, part in (("limit", policy.limit), ("suspend", policy.suspend), ("escalate", policy.escalate)):
        if part and part.after is not None:
            yield _Moment((name, "after"), name, part.after)


def _rung_times(retries: Retries) -> list[timedelta]:
    """When each rung comes at the latest by the policy alone: spread over the cases, and `gap` after the one before."""
    times: list[timedelta] = []
    for rung in retries.ladder:
        at = rung + retries.spread
        times.append(max(at, times[-1] + retries.gap) if times else at)
    return times


def _waits_shorter_than_the_case(policy: PolicyDocument) -> Iterator[Finding]:
    end, retries, contact = policy.close.after, policy.retries, policy.contact
    waits = [
        _Moment(("retries", "gap"), "the gap between retries", retries.gap),
        _Moment(("retries", "spread"), "the spread", retries.spread),
        _Moment(("contact", "gap"), "the gap between messages", contact.gap),
        _Moment(("grace",), "the grace", policy.grace),
    ]
    if retries.window:
        waits.append(_Moment(("retries", "window"), "the window", retries.window))
    for category, silence in contact.silent_window.items():
        path: Path = ("contact", "silent_window", category.value)
        waits.append(_Moment(path, "the silent window", silence))
    for path, what, length in waits:
        if length >= end:
            case = f"the case, which closes at {write_duration(end)}"
            says = f"{what} of {write_duration(length)} is longer than {case}; shorten it or close later"
            yield Finding(path, says)


def _failures_that_can_be_reached(policy: PolicyDocument) -> Iterator[Finding]:
    most = policy.retries.maximum + 1
    counts: list[tuple[Path, int | None]] = [
        (("messages", position, "failures"), message.failures) for position, message in enumerate(policy.messages)
    ]
    counts += [(("limit", "failures"), policy.limit.failures)] if policy.limit else []
    counts += [(("suspend", "failures"), policy.suspend.failures)] if policy.suspend else []
    for path, count in counts:
        if count and count > most:
            why = f"the first failure and {policy.retries.maximum} attempts are all there can be"
            yield Finding(path, f"{count} failures are never reached: {why}; ask for fewer or raise retries.maximum")


def _words_after_the_silence(policy: PolicyDocument) -> Iterator[Finding]:
    words: list[tuple[Path, timedelta | None, tuple[Category, ...]]] = [
        (("messages", n, "after"), message.after, message.categories) for n, message in enumerate(policy.messages)
    ]
    words += [(("offers", n, "after"), offer.after, offer.categories) for n, offer in enumerate(policy.offers)]
    for path, after, categories in words:
        silence = min([policy.silence_for(category) for category in categories], default=timedelta())
        if after is not None and after < silence:
            why = f"nothing is written before {write_duration(silence)} in the categories it is for"
            says = f"due at {write_duration(after)}, but {why}; make it due later or shorten contact.silent_window"
            yield Finding(path, says)


# --- loss of service --------------------------------------------------------------------------------------------------


def _loss_of_service(policy: PolicyDocument) -> Iterator[Finding]:
    for name, part in (("limit", policy.limit), ("suspend", policy.suspend)):
        if part and part.after is not None and part.after < policy.grace:
            says = (
                f"{name} at {write_duration(part.after)} is put off: the grace lasts to {write_duration(policy.grace)}"
            )
            yield Finding((name, "after"), f"{says}; {name} later or shorten the grace")
    if policy.limit and policy.suspend:
        yield from _limit_before_suspend(policy.limit, policy.suspend)
    if policy.limit:
        yield from _not_before(policy, "limit", policy.limit, _first_retry(policy.retries), "the first retry")
    if policy.suspend:
        last = _last_useful_retry(policy.retries)
        yield from _not_before(policy, "suspend", policy.suspend, last, "the last useful retry")


def _limit_before_suspend(limit: LimitAccess, suspend: SuspendAccess) -> Iterator[Finding]:
    says = "limit must come before suspend; give it an earlier time or leave it out"
    if limit.after is not None and suspend.after is not None and limit.after >= suspend.after:
        yield Finding(("limit", "after"), says)
    if limit.failures and suspend.failures and limit.failures >= suspend.failures:
        yield Finding(("limit", "failures"), says.replace("an earlier time", "fewer failures"))


def _not_before(
    policy: PolicyDocument, name: str, part: LimitAccess | SuspendAccess, retry: timedelta | None, which: str
) -> Iterator[Finding]:
    """At the same time is fine: a charge goes first."""
    if retry is None:
        return
    by_count = _failure_time(policy.retries, part.failures) if part.failures else None
    times = [(at, field) for at, field in ((part.after, "after"), (by_count, "failures")) if at is not None]
    for at, field in times:
        if max(at, policy.grace) < retry:
            way_out = f"{name} later or retry earlier" if field == "after" else "ask for more failures or give grace"
            says = f"{name} at {write_duration(at)} comes before {which} at {write_duration(retry)}; {way_out}"
            yield Finding((name, field), says)


def _first_retry(retries: Retries) -> timedelta | None:
    return retries.ladder[0] if retries.ladder else None


def _last_useful_retry(retries: Retries) -> timedelta | None:
    """The last rung of the first two weeks; where all come later, the first."""
    if retries.timing == "adaptive" and retries.window:
        return min(retries.window, USEFUL_WITHIN)
    useful = [rung for rung in retries.ladder if rung <= USEFUL_WITHIN]
    return useful[-1] if useful else _first_retry(retries)


def _failure_time(retries: Retries, failures: int) -> timedelta | None:
    """When so many failures may be reached at the earliest by retries alone; None when they are too few for that."""
    if failures == 1:
        return timedelta()
    if retries.timing == "adaptive":
        return retries.gap * (failures - 1)
    return retries.ladder[failures - 2] if failures - 2 < len(retries.ladder) else None


# --- the firmer line --------------------------------------------------------------------------------------------------


def _chronic(policy: PolicyDocument, chronic: Chronic) -> Iterator[Finding]:
    if chronic == Chronic():
        yield Finding(("chronic",), "says nothing; give maximum, limit_after, suspend_after or close_after")
    if chronic.maximum and chronic.maximum > policy.retries.maximum:
        yield Finding(("chronic", "maximum"), f"must not be above the {policy.retries.maximum} for everybody")
    found = list(_firmer_times(policy, chronic))
    yield from found
    if not found:
        yield from _firmer_order(policy, chronic)


def _firmer_times(policy: PolicyDocument, chronic: Chronic) -> Iterator[Finding]:
    limit, suspend = policy.limit, policy.suspend
    pairs = (
        ("limit_after", chronic.limit_after, "limit.after", limit.after if limit else None),
        ("suspend_after", chronic.suspend_after, "suspend.after", suspend.after if suspend else None),
        ("close_after", chronic.close_after, "close.after", policy.close.after),
    )
    for field, firmer, usual_field, usual in pairs:
        if firmer is None:
            continue
        if usual is None:
            yield Finding(("chronic", field), f"there is no {usual_field} that it could be firmer than; add that first")
        elif firmer > usual:
            says = f"{write_duration(firmer)} is later than the {write_duration(usual)} of {usual_field}"
            yield Finding(("chronic", field), f"{says}; a firmer line is never milder")


def _firmer_order(policy: PolicyDocument, chronic: Chronic) -> Iterator[Finding]:
    """Limit, suspend, close in this order, none inside the grace, no suspension before the first retry."""
    limit = chronic.limit_after or (policy.limit.after if policy.limit else None)
    suspend = chronic.suspend_after or (policy.suspend.after if policy.suspend else None)
    end = chronic.close_after or policy.close.after
    stages = [("limit_after", limit), ("suspend_after", suspend), ("close_after", end)]
    known = [(field, at) for field, at in stages if at is not None]
    for (_, earlier), (field, later) in pairwise(known):
        if getattr(chronic, field) is not None and later <= earlier:
            yield Finding(
                ("chronic", field), "leaves no time after what comes before it; limit, suspend, close is the order"
            )
    first = _first_retry(policy.retries)
    for field, at in known[:-1]:
        if getattr(chronic, field) is not None and at < policy.grace:
            yield Finding(
                ("chronic", field), f"comes before the grace of {write_duration(policy.grace)} ends; put it later"
            )
        elif getattr(chronic, field) is not None and first and at < first:
            yield Finding(("chronic", field), f"comes before the first retry at {write_duration(first)}; put it later")
