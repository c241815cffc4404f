"""Charges of invoices that others own: an order at PayPal, paid at once from the vault (orders v2).

Our key goes into `custom_id`, from where webhooks and PayPal's transaction search repeat it. Orders cannot be listed,
so a charge whose answer was lost is looked for in the transaction search, which may lag three hours behind. Sources:
PayPal's published API descriptions (orders v2, payments v2, transaction search v1), read 2026-11.
"""

from datetime import timedelta
from typing import Any

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import (
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    Pending,
    SentCharge,
    Succeeded,
    Unknown,
)
from activities.paypal_client import Answer, NoAnswer, PayPalClient, in_path
from activities.paypal_payments import REFUSED, TAKEN, Capture, PaymentSource, as_money, as_text, capture, decline_of
from policies.base import Record, UtcTime
from policies.instruments import Initiator

AGREEMENT = "B-"
"""How the id of a billing agreement starts; it is a token of its own kind and stands in no vault."""

SEARCH_IS_COMPLETE_AFTER = timedelta(hours=4)
"""PayPal says: executed transactions appear within three hours."""

SEARCHED_AROUND = timedelta(minutes=15), timedelta(hours=1)
SEARCHED_A_PAGE = 500
GIVEN_BACK = "T11"
"""How the event codes of refunds and reversals start; they repeat the payment's `custom_field`."""

PAYER_REFUSED = frozenset(
    {
        "AGREEMENT_ALREADY_CANCELLED",
        "BILLING_AGREEMENT_NOT_FOUND",
        "CARD_BRAND_NOT_SUPPORTED",
        "CARD_EXPIRED",
        "COMPLIANCE_VIOLATION",
        "DOMESTIC_TRANSACTION_REQUIRED",
        "INSTRUMENT_DECLINED",
        "INVALID_SECURITY_CODE",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
        "PAYEE_BLOCKED_TRANSACTION",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACTION_REQUIRED",
        "PAYER_CANNOT_PAY",
        "PAYMENT_SOURCE_CANNOT_BE_USED",
        "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR",
        "PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "REFERENCED_CARD_EXPIRED",
        "TOKEN_EXPIRED",
        "TRANSACTION_BLOCKED_BY_PAYEE",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    }
)
"""Issues that say no to this payer or these means; every other one is our fault."""

PERHAPS_PAID = frozenset({"DUPLICATE_INVOICE_ID", "DUPLICATE_REQUEST_ID", "ORDER_ALREADY_CAPTURED"})
"""Guards: a payment for the same thing exists, and which one must be found out."""


class _Payments(Record):
    captures: tuple[Capture, ...] = ()


class _Unit(Record):
    payments: _Payments = _Payments()


class _Order(Record):
    id: str
    status: str
    purchase_units: tuple[_Unit, ...] = ()

    @property
    def capture(self) -> Capture | None:
        return next((each for unit in self.purchase_units for each in unit.payments.captures), None)


class _Vaulted(Record):
    id: str
    payment_source: PaymentSource


class _Found(Record):
    transaction_id: str
    transaction_status: str = ""
    transaction_event_code: str = ""
    custom_field: str | None = None


class _Detail(Record):
    transaction_info: _Found


class _Search(Record):
    transaction_details: tuple[_Detail, ...] = ()
    total_pages: int = 1
    last_refreshed_datetime: UtcTime | None = None


