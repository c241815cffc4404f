"""The owner's invoice as it stands in the sandbox's table."""

from policies.base import Record, UtcTime
from policies.invoices import InvoiceStatus
from workers.sandbox.database import Database
from workers.sandbox.http import Refused

OWED = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})


class Invoice(Record):
    """`first_*`: the owner's own attempt, which failed. Amounts in minor units of `currency`."""

    invoice_id: str
    customer_id: str
    subscription_id: str
    payment_intent_id: str
    amount_minor: int
    paid_minor: int = 0
    currency: str
    status: InvoiceStatus
    failed_at: UtcTime
    changed_at: UtcTime
    first_charge_id: str
    first_credential_id: str
    first_code: str
    first_payment: bool = False
    collected_manually: bool = False
    dispute_id: str | None = None
    dispute_open: bool = False
    api_version: str
    retries_at: UtcTime | None = None
    attempt_count: int = 1

    @property
    def due_minor(self) -> int:
        """What is asked for: nothing any more once it is uncollectible, though it may still be paid."""
        return self.unpaid_minor if self.status is InvoiceStatus.OPEN else 0

    @property
    def unpaid_minor(self) -> int:
        return self.amount_minor - self.paid_minor if self.status in OWED else 0


_READ = "select * from invoices where invoice_id = $1"
_READ_LOCKED = "select * from invoices where invoice_id = $1 for update"


async def read_invoice(database: Database, invoice_id: str, *, lock: bool = False) -> Invoice:
    """With `lock` nobody else changes the invoice until the transaction ends. Raises Refused 404."""
    row = await database.fetchrow(_READ_LOCKED if lock else _READ, invoice_id)
    if row is None:
        raise Refused(404, "no_such_invoice", f"there is no invoice {invoice_id}")
    return Invoice.model_validate(dict(row))


async def add_invoice(database: Database, invoice: Invoice) -> None:
    """Raises Refused 409 when the id is taken."""
    columns = invoice.model_dump(mode="python")
    columns["status"] = invoice.status.value
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    # Column names are the fields of the model above; values travel as parameters.
    statement = f"insert into invoices ({', '.join(columns)}) values ({places}) on conflict do nothing"  # noqa: S608
    if await database.execute(statement, *columns.values()) != "INSERT 0 1":
        raise Refused(409, "invoice_exists", f"there is an invoice {invoice.invoice_id} already")


async def mark_paid(database: Database, invoice: Invoice, amount_minor: int, at: UtcTime) -> Invoice:
    """Books `amount_minor`; the invoice is paid once nothing is owed. Returns it as it stands then."""
    paid_minor = invoice.paid_minor + amount_minor
    status = InvoiceStatus.PAID if paid_minor >= invoice.amount_minor else invoice.status
    await database.execute(
        "update invoices set paid_minor = $2, status = $3, changed_at = $4 where invoice_id = $1",
        invoice.invoice_id,
        paid_minor,
        status.value,
        at,
    )
    return invoice.model_copy(update={"paid_minor": paid_minor, "status": status, "changed_at": at})
