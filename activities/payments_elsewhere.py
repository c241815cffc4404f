"""Money that a gateway took for an invoice it does not own is told to the owner, once, and never by charging again."""

from datetime import datetime

from activities.adapters import Adapters
from activities.errors import Misconfigured, NotFound
from activities.sources.contract import PaymentElsewhere
from activities.store.attempts import LedgerState
from activities.store.cases import Task
from activities.store.store import Store
from policies.keys import CaseRef


async def tell_owner(store: Store, adapters: Adapters, case: CaseRef, paid: LedgerState, now: datetime) -> None:
    """Raises Unavailable or RateLimited: then it is told later. An owner that cannot book it makes a person's task."""
    gateway = paid.gateway
    if gateway is None or adapters.routes.is_owned_by(case, gateway):
        return
    payment = PaymentElsewhere(
        key=paid.key,
        invoice_id=case.invoice_id,
        amount=paid.amount,
        gateway=gateway,
        reference=paid.reference or paid.key,
        at=now,
    )
    try:
        await adapters.owner_of(case.source, case.account).record_payment(payment)
    except (Misconfigured, NotFound) as refusal:
        await store.cases.add_task(_to_be_booked(case, payment, refusal))
    await store.attempts.mark_told(paid.key, now)


def _to_be_booked(case: CaseRef, payment: PaymentElsewhere, refusal: Exception) -> Task:
    return Task(
        key=f"book_payment/{payment.key}",
        case_id=case.case_id,
        kind="book_payment",
        assignee="ops",
        summary=f"book {payment.amount} that {payment.gateway} took ({payment.reference}); refused: {refusal}"[:500],
        created_at=payment.at,
    )
