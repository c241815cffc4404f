"""What a refusal means: the signals a gateway hands on -> one Decline. Total: whatever comes in, there is an answer.

Signals, most binding first: the network's advice, the scheme's code, the gateway's code. Two rules on top:
a signal that forbids a retry is never softened by another one, and a word that says nothing (`do_not_honor`, `unknown`)
gives way to a word that says something. A hard stop by the credential's own history is `network_rules`' matter.
"""

import difflib
from datetime import timedelta
from functools import lru_cache

from policies.declines.categories import VAGUE, Category, CustomerAction, Decline, Retryable
from policies.declines.codes import TABLES, Row, all_rows, row_by_number, row_for
from policies.instruments import BANK_DEBIT_NETWORKS, Initiator, Network, PaymentType

GATEWAY_TABLES = {
    "stripe": ("stripe", "stripe_error", "stripe_bank"),
    # The sandbox speaks Stripe's words, as its webhooks do.
    "sandbox": ("stripe", "stripe_error", "stripe_bank"),
    "braintree": ("braintree", "braintree_gateway_rejection"),
    "paypal": ("paypal", "paypal_issue"),
    **{name: (name,) for name in TABLES if name not in ("stripe", "braintree", "paypal")},
}
"""In which tables a gateway's code is looked up, in order. Schemes stand here too: their files name the code alone."""

SCHEME_TABLES = {
    Network.AMEX: ("amex", "iso8583"),
    Network.ACH: ("nacha",),
    Network.SEPA: ("sepa",),
    Network.BACS: ("bacs",),
    Network.BECS_AU: ("becs_au",),
    Network.BECS_NZ: ("becs_nz",),
    Network.PAD_CA: ("pad_ca",),
    Network.NORDIC_DD: ("nordic_dd",),
}
CARD_TABLES = ("iso8583",)
DEBIT_TABLES = tuple(name for network in Network if network in BANK_DEBIT_NETWORKS for name in SCHEME_TABLES[network])

ADVICE_TABLES = {
    Network.MASTERCARD: ("mastercard_mac", "stripe_advice"),
    Network.VISA: ("visa_category", "stripe_advice"),
}
# Where nobody told the network: two digits are Mastercard's, one digit is Visa's, words are Stripe's.
ANY_ADVICE_TABLE = ("mastercard_mac", "visa_category", "stripe_advice")

NO_CODE = "none"
"""Stands for the gateway's code where it gave none."""

# A processor's public table (April 2026): hard for the customer at the checkout, soft for a later charge of ours.
HARD_FOR_CUSTOMERS = frozenset({Category.INSUFFICIENT_FUNDS})

_SOFTNESS = {Retryable.NO: 0, Retryable.AFTER_CUSTOMER_ACTION: 1, Retryable.YES: 2}


@lru_cache(maxsize=4096)
def classify(
    gateway: str,
    code: str | None,
    network_code: str | None = None,
    advice_code: str | None = None,
    *,
    network: Network = Network.OTHER,
    payment_type: PaymentType = PaymentType.CARD,
    initiator: Initiator = Initiator.MERCHANT,
) -> Decline:
    """`code` in the gateway's own words, `network_code` the scheme's (ISO 8583 response, ACH return, SEPA reason …),
    `advice_code` a Mastercard MAC, a Visa category or Stripe's advice. Codes in no table are `unknown`, keep their raw
    form and get at most two spaced tries."""
    raw = code or NO_CODE
    advice = _first(ADVICE_TABLES.get(network, ANY_ADVICE_TABLE), advice_code)
    scheme = _first(_scheme_tables(network, payment_type), network_code)
    own = _first(GATEWAY_TABLES.get(gateway, ()), code)
    signals = [row for row in (advice, scheme, own) if row]
    if not signals:
        return _unknown(gateway, raw, network_code, advice_code)
    row = min(signals, key=_binding)
    waits = [signal.earliest_retry for signal in signals if signal.earliest_retry]
    retryable = row.retryable
    if initiator is Initiator.CUSTOMER and row.category in HARD_FOR_CUSTOMERS:
        retryable = Retryable.AFTER_CUSTOMER_ACTION
    return Decline(
        gateway=gateway,
        code=raw,
        network_code=network_code,
        advice_code=advice_code,
        category=row.category,
        retryable=retryable,
        customer_action=row.customer_action,
        fraud_signal=any(signal.fraud_signal for signal in signals),
        earliest_retry=max(waits, default=None),
        decided_by=_decided_by(row, signals),
    )


def _first(tables: tuple[str, ...], code: str | None) -> Row | None:
    """As it is spelled, in any of the tables; else as a number."""
    if not code:
        return None
    found = (look_up(name, code) for look_up in (row_for, row_by_number) for name in tables)
    return next((row for row in found if row), None)


def _scheme_tables(network: Network, payment_type: PaymentType) -> tuple[str, ...]:
    if network in SCHEME_TABLES:
        return SCHEME_TABLES[network]
    return DEBIT_TABLES if payment_type is PaymentType.BANK_DEBIT else CARD_TABLES


def _binding(row: Row) -> tuple[int, bool]:
    """The hardest first; among equals one that says something. `min` keeps the order of the signals otherwise."""
    return _SOFTNESS[row.retryable], row.category in VAGUE


def _decided_by(row: Row, signals: list[Row]) -> str:
    wait = max((s for s in signals if s.earliest_retry), key=lambda s: s.earliest_retry or timedelta(), default=None)
    if wait is None or wait is row:
        return str(row)
    return f"{row}; wait by {wait}"


def _unknown(gateway: str, raw: str, network_code: str | None, advice_code: str | None) -> Decline:
    given = [("code", raw), ("network code", network_code), ("advice", advice_code)]
    return Decline(
        gateway=gateway,
        code=raw,
        network_code=network_code,
        advice_code=advice_code,
        category=Category.UNKNOWN,
        retryable=Retryable.YES,
        customer_action=CustomerAction.CONTACT_BANK,
        decided_by=f"no row for {gateway} " + ", ".join(f"{what} {value}" for what, value in given if value),
    )


def scheme_code(decline: Decline, network: Network) -> str | None:
    """The scheme's own code for a refusal. Where the scheme itself is the gateway, its files name the code alone."""
    if decline.network_code:
        return decline.network_code
    speaks_for_itself = decline.code != NO_CODE and decline.gateway in SCHEME_TABLES.get(network, CARD_TABLES)
    return decline.code if speaks_for_itself else None


def in_tables(gateway: str, code: str) -> bool:
    return _first(GATEWAY_TABLES.get(gateway, ()), code) is not None


def nearest(gateway: str, code: str, count: int = 3) -> tuple[str, ...]:
    """Codes of that gateway that are spelled alike, for the sentence that says what was wrong."""
    tables = GATEWAY_TABLES.get(gateway, ())
    known = sorted({row.code for row in all_rows() if row.table in tables})
    return tuple(difflib.get_close_matches(code, known, n=count, cutoff=0.5))
