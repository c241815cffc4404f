"""What pydantic says about a document that is spelled wrong, in words for the person who wrote it, with the way out."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from policies.findings import Finding, Path
from policies.nearest_word import suggestion
from policies.schema_places import Schema, fields_at, written_at

Error = dict[str, Any]

_CHOICES = re.compile(r"\^\(([a-z_|]+)\)\$")
_QUOTED = re.compile(r"'([^']*)'")
_PATTERNS = {
    "^[a-z0-9_]{1,40}$": "is no name; write up to 40 small letters, digits and _",
    "^[A-Za-z0-9_.:*-]+/[A-Za-z0-9_.:*-]+$": "is no account; write it as source/account, or with * as stripe/*",
    "^[A-Z]{2}$": "is no country; write its two capital letters of ISO 3166, such as DE",
}


def findings_of(errors: Sequence[Any], schema: Schema) -> list[Finding]:
    """One for each thing; that a list is empty because its only value was wrong is not told as well. `schema`: the
    document's JSON Schema."""
    places = [_path(error, schema) for error in errors]
    found = []
    for error, path in zip(errors, places, strict=True):
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in places)
        if error["type"] != "too_short" or not deeper:
            found.append(Finding(path, _sentence(error, schema)))
    return found


def _path(error: Error, schema: Schema) -> Path:
    path = written_at(schema, error["loc"])
    # Which kind of part it is stands in a field of its own.
    return (*path, error["ctx"]["discriminator"].strip("'")) if error["type"].startswith("union_tag_") else path


def _sentence(error: Error, schema: Schema) -> str:
    tell = _TELL.get(error["type"])
    return tell(error, schema) if tell else str(error["msg"]).removeprefix("Value error, ")


def _said(sentence: str) -> Callable[[Error, Schema], str]:
    return lambda error, schema: sentence.format(**error.get("ctx", {}))


def _no_such_field(error: Error, schema: Schema) -> str:
    *way, name = error["loc"]
    return f"there is no such field{suggestion(str(name), fields_at(schema, tuple(way)))}"


def _no_such_choice(error: Error, schema: Schema) -> str:
    return _not_among(error["input"], _QUOTED.findall(error["ctx"]["expected"]))


def _no_such_kind(error: Error, schema: Schema) -> str:
    return _not_among(error["ctx"]["tag"], _QUOTED.findall(error["ctx"]["expected_tags"]))


def _not_among(given: Any, choices: Sequence[str]) -> str:
    return f"there is no {given!r} here{suggestion(str(given), choices)}"


def _pattern(error: Error, schema: Schema) -> str:
    pattern, given = error["ctx"]["pattern"], error["input"]
    choices = _CHOICES.fullmatch(pattern)
    if choices:
        return _not_among(given, choices[1].split("|"))
    return f"{given!r} {_PATTERNS[pattern]}"


_MISSING = _said("is missing; add it")
_WHOLE_NUMBER = _said("write a whole number")
_LIST = _said("write a list, such as [a, b]")
_MAPPING = _said("write fields with their values, such as {{after: 3d}}")
_YES_OR_NO = _said("write true or false")

_TELL: dict[str, Callable[[Error, Schema], str]] = {
    "missing": _MISSING,
    "union_tag_not_found": _MISSING,
    "union_tag_invalid": _no_such_kind,
    "extra_forbidden": _no_such_field,
    "enum": _no_such_choice,
    "literal_error": _no_such_choice,
    "string_pattern_mismatch": _pattern,
    "too_short": _said("the list is empty; name at least one"),
    "string_too_short": _said("the text is empty; write it or leave it out"),
    "greater_than": _said("must be more than {gt}"),
    "greater_than_equal": _said("must be at least {ge}"),
    "less_than_equal": _said("must be at most {le}"),
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "tuple_type": _LIST,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "string_type": _said("write a text; a number or a yes that is meant as a word stands in quotes"),
}
