"""Stripe as a gateway. Charge means: pay the invoice at Stripe, or, where somebody else owns it, take the sum with a
payment intent of its own.

An invoice of Stripe's is paid in three calls: read it, put the attempt's key as a mark on its payment intent, and pay
it under that key; money moves in the last one only. What Stripe remembers of a key lives for at least 24 hours; the
mark stays, so a look-up reads the charges (`stripe_objects`). Stripe gives an invoice that is paid already no code of
its own: after a refusal that is no decline the invoice is read once more, and when it is not open any more nobody was
refused. A payment that the customer must confirm is declined, for nothing moves until they come.
Sources: docs.stripe.com/api/invoices/pay, /api/payment_intents, /api/idempotent_requests, /error-codes, 2026-11.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from activities.errors import Misconfigured, OutsideError
from activities.gateways.accounts import StripeAccount
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    NotGiven,
    Pending,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.sources.reading import Node, Wrong
from activities.sources.stripe_reading import credential_of_payment
from activities.stripe_client import API_VERSION, NoAnswer, Refused, StripeApi, in_path, silence_is_unavailable
from activities.stripe_objects import (
    CONFIRMATION_NEEDED,
    MARK,
    WAITS_FOR_CUSTOMER,
    amount_at_stripe,
    charges_of,
    confirmation_needed,
    decline_of_charge,
    decline_of_error,
    default_of,
    expiry_of,
    fingerprint_of,
    first_marked,
    intents_of,
    mark_of,
    stored,
)
from activities.stripe_setups import StripeSetups
from policies.declines import Decline
from policies.instruments import Initiator, PaymentType

PAYMENTS = "payments.data.payment.payment_intent"
INVOICE_MARK = "recoup_invoice"
CONFIRMATION_CODES = frozenset({CONFIRMATION_NEEDED, "invoice_payment_intent_requires_action"})
OUR_FAULT = frozenset({401, 403})
OLDER_SOURCES = ("card_", "src_", "ba_")
"""Ids of ways to pay from before payment methods; an invoice takes them under another name."""

CLOCKS_APART = timedelta(minutes=10)
"""How much later than ours Stripe's clock may be at most for a look-up by time to find the payment."""


