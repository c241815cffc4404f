"""The customer's page in every language it speaks: whole, really translated, and in people's own way of writing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.channels.catalogs import LANGUAGES, SOURCE, CatalogBroken, Translation, read_whole, sentences_in
from activities.channels.render import Merchant
from activities.page_words import PageSpeaker
from policies.money import Money
from workers.customer_page import LOCALES
from workers.page_sentences import catalog_of_page

TRANSLATED = tuple(language for language in LANGUAGES if language != SOURCE)
SAME_IN_ENGLISH: frozenset[tuple[str, str]] = frozenset()
"""(language, sentence) that reads the same there and in English; there is none yet."""

SHOP = Merchant(name="Example", support_email="help@shop.example", billing_url="https://shop.example/{invoice_id}")
OWN_SCRIPT = {"ar": re.compile("[\u0600-\u06ff]"), "ja": re.compile("[\u3040-\u30ff\u4e00-\u9fff]")}
DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
PLAIN_SPACE_BEFORE_MARK = re.compile(" [:;?!]")
MOMENT = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
SUM = Money(amount_minor=123456, currency="EUR")


@pytest.fixture(scope="module")
def speaker() -> PageSpeaker:
    return PageSpeaker(SHOP, LOCALES)


def told(translation: Translation) -> Iterator[tuple[str, str]]:
    """Each sentence with each of its forms in the language."""
    for sentence, message in translation.messages.items():
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        yield from ((sentence, str(form)) for form in forms)


# --- the translations -------------------------------------------------------------------------------------------------


def test_translators_get_every_sentence_of_the_page() -> None:
    named = {message.id for message in catalog_of_page() if message.id}
    assert {message.id for message in sentences_in(LOCALES).values()} == named


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_is_whole_and_no_sentence_was_left_in_english(language: str) -> None:
    translation = read_whole(language, LOCALES)
    assert len(translation.messages) > 100
    english = sentences_in(LOCALES)
    left = {sentence for sentence, form in told(translation) if form in (sentence, *_forms(english[sentence].id))}
    assert {(language, sentence) for sentence in left} == {pair for pair in SAME_IN_ENGLISH if pair[0] == language}


def _forms(sentence: object) -> tuple[str, ...]:
    return tuple(sentence) if isinstance(sentence, tuple | list) else (str(sentence),)


@pytest.mark.parametrize("language", sorted(OWN_SCRIPT))
def test_every_sentence_is_in_the_script_of_its_language(language: str) -> None:
    forms = dict(told(read_whole(language, LOCALES)))
    assert [sentence for sentence, form in forms.items() if not OWN_SCRIPT[language].search(form)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_sentence_turns_the_direction_itself(language: str) -> None:
    """The code isolates what is put in; a mark in a sentence would do it twice, or for the wrong side."""
    assert [form for _, form in told(read_whole(language, LOCALES)) if DIRECTION.search(form)] == []


def test_french_marks_stay_on_the_line_of_their_word() -> None:
    assert [form for _, form in told(read_whole("fr", LOCALES)) if PLAIN_SPACE_BEFORE_MARK.search(form)] == []


def test_a_sentence_that_is_not_translated_is_refused_at_the_start(tmp_path: Path) -> None:
    for path in LOCALES.iterdir():
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    german = tmp_path / "de.po"
    whole = german.read_text(encoding="utf-8")
    german.write_text(whole.replace('msgstr "Später"', 'msgstr ""'), encoding="utf-8")
    with pytest.raises(CatalogBroken, match=r"de\.po: not translated: 'Later'"):
        PageSpeaker(SHOP, tmp_path)
    german.unlink()
    with pytest.raises(CatalogBroken, match=r"de\.po: not translated: .* and \d+ more"):
        PageSpeaker(SHOP, tmp_path)


def test_a_value_that_a_translation_lost_is_refused_at_the_start(tmp_path: Path) -> None:
    for path in LOCALES.iterdir():
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    spanish = tmp_path / "es.po"
    whole = spanish.read_text(encoding="utf-8")
    spanish.write_text(whole.replace('msgstr "Pagar %(amount)s"', 'msgstr "Pagar"'), encoding="utf-8")
    with pytest.raises(CatalogBroken, match=r"es\.po: .* in 'Pay %\(amount\)s'"):
        PageSpeaker(SHOP, tmp_path)


# --- a sum that a person typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "typed", "currency", "minor"),
    [
        ("de", "12,50", "EUR", 1250),
        ("de", " 12,5 ", "EUR", 1250),
        ("de", "12.50", "EUR", 1250),
        ("de", "1.234,50", "EUR", 123450),
        ("de", "12", "EUR", 1200),
        ("en", "12.50", "USD", 1250),
        ("en", "1,234.50", "USD", 123450),
        ("fr", "12,50", "EUR", 1250),
        ("fr", "1\u202f234,50", "EUR", 123450),
        ("pt_BR", "12,50", "BRL", 1250),
        ("de_CH", "12.50", "CHF", 1250),
        ("ja", "1,200", "JPY", 1200),
        ("ja", "１２００", "JPY", 1200),
        ("ar", "12.50", "EUR", 1250),
        ("ar", "١٢", "EUR", 1200),
        ("ar", "١٢٫٥٠", "EUR", 1250),
        ("ar_EG", "١٬٢٣٤٫٥٠", "EUR", 123450),
        ("ar_MA", "١٢٫٥٠٠", "MAD", 1250),
        ("fr", "1 234,50", "EUR", 123450),
        ("de_CH", "1'234.50", "CHF", 123450),
        ("en", "1.234", "KWD", 1234),
        ("sv", "12.50", "EUR", 1250),
    ],
)
def test_a_sum_is_read_as_the_person_writes_it(
    speaker: PageSpeaker, locale: str, typed: str, currency: str, minor: int
) -> None:
    assert speaker.to(locale).sum_written(typed, currency) == Money(amount_minor=minor, currency=currency)


@pytest.mark.parametrize(
    ("locale", "typed", "currency"),
    [
        ("de", "abc", "EUR"),
        ("de", "", "EUR"),
        ("de", "-5", "EUR"),
        ("de", "0", "EUR"),
        ("de", "0,00", "EUR"),
        ("de", "1.234.567,999", "EUR"),
        ("de", "12,3456", "EUR"),
        ("de", "12,505", "EUR"),
        ("de", "1,234", "EUR"),
        ("fr", "12 50", "EUR"),
        ("de", "12 50", "EUR"),
        ("de", "1e5", "EUR"),
        ("de", "1_000", "EUR"),
        ("de", "+5", "EUR"),
        ("de", ",", "EUR"),
        ("de", ".", "EUR"),
        ("de", "12,50 €", "EUR"),
        ("de", "NaN", "EUR"),
        ("de", "Infinity", "EUR"),
        ("de", "9" * 20, "EUR"),
        ("en", "12,50", "USD"),
        ("en", "1.234", "USD"),
        ("en", "1.2345", "KWD"),
        ("ja", "12.5", "JPY"),
        ("de", "12,5", "JPY"),
    ],
)
def test_what_is_no_sum_of_this_currency_is_refused(
    speaker: PageSpeaker, locale: str, typed: str, currency: str
) -> None:
    assert speaker.to(locale).sum_written(typed, currency) is None


# --- money, days and months -------------------------------------------------------------------------------------------


def test_money_is_written_as_people_there_write_it(speaker: PageSpeaker) -> None:
    assert speaker.to("de").money(SUM) == "1.234,56\u00a0€"
    assert speaker.to("ja").money(Money(amount_minor=1200, currency="JPY")) == "￥1,200"
    arabic = speaker.to("ar").money(SUM)
    assert arabic[0] == "\u2068"
    assert arabic[-1] == "\u2069"
    assert "1,234.56" in arabic
    assert "€" in arabic


def test_a_day_is_the_one_at_the_persons_own_place(speaker: PageSpeaker) -> None:
    assert speaker.to("de").day(MOMENT, "UTC") == "Mittwoch, 25. November 2026"
    assert speaker.to("de").day(MOMENT, "Asia/Tokyo") == "Donnerstag, 26. November 2026"
    assert speaker.to("ja").day(MOMENT, "Asia/Tokyo") == "2026年11月26日木曜日"
    assert speaker.to("ar").day(MOMENT, "UTC") == "الأربعاء، 25 نوفمبر 2026"


def test_a_month_of_expiry_is_written_out(speaker: PageSpeaker) -> None:
    assert speaker.to("de").month("2027-04") == "Apr. 2027"
    assert speaker.to("ar").month("2027-04") == "أبريل 2027"
    assert speaker.to("ja").month("2027-04") == "2027年4月"


def test_only_what_runs_from_right_to_left_isolates_its_values(speaker: PageSpeaker) -> None:
    assert speaker.to("ar").direction == "rtl"
    assert speaker.to("ar").isolated("in_1042") == "\u2068in_1042\u2069"
    assert speaker.to("ar").isolated("") == ""
    for language in ("de", "ja", "en"):
        assert speaker.to(language).direction == "ltr"
        assert speaker.to(language).isolated("in_1042") == "in_1042"


def test_benefits_are_named_in_the_words_of_the_messages(speaker: PageSpeaker) -> None:
    assert speaker.to("de").listed(["priority_support", "add_ons"]) == "bevorzugter Support und Zusatzfunktionen"
    assert speaker.to("ja").listed(["priority_support"]) == "優先サポート"


# --- which language ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [""],
        ["*"],
        ["-"],
        ["de-"],
        ["\x00"],
        ["é"],
        ["x" * 500],
        ["tlh", "i-klingon"],
        ["../../etc/passwd"],
        ["de;q=0.5"],
    ],
)
def test_a_browser_that_asks_for_none_of_ours_gets_english(speaker: PageSpeaker, asked: list[str]) -> None:
    voice = speaker.first_of(asked)
    assert (voice.language, voice.tag, voice.direction) == ("en", "en", "ltr")
    assert voice.gettext("Pay now") == "Pay now"


@pytest.mark.parametrize(
    ("asked", "language", "tag"),
    [
        (["de-DE", "en"], "de", "de-DE"),
        (["sv", "zz-ZZ", "fr-CH"], "fr", "fr-CH"),
        (["DE"], "de", "de"),
        (["ar-EG"], "ar", "ar-EG"),
        (["zh-Hant-TW", "ja"], "ja", "ja"),
    ],
)
def test_a_browser_gets_the_first_language_that_we_speak(
    speaker: PageSpeaker, asked: list[str], language: str, tag: str
) -> None:
    voice = speaker.first_of(asked)
    assert (voice.language, voice.tag) == (language, tag)


def test_a_customer_of_another_language_reads_english_in_their_countrys_way(speaker: PageSpeaker) -> None:
    voice = speaker.to("sv_SE")
    assert (voice.language, voice.tag) == ("en", "en-SE")
    assert voice.gettext("Later") == "Later"
