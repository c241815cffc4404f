"""The JSON Schema of a policy file, for editors: completion and red lines while typing. Generated, never edited.

It knows how things are spelled; what makes sense together is told by the door. `docs/policy.schema.json` is this.
"""

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from policies.document import PolicyDocument
from policies.written import write_duration


class AsPeopleWrite(GenerateJsonSchema):
    """Defaults are spelled as in a policy: 1d, not P1D."""

    def encode_default(self, dft: Any) -> Any:
        return write_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    schema = PolicyDocument.model_json_schema(mode="validation", by_alias=True, schema_generator=AsPeopleWrite)
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Recoup policy"}
