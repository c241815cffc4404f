"""A YAML text that knows where everything stands in it, for documents that people write. Reads no file itself.

YAML can say much more than they need: a few lines of aliases grow into gigabytes, brackets nest without end, tags and
escapes make bytes, sets and characters that no text may hold. All of that is refused before anything is built from it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from policies.findings import Finding, Path, PlacedFinding

MOST_BYTES = 64_000
"""Comments included."""

DEEPEST = 40
"""Levels of lists and mappings; a condition within a condition takes two."""

_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")


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


def read_yaml(text: str | bytes, filename: str) -> YamlText:
    """Raises NotYaml. Bytes are those of a file. YAML 1.2: NO stays a country, 010 is 10, a key that stands twice is an
    error."""
    size = len(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
    if size > MOST_BYTES:
        says = f"the text takes {size} bytes, {MOST_BYTES} are allowed; shorten it"
        raise NotYaml(PlacedFinding(filename, 1, 1, "", says))
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    try:
        tree = yaml.compose(text if isinstance(text, str) else text.decode())
        return YamlText(filename, tree, None if tree is None else _plain(yaml.constructor.construct_document(tree)))
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        says = "this is no text in UTF-8; save the file as UTF-8"
        raise NotYaml(PlacedFinding(filename, line, column, "", says)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = [part for part in (error.context, error.problem) if part and not part.startswith("while ")]
        raise NotYaml(PlacedFinding(filename, line, column, "", ", ".join(said))) from error
    except (YAMLError, ValueError) as error:
        says = f"this is no YAML text: {str(error).splitlines()[0]}"
        raise NotYaml(PlacedFinding(filename, 1, 1, "", says)) from error


class _Composer(Composer):
    """Builds the nodes, one level after the other."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if event.anchor is not None:
            says = "anchors (&) and aliases (*) are not followed; write the part out in each place"
            raise ComposerError(None, None, says, event.start_mark)
        if getattr(event, "ctag", None) is not None:
            says = "tags (!) are not read; write the plain value, a number as a word in quotes"
            raise ComposerError(None, None, says, event.start_mark)
        if self.depth == DEEPEST:
            raise ComposerError(None, None, f"nested deeper than {DEEPEST} levels; make it flatter", event.start_mark)
        if _NO_CHARACTER.search(getattr(event, "value", "")):
            says = "an escape makes NUL or half a character, which no text may hold; write the character itself"
            raise ComposerError(None, None, says, event.start_mark)
        return super().compose_node(parent, index)


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
