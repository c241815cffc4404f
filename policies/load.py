"""Policy documents from YAML text, refused at the door with file, line and what to do. Reads no file itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from policies.document import AT_THE_DOOR, MAX_BYTES, PolicyDocument, canonical_json


class PolicyError(ValueError):
    """The document cannot be used; the text says where and why."""


def load_policy(text: str, filename: str) -> PolicyDocument:
    """Raises PolicyError. YAML 1.2: NO stays a country, 010 is 10, a key that stands twice is an error."""
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{filename}:{line}: {error.problem}") from error
    except YAMLError as error:
        raise PolicyError(f"{filename}:1: this is no YAML text: {error}") from error
    if not isinstance(tree, dict):
        raise PolicyError(f"{filename}:1: a policy is a mapping with name, version, retries and so on")
    try:
        document = PolicyDocument.model_validate(_plain(tree), extra="forbid", context=AT_THE_DOOR)
    except ValidationError as error:
        raise PolicyError("\n".join(_sentence(filename, tree, dict(e)) for e in error.errors())) from error
    size = len(canonical_json(document))
    if size > MAX_BYTES:
        raise PolicyError(
            f"{filename}:1: the policy takes {size} bytes in every case, {MAX_BYTES} are allowed; shorten it"
        )
    return document


def load_policies(texts: Sequence[tuple[str, str]]) -> tuple[PolicyDocument, ...]:
    """`texts`: (filename, text) in order; first match wins, so only the last may be without a condition."""
    documents = tuple(load_policy(text, filename) for filename, text in texts)
    if not documents:
        raise PolicyError("no policy document was given; name at least one")
    for (filename, _), document in zip(texts[:-1], documents[:-1], strict=True):
        if document.applies_when is None:
            raise PolicyError(
                f"{filename}:1: applies to every case, so the policies after it are unreachable; move it last"
            )
    if documents[-1].applies_when is not None:
        raise PolicyError(f"{texts[-1][0]}:1: the last policy is the default and must not have applies_when")
    names = [d.name for d in documents]
    if len(set(names)) != len(names):
        raise PolicyError(f"two policies have one name: {', '.join(names)}")
    return documents


def _sentence(filename: str, tree: Any, error: dict[str, Any]) -> str:
    path = [part for part in error["loc"] if part != "[key]"]
    where = ".".join(str(part) for part in path)
    message = error["msg"].removeprefix("Value error, ")
    return f"{filename}:{_line_of(tree, path)}: {where + ': ' if where else ''}{message}"


def _line_of(tree: Any, path: list[Any]) -> int:
    """Line of the deepest part of the path that stands in the document."""
    line = int(tree.lc.line) + 1
    for part in path:
        try:
            line = _line(tree, part)
            tree = tree[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


def _line(node: Any, part: Any) -> int:
    line, _column = node.lc.item(part) if isinstance(part, int) else node.lc.key(part)
    return int(line) + 1


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node
