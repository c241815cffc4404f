"""A mapping tried on samples: what each becomes, and what of the mapping nothing in them answers to.

JMESPath finds nothing where a name is misspelled and complains of nothing, so what no sample has is told here.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from activities.sources.contract import Addressed, Malformed
from activities.sources.mapped.document import MappingDocument, Rule
from activities.sources.mapped.expressions import Expression, Look
from activities.sources.mapped.speaker import MappedSpeaker
from activities.sources.mapped.watching import Seen, WatchingLook, labels
from activities.sources.reading import Wrong
from policies.base import Record
from policies.events import Ignored, Unreadable
from policies.findings import Path


class Sample(NamedTuple):
    name: str
    body: bytes


class Told(Record):
    """One event of a sample. `rule`: its place in the list, None when none took it."""

    sample: str
    event_key: str | None = None
    rule: int | None = None
    said: Addressed | Ignored | Unreadable | Malformed


class PathSeen(Record):
    """`found`: in how many of the events it was tried on; `lacking`: names on the way that were there in none."""

    place: Path
    path: str
    tried: int
    found: int
    lacking: tuple[str, ...] = ()
    failed: str | None = None

    @property
    def is_empty(self) -> bool:
        """Tried, and something of it was never there."""
        return self.tried > 0 and bool(self.lacking or (self.found == 0 and self.place[-1] != "when"))


class RuleSeen(Record):
    number: int
    when: str
    becomes: str
    took: int


class Trial(Record):
    events: tuple[Told, ...]
    rules: tuple[RuleSeen, ...]
    paths: tuple[PathSeen, ...]

    @property
    def unreadable(self) -> tuple[Told, ...]:
        return tuple(one for one in self.events if isinstance(one.said, Unreadable | Malformed))

    @property
    def taken_by_none(self) -> tuple[Told, ...]:
        return tuple(one for one in self.events if one.rule is None and isinstance(one.said, Ignored))

    @property
    def found_nothing(self) -> tuple[PathSeen, ...]:
        return tuple(path for path in self.paths if path.is_empty)

    @property
    def idle(self) -> tuple[RuleSeen, ...]:
        return tuple(rule for rule in self.rules if not rule.took)


def tried_on(document: MappingDocument, samples: Sequence[Sample]) -> Trial:
    speaker, watch = MappedSpeaker(document), _Watch()
    events = tuple(told for sample in samples for told in _told(speaker, watch, sample))
    rules = tuple(
        RuleSeen(
            number=number,
            when=rule.when.text,
            becomes=rule.kind or f"ignored: {rule.ignore}",
            took=sum(told.rule == number for told in events),
        )
        for number, rule in enumerate(document.rules)
    )
    return Trial(events=events, rules=rules, paths=tuple(watch.seen(document)))


def _told(speaker: MappedSpeaker, watch: "_Watch", sample: Sample) -> Iterator[Told]:
    items = speaker.split(sample.body)
    if isinstance(items, Malformed):
        yield Told(sample=sample.name, said=items)
        return
    watch.count(is_batch=any(item.body != sample.body for item in items))
    for item in items:
        event = speaker.event_of(item.body)
        taking = _rule_of(speaker, event)
        watch.look_at(event, speaker.document, taking)
        number = next((n for n, rule in enumerate(speaker.document.rules) if rule is taking), None)
        said = speaker.normalise(item.body, item.event_key)
        yield Told(sample=sample.name, event_key=item.event_key, rule=number, said=said)


def _rule_of(speaker: MappedSpeaker, event: Any) -> Rule | None:
    try:
        return speaker.rule_for(Look(event))
    except Wrong:
        return None  # it costs too much, which the speaker says itself


class _Watch:
    def __init__(self) -> None:
        self._seen: dict[int, Seen] = {}
        self._deliveries = self._batches = 0

    def count(self, is_batch: bool) -> None:
        self._deliveries += 1
        self._batches += is_batch

    def look_at(self, event: Any, document: MappingDocument, taking: Rule | None) -> None:
        """Conditions are tried on every event, fields on those that their rule takes."""
        for rule in document.rules:
            self._try(event, rule.when)
        for expression in (document.id, document.type):
            if expression:
                self._try(event, expression)
        for _, expression in _expressions(document.fields_of(taking)) if taking else ():
            self._try(event, expression)

    def _try(self, event: Any, expression: Expression) -> None:
        seen = self._seen.setdefault(id(expression), Seen())
        seen.tried += 1
        try:
            found = WatchingLook(event, seen)(expression)
        except Wrong as wrong:
            seen.failed = wrong.reason
            return
        seen.found += found is not None

    def seen(self, document: MappingDocument) -> Iterator[PathSeen]:
        for place, expression in _expressions(document):
            seen = self._seen.get(id(expression), Seen())
            if place == ("events",):
                seen = Seen(tried=self._deliveries, found=self._batches)
            names = labels(expression)
            lacking = dict.fromkeys(names[node] for node in names if node in seen.sought - seen.met)
            yield PathSeen(
                place=place,
                path=expression.text,
                tried=seen.tried,
                found=seen.found,
                lacking=tuple(lacking),
                failed=None if seen.found else seen.failed,
            )


def _expressions(part: Any, place: Path = ()) -> Iterator[tuple[Path, Expression]]:
    """Every expression of a part of the document, and where it stands."""
    if isinstance(part, Expression):
        yield place, part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _expressions(getattr(part, name), (*place, name))
    elif isinstance(part, tuple):
        for number, each in enumerate(part):
            yield from _expressions(each, (*place, number))
