"""What pydantic says about a document that is spelled wrong, in words for the person who wrote it, with the way out."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from policies.findings import Finding, Path
from policies.nearest_word import suggestion
from policies.policy_schema import fields_at

Error = dict[str, Any]

_CHOICES = re.compile(r"\^\(([a-z_|]+)\)\$")
_QUOTED = re.compile(r"'([^']*)'")
_PATTERNS = {
    "^[a-z0-9_]{1,40}$": "is no name; write up to 40 small letters, digits and _",
    "^[A-Z]{2}$": "is no country; write its two capital letters of ISO 3166, such as DE",
}


def findings_of(errors: Sequence[Any]) -> list[Finding]:
    """One for each thing; that a list is empty because its only value was wrong is not told as well."""
    places = [_path(error) for error in errors]
    found = []
    for error, path in zip(errors, places, strict=True):
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in places)
        if error["type"] != "too_short" or not deeper:
            found.append(Finding(path, _sentence(error, path)))
    return found


def _path(error: Error) -> Path:
    return tuple(part for part in error["loc"] if part != "[key]")


def _sentence(error: Error, path: Path) -> str:
    tell = _TELL.get(error["type"])
    return tell(error, path) if tell else str(error["msg"]).removeprefix("Value error, ")


def _said(sentence: str) -> Callable[[Error, Path], str]:
    return lambda error, path: sentence.format(**error.get("ctx", {}))


def _no_such_field(error: Error, path: Path) -> str:
    return f"there is no such field{suggestion(str(path[-1]), fields_at(path[:-1]))}"


def _no_such_choice(error: Error, path: Path) -> str:
    return _not_among(error["input"], _QUOTED.findall(error["ctx"]["expected"]))


def _not_among(given: Any, choices: Sequence[str]) -> str:
    return f"there is no {given!r} here{suggestion(str(given), choices)}"


def _pattern(error: Error, path: Path) -> str:
    pattern, given = error["ctx"]["pattern"], error["input"]
    choices = _CHOICES.fullmatch(pattern)
    if choices:
        return _not_among(given, choices[1].split("|"))
    return f"{given!r} {_PATTERNS[pattern]}"


_WHOLE_NUMBER = _said("write a whole number")
_LIST = _said("write a list, such as [a, b]")
_MAPPING = _said("write fields with their values, such as {{after: 3d}}")
_YES_OR_NO = _said("write true or false")

_TELL: dict[str, Callable[[Error, Path], str]] = {
    "missing": _said("is missing; add it"),
    "extra_forbidden": _no_such_field,
    "enum": _no_such_choice,
    "literal_error": _no_such_choice,
    "string_pattern_mismatch": _pattern,
    "too_short": _said("the list is empty; name at least one"),
    "string_too_short": _said("the text is empty; write it or leave it out"),
    "greater_than_equal": _said("must be at least {ge}"),
    "less_than_equal": _said("must be at most {le}"),
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "tuple_type": _LIST,
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "string_type": _said("write a text; a number or a yes that is meant as a word stands in quotes"),
}
