import pytest

from policies.card_numbers import looks_like_card_number

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
