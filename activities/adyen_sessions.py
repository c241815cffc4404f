"""How a customer gives Adyen a new way to pay: a session of a zero amount in Adyen's own fields in our page, and what
came of it.

Our reference of a session is made of the customer, so that nobody is given what another one gave. Which stored way to
pay came of it: Adyen says its id where the account sends recurring details; otherwise it is the one that was first paid
with in this session. A way to pay that was stored before is stored no second time. Adyen stores it a moment after the
session has ended: one that is not there yet is asked for again.
Sources (November 2026): Adyen's OpenAPI document CheckoutService-v72 (/sessions, /sessions/{sessionId},
/storedPaymentMethods), docs.adyen.com/online-payments/build-your-integration/sessions-flow, /tokenization,
/online-payments/script-security-compliance, the package @adyen/adyen-web 6.45.2 (its addresses and its types).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from activities.adyen_client import AdyenConnection, Refused
from activities.errors import Misconfigured, Unavailable
from activities.gateways.accounts import AdyenAccount
from activities.gateways.contract import (
    HostedFields,
    NotGiven,
    Origins,
    SessionRequest,
    StoredMethod,
    UpdateSession,
)
from activities.sources.adyen_refusals import network_of
from activities.sources.reading import Node
from policies.base import Record, UtcTime
from policies.instruments import BANK_DEBIT_NETWORKS, Instrument, Network, PaymentType

WEB = "6.45.2"
"""The release of Adyen's fields. It is fixed, so that what runs in a payment page changes only with us."""

CARD = "scheme"
DEBITS = {
    Network.SEPA: "sepadirectdebit",
    Network.ACH: "ach",
    Network.BACS: "directdebit_GB",
    Network.PAD_CA: "eft_directdebit_CA",
}
"""What Adyen calls direct debits; cards, also those in wallets, are `scheme`."""

DEBIT_OF = {"EUR": Network.SEPA, "USD": Network.ACH, "GBP": Network.BACS, "CAD": Network.PAD_CA}

SHOPPER_MIN, SHOPPER_MAX = 3, 256
TOLD_ID = "tokenization.storedPaymentMethodId"
TOLD_ID_FORMERLY = "recurring.recurringDetailReference"


class _StoredMethod(Record):
    id: str
    type: str = CARD
    brand: str | None = None
    alias: str | None = None
    issuerName: str | None = None  # noqa: N815 - as Adyen spells it
    expiryMonth: str | None = None  # noqa: N815 - as Adyen spells it
    expiryYear: str | None = None  # noqa: N815 - as Adyen spells it
    lastFour: str | None = None  # noqa: N815 - as Adyen spells it
    iban: str | None = None
    firstPspReference: str | None = None  # noqa: N815 - as Adyen spells it


class _StoredMethods(Record):
    storedPaymentMethods: tuple[_StoredMethod, ...] = ()  # noqa: N815 - as Adyen spells it


class _Session(Record):
    id: str
    sessionData: str  # noqa: N815 - as Adyen spells it
    expiresAt: UtcTime | None = None  # noqa: N815 - as Adyen spells it


class _SessionPayment(Record):
    pspReference: str | None = None  # noqa: N815 - as Adyen spells it


class _SessionResult(Record):
    """`payments`: those that were authorised; the last one ended the session."""

    status: str = ""
    reference: str | None = None
    payments: tuple[_SessionPayment, ...] = ()
    additionalData: dict[str, Any] = {}  # noqa: N815 - as Adyen spells it


