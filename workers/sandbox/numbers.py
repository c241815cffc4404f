"""What a customer types into the hosted fields, and the way to pay that comes of it. Pure.

The numbers are those that Stripe publishes for tests (docs.stripe.com/testing, read 2026-11); no card or account was
ever issued with one of them. Any other number is refused, so that nobody types a real card here. Of a number only the
network and its last four characters leave this file.
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from policies.base import Record, Request
from policies.instruments import Network, PaymentType

FAR_FUTURE = "2999-01-01T00:00:00+00:00"
LONGEST_VALIDITY_YEARS = 50

Typed = Annotated[str, StringConstraints(max_length=100)]


class CardDetails(Request):
    number: Typed = ""
    expiry: Typed = ""
    cvc: Typed = ""


class BankDetails(Request):
    iban: Typed = ""
    holder: Typed = ""


class Way(Record):
    """A way to pay as the gateway keeps it. `kind`, `params`: how it behaves, see `cards.py`. `challenge`: the bank
    wants it confirmed first. `refused`: the bank's code, when it refuses to have it stored at all."""

    payment_type: PaymentType
    kind: str = "good"
    params: dict[str, str] = {}
    brand: Network = Network.OTHER
    last4: Annotated[str, Field(max_length=4)] | None = None
    expires: str | None = None
    challenge: bool = False
    refused: str | None = None


class WrongFields(Exception):
    """`fields`: what is wrong with each, as a key of the words."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("the customer has to correct what she typed")
        self.fields = fields


def _card(brand: Network = Network.VISA, **more: object) -> Way:
    return Way.model_validate({"payment_type": PaymentType.CARD, "brand": brand, **more})


def _account(**more: object) -> Way:
    return Way.model_validate({"payment_type": PaymentType.BANK_DEBIT, "brand": Network.SEPA, **more})


CARDS: dict[str, Way] = {
    "4242424242424242": _card(),
    "5555555555554444": _card(Network.MASTERCARD),
    "4000000000000002": _card(kind="do_not_honor"),
    "4000000000009995": _card(kind="insufficient_until", params={"until": FAR_FUTURE}),
    "4000000000000069": _card(kind="expired"),
    "4000000000000119": _card(kind="pending"),
    "4000000000000127": _card(refused="incorrect_cvc"),
    "4000002760003184": _card(challenge=True),
}
ACCOUNTS: dict[str, Way] = {
    "DE89370400440532013000": _account(kind="pending"),
    "DE62370400440532013001": _account(kind="insufficient_until", params={"until": FAR_FUTURE}),
    "AT611904300234573201": _account(refused="bank_account_unusable"),
    "AT861904300235473202": _account(refused="account_closed"),
}
WALLET = Way(payment_type=PaymentType.WALLET)

APPROVED: dict[PaymentType, Way] = {
    PaymentType.CARD: _card(last4="4242"),
    PaymentType.BANK_DEBIT: _account(kind="pending", last4="3000"),
    PaymentType.WALLET: WALLET,
}
"""What comes of the gateway's own page, where nothing is typed."""


def card_of(typed: CardDetails, now: datetime) -> Way:
    """Raises WrongFields."""
    number = _digits(typed.number)
    way = CARDS.get(number)
    wrong = {"number": _wrong_number(typed.number, number), "cvc": _wrong_cvc(typed.cvc)}
    expires, wrong["expiry"] = _expiry(typed.expiry, now)
    _complain(wrong, ("number", "expiry", "cvc"))
    if way is None:
        raise WrongFields({"number": "number_unknown"})
    return way.model_copy(update={"last4": number[-4:], "expires": expires})


def account_of(typed: BankDetails) -> Way:
    """Raises WrongFields."""
    iban = re.sub(r"[\s-]", "", typed.iban).upper()
    way = ACCOUNTS.get(iban)
    wrong = {"iban": _wrong_iban(iban), "holder": None if typed.holder.strip() else "holder_missing"}
    _complain(wrong, ("iban", "holder"))
    if way is None:
        raise WrongFields({"iban": "iban_unknown"})
    return way.model_copy(update={"last4": iban[-4:]})


def _complain(wrong: dict[str, str | None], order: tuple[str, ...]) -> None:
    told = {field: complaint for field in order if (complaint := wrong[field]) is not None}
    if told:
        raise WrongFields(told)


def _digits(text: str) -> str:
    """As ASCII, however the customer's keyboard writes digits; with letters in between it is no number."""
    bare = re.sub(r"[\s\u200e\u200f-]", "", text)
    return "".join(str(int(each)) for each in bare) if bare.isdecimal() else ""


def _wrong_number(text: str, number: str) -> str | None:
    if not text.strip():
        return "number_missing"
    return None if 13 <= len(number) <= 19 and _passes_luhn(number) else "number_wrong"


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _wrong_cvc(text: str) -> str | None:
    if not text.strip():
        return "cvc_missing"
    return None if len(_digits(text)) in (3, 4) else "cvc_wrong"


def _expiry(text: str, now: datetime) -> tuple[str | None, str | None]:
    """YYYY-MM, or what is wrong. A card is good until the last day of its month."""
    if not text.strip():
        return None, "expiry_missing"
    ascii_only = "".join(str(int(each)) if each.isdecimal() else each for each in text)
    found = re.fullmatch(r"\s*(\d{1,2})\s*[/.-]?\s*((?:20)?\d\d)\s*", ascii_only)
    month, year = (int(found[1]), 2000 + int(found[2][-2:])) if found else (0, 0)
    if not 1 <= month <= 12 or year > now.year + LONGEST_VALIDITY_YEARS:
        return None, "expiry_wrong"
    if (year, month) < (now.year, now.month):
        return None, "expiry_past"
    return f"{year:04}-{month:02}", None


def _wrong_iban(iban: str) -> str | None:
    """Its check digits: ISO 7064 MOD 97-10, as ISO 13616 has it."""
    if not iban:
        return "iban_missing"
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", iban):
        return "iban_wrong"
    return None if int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97 == 1 else "iban_wrong"
