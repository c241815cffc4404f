"""The sandbox gateway, spoken over HTTP; its codes are Stripe's words (`policies.declines`).

`already_paid` and `not_open` (409) are Unknown, not Declined: no card was refused, and who paid must be found out. The
look-up then answers NeverArrived and the next reading of the invoice tells the truth. The sandbox recognises keys for
good; 24 hours are promised, as real gateways do, so that nothing here grows used to more.
"""

from datetime import datetime, timedelta
from typing import Literal

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    Pending,
    SentCharge,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.sandbox_client import Answer, NoAnswer, SandboxClient, in_path
from policies.base import Record
from policies.declines import classify
from policies.instruments import PaymentType

SETTLED_ELSEWHERE = frozenset({"already_paid", "not_open"})


class _Charge(Record):
    status: Literal["succeeded", "declined", "pending"]
    reference: str
    code: str | None = None


class _Card(Record):
    credential_id: str
    is_default: bool


class _Cards(Record):
    cards: tuple[_Card, ...]


class _Renewed(Record):
    credential_id: str


class SandboxGateway:
    """`name` also names the table of decline codes. `account`: which of the sandbox's gateway accounts this is."""

    name = "sandbox"
    capabilities = Capabilities(
        keys_live_for=timedelta(hours=24),
        owns_invoices=True,
        payment_types=tuple(PaymentType),
        lists_methods=True,
        refreshes_cards=True,
        api_version="1",
    )

    def __init__(self, client: SandboxClient, account: str = "sandbox") -> None:
        self._client = client
        self._account = account

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        body = {
            "idempotency_key": charge.key,
            "invoice_id": charge.invoice_id,
            "credential_id": charge.credential_id,
            "amount_minor": charge.amount.amount_minor,
            "currency": charge.amount.currency,
            "gateway": self._account,
            "collects_invoice": charge.owned_here,
        }
        try:
            answer = await self._client.post("/gateway/charges", body, charge.now)
            if answer.code in SETTLED_ELSEWHERE:
                return Unknown(reason=f"{answer.code}: this request moved no money; the invoice's owner knows more")
            if answer.status != 200:
                raise answer.misconfigured()
            return self._outcome(answer)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        """Only the gateway's own word is NeverArrived: a 404 of some proxy would cost a second charge."""
        answer = await self._client.get(f"/gateway/charges/{in_path(sent.key)}", sent.now)
        if answer.code == "no_such_charge":
            return NeverArrived()
        if answer.status != 200:
            raise answer.misconfigured()
        try:
            return self._outcome(answer)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        answer = await self._client.get(f"/gateway/customers/{in_path(customer_id)}/cards")
        if answer.status != 200:
            raise answer.misconfigured()
        try:
            cards = answer.read_as(_Cards).cards
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        return tuple(
            StoredMethod(credential_id=card.credential_id, fingerprint=card.credential_id, is_default=card.is_default)
            for card in cards
        )

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        answer = await self._client.get(
            f"/gateway/customers/{in_path(customer_id)}/cards/{in_path(credential_id)}/renewed?since="
            + in_path(since.isoformat())
        )
        if answer.code == "not_renewed":
            return None
        if answer.status != 200:
            raise answer.misconfigured()
        try:
            return StoredMethod(credential_id=answer.read_as(_Renewed).credential_id)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def update_session(self, customer_id: str, return_url: str) -> UpdateSession:
        raise Misconfigured("the sandbox's hosted fields are not built yet; add a card with POST /world/customers")

    def _outcome(self, answer: Answer) -> Succeeded | Declined | Pending:
        charge = answer.read_as(_Charge)
        if charge.status == "succeeded":
            return Succeeded(reference=charge.reference)
        if charge.status == "pending":
            return Pending(reference=charge.reference)
        return Declined(reference=charge.reference, decline=classify(self.name, charge.code))
