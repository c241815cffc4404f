"""Policy documents from YAML text, refused at the door with file, line, column and what to do. Reads no file itself.

First how it is spelled (`spelling.py`), then whether it can mean what it says (`door.py`), then whether each policy of
the list is ever chosen (`reachable.py`); each tells all it finds at once.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from policies.document import PolicyDocument
from policies.door import findings
from policies.findings import Finding, Path
from policies.policy_schema import json_schema
from policies.reachable import is_reachable
from policies.spelling import findings_of

__all__ = ["PolicyError", "PolicyFinding", "json_schema", "load_policies", "load_policy"]


class PolicyFinding(NamedTuple):
    """`where`: the way into the document, such as `messages.0.after`; empty for the whole."""

    filename: str
    line: int
    column: int
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}: {self.where + ': ' if self.where else ''}{self.says}"


class PolicyError(ValueError):
    """The documents cannot be used; the text says where and why, a line for each finding."""

    def __init__(self, findings: Sequence[PolicyFinding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in findings))


class _Sheet(NamedTuple):
    """One file; `tree` knows where everything stands in it."""

    filename: str
    tree: Node | None
    document: PolicyDocument

    def at(self, path: Path, says: str) -> PolicyFinding:
        return _placed(self.filename, self.tree, Finding(path, says))


def load_policy(text: str, filename: str) -> PolicyDocument:
    """Raises PolicyError. YAML 1.2: NO stays a country, 010 is 10, a key that stands twice is an error."""
    return _load(text, filename).document


def load_policies(texts: Sequence[tuple[str, str]]) -> tuple[PolicyDocument, ...]:
    """`texts`: (filename, text) in order; first match wins, so only the last may be without a condition."""
    if not texts:
        raise PolicyError([PolicyFinding("policies", 1, 1, "", "no policy document was given; name at least one")])
    sheets: list[_Sheet] = []
    found: list[PolicyFinding] = []
    for filename, text in texts:
        try:
            sheets.append(_load(text, filename))
        except PolicyError as error:
            found += error.findings
    found = found or list(_findings_in_the_list(sheets))
    if found:
        raise PolicyError(found)
    return tuple(sheet.document for sheet in sheets)


def _load(text: str, filename: str) -> _Sheet:
    tree, raw = _read(text, filename)
    if not isinstance(raw, dict):
        says = "a policy is a mapping with name, version, retries and so on"
        raise PolicyError([_placed(filename, tree, Finding((), says))])
    try:
        document = PolicyDocument.model_validate(raw, extra="forbid")
    except ValidationError as error:
        found = findings_of(error.errors())
    else:
        found = list(findings(document))
    if found:
        raise PolicyError(sorted(_placed(filename, tree, finding) for finding in found))
    return _Sheet(filename, tree, document)


# --- the text ---------------------------------------------------------------------------------------------------------


def _read(text: str, filename: str) -> tuple[Node | None, Any]:
    """The nodes, which know their places, and the plain values."""
    yaml = YAML(typ="safe", pure=True)
    try:
        tree = yaml.compose(text)
        return tree, None if tree is None else _plain(yaml.constructor.construct_document(tree))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = [part for part in (error.context, error.problem) if part and not part.startswith("while ")]
        raise PolicyError([PolicyFinding(filename, line, column, "", ", ".join(said))]) from error
    except (YAMLError, ValueError) as error:
        says = f"this is no YAML text: {str(error).splitlines()[0]}"
        raise PolicyError([PolicyFinding(filename, 1, 1, "", says)]) from error


def _plain(raw: Any) -> Any:
    """Keys are names, whatever YAML makes of them."""
    if isinstance(raw, dict):
        return {str(key): _plain(value) for key, value in raw.items()}
    return [_plain(item) for item in raw] if isinstance(raw, list) else raw


def _placed(filename: str, tree: Node | None, finding: Finding) -> PolicyFinding:
    """At the deepest part of the path that stands in the text."""
    line, column = 1, 1
    for step in finding.path:
        found = next(((place, inside) for name, place, inside in _inside(tree) if name == step), None)
        if found is None:
            break
        place, tree = found
        line, column = place.start_mark.line + 1, place.start_mark.column + 1
    return PolicyFinding(filename, line, column, ".".join(str(step) for step in finding.path), finding.says)


def _inside(node: Node | None) -> Iterator[tuple[str | int, Node, Node]]:
    """Name, where it stands, and what it holds."""
    if isinstance(node, MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)
    if isinstance(node, SequenceNode):
        yield from ((position, item, item) for position, item in enumerate(node.value))


# --- the list ---------------------------------------------------------------------------------------------------------


def _findings_in_the_list(sheets: Sequence[_Sheet]) -> Iterator[PolicyFinding]:
    names: set[str] = set()
    for sheet in sheets:
        if sheet.document.name in names:
            yield sheet.at(("name",), f"two policies have one name, {sheet.document.name}; rename one")
        names.add(sheet.document.name)
    for sheet in sheets[:-1]:
        if sheet.document.applies_when is None:
            yield sheet.at((), "applies to every case, so the policies after it are unreachable; move it last")
            return
    if sheets[-1].document.applies_when is not None:
        yield sheets[-1].at(("applies_when",), "the last policy is the default and must not have applies_when")
    for position, sheet in enumerate(sheets):
        yield from _unreachable(sheet, sheets[:position])


def _unreachable(sheet: _Sheet, earlier: Sequence[_Sheet]) -> Iterator[PolicyFinding]:
    wanted = sheet.document.applies_when
    taken = {each.document.name: each.document.applies_when for each in earlier if each.document.applies_when}
    if is_reachable(wanted, list(taken.values())):
        return
    alone = [name for name, condition in taken.items() if not is_reachable(wanted, [condition])]
    who = alone[0] if alone else "the policies before it together"
    takes = "takes" if alone else "take"
    says = f"never chosen: {who} {takes} every case it is for; move it up, or narrow what stands before it"
    yield sheet.at(("applies_when",) if wanted else (), says)
