from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.card_numbers import looks_like_card_number, place_of_card_number, without_card_numbers

# Test numbers that every gateway publishes; no card was ever issued with one of them.
VISA, MASTERCARD, AMEX, DINERS = "4242424242424242", "5555555555554444", "378282246310005", "30569309025904"


@pytest.mark.parametrize("number", [VISA, MASTERCARD, AMEX, DINERS, "4222222222222", "6304000000000000000"])
def test_a_card_number_is_seen_whatever_its_length(number: str) -> None:
    assert looks_like_card_number(number)
    assert looks_like_card_number(f"charge {number}, please")


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "card_4242_4242_4242_4242",
        "4242  4242 - 4242  4242",
        "3782 822463 10005",
        "3056 930902 5904",
    ],
)
def test_a_card_number_is_seen_however_its_groups_are_set_apart(text: str) -> None:
    assert looks_like_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242 12/27",
        "4242 4242 4242 4242 123",
        "on 3 4242 4242 4242 4242",
        "invoice 2026 1234: 4242 4242 4242 4242",
        "3782 822463 10005 0927 1234",
        f"{VISA} 12 27 123",
        f"{VISA}-1",
    ],
)
def test_a_card_number_is_seen_with_other_figures_beside_it(text: str) -> None:
    """As people copy it from a card: with its date and its code."""
    assert looks_like_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no figures at all",
        "4242424242424241",
        "4242 4242 4242 4241 12/27",
        "424242424242",
        f"{VISA}0000",
        "0000000000000000",
        "0000 0000 0000 0000",
        f"evt_5b{VISA}c9",
        f"tok{VISA}",
        "in_1FyO1tD0Nyli3dRgJf6GaMHT",
        "pays 1,200.00 EUR on 2026-03-02 at 10:00",
        "call +49 30 1234567",
    ],
)
def test_other_figures_are_no_card_number(text: str) -> None:
    assert not looks_like_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "\uff14\uff12\uff14\uff12\uff14\uff12\uff14\uff12\uff14\uff12\uff14\uff12\uff14\uff12\uff14\uff12",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242\u20134242\u20134242\u20134242",
        "4242%204242%204242%204242",
        "https://shop.example/?card=4242+4242+4242+4242",
        "%34242424242424242",
    ],
)
def test_a_card_number_is_seen_in_other_scripts_and_as_addresses_spell_it(text: str) -> None:
    assert looks_like_card_number(text)
    assert not looks_like_card_number(without_card_numbers(text))


@pytest.mark.parametrize(
    "number",
    [
        "4000002500003155",
        "2223003122003222",
        "2720999999999996",
        "6011111111111117",
        "6200000000000005",
        "3566002020360505",
        "36227206271667",
        "2200000000000004",
        "9792030000000000",
        "8171000000000006",
    ],
)
def test_the_numbers_of_every_network_are_seen(number: str) -> None:
    assert looks_like_card_number(number)


@pytest.mark.parametrize(
    "text",
    [
        "1764547200127",
        "1764547200123454",
        "8835736344864230",
        "8115736344864239",
        "7992739871300008",
        "2220000000000000",
    ],
)
def test_what_passes_the_luhn_check_and_is_of_no_network_is_an_id_or_a_time(text: str) -> None:
    for last in "0123456789":
        assert not looks_like_card_number(text[:-1] + last)


def test_a_telephone_number_after_its_plus_and_a_uuid_are_none() -> None:
    assert not any(looks_like_card_number(f"+491511234567{last}") for last in range(10))
    assert not any(looks_like_card_number(f"41234567-1234-456{last}-8901-123456789012") for last in range(10))
    assert looks_like_card_number("+4242424242424242"), "no telephone number is so long"


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_no_moment_is_a_card_number(moment: datetime, minutes: int) -> None:
    """Minutes, seconds, their fraction and the zone are 14 digits, and as Diners Club's begin with 30, 36, 38 or 39."""
    for zone in (None, UTC, timezone(timedelta(minutes=minutes))):
        written = moment.replace(tzinfo=zone).isoformat()
        assert not looks_like_card_number(written)
        assert not looks_like_card_number(written.replace("T", " "))


def test_a_moment_hides_no_card_number() -> None:
    assert looks_like_card_number(f"2026-03-02T10:00:00.{VISA}")
    assert looks_like_card_number(f"2026-03-02T10:00:00Z {VISA}")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": 1, "b": ["x", {"c": f"it is {VISA}"}]}, "b.1.c"),
        ({"a": int(VISA)}, "a"),
        ({"a": float(VISA)}, "a"),
        ({"a": {VISA: 1}}, "a.(the name of a field)"),
        ({VISA: 1}, "(the name of a field)"),
        (VISA, "body"),
        ({"a": [True, None, 1.5, "4242"]}, None),
        (None, None),
    ],
)
def test_the_place_of_a_card_number_is_named_and_never_the_number(value: object, place: str | None) -> None:
    assert place_of_card_number(value) == place