class StripeGateway:
    name = "stripe"
    capabilities = Capabilities(
        keys_live_for=timedelta(hours=24),
        looks_up="by_reading",
        owns_invoices=True,
        payment_types=tuple(PaymentType),
        part_payments=False,
        lists_methods=True,
        refreshes_cards=True,
        opens_update_sessions=True,
        update_types=tuple(PaymentType),
        confirms=True,
        pays_once=True,
        api_version=API_VERSION,
    )

    def __init__(self, account: StripeAccount, session: aiohttp.ClientSession) -> None:
        self._stripe = StripeApi(account, session)
        self._setups = StripeSetups(self._stripe, account.publishable_key)
        if account.page_lacks:
            self.capabilities = self.capabilities.without_sessions()

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        return await self._pay_invoice(charge) if charge.owned_here else await self._take(charge)

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        with silence_is_unavailable():
            return await self._look_up_invoice(sent) if sent.owned_here else await self._look_up_taken(sent)

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        path = f"/v1/customers/{in_path(customer_id)}"
        try:
            with silence_is_unavailable():
                default = default_of(await self._stripe.get(path))
                found = [stored(method, default) async for method in self._stripe.each(f"{path}/payment_methods")]
        except Refused as refused:
            if refused.is_missing:
                return ()
            raise
        return tuple(sorted(found, key=lambda method: not method.is_default))

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """Stripe renews a card under its old id and does not say when. A charge keeps the card as it was: where the
        last one up to `since` shows another number or another date, the card was renewed since."""
        try:
            with silence_is_unavailable():
                method = await self._stripe.get(f"/v1/payment_methods/{in_path(credential_id)}")
                before = await self._as_charged(customer_id, credential_id, since)
                if before is None or _card(before) == _card(method):
                    return None
                return stored(method, None)
        except Refused as refused:
            if refused.is_missing:
                return None
            raise

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        return await self._setups.opened(request)

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """Of `result` nothing is needed: Stripe itself says what came of the setup."""
        return await self._setups.came_of(customer_id, reference)

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        await self._setups.keep(customer_id, credential_id, invoice_id)

    # An invoice of Stripe's

    async def _pay_invoice(self, charge: GatewayCharge) -> ChargeOutcome:
        with silence_is_unavailable():
            invoice = await self._invoice(charge)
            if why := _not_to_be_paid(invoice, charge):
                return Unknown(reason=why)
            intent = next(iter(intents_of(invoice)), None)
            if intent is None:
                raise Misconfigured("the invoice has no payment intent that could bear our mark; nothing was charged")
            if intent.fields.get("status") == "processing" and mark_of(intent) != charge.key:
                return Unknown(reason="another payment of the invoice is under way; nothing was sent")
            if not charge.keep:
                await self._setups.only_lend(invoice)
            await self._stripe.post(f"/v1/payment_intents/{in_path(intent.id('id'))}", metadata={MARK: charge.key})
        try:
            paid = await self._stripe.post(
                f"{_path(charge)}/pay",
                key=charge.key,
                off_session=charge.initiator is Initiator.MERCHANT,
                expand=[PAYMENTS],
                **_from(charge.credential_id),
            )
            return _of_paid(paid, charge)
        except Refused as refused:
            return await self._invoice_refused(refused, charge, intent)
        except (NoAnswer, Wrong) as silence:
            return _silent(silence)

    async def _invoice_refused(self, refused: Refused, charge: GatewayCharge, intent: Node) -> ChargeOutcome:
        if _is_decline(refused):
            return _declined(refused, charge) or await self._as_read(refused, charge, intent)
        if refused.status in OUR_FAULT or refused.kind == "idempotency_error":
            raise refused
        try:
            invoice = await self._stripe.get(_path(charge))
        except Misconfigured:
            raise refused from None
        if invoice.fields.get("status") == "open":
            raise refused
        return Unknown(reason="the invoice is not open any more: this request moved no money")

    async def _as_read(self, refused: Refused, charge: GatewayCharge, intent: Node) -> Declined:
        """The error of an invoice need not name the charge that was refused; the charges do. It was refused either
        way, also when they cannot be read."""
        try:
            with silence_is_unavailable():
                found = await self._look_up_invoice(charge)
        except OutsideError:
            found = NeverArrived()
        if isinstance(found, Declined):
            return found
        return Declined(reference=intent.id("id"), decline=_why(refused, charge))

    async def _look_up_invoice(self, sent: GatewayCharge) -> LookUpOutcome:
        for intent in intents_of(await self._invoice(sent)):
            if charge := first_marked(await charges_of(self._stripe, intent), sent.key):
                return _of_charge(charge, intent, sent)
            if mark_of(intent) == sent.key and intent.fields.get("status") in ("processing", WAITS_FOR_CUSTOMER):
                return _of_intent(intent, sent)
        return NeverArrived()

    async def _invoice(self, charge: GatewayCharge) -> Node:
        return await self._stripe.get(_path(charge), expand=[PAYMENTS])

    # An invoice of somebody else's

    async def _take(self, charge: GatewayCharge) -> ChargeOutcome:
        if not charge.customer_id:
            raise Misconfigured("Stripe charges a stored way to pay of a customer only; no customer was named")
        amount = amount_at_stripe(charge.amount)
        try:
            taken = await self._stripe.post(
                "/v1/payment_intents",
                key=charge.key,
                amount=amount,
                currency=charge.amount.currency.lower(),
                customer=charge.customer_id,
                payment_method=charge.credential_id,
                automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
                confirm=True,
                off_session=charge.initiator is Initiator.MERCHANT,
                error_on_requires_action=True,
                metadata={MARK: charge.key, INVOICE_MARK: charge.invoice_id},
            )
            return _of_intent(taken, charge)
        except Refused as refused:
            if _is_decline(refused) and (declined := _declined(refused, charge)):
                return declined
            raise
        except (NoAnswer, Wrong) as silence:
            return _silent(silence)

    async def _look_up_taken(self, sent: SentCharge) -> LookUpOutcome:
        """The list is up to date, which Stripe does not promise of its search."""
        created = {"gte": int((sent.sent_at - CLOCKS_APART).timestamp())}
        async for intent in self._stripe.each("/v1/payment_intents", customer=sent.customer_id, created=created):
            if mark_of(intent) == sent.key:
                charge = first_marked(await charges_of(self._stripe, intent), sent.key)
                return _of_charge(charge, intent, sent) if charge else _of_uncharged(intent, sent)
        return NeverArrived()

    async def _as_charged(self, customer_id: str, credential_id: str, until: datetime) -> Node | None:
        charges = self._stripe.each("/v1/charges", customer=customer_id, created={"lte": int(until.timestamp())})
        async for charge in charges:
            if credential_of_payment(charge) == credential_id:
                return charge.part("payment_method_details")
        return None


