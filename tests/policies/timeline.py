"""Small words for stories: `day(3)`, `at(6)`, a case with facts, and the policies that ship."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from policies.asked import Stop
from policies.declines import TREATMENTS, Category, Decline, classify
from policies.document import STAGES, PolicyDocument
from policies.facts import AccessChange, AccessLevel, Attempt, CaseFacts, Dispute, NewCredential, Outcome, Payment
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef, attempt_key
from policies.load import load_policies
from policies.money import Money
from policies.network_rules import LedgerEntry, ProposedAttempt
from policies.said import Message, MessageStatus

DOCUMENTS = Path(__file__).parents[2] / "policies" / "documents"
NAMES = ("enterprise", "premium", "b2b_invoice", "annual", "bank_debit", "low_value", "self_serve")
SHIPPED = load_policies([(f"{name}.yaml", (DOCUMENTS / f"{name}.yaml").read_text()) for name in NAMES])
ENTERPRISE, PREMIUM, B2B_INVOICE, ANNUAL, BANK_DEBIT, LOW_VALUE, SELF_SERVE = SHIPPED

# A Monday, ten in the morning in UTC: inside everybody's contact hours.
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
CASE = CaseRef(source="stripe", account="acct_1", invoice_id="in_1")
DUE = Money(amount_minor=2900, currency="EUR")
OLD_CARD, NEW_CARD = "card_old", "card_new"

CODES = {
    Category.INSUFFICIENT_FUNDS: "insufficient_funds",
    Category.EXPIRED_CARD: "expired_card",
    Category.LOST_OR_STOLEN: "stolen_card",
    Category.SUSPECTED_FRAUD: "fraudulent",
    Category.ISSUER_UNAVAILABLE: "issuer_not_available",
    Category.GATEWAY_ERROR: "processing_error",
    Category.DO_NOT_HONOR: "do_not_honor",
    Category.VELOCITY_LIMIT: "card_velocity_exceeded",
    Category.AUTHENTICATION_REQUIRED: "authentication_required",
    Category.UNKNOWN: "never_heard_of",
}


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def day(n: float) -> datetime:
    return at(24 * n)


def declined_as(category: Category) -> Decline:
    """As `classify` would say, also for categories that no code of the table leads to."""
    decline = classify("stripe", CODES.get(category, category.value))
    treatment = TREATMENTS[category]
    said = {"retryable": treatment.retryable, "customer_action": treatment.customer_action}
    return decline.model_copy(update={"category": category, "fraud_signal": treatment.fraud_signal, **said})


def invoice(status: InvoiceStatus = InvoiceStatus.OPEN, last_decline: Decline | None = None) -> InvoiceNow:
    return InvoiceNow(
        status=status,
        due=DUE,
        customer_id="cus_1",
        credential_id=OLD_CARD,
        gateway="stripe",
        as_of=START,
        last_decline=last_decline,
    )


def case(category: Category | None = Category.INSUFFICIENT_FUNDS, **facts: Any) -> CaseFacts:
    """A case that failed on day 0; `category` None: nobody has said why yet."""
    decline = declined_as(category) if category else None
    return CaseFacts(
        **{"case": CASE, "opened_at": START, "failed_at": START, "invoice": invoice(last_decline=decline), **facts}
    )


def tried(
    ordinal: int,
    when: datetime,
    rung: str | None = None,
    outcome: Outcome = Outcome.DECLINED,
    category: Category = Category.INSUFFICIENT_FUNDS,
    **more: Any,
) -> Attempt:
    return Attempt(
        ordinal=ordinal,
        key=attempt_key(CASE, ordinal),
        at=when,
        outcome=outcome,
        because="test",
        rung=rung,
        decline=declined_as(category) if outcome is Outcome.DECLINED else None,
        **{"credential_id": OLD_CARD, "amount": DUE, **more},
    )


def told(name: str, when: datetime, status: MessageStatus = MessageStatus.ACCEPTED) -> Message:
    channel = "email" if status is MessageStatus.ACCEPTED else None
    template = name if name in STAGES else "reminder"
    return Message(ordinal=1, at=when, name=name, template=template, status=status, because="test", channel=channel)


def access(level: AccessLevel, when: datetime, taken: tuple[str, ...] = ()) -> AccessChange:
    return AccessChange(ordinal=1, at=when, level=level, because="test", benefits_taken=taken)


def paid(when: datetime) -> Payment:
    return Payment(at=when, happened_at=when, paid=DUE, how="source")


def paused(began: datetime, ended: datetime | None = None) -> Stop:
    return Stop(kind="pause", began_at=began, actor="Jo", reason="asked to wait", ended_at=ended, ended_by="Jo")


def disputed(opened: datetime, closed: datetime | None = None, won: bool | None = None) -> Dispute:
    return Dispute(dispute_id="dp_1", opened_at=opened, closed_at=closed, won=won)


def new_card(when: datetime, action_id: str = "act_1") -> NewCredential:
    return NewCredential(at=when, credential_id=NEW_CARD, action_id=action_id)


def entry(
    when: datetime, outcome: Outcome | None = Outcome.DECLINED, category: Category | None = None, **more: Any
) -> LedgerEntry:
    """An attempt by the gateway itself; `more` says what else the ledger knows of it."""
    decline = declined_as(category) if category else None
    known = {"key": f"k{when.timestamp()}", "actor": "gateway", "amount": DUE, "outcome": outcome, "decline": decline}
    return LedgerEntry(at=when, **{**known, **more})


def proposed(**more: Any) -> ProposedAttempt:
    return ProposedAttempt(**{"credential_id": OLD_CARD, "amount": DUE, **more})


def everything_told(policy: PolicyDocument, when: datetime) -> tuple[Message, ...]:
    names = [m.name for m in policy.messages] + [f"offer_{n}" for n, _ in enumerate(policy.offers, start=1)]
    return tuple(told(name, when) for name in names)
