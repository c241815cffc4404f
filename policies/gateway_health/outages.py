"""An outage: only one probe at a time is charged, after pauses that grow while probes fail; three good ones end it.

Values in, values out: the store keeps the rows, and lets only one of many who ask have the probe.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from policies.base import Record, UtcTime
from policies.gateway_health.calls import Call, Scope

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
PROBES_WANTED = 3
LEASE = timedelta(minutes=2)
"""How long a probe may take before another one is let through: more than the longest call (55 s) and what is read
before it."""


class Outage(Record):
    """`pause`: until the next probe, once this one has failed too. `probe_key`: of the charge that has the probe now;
    its lease ends at `next_probe_at`."""

    scope: Scope
    because: str
    began_at: UtcTime
    pause: timedelta = FIRST_PAUSE
    next_probe_at: UtcTime
    good_probes: int = 0
    probe_key: str | None = None
    ended_at: UtcTime | None = None


class Admitted(Record):
    """The charge may be made. `probes`: the outages whose probe it is."""

    probes: tuple[Scope, ...] = ()


class NotNow(Record):
    because: str
    free_at: UtcTime


def opened(scope: Scope, because: str, now: datetime) -> Outage:
    return Outage(scope=scope, because=because, began_at=now, next_probe_at=now + FIRST_PAUSE)


def admission(outages: Sequence[Outage], key: str, now: datetime) -> Admitted | NotNow:
    """Of the outages that a charge falls under. Whoever has the probe keeps it when asking again."""
    closed = [each for each in outages if each.probe_key != key and each.next_probe_at > now]
    if closed:
        last = max(closed, key=lambda outage: outage.next_probe_at)
        return NotNow(because=last.because, free_at=min(last.next_probe_at, now + LONGEST_PAUSE))
    return Admitted(probes=tuple(each.scope for each in outages))


def after_probe(outage: Outage, call: Call) -> Outage:
    """A failed probe starts the pause anew, twice as long; a good one resets it; one that shows nothing changes
    neither."""
    ended = call.at + timedelta(seconds=call.took_seconds)
    good = call.speaks_for(outage.scope.kind)
    if good is None:
        pause, probes = outage.pause, outage.good_probes
    elif good:
        pause, probes = FIRST_PAUSE, outage.good_probes + 1
    else:
        pause, probes = min(2 * outage.pause, LONGEST_PAUSE), 0
    return outage.model_copy(
        update={
            "pause": pause,
            "good_probes": probes,
            "next_probe_at": ended + pause,
            "probe_key": None,
            "ended_at": ended if probes >= PROBES_WANTED else None,
        }
    )
