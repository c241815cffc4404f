"""A policy as people read it, and two policies side by side."""

from datetime import datetime
from typing import Any

from policies.base import Record
from policies.document import PolicyDocument, PolicySnapshot
from policies.preview import Foreseen
from policies.written import write_duration


class Difference(Record):
    """`path`: of the field. None: not there."""

    path: str
    old: str | None
    new: str | None


class Comparison(Record):
    old: str
    new: str
    fields: tuple[Difference, ...]
    timeline: tuple[Difference, ...]


def summary(document: PolicyDocument) -> str:
    retries = document.retries
    how = f"adaptive within {write_duration(retries.window)}" if retries.window else f"{len(retries.ladder)} rungs"
    applies = "everybody else" if document.applies_when is None else _condition(document)
    return f"{document.edition.removeprefix('policy '):<18} {how:<28} for {applies}"


def _condition(document: PolicyDocument) -> str:
    fields = _flat(document.model_dump(mode="json", exclude_none=True, by_alias=True).get("applies_when", {}))
    return ", ".join(f"{path} {value}" for path, value in fields.items())


def as_text(document: PolicyDocument) -> str:
    """Every field with its value, and the hash that a case carries."""
    written = _flat(document.model_dump(mode="json", exclude_none=True, by_alias=True))
    width = max(len(path) for path in written)
    lines = [f"{path:<{width}}  {value}" for path, value in written.items()]
    return "\n".join([*lines, "", f"sha256 {PolicySnapshot.of(document).sha256}"])


def compare(
    old: PolicyDocument, new: PolicyDocument, before: tuple[Foreseen, ...], after: tuple[Foreseen, ...], start: datetime
) -> Comparison:
    """`before`, `after`: what either makes of the same case, which failed at `start`."""
    fields = _differences(_fields_of(old), _fields_of(new))
    timeline = _differences(_days_of(before, start), _days_of(after, start))
    return Comparison(old=old.edition, new=new.edition, fields=fields, timeline=timeline)


def comparison_as_text(found: Comparison) -> str:
    lines = [f"{found.old} -> {found.new}"]
    for title, differences in (("fields", found.fields), ("a case without funds", found.timeline)):
        lines += ["", f"{title}: {len(differences)} differ" if differences else f"{title}: no difference"]
        lines += [f"  {each.path}: {each.old or '-'} -> {each.new or '-'}" for each in differences]
    return "\n".join(lines)


def _fields_of(document: PolicyDocument) -> dict[str, str]:
    return _flat(document.model_dump(mode="json", exclude_none=True, by_alias=True))


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Leaves by path; entries with a name go by it, so that one more message is one difference."""
    if isinstance(value, dict):
        parts = [(f"{path}.{key}" if path else str(key), part) for key, part in value.items()]
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        parts = [(f"{path}[{part.get('name', n)}]", part) for n, part in enumerate(value)]
    else:
        return {path: ", ".join(map(str, value)) if isinstance(value, list) else str(value)}
    return {leaf: text for name, part in parts for leaf, text in _flat(part, name).items()}


def _days_of(timeline: tuple[Foreseen, ...], start: datetime) -> dict[str, str]:
    days = dict[str, str]()
    for each in timeline:
        name = f"{each.kind} {each.what}".strip()
        days[name if name not in days else f"{name} again"] = f"day {(each.at - start).days}"
    return days


def _differences(old: dict[str, str], new: dict[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(path=path, old=old.get(path), new=new.get(path))
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    )
