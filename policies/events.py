"""What sources and people tell a case. One model whoever spoke; the raw bytes stay in the inbox.

Two times, never mixed up: `happened_at` is the source's own time stamp (order is repaired by it), and a fact's `at`
is the case's time when the news arrived. Every payload is one model, so it can be sent from the Temporal UI.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from policies.base import NO_CARD_NUMBER, Code, Identifier, Record, ShortText, UtcTime
from policies.declines import CustomerAction, Decline
from policies.instruments import Instrument
from policies.money import Money


class SourceEvent(Record):
    """`event_id` is the inbox row it came from; a case ignores ids it has seen. `version`: the source's own count of
    changes where it has one; it orders what happened in one second."""

    event_id: Annotated[str, NO_CARD_NUMBER]
    happened_at: UtcTime
    invoice_id: Identifier
    version: int = 0
    customer_id: Identifier | None = None


class _UnpaidClaim(SourceEvent):
    """`amount`: what is still owed, as far as the source says. `retries_at`: when the source will try again itself;
    `retries_itself`: it will, and does not say when."""

    amount: Money | None = None
    subscription_id: Identifier | None = None
    credential_id: Identifier | None = None
    retries_at: UtcTime | None = None
    retries_itself: bool = False


class PaymentFailed(_UnpaidClaim):
    kind: Literal["payment_failed"] = "payment_failed"
    decline: Decline | None = None


class ActionRequired(_UnpaidClaim):
    """The payment waits for the customer to confirm it (3-D Secure)."""

    kind: Literal["action_required"] = "action_required"


class PaymentSucceeded(SourceEvent):
    """`paid`: None where the source tells no sums (GoCardless); then all that was owed was paid. `remaining`: what is
    still owed after a part payment; left out, the claim is settled."""

    kind: Literal["payment_succeeded"] = "payment_succeeded"
    paid: Money | None = None
    remaining: Money | None = None
    out_of_band: bool = False


class InvoiceVoided(SourceEvent):
    kind: Literal["invoice_voided"] = "invoice_voided"


class SubscriptionCancelled(SourceEvent):
    kind: Literal["subscription_cancelled"] = "subscription_cancelled"


class DisputeOpened(SourceEvent):
    kind: Literal["dispute_opened"] = "dispute_opened"
    dispute_id: Identifier


class DisputeClosed(SourceEvent):
    kind: Literal["dispute_closed"] = "dispute_closed"
    dispute_id: Identifier
    won: bool


class FraudWarning(SourceEvent):
    """A network or a gateway suspects the payment. `signal`: its own word for the reason."""

    kind: Literal["fraud_warning"] = "fraud_warning"
    signal: Code


class MethodChange(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    REMOVED = "removed"
    EXPIRED = "expired"


class PaymentMethodChanged(SourceEvent):
    """The customer's way to pay changed at the source. `credential_id`: the one that is charged from now on, or that
    was removed or has expired; None when the source does not say."""

    kind: Literal["payment_method_changed"] = "payment_method_changed"
    change: MethodChange
    credential_id: Identifier | None = None


class MandateChanged(SourceEvent):
    """`active`: debits may be collected again, under `replaced_by` if that is set. Otherwise the mandate has ended, and
    `decline` says why."""

    kind: Literal["mandate_changed"] = "mandate_changed"
    mandate_id: Identifier
    active: bool
    replaced_by: Identifier | None = None
    decline: Decline | None = None


class AttemptSettled(Record):
    """A gateway said what became of an attempt of ours, by its `key`; what it said stands in the attempt ledger. Told
    by the relay, whatever event it came in."""

    kind: Literal["attempt_settled"] = "attempt_settled"
    event_id: Annotated[str, NO_CARD_NUMBER]
    happened_at: UtcTime
    key: Identifier


MessageWhat = Literal["delivered", "undelivered", "opened", "clicked", "complained", "opted_out"]


class MessageReported(Record):
    """What a provider told of a message of this case, by its `key`; told by the relay."""

    kind: Literal["message_reported"] = "message_reported"
    event_id: Annotated[str, NO_CARD_NUMBER]
    happened_at: UtcTime
    key: Identifier
    channel: str
    what: MessageWhat


class CustomerChanged(SourceEvent):
    """What changed is personal: it goes to the customer directory and into no case."""

    kind: Literal["customer_changed"] = "customer_changed"
    customer_id: Identifier


OpeningEvent = PaymentFailed | ActionRequired
CaseEvent = Annotated[
    PaymentFailed
    | ActionRequired
    | PaymentSucceeded
    | InvoiceVoided
    | SubscriptionCancelled
    | DisputeOpened
    | DisputeClosed
    | FraudWarning
    | PaymentMethodChanged
    | MandateChanged,
    Field(discriminator="kind"),
]
AnyEvent = Annotated[CaseEvent | CustomerChanged, Field(discriminator="kind")]
"""All that a source can tell us; a case is told everything but changes of the customer's data."""


