"""How one inbox row ends (promise P1)."""

from datetime import timedelta

from policies.base import Record
from policies.events import AnyEvent, Ignored

RPC_PATIENCE = timedelta(seconds=10)
"""For one call to Temporal; a row that meets a longer silence is delivered later."""


class Delivered(Record):
    """`case_id` None: it was news of a customer, and went to the directory; `customer_id`: whose."""

    case_id: str | None
    customer_id: str | None = None


class Dead(Record):
    """`reason`: a word for programs. `event`: what it would have been, as far as it could be read."""

    reason: str
    detail: str
    field: str | None = None
    event: AnyEvent | None = None


Fate = Delivered | Ignored | Dead
