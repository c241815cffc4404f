"""A YAML text that knows where everything stands in it, for documents that people write. Reads no file itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from policies.findings import Finding, Path, PlacedFinding


class NotYaml(ValueError):
    def __init__(self, finding: PlacedFinding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class YamlText:
    """`tree` knows the places, `raw` holds the plain values; both are None when the text is empty."""

    filename: str
    tree: Node | None
    raw: Any

    def at(self, finding: Finding) -> PlacedFinding:
        """At the deepest part of the path that stands in the text."""
        line, column = 1, 1
        tree = self.tree
        for step in finding.path:
            found = next(((place, inside) for name, place, inside in _inside(tree) if name == step), None)
            if found is None:
                break
            place, tree = found
            line, column = place.start_mark.line + 1, place.start_mark.column + 1
        return PlacedFinding(self.filename, line, column, ".".join(str(step) for step in finding.path), finding.says)

    def node(self, path: Path) -> Node | None:
        """What stands at the end of the path; None when nothing does."""
        tree = self.tree
        for step in path:
            tree = next((inside for name, _, inside in _inside(tree) if name == step), None)
        return tree


def read_yaml(text: str, filename: str) -> YamlText:
    """Raises NotYaml. YAML 1.2: NO stays a country, 010 is 10, a key that stands twice is an error."""
    yaml = YAML(typ="safe", pure=True)
    try:
        tree = yaml.compose(text)
        return YamlText(filename, tree, None if tree is None else _plain(yaml.constructor.construct_document(tree)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = [part for part in (error.context, error.problem) if part and not part.startswith("while ")]
        raise NotYaml(PlacedFinding(filename, line, column, "", ", ".join(said))) from error
    except (YAMLError, ValueError) as error:
        says = f"this is no YAML text: {str(error).splitlines()[0]}"
        raise NotYaml(PlacedFinding(filename, 1, 1, "", says)) from error


def _plain(raw: Any) -> Any:
    """Keys are names, whatever YAML makes of them."""
    if isinstance(raw, dict):
        return {str(key): _plain(value) for key, value in raw.items()}
    return [_plain(item) for item in raw] if isinstance(raw, list) else raw


def _inside(node: Node | None) -> Iterator[tuple[str | int, Node, Node]]:
    """Name, where it stands, and what it holds."""
    if isinstance(node, MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)
    if isinstance(node, SequenceNode):
        yield from ((position, item, item) for position, item in enumerate(node.value))
