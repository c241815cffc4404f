"""Policy documents from YAML text, refused at the door with file, line, column and what to do. Reads no file itself.

First how it is spelled (`spelling.py`), then whether it can mean what it says (`door.py`), then whether each policy of
the list is ever chosen (`reachable.py`); each tells all it finds at once.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from policies.document import PolicyDocument
from policies.door import findings
from policies.findings import DocumentError, Finding, Path, PlacedFinding
from policies.policy_schema import json_schema
from policies.reachable import is_reachable
from policies.spelling import findings_of
from policies.yaml_text import NotYaml, YamlText, read_yaml

__all__ = ["PolicyError", "json_schema", "load_policies", "load_policy"]


class PolicyError(DocumentError):
    """The policies cannot be used."""


class _Sheet(NamedTuple):
    """One file."""

    text: YamlText
    document: PolicyDocument

    def at(self, path: Path, says: str) -> PlacedFinding:
        return self.text.at(Finding(path, says))


def load_policy(text: str | bytes, filename: str) -> PolicyDocument:
    """Raises PolicyError. Bytes are those of a file, in UTF-8. YAML 1.2: NO stays a country, 010 is 10, a key that
    stands twice is an error."""
    return _load(text, filename).document


def load_policies(texts: Sequence[tuple[str, str | bytes]]) -> tuple[PolicyDocument, ...]:
    """`texts`: (filename, text) in order; first match wins, so only the last may be without a condition."""
    if not texts:
        raise PolicyError([PlacedFinding("policies", 1, 1, "", "no policy document was given; name at least one")])
    sheets: list[_Sheet] = []
    found: list[PlacedFinding] = []
    for filename, text in texts:
        try:
            sheets.append(_load(text, filename))
        except PolicyError as error:
            found += error.findings
    found = found or list(_findings_in_the_list(sheets))
    if found:
        raise PolicyError(found)
    return tuple(sheet.document for sheet in sheets)


def _load(text: str | bytes, filename: str) -> _Sheet:
    try:
        sheet = read_yaml(text, filename)
    except NotYaml as error:
        raise PolicyError([error.finding]) from error
    if not isinstance(sheet.raw, dict):
        says = "a policy is a mapping with name, version, retries and so on"
        raise PolicyError([sheet.at(Finding((), says))])
    try:
        document = PolicyDocument.model_validate(sheet.raw, extra="forbid")
    except ValidationError as error:
        found = findings_of(error.errors(), json_schema())
    else:
        found = list(findings(document))
    if found:
        raise PolicyError(sorted(sheet.at(finding) for finding in found))
    return _Sheet(sheet, document)


# --- the list ---------------------------------------------------------------------------------------------------------


def _findings_in_the_list(sheets: Sequence[_Sheet]) -> Iterator[PlacedFinding]:
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


def _unreachable(sheet: _Sheet, earlier: Sequence[_Sheet]) -> Iterator[PlacedFinding]:
    wanted = sheet.document.applies_when
    taken = {each.document.name: each.document.applies_when for each in earlier if each.document.applies_when}
    if is_reachable(wanted, list(taken.values())):
        return
    alone = [name for name, condition in taken.items() if not is_reachable(wanted, [condition])]
    who = alone[0] if alone else "the policies before it together"
    takes = "takes" if alone else "take"
    says = f"never chosen: {who} {takes} every case it is for; move it up, or narrow what stands before it"
    yield sheet.at(("applies_when",) if wanted else (), says)
