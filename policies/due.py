"""What may come next, before one is chosen: when, what, and how to make the step. Only the chosen one is made."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from policies.steps import AnyStep, Basis


class Due(NamedTuple):
    """`make` takes the moment at which the step is carried out: `at`, or now when that is past; and why that one."""

    at: datetime
    kind: str
    make: Callable[[datetime, Basis], AnyStep]

    def put_off(self) -> str:
        return f"{self.kind} at {to_the_minute(self.at)}: later"


def to_the_minute(at: datetime) -> str:
    """Written out: a decision names several, and `isoformat` takes twice as long, to find the offset as well."""
    return f"{at.year:04}-{at.month:02}-{at.day:02} {at.hour:02}:{at.minute:02}"


def in_turn(due: datetime, opens: datetime, now: datetime) -> datetime:
    """What is overdue keeps its place among all that is overdue, unless it has to wait until something opens."""
    return opens if opens > now else due


@lru_cache(maxsize=1024)
def after_the_failure(span: timedelta) -> str:
    return f"{in_days(span)} after the failure" if span else "as soon as the payment has failed"


def in_days(span: timedelta) -> str:
    hours = int(span.total_seconds()) // 3600
    if hours % 24 == 0:
        return f"{hours // 24} days" if hours != 24 else "1 day"
    return f"{hours} hours"
