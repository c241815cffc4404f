"""Right before anything is done to a customer the invoice is read at its source (promise P3).

The remaining window is the time between this reading and the act itself: one call to the gateway, channel or access
system, some hundred milliseconds; see docs/promises.md.
"""

from datetime import datetime

from activities.adapters import Adapters
from activities.contracts import Stale
from activities.errors import Misconfigured
from activities.store.store import Store
from activities.watched import Watched
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef
from policies.money import Money


async def invoice_now(adapters: Adapters, case: CaseRef, now: datetime) -> InvoiceNow:
    return await adapters.owner_of(case.source, case.account).invoice_now(case.invoice_id, now)


def is_fresh(invoice: InvoiceNow, due: Money) -> bool:
    """The invoice still is what the step was decided on: open, undisputed, the same sum owed."""
    return is_open(invoice) and invoice.due == due


def is_open(invoice: InvoiceNow) -> bool:
    return invoice.status is InvoiceStatus.OPEN and not invoice.dispute_open


async def stale(store: Store, adapters: Adapters, case: CaseRef, now: datetime, due: Money) -> Stale | None:
    """None when the step may be taken. While every gateway that could collect the invoice is out of order nobody is
    written to and nothing is taken; the case then decides anew, and holds."""
    invoice = await invoice_now(adapters, case, now)
    if is_fresh(invoice, due) and not await _nobody_collects(store, adapters, case, now):
        return None
    return Stale(invoice=invoice)


async def _nobody_collects(store: Store, adapters: Adapters, case: CaseRef, now: datetime) -> bool:
    watched = Watched(store)
    try:
        route = adapters.routes.route_of(case)
    except Misconfigured:
        return False
    return all([await watched.is_out_of_order(name, now) for name in route])
