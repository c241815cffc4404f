"""What may happen next. A closed union: a new step is a class here, one `case` in `workflows/dunning.py`, one method.

Every step says when (`at`), why (`because`) and on what it rests (`basis`); waiting is `at`.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from policies.base import Record, UtcTime
from policies.declines import CustomerAction
from policies.events import CloseOutcome
from policies.instruments import Initiator, Instrument
from policies.money import Money

FIRST_IN_LINE = 1
"""Of five: a customer who waits, and a look-up, which unblocks a credential and a case."""


class Basis(Record):
    """Inputs the decision used, editions of rules and tables it read, and what it considered and put off."""

    inputs: dict[str, str] = {}
    editions: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


_NO_BASIS = Basis()


def _no_basis() -> Basis:
    """One for all: pydantic would copy the empty dictionary deeply for each step, only to be replaced."""
    return _NO_BASIS


class _Step(Record):
    at: UtcTime
    because: str
    basis: Basis = Field(default_factory=_no_basis)


class Charge(_Step):
    """`gateway`: "gateway/account" that is asked; None: the invoice's own. `gateway_customer_id`: the customer as that
    gateway names them, when not as the invoice does. `instrument` None: that of the case. `backup`: another way to pay.
    `priority`: 1 goes before 5 in a backlog. `left`: what is still owed once this part of it was paid; None: nothing.
    `keep` false: lent by the customer for this once."""

    kind: Literal["charge"] = "charge"
    credential_id: str
    amount: Money
    rung: str | None = None
    action_id: str | None = None
    gateway: str | None = None
    gateway_customer_id: str | None = None
    instrument: Instrument | None = None
    backup: bool = False
    initiator: Initiator | None = None
    priority: int = 3
    left: Money | None = None
    keep: bool = True

    @property
    def owed(self) -> Money:
        """What is owed before it."""
        return self.amount + self.left if self.left else self.amount


class OtherClaim(Record):
    """Another open invoice of the same customer, which the message names as well."""

    invoice_id: str
    due: Money


class Words(Record):
    """What a message may say, besides names and addresses. Times are those of the policy as it stands now.

    `generic`: the real reason must not be told (lost, stolen, fraud-like). `part_paid`: `due` is the rest of the claim.
    A time is None when it will not happen. `others`: what else is open, read at its owner right before sending. `on`:
    the day that a notice without a failed payment is about (the card ends, the plan renews, the instalment is due).
    `owed`: all of the claim, where `due` is one instalment of it.
    """

    due: Money
    owed: Money | None = None
    customer_action: CustomerAction = CustomerAction.NONE
    generic: bool = False
    part_paid: bool = False
    next_attempt_at: UtcTime | None = None
    limit_at: UtcTime | None = None
    limit_takes: tuple[str, ...] = ()
    suspend_at: UtcTime | None = None
    close_at: UtcTime | None = None
    benefits_taken: tuple[str, ...] = ()
    reinstatement_conditions: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    because: str = ""
    others: tuple[OtherClaim, ...] = ()
    on: UtcTime | None = None


class Purpose(StrEnum):
    """Why words are said. `scheduled`: reminders and offers, which can wait. `service`: what was taken or ended, told
    at once but not twice a day. `thanks`: after a payment; waits for nothing but an open channel."""

    SCHEDULED = "scheduled"
    SERVICE = "service"
    THANKS = "thanks"


_ABOUT_SERVICE = frozenset({"limited", "suspended", "reinstated", "closed"})


class _Message(_Step):
    """`channels` in order. `variant`: which of those under trial, with its `wording`; `held_out`: nobody is written to,
    to see what the message is worth."""

    name: str
    channels: tuple[str, ...]
    words: Words
    variant: str | None = None
    wording: str | None = None
    held_out: bool = False


class Notify(_Message):
    kind: Literal["notify"] = "notify"
    template: str


class Offer(_Message):
    """A message that offers other ways to pay."""

    kind: Literal["offer"] = "offer"
    template: Literal["offer"] = "offer"
    offers: tuple[str, ...]


def purpose_of(step: Notify | Offer, is_paid: bool) -> Purpose:
    if is_paid:
        return Purpose.THANKS
    return Purpose.SERVICE if step.template in _ABOUT_SERVICE else Purpose.SCHEDULED


class Limit(_Step):
    kind: Literal["limit"] = "limit"
    takes: tuple[str, ...]


class Suspend(_Step):
    kind: Literal["suspend"] = "suspend"


class Reinstate(_Step):
    kind: Literal["reinstate"] = "reinstate"


class Reconcile(_Step):
    """Ask the gateway what became of attempt `ordinal`."""

    kind: Literal["reconcile"] = "reconcile"
    ordinal: int


class Escalate(_Step):
    kind: Literal["escalate"] = "escalate"
    to: str
    words: Words


class Hold(_Step):
    """Nothing is due until news arrives; `waits_for` says whose. `again_at`: then the invoice is read anew."""

    kind: Literal["hold"] = "hold"
    waits_for: Literal["ops", "dispute", "gateway"]
    again_at: UtcTime | None = None


class Close(_Step):
    kind: Literal["close"] = "close"
    outcome: CloseOutcome


AnyStep = Charge | Notify | Offer | Limit | Suspend | Reinstate | Reconcile | Escalate | Hold | Close
KINDS = frozenset("charge notify offer limit suspend reinstate reconcile escalate hold close".split())


def _unknown_becomes_hold(raw: Any) -> Any:
    """A worker that is older than the decision holds the case for a person instead of failing."""
    if isinstance(raw, dict) and raw.get("kind") not in KINDS:
        because = f"this worker does not know the step {raw.get('kind')!r}; deploy the newer workers, then resume"
        return {
            "kind": "hold",
            "at": raw.get("at"),
            "because": because,
            "waits_for": "ops",
        }
    return raw


Step = Annotated[
    Annotated[AnyStep, Field(discriminator="kind")],
    BeforeValidator(_unknown_becomes_hold),
]
