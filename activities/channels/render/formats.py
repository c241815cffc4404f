"""Money, days and lists as people write them in their language and country (CLDR, through Babel)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_currency

from activities.channels.catalogs import SOURCE, Translation
from policies.money import EXPONENTS, Money

ISOLATE, END_ISOLATE = "\u2068", "\u2069"
"""FIRST STRONG ISOLATE and its end (Unicode TR 9): what stands between keeps its own direction."""


@dataclass(frozen=True)
class Voice:
    """The language we speak to a person in, and how amounts and days are written in it."""

    locale: Locale
    translation: Translation
    fell_back: bool

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def isolated(self, value: str) -> str:
        """In a line that runs from right to left, a number or a Latin name would move its neighbours."""
        return f"{ISOLATE}{value}{END_ISOLATE}" if value and self.direction == "rtl" else value

    def listed(self, words: Sequence[str]) -> str:
        return format_list(words, locale=self.locale) if words else ""


def voice_of(name: str, translations: dict[str, Translation]) -> Voice:
    """A region's variant uses its language's words with its own formats; who speaks none of ours reads English, in the
    order of their own country."""
    locale = locale_of(name)
    if locale is not None and locale.language in translations:
        return Voice(locale, translations[locale.language], fell_back=False)
    return Voice(in_english(locale), translations[SOURCE], fell_back=True)


def locale_of(name: str) -> Locale | None:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def in_english(locale: Locale | None) -> Locale:
    """English as written in the person's country, or as written internationally where that is not known."""
    if locale is None:
        return Locale.parse(SOURCE)
    try:
        return Locale.parse(f"{SOURCE}_{locale.territory or '001'}")
    except UnknownLocaleError:
        return Locale.parse(f"{SOURCE}_001")


def money_of(money: Money, locale: Locale) -> str:
    """As people there write it, with as many decimals as our own table says: CLDR gives MGA and others none."""
    exponent = EXPONENTS[money.currency]
    decimals = "." + "0" * exponent if exponent else ""
    pattern = re.sub(r"0(\.0+)?(?![#0,.])", f"0{decimals}", locale.currency_formats["standard"].pattern)
    return format_currency(money.as_decimal, money.currency, pattern, locale=locale, currency_digits=False)


def day_of(moment: datetime, zone: str, locale: Locale, short: bool = False) -> str:
    """The calendar day at the person's own place, in the words of `locale`."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    return format_skeleton("MMMEd", day, locale=locale) if short else format_date(day, "full", locale=locale)
