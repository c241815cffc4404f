"""The sandbox gateway, spoken over HTTP; its codes are Stripe's words (`policies.declines`).

`already_paid` and `not_open` (409) are Unknown, not Declined: no card was refused, and who paid must be found out. The
look-up then answers NeverArrived and the next reading of the invoice tells the truth. The sandbox recognises keys for
good; 24 hours are promised, as real gateways do, so that nothing here grows used to more.

Its hosted fields come from the sandbox's own origin; docs/sandbox.md lists the numbers that they take.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from yarl import URL

from activities.errors import Unavailable
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    Declined,
    GatewayCharge,
    HostedFields,
    LookUpOutcome,
    NeverArrived,
    NotGiven,
    Origins,
    Pending,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.sandbox_client import Answer, NoAnswer, SandboxClient, Shape, in_path
from policies.base import Record, UtcTime
from policies.declines import classify
from policies.instruments import Instrument, Network, PaymentType

SETTLED_ELSEWHERE = frozenset({"already_paid", "not_open"})


class _Charge(Record):
    status: Literal["succeeded", "declined", "pending"]
    reference: str
    code: str | None = None


class _Card(Record):
    credential_id: str
    is_default: bool = False
    payment_type: PaymentType = PaymentType.CARD
    brand: str | None = None
    last4: str | None = None
    expires: str | None = None
    fingerprint: str | None = None


class _Cards(Record):
    cards: tuple[_Card, ...]


class _Renewed(Record):
    credential_id: str


class _Opened(Record):
    session_id: str
    expires_at: UtcTime
    reached_at: str
    path: str | None = None


class _Session(Record):
    status: Literal["open", "given", "refused", "expired"]
    customer_id: str
    code: str | None = None


class SandboxGateway:
    """`name` also names the table of decline codes. `account`: which of the sandbox's gateway accounts this is.
    `public_url`: where a customer's browser finds the sandbox; without it where we do. `redirects`: customers are sent
    to a page of the sandbox, as with gateways that have no fields."""

    name = "sandbox"
    capabilities = Capabilities(
        keys_live_for=timedelta(hours=24),
        owns_invoices=True,
        payment_types=tuple(PaymentType),
        lists_methods=True,
        refreshes_cards=True,
        opens_update_sessions=True,
        update_types=(PaymentType.CARD, PaymentType.BANK_DEBIT, PaymentType.WALLET),
        confirms=True,
        pays_once=True,
        api_version="1",
    )

    def __init__(
        self, client: SandboxClient, account: str = "sandbox", public_url: str | None = None, redirects: bool = False
    ) -> None:
        self._client = client
        self._account = account
        self._public_url = public_url.rstrip("/") if public_url else None
        self._redirects = redirects

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        body = {
            "idempotency_key": charge.key,
            "invoice_id": charge.invoice_id,
            "credential_id": charge.credential_id,
            "amount_minor": charge.amount.amount_minor,
            "currency": charge.amount.currency,
            "gateway": self._account,
            "collects_invoice": charge.owned_here,
            "keep": charge.keep,
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
        return tuple(_method(card) for card in _read(answer, _Cards).cards)

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        answer = await self._client.get(
            f"/gateway/customers/{in_path(customer_id)}/cards/{in_path(credential_id)}/renewed?since="
            + in_path(since.isoformat())
        )
        if answer.code == "not_renewed":
            return None
        if answer.status != 200:
            raise answer.misconfigured()
        return StoredMethod(credential_id=_read(answer, _Renewed).credential_id)

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        body = {
            "customer_id": request.customer_id,
            "payment_type": request.payment_type.value,
            "credential_id": request.credential_id,
            "return_url": request.return_url,
            "locale": request.locale,
            "redirect": self._redirects,
        }
        opened = _read(await self._ask("/gateway/sessions", body), _Opened)
        told = UpdateSession(reference=opened.session_id, expires_at=opened.expires_at)
        base = self._public_url or opened.reached_at
        if opened.path is not None:
            return told.model_copy(update={"url": base + opened.path})
        return told.model_copy(update={"fields": _fields(base, opened.session_id)})

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """`result` adds nothing to what the sandbox itself says of the session; one that names another is forged."""
        if result.get("session", reference) != reference:
            return NotGiven(why="unknown")
        answer = await self._client.get(f"/gateway/sessions/{in_path(reference)}")
        if answer.code in ("no_such_session", "bad_input"):
            return NotGiven(why="unknown")
        if answer.status != 200:
            raise answer.misconfigured()
        session = _read(answer, _Session)
        if session.customer_id != customer_id:
            return NotGiven(why="unknown")
        match session.status:
            case "given":
                return _method(_read(answer, _Card))
            case "refused":
                return NotGiven(why="refused", decline=classify(self.name, session.code))
            case "expired":
                return NotGiven(why="expired")
            case "open":
                return NotGiven(why="unfinished")

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        path = f"/gateway/customers/{in_path(customer_id)}/default"
        await self._ask(path, {"credential_id": credential_id})

    async def _ask(self, path: str, body: Mapping[str, object]) -> Answer:
        """For what may be repeated, so silence is Unavailable. By our clock: a session belongs to no case's time."""
        try:
            answer = await self._client.post(path, body, datetime.now(UTC))
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        if answer.status != 200:
            raise answer.misconfigured()
        return answer

    def _outcome(self, answer: Answer) -> Succeeded | Declined | Pending:
        charge = answer.read_as(_Charge)
        if charge.status == "succeeded":
            return Succeeded(reference=charge.reference)
        if charge.status == "pending":
            return Pending(reference=charge.reference)
        return Declined(reference=charge.reference, decline=classify(self.name, charge.code))


def _fields(base: str, session_id: str) -> HostedFields:
    origin = str(URL(base).origin())
    return HostedFields(
        kind="sandbox",
        scripts=(f"{base}/gateway/fields.js",),
        options={"session": session_id},
        origins=Origins(script=(origin,), frame=(origin,)),
    )


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    try:
        return answer.read_as(shape)
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from silence


def _method(card: _Card) -> StoredMethod:
    fingerprint = card.fingerprint or card.credential_id
    return StoredMethod(
        credential_id=card.credential_id,
        instrument=Instrument(
            payment_type=card.payment_type, network=Network.named(card.brand), fingerprint=card.fingerprint
        ),
        fingerprint=fingerprint,
        expires=card.expires,
        last4=card.last4,
        is_default=card.is_default,
    )
