"""How a gateway is, and why. Thresholds are ours, chosen and reasoned in docs/gateways/health.md; no source has better.

`down` and `probing` are what an open outage makes; one opens when a call is recorded and `why_it_breaks` has an answer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from policies.base import Record, UtcTime
from policies.gateway_health.calls import Counts, Kind, Scope
from policies.gateway_health.outages import LONGEST_PAUSE, Outage
from policies.timing import spread_of

WINDOW, BASE = timedelta(minutes=10), timedelta(hours=24)
MIN_CALLS = 5
"""So many failures, or slow calls, before a share of them means anything."""
SHARE_DOWN, SHARE_DOWN_IN_SEASON = 0.5, 0.65
MANY_ISSUERS = 3
"""From so many on it is the gateway's line to the banks, not a bank."""
NOBODY_PROBED = timedelta(minutes=30)
"""Where no charge was due for so long, nobody knows whether the gateway still is out of order."""
ENOUGH_ANSWERS, APPROVAL_FELL = 50, 0.5
LONGEST_SPREAD = timedelta(minutes=30)


class State(StrEnum):
    """Best first. `degraded` is reported and holds nothing."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    PROBING = "probing"
    DOWN = "down"


class Figures(Record):
    """Of the last ten minutes; `usual_approval_rate`: of the last day. Rates are None while nobody was answered."""

    calls: int = 0
    failure_share: float = 0.0
    slow_share: float = 0.0
    approval_rate: float | None = None
    usual_approval_rate: float | None = None
    mean_seconds: float = 0.0
    longest_seconds: float = 0.0


class GatewayHealth(Record):
    """`gateway`: "gateway/account". `since`: of the outage that goes on. `last_began_at`, `last_ended_at`: of the one
    before, while cases still resume from it. `good_probes`: in a row, so far."""

    gateway: str
    scope: Scope
    state: State
    because: str
    since: UtcTime | None = None
    next_probe_at: UtcTime | None = None
    good_probes: int = 0
    last_began_at: UtcTime | None = None
    last_ended_at: UtcTime | None = None
    figures: Figures = Figures()

    def holds(self, now: datetime) -> bool:
        """Whether a charge must wait: an outage goes on, and its next probe is not due."""
        return self.next_probe_at is not None and self.next_probe_at > now

    def silences(self, now: datetime) -> bool:
        """Whether words and losses of service must wait: until a probe went well, or nobody had one to make."""
        if self.next_probe_at is None:
            return False
        return self.holds(now) or (not self.good_probes and now < self.next_probe_at + NOBODY_PROBED)


def judge(
    gateway: str,
    scope: Scope,
    recent: Counts,
    base: Counts,
    outage: Outage | None,
    now: datetime,
    season: bool,
    last: tuple[datetime, datetime] | None = None,
) -> GatewayHealth:
    """`recent`: over WINDOW, but since the last outage ended. `last`: begin and end of that one."""
    figures = _figures(scope, recent, base)
    if outage is None:
        because = _why_it_is_degraded(scope, recent, base, season)
        state = State.DEGRADED if because else State.HEALTHY
    else:
        is_half_open = outage.good_probes > 0 or outage.next_probe_at <= now
        state, because = State.PROBING if is_half_open else State.DOWN, outage.because
    return GatewayHealth(
        gateway=gateway,
        scope=scope,
        state=state,
        because=because or "as usual",
        since=outage.began_at if outage else None,
        next_probe_at=min(outage.next_probe_at, now + LONGEST_PAUSE) if outage else None,
        good_probes=outage.good_probes if outage else 0,
        last_began_at=last[0] if last else None,
        last_ended_at=last[1] if last else None,
        figures=figures,
    )


def why_it_breaks(scope: Scope, recent: Counts, season: bool) -> str | None:
    """Why an outage begins now; None when none does."""
    return _too_many(scope, recent, SHARE_DOWN_IN_SEASON if season else SHARE_DOWN)


def worst(found: Sequence[GatewayHealth]) -> GatewayHealth:
    """The first of the worst; with widest first that is the widest."""
    return max(found, key=lambda health: list(State).index(health.state))


def resume_at(health: GatewayHealth, case_id: str, now: datetime) -> datetime:
    """When this case looks again: after the next probe while an outage goes on, at once when none did lately. Cases are
    spread over half of what the outage took, so that they do not come all at once."""
    if health.since and health.next_probe_at and health.holds(now):
        return health.next_probe_at + spread_of(case_id, _spread(now - health.since))
    if health.since is None and health.last_began_at and health.last_ended_at:
        took = health.last_ended_at - health.last_began_at
        return max(now, health.last_ended_at + spread_of(case_id, _spread(took)))
    return now


def _spread(took: timedelta) -> timedelta:
    return max(timedelta(), min(LONGEST_SPREAD, took / 2))


def _why_it_is_degraded(scope: Scope, recent: Counts, base: Counts, season: bool) -> str | None:
    limit = (SHARE_DOWN_IN_SEASON if season else SHARE_DOWN) / 2
    return _too_many(scope, recent, limit) or _approves_less(recent, base)


def _too_many(scope: Scope, recent: Counts, limit: float) -> str | None:
    failed = _failed(scope, recent)
    if failed >= MIN_CALLS and failed >= limit * recent.calls:
        return f"{failed} of {recent.calls} calls failed in the last ten minutes"
    if recent.slow >= MIN_CALLS and recent.slow >= limit * recent.calls:
        return f"{recent.slow} of {recent.calls} calls took more than ten seconds in the last ten minutes"
    return None


def _approves_less(recent: Counts, base: Counts) -> str | None:
    now, usual = _approval(recent), _approval(base)
    if recent.approved + recent.declined < ENOUGH_ANSWERS or now is None or usual is None:
        return None
    return f"approves {now:.0%}, usually {usual:.0%}" if now < APPROVAL_FELL * usual else None


def _failed(scope: Scope, counts: Counts) -> int:
    """A bank that cannot be reached is not the account's fault, unless many cannot."""
    its_own = scope.kind is not Kind.ACCOUNT or counts.issuers_failing >= MANY_ISSUERS
    return counts.failed + (counts.issuer_failed if its_own else 0)


def _figures(scope: Scope, recent: Counts, base: Counts) -> Figures:
    calls = max(recent.calls, 1)
    return Figures(
        calls=recent.calls,
        failure_share=round(_failed(scope, recent) / calls, 3),
        slow_share=round(recent.slow / calls, 3),
        approval_rate=_approval(recent),
        usual_approval_rate=_approval(base),
        mean_seconds=round(recent.seconds / calls, 3),
        longest_seconds=round(recent.longest, 3),
    )


def _approval(counts: Counts) -> float | None:
    answers = counts.approved + counts.declined
    return round(counts.approved / answers, 3) if answers else None
