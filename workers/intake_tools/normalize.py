"""The events of one delivery in our words; signatures are not checked, nothing is stored."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from activities.sources.contract import Malformed, Speaker
from policies.events import Unreadable
from policies.nearest_word import suggestion
from workers.intake_tools.told import as_told
from workers.mistakes import Mistake


def known_speaker(source: str, speakers: Mapping[str, Speaker]) -> Speaker:
    if source in speakers:
        return speakers[source]
    raise Mistake(f"there is no source {source!r}{suggestion(source.lower(), sorted(speakers))}")


def body_of(path: Path | None) -> bytes:
    """`-`, or nothing at all: from standard input."""
    if path is None or str(path) == "-":
        return sys.stdin.buffer.read()
    return path.read_bytes()


def normalized(speaker: Speaker, body: bytes) -> Iterator[str]:
    """A line of JSON for each event. Raises Mistake at the end, when one should have become a fact and cannot."""
    items = speaker.split(body)
    if isinstance(items, Malformed):
        raise Mistake(f"the body cannot be read as one of {speaker.name}: {items.reason}")
    unreadable: list[str] = []
    for number, item in enumerate(items, start=1):
        said = speaker.normalise(item.body, item.event_key)
        if isinstance(said, Unreadable):
            which = f"event {number} of {len(items)} ({item.event_key}): " if len(items) > 1 else ""
            what = said.reason if said.reason.startswith(said.field) else f"{said.field}: {said.reason}"
            unreadable.append(f"{which}{what}")
        else:
            yield json.dumps(as_told(said), ensure_ascii=False)
    if unreadable:
        raise Mistake(_in_one_sentence(unreadable))


def _in_one_sentence(unreadable: Sequence[str]) -> str:
    first, *others = unreadable
    return f"{first}; and {len(others)} more that cannot be read" if others else first
