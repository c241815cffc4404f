"""The JSON Schema of a mapping, for editors: completion and red lines while typing. Generated, never edited.

It knows how things are spelled; what makes sense together is told by the lint. `docs/mapping.schema.json` is this.
"""

from functools import lru_cache
from typing import Any

from activities.sources.mapped.document import MappingDocument
from policies.policy_schema import AsPeopleWrite


@lru_cache(maxsize=1)
def json_schema() -> dict[str, Any]:
    schema = MappingDocument.model_json_schema(mode="validation", by_alias=True, schema_generator=AsPeopleWrite)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Recoup mapping"}
