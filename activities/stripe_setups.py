"""How a customer gives Stripe a new way to pay: a setup intent, opened in Stripe's own fields in our page, which
charges nothing; what came of it; and which way to pay later invoices are charged to.

A subscription may be told to keep whatever it was paid with (`save_default_payment_method`). That is switched off
before somebody pays with what they lend for once, and stays off: a debit is paid days later, and would still be kept.
Sources: docs.stripe.com/api/setup_intents, /payments/save-and-reuse, /sdks/stripejs-versioning, /security/guide,
/billing/subscriptions/overview and the types of Stripe's packages for Python (16.1) and of Stripe.js (10.2), 2026-11.
"""

from typing import Any

from activities.errors import Misconfigured
from activities.gateways.contract import (
    HostedFields,
    NotGiven,
    Origins,
    SessionRequest,
    StoredMethod,
    UpdateSession,
)
from activities.sources.reading import Node
from activities.stripe_client import Refused, StripeApi, in_path, silence_is_unavailable
from activities.stripe_objects import decline_of_error, default_of, stored
from policies.instruments import Initiator, Instrument, PaymentType

SCRIPT = "https://js.stripe.com/endive/stripe.js"
"""The release that goes with our version of the API; it must come from Stripe and be no copy."""

ORIGINS = Origins(
    script=("https://js.stripe.com", "https://*.js.stripe.com"),
    frame=("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
    connect=("https://api.stripe.com",),
)

DEBITS = {
    "EUR": "sepa_debit",
    "USD": "us_bank_account",
    "GBP": "bacs_debit",
    "AUD": "au_becs_debit",
    "CAD": "acss_debit",
    "NZD": "nz_bank_account",
}
"""The direct debit of a currency, in Stripe's word."""

AT_ONCE = "instant"
OPTIONS: dict[str, dict[str, Any]] = {
    "us_bank_account": {"verification_method": AT_ONCE},
    "acss_debit": {
        "currency": "cad",
        "verification_method": AT_ONCE,
        "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
    },
}
"""Verified while the customer is there: by two small transfers it would take days."""

ENDED = frozenset({"canceled", "incomplete_expired"})


class StripeSetups:
    def __init__(self, stripe: StripeApi, publishable_key: str | None) -> None:
        self._stripe = stripe
        self._publishable_key = publishable_key

    async def opened(self, request: SessionRequest) -> UpdateSession:
        """Raises Misconfigured without a publishable key, and for a debit in a currency that has none at Stripe."""
        key = self._key()
        with silence_is_unavailable():
            asked = await self._asked(request)
            intent = await self._stripe.post(
                "/v1/setup_intents", customer=request.customer_id, usage="off_session", **asked
            )
            options = {"publishable_key": key, "client_secret": intent.text("client_secret")}
            options["type"] = request.payment_type.value
            if request.credential_id:
                options["payment_method"] = request.credential_id
            fields = HostedFields(kind="stripe", scripts=(SCRIPT,), options=options, origins=ORIGINS)
            return UpdateSession(reference=intent.id("id"), fields=fields)

    async def came_of(self, customer_id: str, reference: str) -> StoredMethod | NotGiven:
        with silence_is_unavailable():
            try:
                intent = await self._stripe.get(f"/v1/setup_intents/{in_path(reference)}", expand=["payment_method"])
            except Refused as refused:
                if refused.is_missing:
                    return NotGiven(why="unknown")
                raise
            if intent.id_or_none("customer") != customer_id:
                return NotGiven(why="unknown")
            method = intent.node("payment_method")
            if intent.fields.get("status") != "succeeded" or method is None:
                return _not_given(intent)
            default = default_of(await self._stripe.get(f"/v1/customers/{in_path(customer_id)}"))
            return stored(method, default)

    async def keep(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """What a subscription has as its own outranks the customer's default, so that is changed as well."""
        with silence_is_unavailable():
            await self._stripe.post(
                f"/v1/customers/{in_path(customer_id)}",
                invoice_settings={"default_payment_method": credential_id},
            )
            subscription = await self._subscription_behind(customer_id, invoice_id)
            if subscription is None or subscription.fields.get("status") in ENDED:
                return
            if subscription.id_or_none("default_payment_method") or subscription.id_or_none("default_source"):
                await self._change(subscription, default_payment_method=credential_id)

    async def only_lend(self, invoice: Node) -> None:
        """Nothing that pays this invoice is kept by its subscription from now on."""
        subscription_id = _subscription_of(invoice)
        if subscription_id is None:
            return
        subscription = await self._stripe.get(f"/v1/subscriptions/{in_path(subscription_id)}")
        if subscription.part("payment_settings").fields.get("save_default_payment_method") == "on_subscription":
            await self._change(subscription, payment_settings={"save_default_payment_method": "off"})

    def _key(self) -> str:
        """It goes to every customer's browser, so a secret key in its place must not."""
        if self._publishable_key is None:
            raise Misconfigured("say in publishable_key of this Stripe account what opens its fields in a page")
        if not self._publishable_key.startswith("pk_"):
            raise Misconfigured("publishable_key of this Stripe account is no publishable key, pk_…")
        return self._publishable_key

    async def _asked(self, request: SessionRequest) -> dict[str, Any]:
        """Apple Pay and Google Pay are cards at Stripe; which other wallets there are hangs on account and country, so
        Stripe chooses among those that are switched on."""
        if request.credential_id:
            return await self._confirming(request.credential_id)
        if request.payment_type is PaymentType.CARD:
            return {"payment_method_types": ["card"]}
        if request.payment_type is PaymentType.BANK_DEBIT:
            return _debit_in(request.owed.currency if request.owed else await self._currency_of(request.customer_id))
        return {
            "automatic_payment_methods": {"enabled": True},
            "excluded_payment_method_types": list(DEBITS.values()),
        }

    async def _currency_of(self, customer_id: str) -> str | None:
        """In which Stripe bills the customer; None before their first invoice."""
        customer = await self._stripe.get(f"/v1/customers/{in_path(customer_id)}")
        return (customer.optional_text("currency") or "").upper() or None

    async def _confirming(self, credential_id: str) -> dict[str, Any]:
        """The bank wants to see the customer, so 3-D Secure is asked for wherever the card has it."""
        method = await self._stripe.get(f"/v1/payment_methods/{in_path(credential_id)}")
        kind = method.text("type")
        asked: dict[str, Any] = {"payment_method": credential_id, "payment_method_types": [kind]}
        if kind == "card":
            asked["payment_method_options"] = {"card": {"request_three_d_secure": "any"}}
        return asked

    async def _subscription_behind(self, customer_id: str, invoice_id: str) -> Node | None:
        """None also for an invoice that Stripe does not own."""
        if not invoice_id.startswith("in_"):
            return None
        try:
            invoice = await self._stripe.get(f"/v1/invoices/{in_path(invoice_id)}")
        except Refused as refused:
            if refused.is_missing:
                return None
            raise
        subscription_id = _subscription_of(invoice)
        if subscription_id is None or invoice.id_or_none("customer") != customer_id:
            return None
        return await self._stripe.get(f"/v1/subscriptions/{in_path(subscription_id)}")

    async def _change(self, subscription: Node, **changes: Any) -> None:
        await self._stripe.post(f"/v1/subscriptions/{in_path(subscription.id('id'))}", **changes)


def _debit_in(currency: str | None) -> dict[str, Any]:
    debit = DEBITS.get(currency or "")
    if debit is None:
        raise Misconfigured(f"Stripe sets up no direct debits in {currency or 'a currency that nobody named'}")
    options = {"payment_method_options": {debit: OPTIONS[debit]}} if debit in OPTIONS else {}
    return {"payment_method_types": [debit], **options}


def _not_given(intent: Node) -> NotGiven:
    """A refused setup waits for another way to pay and keeps the error; without one nobody has tried yet."""
    status, error = intent.fields.get("status"), intent.node("last_setup_error")
    if error is not None and status in ("requires_payment_method", "canceled"):
        return NotGiven(why="refused", decline=decline_of_error(error, Initiator.CUSTOMER, Instrument()))
    return NotGiven(why="expired" if status == "canceled" else "unfinished")


def _subscription_of(invoice: Node) -> str | None:
    return invoice.part("parent").part("subscription_details").id_or_none("subscription")