# What an answer means


def _not_to_be_paid(invoice: Node, charge: GatewayCharge) -> str | None:
    """Why nothing is sent. A paid invoice is no reason: perhaps this very attempt paid it, and Stripe says so."""
    status = invoice.text("status")
    if status == "draft":
        raise Misconfigured("the invoice is a draft; nothing was charged")
    if status not in ("open", "paid"):
        return f"the invoice is {status}; nothing was sent"
    owed, meant = invoice.minor("amount_remaining"), amount_at_stripe(charge.amount)
    if status == "paid" or owed == meant:
        return None
    if owed > meant:
        raise Misconfigured("Stripe collects the whole of an invoice; less than it asks for was meant")
    return "a part of the invoice was paid meanwhile; nothing was sent"


def _of_paid(invoice: Node, charge: GatewayCharge) -> ChargeOutcome:
    """An invoice can be paid without a payment: by credit that the customer had."""
    intent = next(iter(intents_of(invoice)), None)
    if invoice.fields.get("status") == "paid":
        return Succeeded(reference=_reference(intent) if intent else invoice.id("id"))
    if intent is None:
        return Unknown(reason="Stripe accepted the request and names no payment")
    return _of_intent(intent, charge)


def _of_intent(intent: Node, charge: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
    status = intent.fields.get("status")
    if status == "succeeded":
        return Succeeded(reference=_reference(intent))
    if status == "processing":
        return Pending(reference=_reference(intent))
    if status == WAITS_FOR_CUSTOMER:
        decline = confirmation_needed(charge.instrument, charge.initiator)
        return Declined(reference=intent.id("id"), decline=decline)
    return Unknown(reason="Stripe has the payment, neither made nor refused")


def _of_uncharged(intent: Node, sent: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
    """Stripe refuses some payments before it makes a charge, such as those that need the customer: then the intent
    waits for another way to pay, and its error says why. Of an intent that is ours alone."""
    error = intent.node("last_payment_error")
    if intent.fields.get("status") != "requires_payment_method" or error is None:
        return _of_intent(intent, sent)
    return Declined(reference=intent.id("id"), decline=decline_of_error(error, sent.initiator, sent.instrument))


def _of_charge(charge: Node, intent: Node, sent: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
    reference, status = charge.id("id"), charge.fields.get("status")
    if status == "succeeded":
        return Succeeded(reference=reference)
    if status == "pending":
        return Pending(reference=reference)
    if status == "failed":
        return Declined(reference=reference, decline=decline_of_charge(charge, intent, sent.initiator))
    return Unknown(reason="Stripe has the charge, neither made nor refused")


def _is_decline(refused: Refused) -> bool:
    """A refusal of the payment rather than of the request. 402: the parameters were right and the payment failed."""
    return refused.status == 402 or refused.code in CONFIRMATION_CODES


def _declined(refused: Refused, charge: GatewayCharge) -> Declined | None:
    """None when Stripe does not say which payment was refused."""
    told = refused.error.node("payment_intent")
    if reference := refused.error.id_or_none("charge") or (_reference(told) if told else None):
        return Declined(reference=reference, decline=_why(refused, charge))
    return None


def _why(refused: Refused, charge: GatewayCharge) -> Decline:
    if refused.code in CONFIRMATION_CODES - {CONFIRMATION_NEEDED}:
        return confirmation_needed(charge.instrument, charge.initiator)
    return decline_of_error(refused.error, charge.initiator, charge.instrument)


def _reference(intent: Node) -> str:
    """One intent is tried several times; a charge is one try."""
    return intent.optional_id("latest_charge") or intent.id("id")


def _silent(silence: NoAnswer | Wrong) -> Unknown:
    if isinstance(silence, Wrong):
        return Unknown(reason=f"Stripe's answer cannot be read at {silence.field}")
    return Unknown(reason=str(silence))


# Parts of requests and of stored methods


def _path(charge: GatewayCharge) -> str:
    return f"/v1/invoices/{in_path(charge.invoice_id)}"


def _from(credential_id: str) -> dict[str, Any]:
    return {"source" if credential_id.startswith(OLDER_SOURCES) else "payment_method": credential_id}


def _card(method: Node) -> tuple[str | None, str | None]:
    return fingerprint_of(method), expiry_of(method)
