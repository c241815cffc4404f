"""How often a customer may try to pay on their page: whoever tries stolen cards there tries many, and quickly.

Tries that did not succeed count, of all cases of the customer, and so do those that have not ended yet. People mistype
a card once or twice, so one mistake costs no wait. The numbers are ours.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from policies.base import Record, UtcTime

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PER_HOUR, PER_DAY = 5, 10
WAITS = {2: timedelta(seconds=30), 3: timedelta(minutes=2), 4: timedelta(minutes=10)}
"""After so many tries within an hour the next one waits that long, counted from the last."""


class Allowed(Record):
    kind: Literal["allowed"] = "allowed"


class Wait(Record):
    kind: Literal["wait"] = "wait"
    until: UtcTime


class AskPerson(Record):
    """No more tries for now: the page says whom to ask. `until`: when the page itself takes the next one."""

    kind: Literal["ask_person"] = "ask_person"
    until: UtcTime


Verdict = Allowed | Wait | AskPerson


def may_try(unsuccessful: Sequence[datetime], now: datetime) -> Verdict:
    """`unsuccessful`: the moments of this customer's earlier tries without success, in any order. Those ahead of `now`
    count as well: another process' clock may be a little fast."""
    today = sorted(at for at in unsuccessful if at > now - DAY)
    lately = [at for at in today if at > now - HOUR]
    full_until = [at + lasts for at, lasts in (*_full(today, PER_DAY, DAY), *_full(lately, PER_HOUR, HOUR))]
    if full_until:
        return AskPerson(until=max(full_until))
    if len(lately) in WAITS and now < (until := lately[-1] + WAITS[len(lately)]):
        return Wait(until=until)
    return Allowed()


def _full(tries: Sequence[datetime], most: int, window: timedelta) -> list[tuple[datetime, timedelta]]:
    """The try that has to leave the window before there is room again; none while there is."""
    return [(tries[-most], window)] if len(tries) >= most else []
