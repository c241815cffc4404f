"""Adyen takes the money; it owns no invoices, so the owner of the claim is told afterwards.

There is no reading of a payment by our reference or key: a look-up says Unknown, and what settles the attempt is the
AUTHORISATION webhook, which repeats our mark (`metadata.recoup_attempt`), or the same request under the same key.
Sources (November 2026): Adyen's OpenAPI document CheckoutService-v72 (/payments, /storedPaymentMethods, /sessions),
docs.adyen.com/online-payments/payment-result-codes, /tokenization, /development-resources/refusal-reasons and
/api-idempotency (a key lives 7 days at least, is at most 64 characters long and counts per company account).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from activities.adyen_client import API_VERSION, AdyenConnection, NoAnswer, in_adyens_units
from activities.adyen_sessions import CARD, DEBITS, AdyenSessions
from activities.errors import Misconfigured
from activities.gateways.accounts import AdyenAccount
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NotGiven,
    Pending,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.sources.adyen_refusals import AUTHENTICATION_REQUIRED, INFERRED, RAW_CODES, network_of, raw_code
from activities.sources.reading import Node
from activities.threads import Threads
from policies.base import Record
from policies.declines import Decline, all_rows, classify
from policies.instruments import Initiator, Instrument, Network, PaymentType

MARK = "recoup_attempt"
REFERENCE_MAX = 80
CANCELLED = "15"
RETURN_URL = "https://return.invalid/"
"""Adyen demands one with every payment. Nobody is sent there: a payment that asks for the shopper is not continued."""

LATER = frozenset({"Received", "Pending"})
ASKS_THE_SHOPPER = frozenset({"RedirectShopper", "ChallengeShopper", "IdentifyShopper"})

_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


class _Payment(Record):
    resultCode: str  # noqa: N815 - as Adyen spells it
    pspReference: str | None = None  # noqa: N815 - as Adyen spells it
    merchantReference: str | None = None  # noqa: N815 - as Adyen spells it
    refusalReasonCode: str | None = None  # noqa: N815 - as Adyen spells it
    additionalData: dict[str, Any] = {}  # noqa: N815 - as Adyen spells it


class AdyenGateway:
    name = "adyen"
    capabilities = Capabilities(
        keys_live_for=timedelta(days=7),
        looks_up="by_repeating",
        payment_types=tuple(PaymentType),
        lists_methods=True,
        opens_update_sessions=True,
        update_types=(PaymentType.CARD, PaymentType.BANK_DEBIT),
        pays_once=True,
        api_version=API_VERSION,
    )

    def __init__(self, account: AdyenAccount, threads: Threads) -> None:
        self._adyen = AdyenConnection(account, threads)
        self._sessions = AdyenSessions(self._adyen, account)
        if account.page_lacks:
            self.capabilities = self.capabilities.without_sessions()

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        payment = _payment(charge)
        try:
            answer = await self._adyen.pay(payment, charge.key, _Payment)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))
        return _outcome(charge, answer)

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        return Unknown(reason="Adyen cannot be asked about a payment; its AUTHORISATION webhook tells its end")

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        """Adyen knows no default."""
        return await self._sessions.stored(customer_id)

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """A token is renewed in place and bears no date of it; the webhook `recurring.token.updated` tells."""
        return None

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        return await self._sessions.opened(request)

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """`result` of Adyen's fields: `sessionResult`, without which Adyen tells nothing, and `sessionId` where the
        browser came back to another session than it left."""
        return await self._sessions.came_of(customer_id, result.get("sessionId") or reference, result)

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """Adyen knows no default; the owner of the invoices keeps it."""


def _payment(charge: GatewayCharge) -> dict[str, Any]:
    """`reference` is the invoice, by which failure, success and dispute are about the same claim (docs/sources)."""
    if len(charge.invoice_id) > REFERENCE_MAX:
        raise Misconfigured(f"Adyen takes references of {REFERENCE_MAX} characters at most, not this longer one")
    by_customer = charge.initiator is Initiator.CUSTOMER
    return {
        "amount": in_adyens_units(charge.amount),
        "reference": charge.invoice_id,
        "returnUrl": RETURN_URL,
        "metadata": {MARK: charge.key},
        "shopperReference": charge.customer_id,
        "paymentMethod": {"type": _type(charge.instrument), "storedPaymentMethodId": charge.credential_id},
        "shopperInteraction": "Ecommerce" if by_customer else "ContAuth",
        "recurringProcessingModel": "CardOnFile" if by_customer else "Subscription",
    }


def _type(instrument: Instrument) -> str:
    if instrument.payment_type is not PaymentType.BANK_DEBIT:
        return CARD
    if instrument.network not in DEBITS:
        raise Misconfigured(f"Adyen collects no direct debits of the scheme {instrument.network.value}")
    return DEBITS[instrument.network]


def _outcome(charge: GatewayCharge, answer: _Payment) -> ChargeOutcome:
    """Without Adyen's reference nothing is settled, except that the customer is needed: then there is none yet."""
    result, reference = answer.resultCode, answer.pspReference
    if answer.merchantReference not in (None, charge.invoice_id):
        return Unknown(reason="Adyen answered about another invoice's payment")
    if result in ASKS_THE_SHOPPER:
        return Declined(reference=reference or charge.key, decline=_decline(charge, answer, AUTHENTICATION_REQUIRED))
    if reference and result == "Authorised":
        return Succeeded(reference=reference)
    if reference and result in LATER:
        return Pending(reference=reference)
    if reference and _says_no(answer):
        own = answer.refusalReasonCode or (CANCELLED if result == "Cancelled" else None)
        return Declined(reference=reference, decline=_decline(charge, answer, own))
    word = result if _CODE.fullmatch(result) else "with no code"
    return Unknown(reason=f"Adyen answered {word}, which says neither that money was taken nor that it was not")


def _says_no(answer: _Payment) -> bool:
    """An Error is final too, and where its reason stands in the table of refusals the bank was not even reached."""
    if answer.resultCode == "Error":
        return answer.refusalReasonCode in {row.code for row in all_rows() if row.table == "adyen"}
    return answer.resultCode in ("Refused", "Cancelled")


def _decline(charge: GatewayCharge, answer: _Payment, own: str | None) -> Decline:
    extra = Node("", answer.additionalData)
    inferred = INFERRED.get((extra.optional_text("inferredRefusalReason") or "").lower())
    told = network_of(extra)
    code = inferred or own
    return classify(
        "adyen",
        code if code and _CODE.fullmatch(code) else None,
        next((raw for name in RAW_CODES if (raw := raw_code(extra.optional_text(name)))), None),
        raw_code(extra.optional_text("merchantAdviceCode")),
        network=charge.instrument.network if told is Network.OTHER else told,
        payment_type=charge.instrument.payment_type,
        initiator=charge.initiator,
    )
