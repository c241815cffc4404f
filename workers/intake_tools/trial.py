"""`recoup intake test-mapping`: samples from files, and what came of them as text or JSON."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from activities.sources.contract import Addressed
from activities.sources.mapped.load import PlacedMapping
from activities.sources.mapped.tried import PathSeen, Sample, Told, Trial
from policies.findings import Finding
from policies.money import Money
from workers.intake_tools.told import as_told
from workers.mistakes import Mistake

NO_SAMPLES = (".yaml", ".yml", ".md")
SAMPLE_MAX = 1_000_000
"""As long as the API takes a body, unless it is set otherwise."""


def samples_of(paths: Sequence[Path]) -> list[Sample]:
    """Files, and all files of folders but hidden ones, mappings and notes. Raises Mistake or OSError."""
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    if not files:
        raise Mistake(f"there is no sample in {', '.join(map(str, paths))}; name files, or a folder that has some")
    return [Sample(str(file), _bytes_of(file)) for file in dict.fromkeys(files)]


def _in_folder(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix not in NO_SAMPLES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _bytes_of(file: Path) -> bytes:
    if file.stat().st_size > SAMPLE_MAX:
        raise Mistake(f"{file} has more than {SAMPLE_MAX:,} bytes, which no webhook has; name another sample")
    return file.read_bytes()


def is_good(trial: Trial, strict: bool) -> bool:
    return not (trial.unreadable or trial.found_nothing or (strict and (trial.idle or trial.taken_by_none)))


def as_json(mapping: PlacedMapping, trial: Trial) -> str:
    told: dict[str, Any] = {
        "mapping": mapping.document.edition,
        "events": [
            {"sample": one.sample, "event_key": one.event_key, "rule": one.rule, **as_told(one.said)}
            for one in trial.events
        ],
        "rules": [rule.model_dump() for rule in trial.rules],
        "paths": [{**_place(mapping, path), "tried": path.tried, "found": path.found} for path in trial.paths],
        "found_nothing": [{**_place(mapping, path), "says": _lack(path)} for path in trial.found_nothing],
        "taken_by_none": [_name(one) for one in trial.taken_by_none],
        "unreadable": [_name(one) for one in trial.unreadable],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _place(mapping: PlacedMapping, path: PathSeen) -> dict[str, Any]:
    placed = mapping.text.at(Finding(path.place, ""))
    return {"where": ".".join(map(str, path.place)), "line": placed.line, "column": placed.column, "path": path.path}


def as_text(mapping: PlacedMapping, trial: Trial) -> str:
    return "\n".join(_lines(mapping, trial))


def _lines(mapping: PlacedMapping, trial: Trial) -> Iterator[str]:
    for one in trial.events:
        yield _name(one)
        yield from (f"    {line}" for line in _said(one))
    yield ""
    yield f"{mapping.document.edition} on {len(trial.events)} events"
    for rule in trial.rules:
        yield f"  rule {rule.number} took {rule.took}: {rule.becomes}"
        yield f"      when {rule.when}"
        for path in trial.paths:
            if path.place[:2] == ("rules", rule.number) and path.place[-1] != "when":
                yield f"      {'.'.join(map(str, path.place[3:])):<32} found {path.found} of {path.tried}  {path.path}"
    for title, lines in (
        ("found nothing in any sample; misspelled, or a sample is missing:", _nothing(mapping, trial)),
        ("no rule took:", [_name(one) for one in trial.taken_by_none]),
        ("took no sample, so nothing is known about their fields:", [f"rule {rule.number}" for rule in trial.idle]),
        ("cannot be read:", [_name(one) for one in trial.unreadable]),
    ):
        if lines:
            yield title
            yield from (f"  {line}" for line in lines)


def _name(one: Told) -> str:
    return f"{one.sample} ({one.event_key})" if one.event_key else one.sample


def _said(one: Told) -> Iterator[str]:
    by = f" (rule {one.rule})" if one.rule is not None else ""
    told = as_told(one.said)
    if not isinstance(one.said, Addressed):
        what, why = next(iter(told.items()))
        yield f"{what}{by}: {why}: {told['detail']}"
        return
    yield f"{told.pop('kind')}{by}"
    for name, value in told.items():
        if value not in (None, 0, False) and name != "event_id":
            yield f"  {name:<16} {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"amount_minor", "currency"}:
        return str(Money.model_validate(value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items() if each not in (None, False))
    return str(value)


def _nothing(mapping: PlacedMapping, trial: Trial) -> list[str]:
    return [str(mapping.text.at(Finding(path.place, _lack(path)))) for path in trial.found_nothing]


def _lack(path: PathSeen) -> str:
    if path.failed:
        return f"{path.path} fails: {path.failed}"
    where = f"{', '.join(path.lacking)} of " if path.lacking and path.lacking != (path.path,) else ""
    return f"{where}{path.path} is in none of {path.tried} event(s)"
