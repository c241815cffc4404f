"""PayPal as a gateway, by its REST API.

Owned here, the claim is a subscription (`I-…`), and charging it means: capture its outstanding balance
(billing subscriptions v1). Owned elsewhere, an order is paid from the vault (`paypal_orders.py`). A captured balance
carries no mark of ours that could be read again, so a look-up goes by time and amount among the subscription's
transactions; docs/gateways/paypal.md says what that means. Sources: developer.paypal.com/docs/api/subscriptions/v1 and
/payment-tokens/v3, PayPal's published API descriptions, read 2026-11.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import aiohttp

from activities.errors import Misconfigured, Unavailable
from activities.gateways.accounts import PayPalAccount
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
from activities.paypal_client import Answer, NoAnswer, PayPalClient, in_path
from activities.paypal_orders import PayPalOrders
from activities.paypal_payments import (
    REFUSED,
    TAKEN,
    Transaction,
    as_money,
    capture,
    decline_of,
    subscription,
    transactions,
)
from activities.paypal_vault import PayPalVault
from policies.instruments import PaymentType

CLOCKS_DIFFER_BY = timedelta(minutes=2)
SHOWS_WITHIN = timedelta(hours=24)
"""A transaction of ours that PayPal accepted bears a time within this after it was sent."""

PAYER_REFUSED = frozenset(
    {
        "USER_ACCOUNT_CLOSED",
        "SUBSCRIBER_ACCOUNT_LOCKED",
        "SUBSCRIBER_ACCOUNT_CLOSED",
        "SUBSCRIBER_ACCOUNT_RESTRICTED",
    }
)
SETTLED_ELSEWHERE = frozenset(
    {"ZERO_OUTSTANDING_BALANCE", "AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", "SUBSCRIPTION_STATUS_INVALID"}
)
"""No money moved and nobody's means were refused; what changed must be read at the owner."""


class PayPalGateway:
    """`name` also names the tables of decline codes."""

    name = "paypal"
    capabilities = Capabilities(
        # Orders: 6 h; captures of a subscription: 72 h. What holds for both is promised.
        keys_live_for=timedelta(hours=6),
        looks_up="by_reading",
        owns_invoices=True,
        payment_types=(PaymentType.CARD, PaymentType.WALLET),
        lists_methods=True,
        opens_update_sessions=True,
        changes_method=False,
        update_types=(PaymentType.WALLET,),
        pays_once=True,
        api_version="orders v2, subscriptions v1, vault v3",
    )

    def __init__(self, account: PayPalAccount, session: aiohttp.ClientSession) -> None:
        self._client = PayPalClient(account, session)
        self._orders = PayPalOrders(self._client)
        self._vault = PayPalVault(self._client)

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        if not charge.owned_here:
            return await self._orders.charge(charge)
        if charge.credential_id != charge.invoice_id:
            raise Misconfigured("PayPal collects a subscription's balance only from what its subscriber pays it with")
        body = {
            "note": f"Recoup {charge.key}",
            "capture_type": "OUTSTANDING_BALANCE",
            "amount": as_money(charge.amount),
        }
        path = f"/v1/billing/subscriptions/{in_path(charge.invoice_id)}/capture"
        try:
            answer = await self._client.send("POST", path, body, charge.key)
            if not answer.is_success:
                return _refusal(answer, charge)
            if answer.body is None:
                return Pending(reference=charge.key)
            return await self._outcome(answer.read_as(Transaction), charge)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        if not sent.owned_here:
            return await self._orders.look_up(sent)
        start, end = sent.sent_at - CLOCKS_DIFFER_BY, sent.sent_at + SHOWS_WITHIN
        listed = await transactions(self._client, sent.invoice_id, start, end)
        found = _ours(listed, sent)
        if found:
            return await self._outcome(found, sent)
        return await self._of_billing(sent)

    async def _outcome(self, found: Transaction, charge: GatewayCharge) -> Succeeded | Declined | Pending | Unknown:
        if found.status in TAKEN:
            return Succeeded(reference=found.id)
        if found.status == "PENDING":
            return Pending(reference=found.id)
        if found.status not in REFUSED:
            return Unknown(reason=f"PayPal shows transaction {found.id} in a state that is not known here")
        return await self._declined(found, charge)

    async def _declined(self, found: Transaction, charge: GatewayCharge) -> Declined:
        """The transaction does not say why; the payment behind it may. Reading it must not lose the refusal."""
        try:
            payment = await capture(self._client, found.id)
        except (Unavailable, Misconfigured):
            payment = None
        reason = found.status_details.reason if found.status_details else None
        decline = decline_of(payment, reason, charge.instrument, charge.initiator)
        return Declined(reference=found.id, decline=decline)

    async def _of_billing(self, sent: SentCharge) -> LookUpOutcome:
        """No transaction: a refusal may stand at the subscription alone."""
        owner = await subscription(self._client, sent.invoice_id)
        failed = owner.billing_info.last_failed_payment if owner else None
        if failed and failed.amount == sent.amount and failed.time >= sent.sent_at - CLOCKS_DIFFER_BY:
            decline = decline_of(None, failed.reason_code, sent.instrument, sent.initiator)
            return Declined(reference=sent.reference or sent.key, decline=decline)
        if sent.reference is None:
            return NeverArrived()
        if sent.now - sent.sent_at < SHOWS_WITHIN:
            return Pending(reference=sent.reference)
        return Unknown(
            reason="PayPal accepted the charge and shows no transaction of it; look at the subscription there"
        )

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        return await self._vault.listed(customer_id)

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """The vault does not say when or whether a card was renewed; VAULT.CREDIT-CARD.UPDATED does."""
        return None

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        return await self._vault.session(request)

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """What the browser brings back is not needed: the setup token says it all."""
        return await self._vault.given(customer_id, reference)

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """PayPal knows no default, and with what a subscription is paid only its subscriber chooses, at PayPal."""


def _refusal(answer: Answer, charge: GatewayCharge) -> ChargeOutcome:
    """`CURRENCY_MISMATCH` and whatever is not listed is our fault."""
    word = next(iter(answer.words), "")
    if word in PAYER_REFUSED:
        decline = decline_of(None, word, charge.instrument, charge.initiator)
        return Declined(reference=charge.key, decline=decline)
    if word in SETTLED_ELSEWHERE:
        return Unknown(reason=f"{word}: this request moved no money; the subscription knows more")
    if answer.status == 409:
        return Unknown(reason="PayPal is still busy with an earlier request under this key")
    raise answer.misconfigured()


def _ours(listed: tuple[Transaction, ...], sent: SentCharge) -> Transaction | None:
    """By PayPal's id where it was told, else by the sum. Money that was taken counts before a refusal, whoever tried:
    then nothing is owed any more."""
    by_id = [each for each in listed if each.id == sent.reference]
    alike = by_id or [each for each in listed if each.amount == sent.amount]
    taken = [each for each in alike if each.status in TAKEN]
    waiting = [each for each in alike if each.status == "PENDING"]
    return next(iter(taken or waiting or alike), None)
