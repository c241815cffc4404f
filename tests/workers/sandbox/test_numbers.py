"""What is typed into the hosted fields, and what comes of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policies.instruments import Network, PaymentType
from workers.sandbox.cards import answer_of, behaviour_of
from workers.sandbox.fields_words import WORDS, direction_of, language_of
from workers.sandbox.numbers import ACCOUNTS, CARDS, BankDetails, CardDetails, Way, WrongFields, account_of, card_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD = {"number": "4242424242424242", "expiry": "12/30", "cvc": "123"}


def card(**changes: str) -> Way:
    return card_of(CardDetails(**{**GOOD, **changes}), NOW)


def wrong_with(**changes: str) -> dict[str, str]:
    with pytest.raises(WrongFields) as caught:
        card(**changes)
    return caught.value.fields


@pytest.mark.parametrize("number", ["4242424242424242", " 4242 4242 4242 4242 ", "4242-4242-4242-4242", "٤٢٤٢" * 4])
def test_a_number_is_read_however_it_is_written(number: str) -> None:
    way = card(number=number)
    assert (way.kind, way.brand, way.last4, way.expires) == ("good", Network.VISA, "4242", "2030-12")


@pytest.mark.parametrize(
    ("number", "complaint"),
    [
        ("", "number_missing"),
        ("4242", "number_wrong"),
        ("4242424242424241", "number_wrong"),
        ("4242 4242 4242 424x", "number_wrong"),
        ("4" * 90, "number_wrong"),
        ("6011111111111117", "number_unknown"),
    ],
)
def test_a_number_that_is_none_or_not_published_is_told(number: str, complaint: str) -> None:
    assert wrong_with(number=number) == {"number": complaint}


@pytest.mark.parametrize(
    ("expiry", "expires"),
    [("11/26", "2026-11"), ("1 / 27", "2027-01"), ("0127", "2027-01"), ("12/2030", "2030-12"), ("١٢/٣٠", "2030-12")],
)
def test_a_card_is_good_until_the_end_of_its_month(expiry: str, expires: str) -> None:
    assert card(expiry=expiry).expires == expires


@pytest.mark.parametrize(
    ("expiry", "complaint"),
    [
        ("", "expiry_missing"),
        ("10/26", "expiry_past"),
        ("12/2010", "expiry_past"),
        ("13/30", "expiry_wrong"),
        ("00/30", "expiry_wrong"),
        ("12/77", "expiry_wrong"),
        ("soon", "expiry_wrong"),
    ],
)
def test_an_expiry_that_cannot_be_is_told(expiry: str, complaint: str) -> None:
    assert wrong_with(expiry=expiry) == {"expiry": complaint}


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_fields() -> None:
    wrong = wrong_with(number="", expiry="", cvc="12")
    assert list(wrong.items()) == [("number", "number_missing"), ("expiry", "expiry_missing"), ("cvc", "cvc_wrong")]


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("4242424242424242", "succeeded", None),
        ("5555555555554444", "succeeded", None),
        ("4000002760003184", "succeeded", None),
        ("4000000000000002", "declined", "do_not_honor"),
        ("4000000000009995", "declined", "insufficient_funds"),
        ("4000000000000069", "declined", "expired_card"),
        ("4000000000000119", "pending", None),
    ],
)
def test_each_published_card_does_what_it_is_published_for(number: str, status: str, code: str | None) -> None:
    way = card(number=number)
    answer = answer_of(behaviour_of(way.kind, way.params), NOW, False)
    assert (answer.status, answer.code) == (status, code)
    assert way.brand is (Network.MASTERCARD if number[0] == "5" else Network.VISA)
    assert way.challenge is (number == "4000002760003184")


def test_an_account_is_read_and_its_check_digits_are_tried() -> None:
    way = account_of(BankDetails(iban="de89 3704 0044 0532 0130 00", holder="Ada"))
    assert (way.kind, way.payment_type, way.brand, way.last4) == (
        "pending",
        PaymentType.BANK_DEBIT,
        Network.SEPA,
        "3000",
    )


@pytest.mark.parametrize(
    ("typed", "complaints"),
    [
        ({}, {"iban": "iban_missing", "holder": "holder_missing"}),
        ({"iban": "DE89370400440532013001", "holder": "Ada"}, {"iban": "iban_wrong"}),
        ({"iban": "4242424242424242", "holder": "Ada"}, {"iban": "iban_wrong"}),
        ({"iban": "NL91ABNA0417164300", "holder": "Ada"}, {"iban": "iban_unknown"}),
        ({"iban": "DE89370400440532013000", "holder": " "}, {"holder": "holder_missing"}),
    ],
)
def test_an_account_that_cannot_be_is_told(typed: dict[str, str], complaints: dict[str, str]) -> None:
    with pytest.raises(WrongFields) as caught:
        account_of(BankDetails(**typed))
    assert caught.value.fields == complaints


@pytest.mark.parametrize("way", [*CARDS.values(), *ACCOUNTS.values()])
def test_every_way_behaves_and_every_refusal_has_words(way: Way) -> None:
    assert behaviour_of(way.kind, way.params).kind == way.kind
    for words in WORDS.values():
        assert way.refused is None or words[way.refused]


@pytest.mark.parametrize("language", WORDS)
def test_every_language_says_all_of_it(language: str) -> None:
    assert WORDS[language].keys() == WORDS["en"].keys()
    assert all(WORDS[language].values())


@pytest.mark.parametrize(("locale", "found"), [("de-AT", ("de", "ltr")), ("AR", ("ar", "rtl")), ("xx", ("en", "ltr"))])
def test_what_nobody_translated_reads_english(locale: str, found: Any) -> None:
    language = language_of(locale)
    assert (language, direction_of(language)) == found
