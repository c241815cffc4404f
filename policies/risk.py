"""How likely a failed payment is bad luck, habit or fraud, from the customer's history, before dunning starts.

One-off, temporary, chronic, suspicious; every point has its reason. A suspicious case never gets an automatic retry
and says which signal; chronic ones go to the policy's firmer line. Weights: `data/risk.toml`.
"""

from collections.abc import Iterator
from enum import StrEnum

from policies.base import Record
from policies.package_data import settings

_WEIGHTS = settings(__package__, "risk.toml")
EDITION = f"risk {_WEIGHTS['version']}"


class RiskLevel(StrEnum):
    ONE_OFF = "one_off"
    TEMPORARY = "temporary"
    CHRONIC = "chronic"
    SUSPICIOUS = "suspicious"


class RiskReason(Record):
    """One thing that was seen and what it weighs."""

    signal: str
    points: int
    because: str


class Risk(Record):
    level: RiskLevel = RiskLevel.ONE_OFF
    points: int = 0
    reasons: tuple[RiskReason, ...] = ()
    edition: str = ""

    @property
    def signals(self) -> str:
        return "; ".join(reason.because for reason in self.reasons if reason.points >= 0)


class PaymentHistory(Record):
    """What is known of a customer before this case. Counts are of the days or hours in the name; None: not known.

    `account_changed_hours`: since the e-mail or postal address was last changed. `consecutive_failures` counts the
    present one.
    """

    payments_365d: int = 0
    failures_90d: int = 0
    consecutive_failures: int = 0
    written_off: int = 0
    disputes_365d: int = 0
    disputes_lost_365d: int = 0
    cards_tried_24h: int = 0
    cards_tried_30d: int = 0
    attempts_1h: int = 0
    tenure_days: int | None = None
    account_changed_hours: int | None = None


def assess(history: PaymentHistory) -> Risk:
    """Never raises; who has no history is a one-off."""
    suspicions = tuple(_suspicions(history))
    reasons = suspicions + tuple(reason for reason in _weighed(history) if reason.points)
    points = max(0, sum(reason.points for reason in reasons))
    return Risk(level=_level(points, bool(suspicions)), points=points, reasons=reasons, edition=EDITION)


def _level(points: int, suspicious: bool) -> RiskLevel:
    if suspicious:
        return RiskLevel.SUSPICIOUS
    if points >= _WEIGHTS["levels"]["chronic"]:
        return RiskLevel.CHRONIC
    return RiskLevel.TEMPORARY if points >= _WEIGHTS["levels"]["temporary"] else RiskLevel.ONE_OFF


def _suspicions(history: PaymentHistory) -> Iterator[RiskReason]:
    limits = _WEIGHTS["suspicious"]
    for signal, because in (
        ("cards_tried_24h", "cards tried within a day"),
        ("attempts_1h", "attempts within an hour"),
        ("disputes_lost_365d", "disputes lost within a year"),
    ):
        count = getattr(history, signal)
        if count >= limits[signal]:
            yield RiskReason(signal=signal, points=100, because=f"{count} {because}")
    changed = history.account_changed_hours
    if changed is not None and changed < limits["account_changed_hours"] and history.cards_tried_24h >= 2:
        because = f"account changed {changed} hours ago and {history.cards_tried_24h} cards tried since yesterday"
        yield RiskReason(signal="account_changed_hours", points=100, because=because)


def _weighed(history: PaymentHistory) -> Iterator[RiskReason]:
    yield _counted("failures_90d", history.failures_90d, "failure_90d", "failed payments within 90 days")
    again = max(0, history.consecutive_failures - 1)
    yield _counted("consecutive_failures", again, "consecutive_failure", "failures in a row before this one")
    yield _each("written_off", history.written_off, "written_off", "cases given up before")
    yield _each("disputes_365d", history.disputes_365d, "dispute", "disputes within a year")
    more_cards = max(0, history.cards_tried_30d - 2)
    yield _counted("cards_tried_30d", more_cards, "cards_tried_30d", "cards more than two tried within 30 days")
    yield _counted("payments_365d", history.payments_365d, "payment_365d", "payments that went well within a year")
    yield _tenure(history.tenure_days)


def _counted(signal: str, count: int, weight: str, what: str) -> RiskReason:
    points, most = count * _WEIGHTS["points"][weight], _WEIGHTS["points"][f"{weight}_most"]
    return RiskReason(
        signal=signal, points=max(points, most) if most < 0 else min(points, most), because=f"{count} {what}"
    )


def _each(signal: str, count: int, weight: str, what: str) -> RiskReason:
    return RiskReason(signal=signal, points=count * _WEIGHTS["points"][weight], because=f"{count} {what}")


def _tenure(days: int | None) -> RiskReason:
    weights = _WEIGHTS["points"]
    points = 0
    if days is not None and days < weights["short_tenure_days"]:
        points = weights["short_tenure"]
    elif days is not None and days >= weights["long_tenure_days"]:
        points = weights["long_tenure"]
    return RiskReason(signal="tenure_days", points=points, because=f"customer for {days} days")
