"""Right before anything is done to a customer the invoice is read at its source (promise P3).

The remaining window is the time between this reading and the act itself: one call to the gateway, channel or access
system, some hundred milliseconds; see docs/promises.md.
"""

from datetime import datetime

from activities.adapters import Adapters
from activities.contracts import Stale
from policies.facts import InvoiceStatus
from policies.keys import CaseRef
from policies.money import Money


async def stale(adapters: Adapters, case: CaseRef, now: datetime, due: Money) -> Stale | None:
    """None when the invoice still is what the step was decided on: open, undisputed, the same sum owed."""
    invoice = await adapters.owner_of(case.source, case.account).invoice_now(case.invoice_id, now)
    fresh = invoice.status is InvoiceStatus.OPEN and not invoice.dispute_open and invoice.due == due
    return None if fresh else Stale(invoice=invoice)
