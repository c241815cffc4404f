"""What is refused at the door although it is spelled right: a policy that cannot mean what it says (P5).

Each finding names the field, what is wrong and what to do. What is not spelled right is told in `spelling.py`; whether
the times fit together stands in `door_timeline.py`, whether a policy of a list is ever chosen in `reachable.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import time
from itertools import pairwise
from typing import Any

from policies.calendars import seasons
from policies.conditions import LISTED, Condition, TenureRange
from policies.declines import TREATMENTS, Retryable
from policies.document import (
    MAX_BYTES,
    Avoid,
    Contact,
    PolicyDocument,
    Retries,
    canonical_json,
)
from policies.door_timeline import timeline_findings
from policies.door_words import words_findings
from policies.events import CloseOutcome
from policies.findings import Finding, Path, twice
from policies.nearest_word import suggestion
from policies.reachable import is_reachable
from policies.written import WEEKDAYS, Hours, write_duration

UNPAID_ENDS = (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED)


def findings(policy: PolicyDocument) -> Iterator[Finding]:
    yield from _applies_when(policy)
    yield from _retries(policy.retries)
    yield from _contact(policy.contact)
    yield from words_findings(policy)
    yield from _service(policy)
    yield from timeline_findings(policy)
    size = len(canonical_json(policy))
    if size > MAX_BYTES:
        yield Finding((), f"the policy takes {size} bytes in every case, {MAX_BYTES} are allowed; shorten it")


# --- who it is for ----------------------------------------------------------------------------------------------------


def _applies_when(policy: PolicyDocument) -> Iterator[Finding]:
    if policy.applies_when is None:
        return
    found = list(_condition(policy.applies_when, ("applies_when",)))
    yield from found
    if not found and not is_reachable(policy.applies_when):
        yield Finding(("applies_when",), "no case can meet all of this at once; take out what contradicts the rest")


def _condition(condition: Condition, path: Path) -> Iterator[Finding]:
    if condition == Condition():
        yield Finding(path, "a condition without a field says nothing; name a field or leave it out")
    for field in (*LISTED, "tags"):
        yield from twice(getattr(condition, field) or (), (*path, field))
    for field, wanted in (("amount", condition.amount), ("tenure", condition.tenure)):
        if wanted == TenureRange():
            yield Finding((*path, field), "says nothing without a bound; give at_least, below or both, or leave it out")
        elif wanted:
            yield from _range(wanted.at_least, wanted.below, (*path, field))
    for n, part in enumerate(condition.all or ()):
        yield from _condition(part, (*path, "all", n))
    for n, part in enumerate(condition.any or ()):
        yield from _condition(part, (*path, "any", n))
    if condition.not_:
        yield from _condition(condition.not_, (*path, "not"))


def _range(at_least: Any, below: Any, path: Path) -> Iterator[Finding]:
    if at_least is not None and below is not None and below <= at_least:
        yield Finding((*path, "below"), "must be more than at_least, or nothing lies between them")


# --- retries ----------------------------------------------------------------------------------------------------------


def _retries(retries: Retries) -> Iterator[Finding]:
    for name, rungs in (("immediate", retries.immediate), ("ladder", retries.ladder)):
        for position, (earlier, later) in enumerate(pairwise(rungs), start=2):
            if later <= earlier:
                says = f"{name} rung {position} must come after rung {position - 1}; put them in order"
                yield Finding(("retries", name, position - 1), says)
    if retries.timing == "adaptive" and not retries.window:
        yield Finding(("retries", "timing"), "adaptive needs a window in which times are chosen, such as window: 28d")
    if retries.timing == "adaptive" and retries.window and retries.gap >= retries.window:
        earliest, latest = write_duration(retries.gap), write_duration(retries.window)
        says = f"ends at {latest}, and the first retry comes a gap of {earliest} after the failure, so there is none"
        yield Finding(("retries", "window"), f"{says}; widen it or shorten the gap")
    if retries.timing == "adaptive" and retries.ladder:
        yield Finding(("retries", "ladder"), "adaptive timing chooses its own times; leave the ladder out")
    if retries.timing == "ladder" and not retries.ladder:
        yield Finding(("retries",), "a ladder is missing; give its rungs, such as ladder: [1d, 3d, 6d]")
    if retries.timing == "ladder" and retries.window:
        yield Finding(("retries", "window"), "a window is for adaptive timing; leave it out or say timing: adaptive")
    yield from _maximum(retries)
    yield from _avoid(retries.avoid)


def _maximum(retries: Retries) -> Iterator[Finding]:
    most, rungs = retries.maximum, len(retries.ladder)
    of_all = f"{rungs}"
    if most >= rungs:
        rungs += len(retries.immediate)
        of_all = f"the {rungs} that a technical decline may use, immediate ones included"
    if most < rungs:
        says = f"maximum {most} never reaches rung {most + 1} of {of_all}; raise it or drop rungs"
        yield Finding(("retries", "maximum"), says)


def _avoid(avoid: Avoid) -> Iterator[Finding]:
    path: Path = ("retries", "avoid")
    yield from twice(avoid.weekdays, (*path, "weekdays"))
    yield from twice(avoid.seasons, (*path, "seasons"))
    if set(avoid.weekdays) == set(WEEKDAYS):
        yield Finding((*path, "weekdays"), "no day is left on which anything could be retried; take out a weekday")
    if _all_day(avoid.hours):
        yield Finding((*path, "hours"), "no hour is left in which anything could be retried; leave some free")
    for position, name in enumerate(avoid.seasons):
        yield from _season(name, (*path, "seasons", position))


def _season(name: str, path: Path) -> Iterator[Finding]:
    if name not in seasons.NAMES:
        yield Finding(path, f"there is no season {name!r}{suggestion(name, seasons.NAMES)}")
    elif name not in seasons.SHIFTING:
        says = f"nothing waits for {name} to end, it only keeps retries further apart; take it out"
        yield Finding(path, f"{says}, or wait for one of {', '.join(seasons.SHIFTING)}")


def _all_day(hours: Sequence[Hours]) -> bool:
    """Free time would begin where one of the ranges ends."""
    return bool(hours) and all(any(_holds(other, each.closes) for other in hours) for each in hours)


def _holds(hours: Hours, clock: time) -> bool:
    opens, closes = hours.opens, hours.closes
    return opens <= clock < closes if opens < closes else clock >= opens or clock < closes


# --- words ------------------------------------------------------------------------------------------------------------


def _contact(contact: Contact) -> Iterator[Finding]:
    hours = "closes must come after opens; the same time twice means all day"
    if contact.opens > contact.closes:
        yield Finding(("contact", "closes"), hours)
    for channel, own in contact.hours.items():
        if own.opens > own.closes:
            yield Finding(("contact", "hours", channel), hours)
    for category in contact.silent_window:
        if TREATMENTS[category].retryable is not Retryable.YES:
            says = "only the customer can help, so silence would lose time; leave it out"
            yield Finding(("contact", "silent_window", category.value), says)


# --- service and the end ----------------------------------------------------------------------------------------------


def _service(policy: PolicyDocument) -> Iterator[Finding]:
    for name, part in (("limit", policy.limit), ("suspend", policy.suspend)):
        if part and part.after is None and part.failures is None:
            yield Finding((name,), "give after, failures or both, so that it is clear when it happens")
    if policy.limit:
        yield from twice(policy.limit.takes, ("limit", "takes"))
        yield from twice(policy.limit.takes_recurring, ("limit", "takes_recurring"))
        for benefit in sorted({*policy.limit.takes} & {*policy.limit.takes_recurring}):
            yield Finding(("limit", "takes_recurring"), f"{benefit} stands in takes as well; name it once")
    if policy.close.outcome not in UNPAID_ENDS:
        says = "a policy closes as written_off or cancelled; the rest comes from the source alone"
        yield Finding(("close", "outcome"), says)
