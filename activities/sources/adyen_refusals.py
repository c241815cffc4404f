"""Why a payment was refused, in Adyen's words: `reason` in a sentence, and raw codes where the account sends them.

Webhooks carry the text of the refusal, not its number (docs.adyen.com/development-resources/refusal-reasons); the table
of declines knows both. Of returned bank debits: /risk-management/chargeback-guidelines, "SEPA" and "ACH".
"""

import re
from functools import cache

from activities.sources.reading import Node
from policies.card_numbers import looks_like_card_number
from policies.declines import Category, Decline, all_rows, classify
from policies.instruments import BANK_DEBIT_NETWORKS, Network, PaymentType

AUTHENTICATION_REQUIRED = "38"
INFERRED = {"3d secure mandated": AUTHENTICATION_REQUIRED}
"""What Adyen reads from a bank that refuses without saying so: it would accept a payment that the customer confirms."""

RAW_CODES = ("refusalCodeRaw", "refusalReasonRaw", "acquirerResponseCode")

DEBITS = {
    "sepadirectdebit": Network.SEPA,
    "directdebit_gb": Network.BACS,
    "eft_directdebit_ca": Network.PAD_CA,
}
"""Direct debits that Adyen calls by a name of its own."""

_BEFORE_TEXT = re.compile(r"\s*([A-Za-z0-9]{1,4})\s*(?::.*)?", re.DOTALL)
_NO_CODE_CHARACTERS = re.compile(r"[^A-Za-z0-9.\-]+")


def network_of(item: Node) -> Network:
    """`paymentMethod` is a network, a direct debit or a network in a wallet: `mc`, `sepadirectdebit`, `mc_applepay`."""
    word = (item.optional_text("paymentMethod") or "").lower()
    known = DEBITS.get(word) or Network.named(word)
    return known if known is not Network.OTHER else Network.named(word.partition("_")[0])


def refusal(item: Node, extra: Node) -> Decline | None:
    """None when nothing is said about why."""
    inferred = INFERRED.get((extra.optional_text("inferredRefusalReason") or "").lower())
    raw = next((code for name in RAW_CODES if (code := raw_code(extra.optional_text(name)))), None)
    return _decline(item, inferred or _own_code(item), raw, raw_code(extra.optional_text("merchantAdviceCode")))


def return_of_debit(item: Node, extra: Node) -> Decline | None:
    """Why a bank debit came back when it could not be collected; None when the payer objects, when nobody knows why,
    and for everything that is no bank debit."""
    if network_of(item) not in BANK_DEBIT_NETWORKS:
        return None
    decline = _decline(item, _own_code(item), raw_code(extra.optional_text("chargebackReasonCode")), None)
    objected = {Category.PAYMENT_DISPUTED, Category.UNKNOWN}
    return decline if decline and decline.category not in objected else None


def raw_code(text: str | None) -> str | None:
    """The code of `05 : Do not honor`, `AM04:InsufficientFunds` or `05`; None for texts such as `DECLINED`."""
    found = _BEFORE_TEXT.fullmatch(text or "")
    return found.group(1) if found else None


def reason_code(text: str | None) -> str | None:
    """A text as one word, for what stands in no table."""
    word = _NO_CODE_CHARACTERS.sub("_", (text or "").strip()).strip("_")[:100]
    return word if word and not looks_like_card_number(word) else None


def _own_code(item: Node) -> str | None:
    """`reason` is the text "null" where there is none."""
    reason = item.optional_text("reason")
    if reason is None or reason.lower() == "null":
        return None
    return _code_by_text().get(reason.lower()) or reason_code(reason)


@cache
def _code_by_text() -> dict[str, str]:
    return {row.name.lower(): row.code for row in all_rows() if row.table == "adyen"}


def _decline(item: Node, code: str | None, network_code: str | None, advice: str | None) -> Decline | None:
    if not (code or network_code or advice):
        return None
    network = network_of(item)
    is_debit = network in BANK_DEBIT_NETWORKS
    return classify(
        "adyen",
        code,
        network_code,
        advice,
        network=network,
        payment_type=PaymentType.BANK_DEBIT if is_debit else PaymentType.CARD,
    )
