"""The channel port. A message is sent at most once: whoever is unsure says Unclear, and it is never sent again."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from policies.base import Record


class Letter(Record):
    """One rendered message. `key` is unique per message and channel; `address` is the customer's on this channel."""

    key: str
    case_id: str
    address: str
    subject: str
    text: str
    now: datetime


class Accepted(Record):
    kind: Literal["accepted"] = "accepted"
    reference: str


class NotSent(Record):
    """An explicit refusal: the next channel may be tried."""

    kind: Literal["not_sent"] = "not_sent"
    reason: str


class Unclear(Record):
    """It may have been sent: never resent."""

    kind: Literal["unclear"] = "unclear"
    reason: str


SendOutcome = Annotated[Accepted | NotSent | Unclear, Field(discriminator="kind")]


class Channel(Protocol):
    name: str

    async def send(self, letter: Letter) -> SendOutcome:
        """Raises Unavailable (certainly not sent) or Misconfigured."""
        ...
