"""What `recoup doctor` found out about one thing."""

from typing import Literal

from policies.base import Record


class Finding(Record):
    """`way_out` is empty when all is well."""

    what: str
    status: Literal["ok", "warning", "failed"]
    says: str
    way_out: str = ""
