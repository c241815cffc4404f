"""Forms of our own pages, as browsers send them: application/x-www-form-urlencoded, each name once or several times."""

from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict

FIELDS_MAX = 40


class Form(BaseModel):
    """What a form holds. Text is converted; fields that are not ours are not looked at; an empty one was left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def fields_of(body: bytes) -> dict[str, list[str]] | None:
    """None when it is no form."""
    try:
        text = body.decode("ascii")
        return parse_qs(text, strict_parsing=True, max_num_fields=FIELDS_MAX, keep_blank_values=True) if body else {}
    except ValueError:
        return None


def flat(fields: dict[str, list[str]], several: tuple[str, ...] = ()) -> dict[str, Any]:
    """The last of each name, all of `several`; without those that are empty."""
    kept = {name: [value for value in values if value] for name, values in fields.items()}
    return {name: values if name in several else values[-1] for name, values in kept.items() if values}