class IgnoredBecause(StrEnum):
    """Why an event became no fact of any case (promise P1); every inbox row that is not delivered carries one."""

    UNKNOWN_TYPE = "unknown_type"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    LATE = "late"
    NOT_DUNNING = "not_dunning"


class Ignored(Record):
    reason: IgnoredBecause
    detail: str


class Unreadable(Record):
    """The event should have become a fact and could not: a dead letter."""

    field: str
    reason: str


class Action(Record):
    """Something a customer or a colleague does to a case. `action_id` makes repeating it harmless. The API forbids
    unknown fields; a worker that is older than the sender ignores them rather than losing the action."""

    action_id: Annotated[str, Field(min_length=1, max_length=200), NO_CARD_NUMBER]


TokenOfCard = Identifier

GatewayName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(/[A-Za-z0-9_.\-]{1,100})?$"), NO_CARD_NUMBER]
"""A gateway account: "gateway/account"."""

Why = ShortText
"""The reason of somebody who acts, as it is taken at the door."""


class CustomerPays(Action):
    """The customer lets a way to pay be charged at once: the gateway's token of it, never card data. `gateway`:
    "gateway/account" that keeps it and names the customer `gateway_customer_id`; None: the invoice's own."""

    credential_id: TokenOfCard
    gateway: GatewayName | None = None
    gateway_customer_id: Identifier | None = None
    instrument: Instrument = Instrument()


class UpdatePaymentMethod(CustomerPays):
    """`keep` false: lent for this once. `amount`: a part of what is owed; None: all of it."""

    kind: Literal["update_payment_method"] = "update_payment_method"
    keep: bool = True
    amount: Money | None = None


class Instalment(Record):
    at: UtcTime
    amount: Money


class AgreePlan(CustomerPays):
    """What is owed is paid in parts, the first at once; `at` of the first is when it was agreed."""

    kind: Literal["agree_plan"] = "agree_plan"
    instalments: Annotated[tuple[Instalment, ...], Field(min_length=2, max_length=24)]


class PromiseToPay(Action):
    """The customer names the moment from which all may be charged."""

    kind: Literal["promise_to_pay"] = "promise_to_pay"
    due_at: UtcTime


MistakeTopic = Literal["wrong_amount", "already_paid", "cancelled_before", "not_mine", "something_else"]


class ReportMistake(Action):
    """The customer says that the claim is wrong. What they wrote is personal: it goes to a person, into no case."""

    kind: Literal["report_mistake"] = "report_mistake"
    topic: MistakeTopic


class AskForHelp(Action):
    """The customer wants to talk to a person."""

    kind: Literal["ask_for_help"] = "ask_for_help"


class CustomerDid(Record):
    """What a customer was seen to do on their page; told by the relay. `method`: of what kind the way to pay was."""

    kind: Literal["customer_did"] = "customer_did"
    event_id: Annotated[str, NO_CARD_NUMBER]
    happened_at: UtcTime
    what: Literal["opened_page", "chose_method", "left_fields", "tried_to_pay", "was_answered"]
    method: Code | None = None


class OpsAction(Action):
    actor: ShortText
    reason: ShortText


class Pause(OpsAction):
    kind: Literal["pause"] = "pause"


class Resume(OpsAction):
    kind: Literal["resume"] = "resume"


class CloseOutcome(StrEnum):
    RECOVERED = "recovered"
    WRITTEN_OFF = "written_off"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"


def _by_a_person(outcome: CloseOutcome) -> CloseOutcome:
    if outcome not in (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED):
        raise ValueError(f"a person may close a case as written_off or cancelled, not as {outcome.value}")
    return outcome


class CloseCase(OpsAction):
    """People may give a claim up or cancel it; recovered and disputed come from the source alone."""

    kind: Literal["close"] = "close"
    outcome: Annotated[CloseOutcome, AfterValidator(_by_a_person)]


CustomerAgrees = AgreePlan | PromiseToPay
CustomerSays = ReportMistake | AskForHelp

CaseAction = Annotated[
    UpdatePaymentMethod | CustomerAgrees | CustomerSays | Pause | Resume | CloseCase, Field(discriminator="kind")
]


class ActionAnswer(Record):
    """What the person who acted is told.

    `result`: `paid`, `refused` (the new attempt was declined), `done`, or `processing` (accepted, still under way).
    `advice`: what may help after a refusal.
    """

    result: Literal["paid", "refused", "done", "processing"]
    because: str
    advice: CustomerAction | None = None
