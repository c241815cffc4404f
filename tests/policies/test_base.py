from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from policies.base import WHOLE, Identifier, ShortText, UtcTime

TEXTS: TypeAdapter[str] = TypeAdapter(ShortText)
IDS: TypeAdapter[str] = TypeAdapter(Identifier)
NUMBERS: TypeAdapter[int] = TypeAdapter(Annotated[int, WHOLE], config={"strict": True})
TIMES: TypeAdapter[datetime] = TypeAdapter(UtcTime)


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "a\x00nul", "\u2028", "a\u202eb"])
def test_a_sentence_is_one_line_that_every_store_and_screen_can_hold(text: str) -> None:
    with pytest.raises(ValidationError, match="control character or a line break; write one plain line"):
        TEXTS.validate_python(f"he {text} asked")


def test_a_sentence_keeps_its_words_and_loses_the_space_around_them() -> None:
    assert TEXTS.validate_python("  Zahlt am 1. März – sagt José \n") == "Zahlt am 1. März – sagt José"


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_a_sentence_says_something_and_is_short(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXTS.validate_python(text)


@pytest.mark.parametrize("text", ["", "in/1", "in 1", "in\n", "in_é", "x" * 201])
def test_an_id_may_stand_in_an_address(text: str) -> None:
    with pytest.raises(ValidationError):
        IDS.validate_python(text)
    assert IDS.validate_python("in_1-A.b:2") == "in_1-A.b:2"


def test_a_time_is_kept_in_utc_and_one_that_utc_does_not_know_is_refused() -> None:
    assert TIMES.validate_python("2026-03-02T12:00:00+02:00") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    with pytest.raises(ValidationError, match="outside the years 1 to 9999"):
        TIMES.validate_python("0001-01-01T00:00:00+14:00")


def test_a_whole_number_is_one_however_json_writes_it() -> None:
    assert [NUMBERS.validate_json(text) for text in ("9", "9.0", "-0.0", "1e3")] == [9, 9, 0, 1000]
    for text in ("9.5", '"9"', "true", "1e999", "NaN", "null", "[9]"):
        with pytest.raises(ValidationError):
            NUMBERS.validate_json(text)