class PayPalOrders:
    def __init__(self, client: PayPalClient) -> None:
        self._client = client

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        """Up to the order only readings are made, so silence there is Unavailable."""
        body = {
            "intent": "CAPTURE",
            "purchase_units": [
                {"amount": as_money(charge.amount), "custom_id": charge.key, "invoice_id": charge.invoice_id}
            ],
            "payment_source": await self._source(charge),
        }
        try:
            answer = await self._client.send("POST", "/v2/checkout/orders", body, charge.key)
            if not answer.is_success:
                return _refusal(answer, charge)
            return _of_order(answer.read_as(_Order), charge)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        if sent.reference is None or sent.reference == sent.key:
            return await self._searched(sent)
        paid = await capture(self._client, sent.reference)
        if paid:
            return _of_capture(paid, sent)
        order = await self._client.read(f"/v2/checkout/orders/{in_path(sent.reference)}", _Order)
        if order:
            return _of_order(order, sent)
        return Unknown(reason=f"PayPal told {sent.reference} and does not know it any more")

    async def _source(self, charge: GatewayCharge) -> dict[str, Any]:
        """How the stored means are named in an order; the vault says of which kind they are."""
        if charge.credential_id.startswith(AGREEMENT):
            return {"token": {"id": charge.credential_id, "type": "BILLING_AGREEMENT"}}
        path = f"/v3/vault/payment-tokens/{in_path(charge.credential_id)}"
        vaulted = await self._client.read(path, _Vaulted)
        if vaulted is None:
            raise Misconfigured(f"PayPal's vault has no {charge.credential_id}")
        by_customer = charge.initiator is Initiator.CUSTOMER
        stored = {"payment_initiator": charge.initiator.value.upper(), "usage": "SUBSEQUENT"}
        if vaulted.payment_source.card is not None:
            stored["payment_type"] = "ONE_TIME" if by_customer else "RECURRING"
            return {"card": {"vault_id": vaulted.id, "stored_credential": stored}}
        if vaulted.payment_source.paypal is not None:
            stored["usage_pattern"] = "IMMEDIATE" if by_customer else "RECURRING_POSTPAID"
            return {"paypal": {"vault_id": vaulted.id, "stored_credential": stored}}
        if vaulted.payment_source.venmo is not None:
            return {"venmo": {"vault_id": vaulted.id}}
        raise Misconfigured(f"{charge.credential_id} in PayPal's vault is neither a card nor a PayPal or Venmo wallet")

    async def _searched(self, sent: SentCharge) -> LookUpOutcome:
        is_complete = sent.now - sent.sent_at >= SEARCH_IS_COMPLETE_AFTER
        before, after = SEARCHED_AROUND
        query = {
            "start_date": as_text(sent.sent_at - before),
            "end_date": as_text(sent.sent_at + after),
            "fields": "transaction_info",
            "page_size": str(SEARCHED_A_PAGE),
        }
        page, pages = 1, 1
        while page <= pages:
            answer = await self._client.get("/v1/reporting/transactions", {**query, "page": str(page)})
            if answer.words and not answer.is_success and not is_complete:
                return Unknown(reason="PayPal's transaction search does not reach this charge yet")
            if not answer.is_success:
                raise answer.misconfigured()
            told = _read(answer)
            found = next((each.transaction_info for each in told.transaction_details if _is_ours(each, sent)), None)
            if found:
                return await self._of_found(found, sent)
            is_complete = is_complete and (told.last_refreshed_datetime or sent.now) >= sent.sent_at + after
            page, pages = page + 1, told.total_pages
        return NeverArrived() if is_complete else Unknown(reason="PayPal's transaction search may not show it yet")

    async def _of_found(self, found: _Found, sent: SentCharge) -> LookUpOutcome:
        """`V`: it was paid and given back later."""
        if found.transaction_status in ("S", "V"):
            return Succeeded(reference=found.transaction_id)
        if found.transaction_status == "P":
            return Pending(reference=found.transaction_id)
        if found.transaction_status != "D":
            return Unknown(reason=f"PayPal shows {found.transaction_id} in a state that is not known here")
        refused = await capture(self._client, found.transaction_id)
        decline = decline_of(refused, None, sent.instrument, sent.initiator)
        return Declined(reference=found.transaction_id, decline=decline)


def _read(answer: Answer) -> _Search:
    try:
        return answer.read_as(_Search)
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from silence


def _is_ours(detail: _Detail, sent: SentCharge) -> bool:
    info = detail.transaction_info
    return info.custom_field == sent.key and not info.transaction_event_code.startswith(GIVEN_BACK)


def _of_order(order: _Order, charge: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
    if order.capture:
        return _of_capture(order.capture, charge)
    if order.status == "PAYER_ACTION_REQUIRED":
        decline = decline_of(None, order.status, charge.instrument, charge.initiator)
        return Declined(reference=order.id, decline=decline)
    return Unknown(reason=f"PayPal has order {order.id} and shows no payment of it")


def _of_capture(paid: Capture, charge: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
    if paid.status in TAKEN:
        return Succeeded(reference=paid.id)
    if paid.status == "PENDING":
        return Pending(reference=paid.id)
    if paid.status in REFUSED:
        return Declined(reference=paid.id, decline=decline_of(paid, None, charge.instrument, charge.initiator))
    return Unknown(reason=f"PayPal shows payment {paid.id} in a state that is not known here")


def _refusal(answer: Answer, charge: GatewayCharge) -> ChargeOutcome:
    word = next(iter(answer.words), "")
    if word in PAYER_REFUSED:
        decline = decline_of(None, word, charge.instrument, charge.initiator)
        return Declined(reference=charge.key, decline=decline)
    if word in PERHAPS_PAID or answer.status == 409:
        return Unknown(reason=f"PayPal refused with {answer.status} {word}: a payment for it may exist")
    raise answer.misconfigured()
