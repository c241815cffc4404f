"""The fraud port: asked right before every charge. A suspicious charge is not made; a person decides."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from policies.base import Record
from policies.instruments import Initiator
from policies.money import Money


class FraudQuestion(Record):
    """`recent_tries`: tries on the customer's page within the last hour without success, this one included; cards are
    tested by trying many."""

    customer_id: str
    credential_id: str
    amount: Money
    now: datetime
    initiator: Initiator = Initiator.MERCHANT
    recent_tries: int = 0


class Clear(Record):
    kind: Literal["clear"] = "clear"


class Suspicious(Record):
    kind: Literal["suspicious"] = "suspicious"
    signals: tuple[str, ...]


FraudVerdict = Annotated[Clear | Suspicious, Field(discriminator="kind")]


class FraudCheck(Protocol):
    name: str

    async def assess(self, question: FraudQuestion) -> FraudVerdict:
        """Raises Unavailable or Misconfigured; nothing is charged unchecked."""
        ...
