"""What Stripe's objects have in common: an event, its amounts, who is charged, and why a payment was refused.

Sources: docs.stripe.com/currencies, /declines, /api/errors; read for the older and the newer shapes (see `stripe.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from activities.sources.reading import Node, Wrong, shown
from policies.declines import Category, Decline, Retryable, classify
from policies.instruments import BANK_DEBIT_NETWORKS, Initiator, Instrument, Network, PaymentType
from policies.money import EXPONENTS, Money

STRIPE_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's smallest unit is not ISO 4217's: docs.stripe.com/currencies, "special cases" and "zero-decimal"."""

ATTEMPT_MARK = "recoup_attempt"
"""What our gateway writes into the metadata of a payment: the attempt's key."""

_SOFTNESS = {Retryable.NO: 0, Retryable.AFTER_CUSTOMER_ACTION: 1, Retryable.YES: 2}


@dataclass(frozen=True)
class StripeEvent:
    """`before`: what an `….updated` event changed, as it was; empty for every other event."""

    event_id: str
    happened_at: datetime
    about: Node
    before: Node


# Amounts


def money_from_stripe(amount: int, currency: str) -> Money:
    """Stripe's amount as ISO minor units; raises ValueError for an unknown currency or a fraction ISO does not know."""
    code = currency.upper()
    if code not in EXPONENTS:
        raise ValueError(f"{shown(currency)} is no ISO 4217 currency code")
    shift = EXPONENTS[code] - STRIPE_EXPONENTS.get(code, EXPONENTS[code])
    if shift >= 0:
        return Money(amount_minor=amount * 10**shift, currency=code)
    whole, rest = divmod(amount, 10**-shift)
    if rest:
        raise ValueError(f"{amount} is no multiple of {10**-shift}, as Stripe promises for {code}")
    return Money(amount_minor=whole, currency=code)


def money_of(node: Node, amount: int) -> Money:
    """An amount in the object's own `currency`."""
    try:
        return money_from_stripe(amount, node.text("currency"))
    except ValueError as error:
        raise Wrong(f"{node.path}.currency", str(error)) from None


def optional_money(node: Node, *names: str) -> Money | None:
    """The first of the amounts that is there."""
    amount = next((found for name in names if (found := node.optional_minor(name)) is not None), None)
    return None if amount is None else money_of(node, amount)


# Who is charged


def credential_of_payment(payment: Node) -> str | None:
    """Of a payment intent or a charge. An intent lets go of the way to pay that was refused; its error keeps it."""
    error = payment.part("last_payment_error")
    return payment.id_or_none("payment_method") or error.id_or_none("payment_method") or payment.id_or_none("source")


def credential_of_invoice(invoice: Node) -> str | None:
    """The one that was tried when the payment is expanded, else the invoice's own; None: its customer's default."""
    tried = (credential_of_payment(invoice.part(name)) for name in ("payment_intent", "charge"))
    return next(filter(None, tried), None) or (
        invoice.id_or_none("default_payment_method") or invoice.id_or_none("default_source")
    )


def subscription_of(invoice: Node) -> str | None:
    """From 2025-03-31 on it is below `parent`."""
    details = invoice.part("parent").part("subscription_details")
    return invoice.id_or_none("subscription") or details.id_or_none("subscription")


# Why a payment was refused


def decline_of_invoice(invoice: Node) -> Decline | None:
    """Webhooks carry ids instead of expanded payments, so mostly None: the decline comes with the payment's own event
    or is read at the source."""
    intent = invoice.node("payment_intent")
    if intent and (error := intent.node("last_payment_error")):
        return decline_of_error(error)
    if charge := invoice.node("charge"):
        return decline_of_charge(charge)
    if error := invoice.node("last_finalization_error"):
        return decline_of_error(error)
    return None


def decline_of_error(error: Node) -> Decline | None:
    return _decline(error.code("decline_code"), error.code("code"), error, error.part("payment_method"))


def decline_of_charge(charge: Node) -> Decline | None:
    """A charge spells it `failure_code` ("card_declined") and `outcome.reason` ("insufficient_funds")."""
    outcome = charge.part("outcome")
    method = charge.part("payment_method_details")
    return _decline(outcome.code("reason"), charge.code("failure_code"), outcome, method)


def _decline(exact: str | None, broad: str | None, said: Node, method: Node) -> Decline | None:
    if not exact and not broad:
        return None
    network, payment_type = _instrument(method)
    return strictest_decline(
        exact,
        broad,
        said.code("network_decline_code"),
        (said.code("network_advice_code"), said.code("advice_code")),
        Instrument(network=network, payment_type=payment_type),
    )


def strictest_decline(
    exact: str | None,
    broad: str | None,
    network_code: str | None,
    advice: tuple[str | None, ...],
    instrument: Instrument,
    initiator: Initiator = Initiator.MERCHANT,
) -> Decline:
    """The exact code, unless we have no row for it and do for the broad one: `authentication_not_handled` under
    `authentication_required` must not be retried as an unknown refusal. Stripe hands on the network's advice and gives
    its own: the stricter one counts, the first among equals."""
    given: tuple[str | None, ...] = tuple(code for code in advice if code) or (None,)

    def meaning_of(code: str | None) -> Decline:
        read = [
            classify(
                "stripe",
                code,
                network_code,
                each,
                network=instrument.network,
                payment_type=instrument.payment_type,
                initiator=initiator,
            )
            for each in given
        ]
        return min(read, key=lambda decline: _SOFTNESS[decline.retryable])

    decline = meaning_of(exact or broad)
    if exact and broad and decline.category is Category.UNKNOWN:
        second = meaning_of(broad)
        return second if second.category is not Category.UNKNOWN else decline
    return decline


def _instrument(method: Node) -> tuple[Network, PaymentType]:
    """A card names its network; a bank debit is its own. Said of a charge in `payment_method_details`."""
    kind = method.optional_text("type")
    if kind in (None, "card"):
        card = method.part("card")
        return Network.named(card.optional_text("network") or card.optional_text("brand")), PaymentType.CARD
    network = Network.named(kind)
    return network, PaymentType.BANK_DEBIT if network in BANK_DEBIT_NETWORKS else PaymentType.WALLET
