"""Which of the candidate times a retry takes: the best chance, less what waiting costs.

The tries that are left must fit into the window, so each looks ahead over its share of what remains; the last one may
wait for the best day of all.
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

from policies.due import to_the_minute
from policies.situation import Situation
from policies.timing.candidates import Candidate, scored, times_left, window_of
from policies.timing.model import SHIPPED, TimingModel

SHOWN_REJECTED = 3
SHOWN_PARTS = 3
PREFIX = "adaptive-"
FIRST = f"{PREFIX}1"


class Chosen(NamedTuple):
    """`due`: when the policy wanted it, before days that it avoids put it off."""

    at: datetime
    due: datetime
    name: str
    because: str
    rejected: tuple[str, ...]
    edition: str


def choose(here: Situation, now: datetime, model: TimingModel = SHIPPED) -> Chosen | None:
    """None when no time is left in the window. Asked again later, without news, the answer is the same."""
    times = times_left(here, now)
    if not times:
        return None
    since, until = window_of(here)
    left = max(1, here.policy.retries.maximum - here.attempts_made)
    horizon = max(since + max((until - since) / left, 2 * here.policy.retries.gap), min(times))
    # What is out of reach is not chosen whatever its chance, so its chance is not asked for.
    in_reach = scored(here, {at: due for at, due in times.items() if at <= horizon}, now, model)
    cost = model.waiting["per_day"] + model.waiting["per_day_and_try_left"] * left

    def worth(candidate: Candidate) -> float:
        return candidate.score * math.exp(-cost * ((candidate.at - since) / timedelta(days=1)))

    ranked = sorted(in_reach, key=lambda candidate: (-worth(candidate), candidate.at))
    best, others = ranked[0], ranked[1 : 1 + SHOWN_REJECTED]
    used = sum(1 for rung in here.rungs_used if is_chosen(rung))
    return Chosen(
        at=best.at,
        due=best.due,
        name=f"{PREFIX}{used + 1}",
        because=_because(best, len(in_reach)),
        rejected=tuple(_why_not(other, best) for other in others),
        edition=model.edition,
    )


def is_chosen(rung: str) -> bool:
    """Whether the place in the timeline is a time that was chosen, and not one that the policy names."""
    return rung.startswith(PREFIX)


def _because(best: Candidate, count: int) -> str:
    strongest = sorted(best.parts, key=lambda part: -abs(part[1]))[:SHOWN_PARTS]
    reasons = ", ".join(f"{name} ({points:+.2f})" for name, points in strongest)
    return f"best of {count} times, chance {best.score:.2f}: {reasons}"


def _why_not(other: Candidate, best: Candidate) -> str:
    why = "waits longer" if other.at > best.at else "less likely"
    return f"charge at {to_the_minute(other.at)}, chance {other.score:.2f}: {why}"
