"""How likely a failed payment is bad luck, habit or fraud, from the customer's history, before dunning starts.

One-off, temporary, chronic, suspicious; every point has its reason. A suspicious case never gets an automatic retry.
"""

from enum import StrEnum

from policies.base import Record


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
