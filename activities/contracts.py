"""All that workflows see of the world: one request and one answer per activity, and the signatures.

Each class below is implemented in the file of its name: `cases.py`, `deciding.py`, `charging.py`, `messaging.py`,
`notices.py`, `service.py`. Every request and answer may stand in a history: additive with defaults, no names, no
addresses.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field
from temporalio import activity

from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.document import Contact, PolicyDocument, PolicySnapshot
from policies.events import CloseOutcome, OpeningEvent
from policies.facts import AccessLevel, CaseFacts, Outcome
from policies.instruments import Initiator, Instrument
from policies.invoices import InvoiceNow
from policies.keys import CaseRef
from policies.money import Money
from policies.notices import Notice
from policies.said import MessageStatus
from policies.steps import Purpose, Step, Words
from policies.story import Line, Shown


class OpenRequest(Record):
    """`told`: the event that opens the case; what it does not say is fetched."""

    case: CaseRef
    now: UtcTime
    told: OpeningEvent | None = None


class Opened(Record):
    """What the case starts with. `segment` is the customer's when the policy was chosen."""

    facts: CaseFacts
    policy: PolicySnapshot
    segment: str


class DecideRequest(Record):
    policy: PolicyDocument
    facts: CaseFacts
    segment: str
    now: UtcTime


class Decided(Record):
    """The step, and what the Temporal UI shows of the case until the next one."""

    step: Step
    shown: Shown


class ChargeRequest(Record):
    """`key` is minted from case and ordinal; `gateway` names the adapter, or only its kind where a case was decided on
    before there were several. `gateway_customer_id`: the customer as it names them, None: as the invoice does. The
    customer initiates the charge of a credential they just gave. `retries_at`, `retries_itself`: what the decision knew
    of the retries that the source makes itself. `owed`: all that was owed when it was decided, None: `amount`. `keep`
    false: the customer lent this way to pay for once."""

    case: CaseRef
    ordinal: int
    key: str
    gateway: str
    customer_id: str
    credential_id: str
    amount: Money
    now: UtcTime
    instrument: Instrument = Instrument()
    initiator: Initiator = Initiator.MERCHANT
    gateway_customer_id: str | None = None
    retries_at: UtcTime | None = None
    retries_itself: bool = False
    owed: Money | None = None
    keep: bool = True


class Renewed(Record):
    """The card that a network's account updater put in the place of one that was refused; perhaps under its old id."""

    credential_id: str
    instrument: Instrument = Instrument()


class Attempted(Record):
    """`credential_id` and `amount` are set when the ledger knows the key for another attempt than the one asked for:
    a history that was reset forgets attempts, the ledger does not. `renewed`: what may be charged instead. `keeps`: the
    customer gave the way to pay and it has paid, so later invoices are to be charged to it."""

    kind: Literal["attempted"] = "attempted"
    outcome: Outcome
    decline: Decline | None = None
    credential_id: str | None = None
    amount: Money | None = None
    renewed: Renewed | None = None
    keeps: bool = False


class RefusedByRule(Record):
    """Nothing was sent: a rule forbids the attempt; without `free_at` for good. `by_gateway`: it is out of order."""

    kind: Literal["refused"] = "refused"
    rule: str
    free_at: UtcTime | None = None
    by_gateway: bool = False


class Stale(Record):
    """Nothing was done: the invoice is no longer what the step was decided on."""

    kind: Literal["stale"] = "stale"
    invoice: InvoiceNow


class FraudSuspected(Record):
    """Nothing was sent: the fraud check is suspicious."""

    kind: Literal["fraud_suspected"] = "fraud_suspected"
    signals: tuple[str, ...]


ChargeAnswer = Annotated[Attempted | RefusedByRule | Stale | FraudSuspected, Field(discriminator="kind")]


class LookUpRequest(Record):
    """`only_reads`: a gateway that can only be asked by repeating the request is not asked. `keep`: the customer gave
    what was charged, and it is to be kept."""

    key: str
    gateway: str
    attempted_at: UtcTime
    now: UtcTime
    only_reads: bool = False
    keep: bool = False


KEEP_TRIES = 3
"""Service comes back after it, so it must not take long; then a person does it."""


class KeepRequest(Record):
    """`key`: of the attempt that it has paid. `gateway_customer_id`: as in ChargeRequest."""

    case: CaseRef
    key: str
    gateway: str
    customer_id: str
    credential_id: str
    now: UtcTime
    gateway_customer_id: str | None = None


