"""How the customer's page speaks to a person: the sentences of their language, money and days as people there write
them. The sentences stand in the page's templates (`api/pay/templates`), their translations in `locales` beside them.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel.dates import format_skeleton
from babel.numbers import NumberFormatError, get_group_symbol, parse_decimal

from activities.channels import catalogs
from activities.channels.catalogs import LANGUAGES, SOURCE
from activities.channels.render import Merchant
from activities.channels.render.formats import Voice, day_of, locale_of, money_of, voice_of
from activities.channels.render.told import readable
from policies.money import EXPONENTS, Money

_DIGITS_AND_MARKS = re.compile(r"[0-9.,’\s]+")
_WITH_A_POINT = re.compile(r"[0-9]+(\.[0-9]+)?")
_AS_CLDR = str.maketrans("٠١٢٣٤٥٦٧٨٩٫'", "0123456789.’", "٬")


class PageVoice:
    """One person's language. `tag`: of the page's `lang`."""

    def __init__(self, voice: Voice, labels: Voice) -> None:
        self._voice = voice
        self._labels = labels
        self.gettext = voice.translation.gettext
        self.ngettext = voice.translation.ngettext
        self.language = voice.translation.language
        self.tag = str(voice.locale).replace("_", "-")
        self.direction: Literal["ltr", "rtl"] = voice.direction

    def money(self, amount: Money) -> str:
        return self._voice.isolated(money_of(amount, self._voice.locale))

    def day(self, moment: datetime, zone: str, short: bool = False) -> str:
        """At the person's own place; `short` without the year."""
        return day_of(moment, zone, self._voice.locale, short)

    def month(self, year_and_month: str) -> str:
        """`2027-04` as people write it, such as Apr 2027 or 2027年4月."""
        year, month = (int(part) for part in year_and_month.split("-"))
        return format_skeleton("yMMM", date(year, month, 1), locale=self._voice.locale)

    def isolated(self, text: str) -> str:
        return self._voice.isolated(text)

    def listed(self, words: Sequence[str]) -> str:
        """Names of benefits, in the words of the messages."""
        return self._labels.listed([self._labels.translation.gettext(readable(word)) for word in words])

    def sum_written(self, text: str, currency: str) -> Money | None:
        """What a person typed as a sum: in their own way of writing, or with a point; None when it is none, also when
        it has more decimals than the currency: a slip must not be read as a sum a thousand times as large."""
        typed = unicodedata.normalize("NFKC", text.strip()).translate(_AS_CLDR)
        if not _DIGITS_AND_MARKS.fullmatch(typed):
            return None
        try:
            value = self._decimal(typed, "٫" in text)
        except (NumberFormatError, ValueError):
            if not _WITH_A_POINT.fullmatch(typed):
                return None
            value = Decimal(typed)
        minor = value.scaleb(EXPONENTS[currency])
        if minor == minor.to_integral_value() and 0 < minor < 10**15:
            return Money(amount_minor=int(minor), currency=currency)
        return None

    def _decimal(self, typed: str, with_arabic_point: bool) -> Decimal:
        """Raises NumberFormatError. Where a space parts the thousands, any space does: keyboards have but one."""
        locale = SOURCE if with_arabic_point else self._voice.locale
        group = get_group_symbol(locale)
        return Decimal(
            parse_decimal(re.sub(r"\s", group, typed) if group.isspace() else typed, locale=locale, strict=True)
        )


class PageSpeaker:
    """`locales`: the folder of the page's translations, one file a language; `labels`: how messages name benefits.
    Raises CatalogBroken, also when a sentence is not translated."""

    def __init__(self, merchant: Merchant, locales: Path) -> None:
        self.merchant = merchant
        self._page = {language: catalogs.read_whole(language, locales) for language in LANGUAGES}
        self._labels = {language: catalogs.read(language, [catalogs.LOCALES]) for language in LANGUAGES}
        self._to = lru_cache(1024)(self._voice_of)

    def to(self, locale: str) -> PageVoice:
        """Whoever speaks none of our languages reads English."""
        return self._to(locale)

    def first_of(self, locales: Sequence[str]) -> PageVoice:
        """Of a stranger, by what their browser asks for."""
        known = (name for name in locales if (found := locale_of(name)) and found.language in self._page)
        return self.to(next(known, SOURCE))

    def _voice_of(self, locale: str) -> PageVoice:
        return PageVoice(voice_of(locale, self._page), voice_of(locale, self._labels))
