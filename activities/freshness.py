"""Right before anything is done to a customer the invoice is read at its source (promise P3).

The remaining window is the time between this reading and the act itself: one call to the gateway, channel or access
system, some hundred milliseconds; see docs/promises.md.
"""

from datetime import datetime

from activities.adapters import Adapters
from activities.contracts import Stale
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef
from policies.money import Money


async def invoice_now(adapters: Adapters, case: CaseRef, now: datetime) -> InvoiceNow:
    return await adapters.owner_of(case.source, case.account).invoice_now(case.invoice_id, now)


def is_fresh(invoice: InvoiceNow, due: Money) -> bool:
    """The invoice still is what the step was decided on: open, undisputed, the same sum owed."""
    return invoice.status is InvoiceStatus.OPEN and not invoice.dispute_open and invoice.due == due


async def stale(adapters: Adapters, case: CaseRef, now: datetime, due: Money) -> Stale | None:
    """None when the step may be taken."""
    invoice = await invoice_now(adapters, case, now)
    return None if is_fresh(invoice, due) else Stale(invoice=invoice)