class MessageRequest(Record):
    """`channels` in order of preference. `only_while_unpaid` false for words that follow a payment. `rules`: how often
    and when the customer may be written to; None: of a case that was decided before there were any. `wording`: another
    than the usual one; `variant`: which trial it belongs to, `held_out`: nobody is written to."""

    case: CaseRef
    key: str
    customer_id: str
    template: str
    channels: tuple[str, ...]
    words: Words
    now: UtcTime
    only_while_unpaid: bool = True
    name: str = ""
    purpose: Purpose = Purpose.SCHEDULED
    rules: Contact | None = None
    wording: str | None = None
    variant: str | None = None
    held_out: bool = False


class Messaged(Record):
    """`channel` is the one that took the message, None when none did. `covers`: other cases of the customer that it
    names; `covered_by`: the message that named this case, so that none was sent. `asked`: the channels that were open
    when it was sent, where those are not the ones asked for."""

    kind: Literal["messaged"] = "messaged"
    status: MessageStatus
    channel: str | None = None
    covers: tuple[str, ...] = ()
    covered_by: str | None = None
    asked: tuple[str, ...] = ()


class Deferred(Record):
    """Nothing was sent: a contact rule forbids it until then, or, without `until`, in this case for good."""

    kind: Literal["deferred"] = "deferred"
    because: str
    until: UtcTime | None = None


MessageAnswer = Annotated[Messaged | Stale | Deferred, Field(discriminator="kind")]


class NoticeRequest(Record):
    notice: Notice
    now: UtcTime


NoticeAnswer = Annotated[Messaged | Deferred, Field(discriminator="kind")]


class AccessRequest(Record):
    case: CaseRef
    key: str
    customer_id: str
    level: AccessLevel
    takes: tuple[str, ...]
    due: Money
    now: UtcTime


class AccessChanged(Record):
    kind: Literal["access_changed"] = "access_changed"
    benefits_taken: tuple[str, ...] = ()


AccessAnswer = Annotated[AccessChanged | Stale, Field(discriminator="kind")]


class EscalateRequest(Record):
    case: CaseRef
    key: str
    customer_id: str
    to: str
    words: Words
    now: UtcTime
    story: tuple[Line, ...] = ()


class CloseRequest(Record):
    """`happened_at`: the source time of the fact that closed the case; later news is judged against it. `unsettled`: an
    attempt that still has no clear answer. `at_source`: how the claim is to end at the system that owns it."""

    case: CaseRef
    outcome: CloseOutcome
    because: str
    happened_at: UtcTime
    attempts: int
    messages: int
    unsettled: LookUpRequest | None
    timeline: tuple[Line, ...]
    now: UtcTime
    at_source: Literal["leave", "mark_uncollectible", "cancel_subscription"] = "leave"


class CaseActivities(ABC):
    """The case's first and last act."""

    @activity.defn
    @abstractmethod
    async def open_case(self, request: OpenRequest) -> Opened: ...

    @activity.defn
    @abstractmethod
    async def read_invoice(self, request: OpenRequest) -> InvoiceNow: ...

    @activity.defn
    @abstractmethod
    async def close_case(self, request: CloseRequest) -> None: ...


class DecidingActivities(ABC):
    """Runs as a local activity: its answer stands in the history, so new decision code cannot break replay."""

    @activity.defn
    @abstractmethod
    async def decide(self, request: DecideRequest) -> Decided: ...


class ChargingActivities(ABC):
    @activity.defn
    @abstractmethod
    async def charge(self, request: ChargeRequest) -> ChargeAnswer: ...

    @activity.defn
    @abstractmethod
    async def look_up(self, request: LookUpRequest) -> Attempted: ...

    @activity.defn
    @abstractmethod
    async def keep_for_later(self, request: KeepRequest) -> None: ...


class MessagingActivities(ABC):
    @activity.defn
    @abstractmethod
    async def send_message(self, request: MessageRequest) -> MessageAnswer: ...

    @activity.defn
    @abstractmethod
    async def escalate(self, request: EscalateRequest) -> Messaged: ...


class NoticeActivities(ABC):
    @activity.defn
    @abstractmethod
    async def send_notice(self, request: NoticeRequest) -> NoticeAnswer: ...


class ServiceActivities(ABC):
    @activity.defn
    @abstractmethod
    async def change_access(self, request: AccessRequest) -> AccessAnswer: ...
