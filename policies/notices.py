"""Words outside of any failed payment: a card that will end, a plan that renews, an instalment that comes due."""

from typing import Literal

from policies.base import Identifier, Record, UtcTime
from policies.keys import CaseRef, CustomerRef
from policies.money import Money

NoticeTemplate = Literal["card_expiring", "upcoming_renewal", "instalment_due"]


class Notice(Record):
    """`on`: the day it is about. `due`: what will be charged then; a card that ends has none. `invoice_id`: the invoice
    it is about, where there is one; then it is read before anything is said. `not_after`: later it is old news."""

    notice_id: Identifier
    customer: CustomerRef
    template: NoticeTemplate
    on: UtcTime
    not_after: UtcTime
    due: Money | None = None
    invoice_id: Identifier | None = None

    @property
    def workflow_id(self) -> str:
        return f"notice/{self.customer.source}/{self.customer.account}/{self.notice_id}"

    @property
    def about(self) -> CaseRef:
        """Under what its message lies in the contact ledger."""
        place = self.customer
        return CaseRef(source=place.source, account=place.account, invoice_id=self.invoice_id or self.notice_id)
