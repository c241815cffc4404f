"""Other ways to pay of a customer, in their own order: who may be charged next when the first one cannot be."""

from policies.base import Record
from policies.instruments import Instrument
from policies.network_rules import LedgerEntry


class WayToPay(Record):
    """A stored credential besides the one that the invoice is charged to, and that may be charged: the customer agreed.

    `gateway`: "gateway/account" that keeps it, None: the one that collects the invoice anyway. `gateway_customer_id`:
    the customer as that gateway names them, None: as the invoice does. `ledger`: attempts on it by anybody.
    """

    credential_id: str
    gateway: str | None = None
    gateway_customer_id: str | None = None
    instrument: Instrument = Instrument()
    ledger: tuple[LedgerEntry, ...] = ()
