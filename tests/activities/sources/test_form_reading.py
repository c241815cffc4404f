"""Forms from strangers: read as they were meant, or refused with a sentence."""

import pytest

from activities.sources.form_reading import FIELDS_MAX, form_of
from activities.sources.reading import Wrong


def test_names_and_values_lose_the_space_around_them_and_the_last_of_two_counts() -> None:
    form = form_of(b"payment_type =echeck&mc_gross=+1.50+&mc_gross=2.00&empty=")
    assert form.fields == {"payment_type": "echeck", "mc_gross": "2.00", "empty": ""}


def test_a_form_is_read_in_the_encoding_it_names() -> None:
    assert form_of(b"name=Jos%E9", "windows-1252").fields == {"name": "José"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it has no field"),
        (b"=1&=2", "it has no field"),
        ("name=José".encode(), "no form in utf-8"),
        (b"name=Jos%E9", "no form in utf-8"),
        (b"&".join(b"a=1" for _ in range(FIELDS_MAX + 1)), "more than 500 fields"),
    ],
)
def test_what_is_no_form_says_why(body: bytes, says: str) -> None:
    with pytest.raises(Wrong) as wrong:
        form_of(body)
    assert says in wrong.value.reason


def test_an_encoding_that_nobody_knows_is_named() -> None:
    with pytest.raises(Wrong, match="no form in klingon"):
        form_of(b"a=%E9", "klingon")
