"""A mapping from YAML text, refused with file, line, column and what to do. Reads no file itself.

First how it is spelled, then whether it can mean what it says (`lint.py`).
"""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import ValidationError
from ruamel.yaml.nodes import ScalarNode

from activities.sources.mapped.document import MappingDocument
from activities.sources.mapped.lint import findings
from activities.sources.mapped.schema import json_schema
from policies.findings import DocumentError, Finding, Path, PlacedFinding
from policies.schema_places import written_at
from policies.spelling import findings_of
from policies.yaml_text import NotYaml, YamlText, read_yaml


class MappingError(DocumentError):
    """The mapping cannot be used."""


class PlacedMapping(NamedTuple):
    """A mapping, and where everything stands in its text."""

    document: MappingDocument
    text: YamlText


def load_mapping(text: str | bytes, filename: str) -> MappingDocument:
    """Raises MappingError with all that is wrong."""
    return load_placed(text, filename).document


def load_placed(text: str | bytes, filename: str) -> PlacedMapping:
    """Raises MappingError with all that is wrong."""
    try:
        sheet = read_yaml(text, filename)
    except NotYaml as error:
        raise MappingError([error.finding]) from error
    if not isinstance(sheet.raw, dict):
        says = "a mapping has fields: source, version, signature, rules and so on"
        raise MappingError([sheet.at(Finding((), says))])
    try:
        document = MappingDocument.model_validate(sheet.raw)
    except ValidationError as error:
        found = list(_spelled_wrong(sheet, error))
    else:
        found = [sheet.at(finding) for finding in findings(document)]
    if found:
        raise MappingError(sorted(set(found)))
    return PlacedMapping(document, sheet)


# --- what pydantic says -----------------------------------------------------------------------------------------------


def _spelled_wrong(sheet: YamlText, error: ValidationError) -> Iterator[PlacedFinding]:
    told, schema = error.errors(), json_schema()
    offsets = {written_at(schema, one["loc"]): one["ctx"]["offset"] for one in told if one["type"] == "jmespath"}
    for path, says in findings_of(told, schema):
        written = _without_shorthand(sheet, path)
        yield _in_expression(sheet, written, says, offsets.get(path))


def _without_shorthand(sheet: YamlText, path: Path) -> Path:
    """A path that stands alone, `invoice_id: a.b`, is no part of something."""
    stands_alone = path[-1:] == ("path",) and isinstance(sheet.node(path[:-1]), ScalarNode)
    return path[:-1] if stands_alone else path


def _in_expression(sheet: YamlText, path: Path, says: str, offset: int | None) -> PlacedFinding:
    """At the character, where the text of the expression stands in one line as it is."""
    finding = sheet.at(Finding(path, says))
    node = sheet.node(path)
    if offset is None or not isinstance(node, ScalarNode):
        return finding
    says = f"{says} (at character {offset + 1})"
    start, end = node.start_mark, node.end_mark
    quotes = 0 if node.style is None else 1
    as_it_is = end.column - start.column == len(node.value) + 2 * quotes
    if start.line != end.line or not as_it_is:
        return finding._replace(says=says)
    return finding._replace(line=start.line + 1, column=start.column + 1 + quotes + offset, says=says)
