"""The JSON Schema of a policy file, for editors: completion and red lines while typing. Generated, never edited.

It knows how things are spelled; what makes sense together is told by the door. `docs/policy.schema.json` is this.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from policies.document import PolicyDocument
from policies.findings import Path
from policies.written import write_duration


class _AsPeopleWrite(GenerateJsonSchema):
    """Defaults are spelled as in a policy: 1d, not P1D."""

    def encode_default(self, dft: Any) -> Any:
        return write_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    schema = PolicyDocument.model_json_schema(mode="validation", by_alias=True, schema_generator=_AsPeopleWrite)
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Recoup policy"}


def fields_at(path: Path) -> tuple[str, ...]:
    """The fields that the part at this place may have; none where it is no part with named fields."""
    schema = _schema()
    here: dict[str, Any] = schema
    for step in path:
        inside = here.get("properties", {}).get(step, {}) if isinstance(step, str) else here.get("items", {})
        here = _resolved(schema, inside)
    return tuple(here.get("properties", ()))


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return json_schema()


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Through references and `or nothing`."""
    options = [option for option in part.get("anyOf", [part]) if option.get("type") != "null"]
    reference = options[0].get("$ref")
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else options[0]
    return found
