"""Stripe's payments as gateway and owner both read them: who is charged, what became of it, why it was refused.

Our mark is the attempt's key in the metadata of the payment intent; Stripe copies it to each charge that is made from
the intent from then on. The first charge that bears a key is ours; a later one was made by somebody else (the
customer on Stripe's page, a colleague) before another attempt of ours put its own mark there.
Sources: docs.stripe.com/api/charges/object, /api/payment_intents/object, /api/invoice-payment, /metadata, /currencies,
/declines, 2026-11.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from activities.errors import Misconfigured
from activities.gateways.contract import StoredMethod
from activities.sources.reading import Node
from activities.sources.stripe_reading import ATTEMPT_MARK, STRIPE_EXPONENTS, strictest_decline
from activities.stripe_client import StripeApi, silence_is_unavailable, word
from policies.declines import Decline, in_tables
from policies.instruments import BANK_DEBIT_NETWORKS, Initiator, Instrument, Network, PaymentType
from policies.money import EXPONENTS, Money

MARK = ATTEMPT_MARK
CONFIRMATION_NEEDED = "authentication_required"
WAITS_FOR_CUSTOMER = "requires_action"
"""Not `requires_confirmation`: so stands a payment that nobody has tried yet."""


# Amounts


def amount_at_stripe(money: Money) -> int:
    """The way back from `money_from_stripe`. Raises Misconfigured where Stripe has no unit small enough."""
    shift = EXPONENTS[money.currency] - STRIPE_EXPONENTS.get(money.currency, EXPONENTS[money.currency])
    if shift <= 0:
        return money.amount_minor * int(10**-shift)
    whole, rest = divmod(money.amount_minor, int(10**shift))
    if rest:
        raise Misconfigured(f"Stripe takes whole units of {money.currency} only")
    return whole


# Payments of an invoice


def intents_of(invoice: Node) -> list[Node]:
    """Its payment intents, expanded; the one that Stripe itself collects with comes first."""
    payments = sorted(invoice.part("payments").nodes("data"), key=lambda p: p.fields.get("is_default") is not True)
    return [intent for payment in payments if (intent := payment.part("payment").node("payment_intent"))]


async def charges_of(stripe: StripeApi, intent: Node) -> list[Node]:
    """Oldest first; of one second in the order in which Stripe made them."""
    with silence_is_unavailable():
        intent_id = intent.id("id")
    newest_first = [charge async for charge in stripe.each("/v1/charges", payment_intent=intent_id)]
    return newest_first[::-1]


def mark_of(payment: Node) -> str | None:
    return payment.part("metadata").optional_text(MARK)


def first_marked(charges: Iterable[Node], key: str) -> Node | None:
    return next((charge for charge in charges if mark_of(charge) == key), None)


def made_by_others(charges: Iterable[Node]) -> list[Node]:
    """Without the first of each mark."""
    known: set[str] = set()
    others = []
    for charge in charges:
        mark = mark_of(charge)
        if mark is None or mark in known:
            others.append(charge)
        else:
            known.add(mark)
    return others


# What is charged


def instrument_of(method: Node) -> Instrument:
    """Of a payment method, or of a charge's `payment_method_details`."""
    kind = method.optional_text("type") or "card"
    details = method.part(kind)
    country, issuer = _country(details), details.optional_text("issuer") or details.optional_text("bank_name")
    if kind == "card":
        network = Network.named(details.optional_text("network") or details.optional_text("brand"))
        return Instrument(network=network, country=country, issuer=issuer)
    network = Network.named(kind)
    payment_type = PaymentType.BANK_DEBIT if network in BANK_DEBIT_NETWORKS else PaymentType.WALLET
    return Instrument(payment_type=payment_type, network=network, country=country, issuer=issuer)


def _country(details: Node) -> str | None:
    country = details.optional_text("country")
    return country if country and len(country) == 2 and country.isalpha() and country.isupper() else None


def expiry_of(method: Node) -> str | None:
    card = method.part("card")
    year, month = card.fields.get("exp_year"), card.fields.get("exp_month")
    if not (isinstance(year, int) and isinstance(month, int) and 2000 <= year <= 9999 and 1 <= month <= 12):
        return None
    return f"{year:04d}-{month:02d}"


def fingerprint_of(method: Node) -> str | None:
    return method.part(method.optional_text("type") or "card").optional_text("fingerprint")


def last4_of(method: Node) -> str | None:
    last4 = method.part(method.optional_text("type") or "card").optional_text("last4")
    return last4 if last4 and re.fullmatch("[0-9A-Za-z]{1,4}", last4) else None


def default_of(customer: Node) -> str | None:
    settings = customer.part("invoice_settings")
    return settings.id_or_none("default_payment_method") or customer.id_or_none("default_source")


def stored(method: Node, default: str | None) -> StoredMethod:
    """`default`: the id of the customer's default, which may be another one."""
    credential_id = method.id("id")
    return StoredMethod(
        credential_id=credential_id,
        instrument=instrument_of(method),
        fingerprint=fingerprint_of(method),
        expires=expiry_of(method),
        last4=last4_of(method),
        is_default=credential_id == default,
    )


# Why it was refused


def decline_of_charge(charge: Node, intent: Node, initiator: Initiator = Initiator.MERCHANT) -> Decline:
    """The intent keeps the error of its last charge, which says more than the charge itself. A charge that Stripe's own
    fraud rules stopped names the rule's reason; the error says `fraudulent` then, and so do we."""
    error = intent.part("last_payment_error")
    if error.id_or_none("charge") == charge.id("id"):
        return decline_of_error(error, initiator, instrument_of(charge.part("payment_method_details")))
    outcome = charge.part("outcome")
    exact = word(outcome, "reason")
    if outcome.fields.get("type") == "blocked" and not (exact and in_tables("stripe", exact)):
        exact = "fraudulent"
    instrument = instrument_of(charge.part("payment_method_details"))
    return _decline(exact, word(charge, "failure_code"), outcome, instrument, initiator)


def decline_of_error(error: Node, initiator: Initiator, known: Instrument) -> Decline:
    """`known`: the instrument where the error brings none."""
    method = error.node("payment_method")
    instrument = instrument_of(method) if method else known
    if instrument.network is Network.OTHER:
        instrument = known
    return _decline(word(error, "decline_code"), word(error, "code"), error, instrument, initiator)


def confirmation_needed(instrument: Instrument, initiator: Initiator) -> Decline:
    return strictest_decline(CONFIRMATION_NEEDED, None, None, (), instrument, initiator)


def _decline(exact: str | None, broad: str | None, said: Node, instrument: Instrument, initiator: Initiator) -> Decline:
    advice = (word(said, "network_advice_code"), word(said, "advice_code"))
    return strictest_decline(exact, broad, word(said, "network_decline_code"), advice, instrument, initiator)


def latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)
