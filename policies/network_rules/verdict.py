"""The answer to "may it be tried now?": how many more, or which rule forbids it and when the next one is free."""

from typing import Literal

from policies.base import Record, UtcTime


class Allowed(Record):
    """`budget`: how many attempts are left now, this one included, by the tightest rule."""

    kind: Literal["allowed"] = "allowed"
    budget: int


class Refused(Record):
    """`free_at` None: never again on this credential."""

    kind: Literal["refused"] = "refused"
    rule: str
    free_at: UtcTime | None = None
    rule_id: str = ""
