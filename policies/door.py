"""What must be right about a policy as a whole before it is let in: one timeline, every part of it reachable (P5).

Each finding names the path of the field, what is wrong and what to do. Single values are checked where they are
declared, in `document.py`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from policies.calendars import seasons
from policies.document import PolicyDocument
from policies.written import write_duration

USEFUL_WITHIN = timedelta(days=14)
"""A retry so soon after the failure may still save the service: at least 70 % of what is ever recovered should have
come by then (own target, after Recurly's study of 2018: best from day 2 to 12). Later ones may follow suspension."""

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    path: Path
    says: str


def findings(policy: PolicyDocument) -> Iterator[Finding]:
    yield from _what_never_happens(policy)
    yield from _retries(policy)
    yield from _service(policy)
    yield from _messages(policy)
    yield from _firmer_line(policy)


def _what_never_happens(policy: PolicyDocument) -> Iterator[Finding]:
    end = policy.close.after
    for path, what, after in _scheduled(policy):
        if after >= end:
            says = f"{what} at {write_duration(after)} never happens: the case closes at {write_duration(end)}"
            yield Finding(path, says)
    for path, what, wait in _waits(policy):
        if wait >= end:
            says = f"{what} of {write_duration(wait)} is longer than the case, which closes at {write_duration(end)}"
            yield Finding(path, f"{says}; shorten it")


def _scheduled(policy: PolicyDocument) -> Iterator[tuple[Path, str, timedelta]]:
    for n, after in enumerate(policy.retries.ladder):
        yield ("retries", "ladder", n), f"ladder rung {n + 1}", after
    for n, after in enumerate(policy.retries.immediate):
        yield ("retries", "immediate", n), f"immediate rung {n + 1}", after
    for n, message in enumerate(policy.messages):
        if message.after is not None:
            yield ("messages", n, "after"), f"message {message.name}", message.after
    for n, offer in enumerate(policy.offers):
        yield ("offers", n, "after"), f"offer {n + 1}", offer.after
    for name in ("limit", "suspend", "escalate"):
        part = getattr(policy, name)
        if part and part.after is not None:
            yield (name, "after"), name, part.after


def _waits(policy: PolicyDocument) -> Iterator[tuple[Path, str, timedelta]]:
    yield ("retries", "gap"), "the gap", policy.retries.gap
    yield ("retries", "spread"), "the spread", policy.retries.spread
    yield ("contact", "gap"), "the gap", policy.contact.gap
    yield ("grace",), "the grace", policy.grace
    if policy.retries.window:
        yield ("retries", "window"), "the window", policy.retries.window
    for category, wait in policy.contact.silent_window.items():
        yield ("contact", "silent_window", category.value), "the silent window", wait


def _retries(policy: PolicyDocument) -> Iterator[Finding]:
    retries = policy.retries
    if retries.timing == "adaptive" and retries.window is None:
        yield Finding(("retries", "timing"), "adaptive needs a window in which times are chosen, such as window: 28d")
    if retries.timing == "adaptive" and retries.ladder:
        yield Finding(("retries", "ladder"), "adaptive timing chooses its own times; leave the ladder out")
    if retries.timing == "ladder" and not retries.ladder:
        yield Finding(("retries",), "a ladder is missing; give its rungs, such as ladder: [1d, 3d, 6d]")
    if retries.timing == "ladder" and retries.window:
        yield Finding(("retries", "window"), "a window is for adaptive timing; leave it out or say timing: adaptive")
    rungs = len(retries.ladder)
    if retries.maximum < rungs:
        says = f"maximum {retries.maximum} never reaches rung {retries.maximum + 1} of {rungs}"
        yield Finding(("retries", "maximum"), f"{says}; raise it or drop rungs")
    for n, name in enumerate(retries.avoid.seasons):
        if name not in seasons.NAMES:
            yield Finding(
                ("retries", "avoid", "seasons", n), f"{name!r} is no season; there are {', '.join(seasons.NAMES)}"
            )


def _service(policy: PolicyDocument) -> Iterator[Finding]:
    limit, suspend = policy.limit, policy.suspend
    if suspend and suspend.after is not None:
        useful = [after for after in policy.retries.ladder if after <= USEFUL_WITHIN]
        if useful and suspend.after <= max(useful):
            says = f"suspend at {write_duration(suspend.after)} comes before the retry at {write_duration(max(useful))}"
            yield Finding(("suspend", "after"), f"{says}, which may still save it; suspend later or retry earlier")
        if policy.grace > suspend.after:
            yield Finding(("grace",), f"the grace outlasts suspend at {write_duration(suspend.after)}; suspend later")
    if limit and suspend and limit.after is not None and suspend.after is not None and limit.after >= suspend.after:
        yield Finding(("limit", "after"), "limit must come before suspend; give it an earlier time or leave it out")
    if limit:
        taken = (*limit.takes, *limit.takes_recurring)
        for name in sorted({name for name in taken if taken.count(name) > 1}):
            yield Finding(("limit",), f"{name} is taken twice; name it once, the non-recurring ones under takes")
    for name in ("limit", "suspend"):
        part = getattr(policy, name)
        if part and part.failures:
            yield from _reachable((name, "failures"), part.failures, policy)


def _reachable(path: Path, failures: int, policy: PolicyDocument) -> Iterator[Finding]:
    most = policy.retries.maximum + 1
    if failures > most:
        yield Finding(path, f"{failures} failures never happen: with {policy.retries.maximum} retries there are {most}")


def _messages(policy: PolicyDocument) -> Iterator[Finding]:
    names = [message.name for message in policy.messages]
    for n, message in enumerate(policy.messages):
        path: Path = ("messages", n)
        if message.name in names[:n]:
            yield Finding((*path, "name"), "two messages have one name; a message is sent once per name")
        if message.failures:
            yield from _reachable((*path, "failures"), message.failures, policy)
        silence = min((policy.silence_for(category) for category in message.categories), default=timedelta())
        if message.after is not None and message.after < silence:
            says = f"message {message.name} is due before the silent window of {write_duration(silence)} ends"
            yield Finding((*path, "after"), f"{says}; send it later or shorten the window")


def _firmer_line(policy: PolicyDocument) -> Iterator[Finding]:
    firmer = policy.chronic
    if firmer is None:
        return
    limit, suspend = policy.limit, policy.suspend
    if firmer.maximum and firmer.maximum > policy.retries.maximum:
        yield Finding(("chronic", "maximum"), "a firmer line has no more retries than the usual one; lower it")
    for name, value, usual in (
        ("limit_after", firmer.limit_after, limit.after if limit else None),
        ("suspend_after", firmer.suspend_after, suspend.after if suspend else None),
        ("close_after", firmer.close_after, policy.close.after),
    ):
        if value is None:
            continue
        if usual is None:
            yield Finding(("chronic", name), "there is no such step for everybody else; add it or leave this out")
        elif value > usual:
            yield Finding(("chronic", name), "a firmer line is not later than the usual one; give a smaller value")
