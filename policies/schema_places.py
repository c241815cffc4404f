"""Places in a document: as pydantic tells them, as a person wrote them, and which fields there may be."""

from typing import Any

from policies.findings import Path

Schema = dict[str, Any]


def written_at(schema: Schema, told: Path) -> Path:
    """The way into the text. Pydantic also names what is not written there: the key of a pair, the kind of a part."""
    return _walked(schema, told)[0]


def fields_at(schema: Schema, told: Path) -> tuple[str, ...]:
    """The fields that the part at this place may have; none where it is no part with named fields."""
    return tuple(_walked(schema, told)[1].get("properties", ()))


def _walked(schema: Schema, told: Path) -> tuple[Path, Schema]:
    here, path = schema, []
    for step in told:
        kinds = here.get("discriminator", {}).get("mapping", {})
        if step in kinds:
            here = _named(schema, kinds[step])
        elif step != "[key]":
            inside = here.get("properties", {}).get(step, {}) if isinstance(step, str) else here.get("items", {})
            here = _resolved(schema, inside)
            path.append(step)
    return tuple(path), here


def _resolved(schema: Schema, part: Schema) -> Schema:
    """Through references and `or nothing`."""
    options = [option for option in part.get("anyOf", [part]) if option.get("type") != "null"]
    reference = options[0].get("$ref")
    return _named(schema, reference) if reference else options[0]


def _named(schema: Schema, reference: str) -> Schema:
    found: Schema = schema["$defs"][reference.rpartition("/")[2]]
    return found
