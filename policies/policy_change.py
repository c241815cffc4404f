"""A fact: a running case was given another policy on purpose (P7). Whether it may be stands in `migration.py`."""

from policies.base import Record, UtcTime


class PolicyChange(Record):
    at: UtcTime
    actor: str
    reason: str
    from_edition: str
    to_edition: str
    from_sha256: str
    to_sha256: str
