"""Money as integer minor units with ISO 4217 exponents. No float comes near it.

Source of the exponents: ISO 4217 list one, edition 2026-01-01 (checked against the `iso4217` package in the tests).
CLDR is no source for them: it says 0 for MGA and others where the standard says 2.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field

from policies.base import Record

EXPONENT_0 = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
EXPONENT_2 = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR
    ZMW ZWG""".split()
)
EXPONENT_3 = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
EXPONENT_4 = frozenset("CLF UYW".split())

EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in (
        (0, EXPONENT_0),
        (2, EXPONENT_2),
        (3, EXPONENT_3),
        (4, EXPONENT_4),
    )
    for code in codes
}


def _known_currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError(f"{code!r} is no ISO 4217 currency code (three capital letters, such as EUR)")
    return code


Currency = Annotated[str, AfterValidator(_known_currency)]


class Money(Record):
    """`amount_minor` in the currency's smallest unit: 1050 EUR is 10.50 euros, 1050 JPY is 1050 yen."""

    amount_minor: Annotated[int, Field(strict=True)]
    currency: Currency

    @property
    def as_decimal(self) -> Decimal:
        return Decimal(self.amount_minor).scaleb(-EXPONENTS[self.currency])

    def __add__(self, other: "Money") -> "Money":
        return self._changed(other, other.amount_minor)

    def __sub__(self, other: "Money") -> "Money":
        return self._changed(other, -other.amount_minor)

    def _changed(self, other: "Money", minor: int) -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self} and {other} are of two currencies")
        return Money(amount_minor=self.amount_minor + minor, currency=self.currency)

    def __str__(self) -> str:
        return _in_words(self.amount_minor, self.currency)


@lru_cache(maxsize=4096)
def _in_words(amount_minor: int, currency: str) -> str:
    exponent = EXPONENTS[currency]
    return f"{Decimal(amount_minor).scaleb(-exponent):,.{exponent}f} {currency}"
