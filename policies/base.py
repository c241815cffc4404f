"""What every value here has in common: frozen, compared by content, times in UTC."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from policies.card_numbers import no_card_number


class Record(BaseModel):
    """A value that may stand in a workflow history: additive with defaults, unknown fields are ignored on reading,
    so that old and new workers read each other's records."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Request(BaseModel):
    """A value that somebody outside wrote: refuses what it does not know, converts nothing silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from None


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with a zone, kept in UTC."""

NO_CARD_NUMBER = AfterValidator(no_card_number)
"""Beside any `str` (promise P9). What is sent from the Temporal UI is read by these types as well."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,200}$"), NO_CARD_NUMBER]
"""An id of another system: goes into workflow ids and addresses, so no slashes, spaces or control characters."""


def _whole(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number.is_integer() else number


WHOLE = BeforeValidator(_whole)
"""Beside a strict `int`: whole as JSON has it, where 9.0 is 9. Neither a text nor a truth is a number."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,100}$"), NO_CARD_NUMBER]
"""A reason in another system's own word."""


def _storable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a control character or a line break; write one plain line")
    return text


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_storable),
    NO_CARD_NUMBER,
    Field(json_schema_extra={"format": "one-line"}),
]
"""One sentence written by a person, such as the reason of a pause."""