class AdyenSessions:
    def __init__(self, adyen: AdyenConnection, account: AdyenAccount) -> None:
        self._adyen = adyen
        self._account = account

    async def stored(self, customer_id: str) -> tuple[StoredMethod, ...]:
        found = await self._adyen.stored_methods(customer_id, _StoredMethods)
        return tuple(_stored(method) for method in found.storedPaymentMethods)

    async def opened(self, request: SessionRequest) -> UpdateSession:
        """Nothing is charged: a zero amount stores the new way to pay under the shopper's reference."""
        if request.credential_id is not None:
            raise Misconfigured("Adyen confirms no stored way to pay without charging it; the customer gives it anew")
        settings = self._settings()
        currency, types = self._what_is_taken(request)
        session = await self._adyen.open_session(
            {
                "amount": {"value": 0, "currency": currency},
                "reference": reference_of(request.customer_id),
                "returnUrl": request.return_url,
                "shopperReference": _shopper(request.customer_id),
                "shopperInteraction": "Ecommerce",
                "recurringProcessingModel": "Subscription",
                "storePaymentMethodMode": "enabled",
                "allowedPaymentMethods": types,
                "channel": "Web",
                "countryCode": settings["country_code"],
            },
            _Session,
        )
        options = {**settings, "session_id": session.id, "session_data": session.sessionData}
        fields = HostedFields(kind="adyen", options=options, **self._files())
        return UpdateSession(reference=session.id, fields=fields, expires_at=session.expiresAt)

    async def came_of(self, customer_id: str, session_id: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """Adyen gives no reason with a refusal here; its webhook does."""
        told = result.get("sessionResult")
        if not told:
            return NotGiven(why="unfinished")
        try:
            found = await self._adyen.session_result(session_id, told, _SessionResult)
        except Refused:
            return NotGiven(why="unknown")
        if found.reference != reference_of(customer_id):
            return NotGiven(why="unknown")
        if found.status in ("completed", "paymentPending"):
            return await self._stored_by(customer_id, found)
        if found.status in ("refused", "expired"):
            return NotGiven(why="refused" if found.status == "refused" else "expired")
        return NotGiven(why="unfinished")

    async def _stored_by(self, customer_id: str, session: _SessionResult) -> StoredMethod | NotGiven:
        """A card that was there before keeps the payment it was first paid with, so only its last digits tell it. A
        debit may stay pending for days, and be stored meanwhile."""
        extra = Node("", session.additionalData)
        told_id = extra.optional_text(TOLD_ID) or extra.optional_text(TOLD_ID_FORMERLY)
        paid = {payment.pspReference for payment in session.payments} - {None}
        summary = extra.optional_text("cardSummary")
        methods = (await self._adyen.stored_methods(customer_id, _StoredMethods)).storedPaymentMethods
        for found in (
            [method for method in methods if told_id and method.id == told_id],
            [method for method in methods if method.firstPspReference in paid],
            [method for method in methods if summary and method.lastFour == summary and _is_of(method, extra)],
        ):
            if len(found) == 1:
                return _stored(found[0])
        if session.status == "paymentPending":
            return NotGiven(why="unfinished")
        raise Unavailable("the session has ended, and Adyen's list does not hold yet what was stored in it")

    def _settings(self) -> dict[str, str]:
        """What stands in the page; a secret in the client key's place must not."""
        account, is_live = self._account, self._account.live_url_prefix is not None
        if not account.update_country:
            raise Misconfigured("say in update_country of this Adyen account where most of its customers are")
        if not account.client_key:
            raise Misconfigured("say in client_key of this Adyen account what opens its fields in a page")
        environment = "live" if is_live else "test"
        if not re.fullmatch(f"{environment}_[A-Za-z0-9]+", account.client_key):
            raise Misconfigured(f"client_key of this Adyen account is no client key of its {environment} environment")
        if is_live and account.live_region:
            environment = f"live-{account.live_region}"
        return {
            "client_key": account.client_key,
            "environment": environment,
            "country_code": account.update_country,
        }

    def _what_is_taken(self, request: SessionRequest) -> tuple[str, list[str]]:
        if not self._account.update_currency:
            raise Misconfigured("say in update_currency of this Adyen account in which currency a card is checked")
        if request.payment_type is PaymentType.CARD:
            return self._account.update_currency, [CARD]
        if request.payment_type is not PaymentType.BANK_DEBIT:
            raise Misconfigured("Adyen's wallets need scripts and sign-ups of their own; none is set up")
        currency = request.owed.currency if request.owed else self._account.update_currency
        if currency not in DEBIT_OF:
            raise Misconfigured(f"Adyen sets up no direct debits in {currency}")
        return currency, [DEBITS[DEBIT_OF[currency]]]

    def _files(self) -> dict[str, Any]:
        environment = self._settings()["environment"]
        files = f"https://checkoutshopper-{environment}.cdn.adyen.com"
        api = f"https://checkoutshopper-{environment}.adyen.com"
        sdk = f"{files}/checkoutshopper/sdk/{WEB}"
        origins = Origins(
            script=(files, api),
            # 3-D Secure opens the bank's page in a frame, and there is no list of banks' addresses.
            frame=(files, api, "https:"),
            connect=(files, api, f"https://checkoutanalytics-{environment}.adyen.com"),
            style=(files,),
            image=(files, api),
            # And posts a form from our page into that frame.
            form=("https:",),
        )
        return {"scripts": (f"{sdk}/adyen.js",), "styles": (f"{sdk}/adyen.css",), "origins": origins}


def reference_of(customer_id: str) -> str:
    """Adyen shows it to the merchant and takes 80 characters of it; ids of customers may be longer."""
    return "way-to-pay-" + hashlib.sha256(customer_id.encode()).hexdigest()[:40]


def _shopper(customer_id: str) -> str:
    if not SHOPPER_MIN <= len(customer_id) <= SHOPPER_MAX:
        raise Misconfigured(f"Adyen takes references of shoppers of {SHOPPER_MIN} to {SHOPPER_MAX} characters")
    return customer_id


def _is_of(method: _StoredMethod, extra: Node) -> bool:
    """`expiryDate` is `6/2030`; where Adyen does not tell it, the last digits must do."""
    told = re.fullmatch("(0?[1-9]|1[0-2])/(20[0-9]{2})", extra.optional_text("expiryDate") or "")
    return told is None or _expires(method) == f"{told[2]}-{int(told[1]):02d}"


def _stored(method: _StoredMethod) -> StoredMethod:
    network = network_of(Node("", {"paymentMethod": method.brand or method.type}))
    kind = PaymentType.BANK_DEBIT if network in BANK_DEBIT_NETWORKS else PaymentType.CARD
    if kind is PaymentType.CARD and method.type != CARD:
        kind = PaymentType.WALLET
    instrument = Instrument(
        payment_type=kind, network=network, issuer=method.issuerName or None, fingerprint=method.alias or None
    )
    return StoredMethod(
        credential_id=method.id,
        instrument=instrument,
        fingerprint=method.alias or None,
        expires=_expires(method),
        last4=_last4(method),
    )


def _last4(method: _StoredMethod) -> str | None:
    """Of an account by IBAN only its end is looked at; the number itself goes no further."""
    last4 = method.lastFour or (method.iban or "")[-4:]
    return last4 if re.fullmatch("[0-9A-Za-z]{1,4}", last4) else None


def _expires(method: _StoredMethod) -> str | None:
    """The year has two digits, or four."""
    month, year = method.expiryMonth or "", method.expiryYear or ""
    if not re.fullmatch("0?[1-9]|1[0-2]", month) or not re.fullmatch("(20)?[0-9]{2}", year):
        return None
    return f"20{year[-2:]}-{int(month):02d}"
