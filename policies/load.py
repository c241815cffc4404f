"""Policy documents from YAML text, refused at the door with file, line and what to do. Reads no file itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from policies.choose import hides
from policies.document import MAX_BYTES, PolicyDocument, canonical_json
from policies.door import findings
from policies.written import AT_THE_DOOR


class PolicyError(ValueError):
    """The document cannot be used; the text says where and why."""


def load_policy(text: str, filename: str) -> PolicyDocument:
    """Raises PolicyError. YAML 1.2: NO stays a country, 010 is 10, a key that stands twice is an error."""
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PolicyError(f"{filename}:{line}:{column}: {error.problem}") from error
    except YAMLError as error:
        raise PolicyError(f"{filename}:1:1: this is no YAML text: {error}") from error
    if not isinstance(tree, dict):
        raise PolicyError(f"{filename}:1:1: a policy is a mapping with name, version, retries and so on")
    try:
        document = PolicyDocument.model_validate(_plain(tree), extra="forbid", context=AT_THE_DOOR)
    except ValidationError as error:
        raise PolicyError("\n".join(_sentence(filename, tree, dict(e)) for e in error.errors())) from error
    wrong = [_at(filename, tree, list(finding.path), finding.says) for finding in findings(document)]
    if wrong:
        raise PolicyError("\n".join(wrong))
    size = len(canonical_json(document))
    if size > MAX_BYTES:
        raise PolicyError(
            f"{filename}:1:1: the policy takes {size} bytes in every case, {MAX_BYTES} are allowed; shorten it"
        )
    return document


def load_policies(texts: Sequence[tuple[str, str]]) -> tuple[PolicyDocument, ...]:
    """`texts`: (filename, text) in order; first match wins, so only the last may be without a condition."""
    documents = tuple(load_policy(text, filename) for filename, text in texts)
    if not documents:
        raise PolicyError("no policy document was given; name at least one")
    for later, (filename, _) in enumerate(texts):
        hiding = next((d for d in documents[:later] if hides(d, documents[later])), None)
        if hiding:
            says = f"{documents[later].name} is unreachable: {hiding.name} comes first and takes all of its cases"
            raise PolicyError(f"{filename}:1:1: {says}; move it up or narrow {hiding.name}")
    if documents[-1].applies_when is not None:
        raise PolicyError(f"{texts[-1][0]}:1:1: the last policy is the default and must not have applies_when")
    names = [d.name for d in documents]
    if len(set(names)) != len(names):
        raise PolicyError(f"two policies have one name: {', '.join(names)}")
    return documents


def json_schema() -> dict[str, Any]:
    """For editors: completes and checks a document while it is written. Kept in `docs/policy.schema.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyDocument.model_json_schema(mode="validation", by_alias=True),
        "title": "Recoup policy",
        "additionalProperties": False,
    }


def _sentence(filename: str, tree: Any, error: dict[str, Any]) -> str:
    path = [part for part in error["loc"] if part != "[key]"]
    return _at(filename, tree, path, error["msg"].removeprefix("Value error, "))


def _at(filename: str, tree: Any, path: list[str | int], says: str) -> str:
    where = ".".join(str(part) for part in path)
    line, column = _place_of(tree, path)
    return f"{filename}:{line}:{column}: {where + ': ' if where else ''}{says}"


def _place_of(tree: Any, path: list[str | int]) -> tuple[int, int]:
    """Line and column, from 1, of the deepest part of the path that stands in the document."""
    place = (int(tree.lc.line), int(tree.lc.col))
    for part in path:
        try:
            place = tree.lc.item(part) if isinstance(part, int) else tree.lc.key(part)
            tree = tree[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return int(place[0]) + 1, int(place[1]) + 1


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node
