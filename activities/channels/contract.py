"""The channel port. A message is sent at most once: whoever is unsure says Unclear, and it is never sent again."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from policies.base import Record
from policies.keys import CustomerRef


class Attachment(Record):
    """A text file that goes with an e-mail; channels without attachments leave it out."""

    name: str
    content_type: str
    text: str


class Letter(Record):
    """One rendered message. `key` is unique per message and channel; `address` is the customer's on this channel.

    `html`: of an e-mail, beside its text. `link`: where the customer can act. `unsubscribe`: where they end messages of
    this channel; without one the channel says nothing of it. `template`, `stage`: what is said and how firmly
    (`policies.document.STAGES`). `locale`: of the words; `direction`: how they are written.
    """

    key: str
    case_id: str
    address: str
    subject: str
    text: str
    now: datetime
    html: str | None = None
    link: str | None = None
    unsubscribe: str | None = None
    customer: CustomerRef | None = None
    template: str = ""
    stage: str = ""
    locale: str = "en"
    direction: Literal["ltr", "rtl"] = "ltr"
    attachments: tuple[Attachment, ...] = ()


class Accepted(Record):
    """The provider has it. `reference`: its own id of it, which its receipts repeat."""

    kind: Literal["accepted"] = "accepted"
    reference: str


class NotSent(Record):
    """An explicit refusal: the next channel may be tried. `withdrawn`: what it says of the address for good: the person
    has opted out there, or nothing is behind it any more."""

    kind: Literal["not_sent"] = "not_sent"
    reason: str
    withdrawn: Literal["opted_out", "gone"] | None = None


class Unclear(Record):
    """It may have been sent: never resent. `reference`: the provider's id, where it gave one."""

    kind: Literal["unclear"] = "unclear"
    reason: str
    reference: str | None = None


SendOutcome = Annotated[Accepted | NotSent | Unclear, Field(discriminator="kind")]


class Channel(Protocol):
    """`receipts`: whether the provider tells later what became of a message; then one without a clear answer counts as
    undelivered when none came in time."""

    name: str
    receipts: bool

    async def send(self, letter: Letter) -> SendOutcome:
        """Raises Unavailable or RateLimited (certainly not sent) or Misconfigured."""
        ...
