"""What `recoup dlq` does and says. Talks to the database; the API need not run."""

import getpass
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import ValidationError

from activities.store.dead_letters import WAYS_OUT, Act, By, DeadLetter, LeftAlone, Page, Place, ShownLetter, Wanted
from activities.store.dead_letters import other_act as meant_instead
from api.errors import first_complaint
from api.wake import wake_relays
from policies.base import Record
from policies.intake.impact import Stakes
from policies.money import Money
from policies.nearest_word import suggestion
from workers.confirmation import confirmation
from workers.mistakes import Mistake
from workers.opened_store import opened_store
from workers.settings import Settings
from workers.typed_words import quoted

PAST = {Act.RETRY: "retried", Act.RELEASE: "released", Act.DISCARD: "discarded"}
_OPTIONS = {"invoice_id": "--invoice", "customer_id": "--customer"}


class Chosen(Protocol):
    def wanted(self) -> Wanted: ...


@dataclass(frozen=True)
class Doing:
    """What is done, by whom and why; `letters`: their ids, or none when a filter says which."""

    act: str
    letters: tuple[str, ...]
    why: str
    actor: str | None
    every: bool
    limit: int
    dry_run: bool


class Done(Record):
    action: Act
    dry_run: bool
    count: int
    ids: tuple[str, ...]
    left_alone: tuple[LeftAlone, ...] = ()

    @property
    def exit_code(self) -> int:
        return 1 if any(left.why != "already" for left in self.left_alone) else 0

    @property
    def as_text(self) -> str:
        if self.dry_run:
            return "\n".join([f"would {self.action} {_letters(self.count)}", *self.ids])
        return "\n".join([f"{PAST[self.action]} {_letters(self.count)}", *_told(self.left_alone)])


def wanted_of(options: dict[str, str]) -> Wanted:
    """Raises Mistake that names the option."""
    try:
        return Wanted.model_validate(options)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        says = first_complaint(error).partition(": ")[2]
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        raise Mistake(f"{option} {quoted(options[name])}: {says}") from None


async def listed(settings: Settings, chosen: Chosen, limit: int, after: str | None, as_json: bool) -> str:
    wanted, now, base = chosen.wanted(), datetime.now(UTC), settings.base_currency
    try:
        place = Place.read(after) if after else None
    except ValueError as error:
        raise Mistake(f"--after {quoted(after)} {error}") from None
    async with opened_store(settings) as store:
        page = await store.dead_letters.page(wanted, now, limit, place)
        counts = await store.dead_letters.counts(wanted.source, wanted.account)
    if as_json:
        said = page.model_dump(mode="json")
        answer = {"dead_letters": said["letters"], "next": said["next"], "currency": base, "counts": counts}
        return json.dumps(answer, indent=2)
    return _harmless(_page(page, counts, wanted, base, now))


async def shown(settings: Settings, letter: str, raw: bool, as_json: bool) -> str:
    letter_id, now = _id(letter), datetime.now(UTC)
    async with opened_store(settings) as store:
        found = await store.dead_letters.show(letter_id, now, raw)
    if found is None:
        raise Mistake(f"there is no dead letter {letter}; `recoup dlq list` names them")
    return found.model_dump_json(indent=2) if as_json else _harmless(_whole(found, settings.stakes()))


async def acted(settings: Settings, doing: Doing, chosen: Chosen, yes: bool) -> Done:
    """By ids at once; those that a filter fits are counted, and a person says yes first."""
    act, wanted, by = Act(doing.act), chosen.wanted(), _by(doing)
    by_filter = wanted != Wanted() or doing.every
    if bool(doing.letters) == by_filter:
        raise Mistake("say which dead letters: their ids, or options such as --source stripe, or --every; one of these")
    if doing.letters and doing.dry_run:
        raise Mistake("--dry-run is for many; `recoup dlq show` looks at one")
    if wanted.reason and (other := meant_instead(act, wanted.reason)):
        raise Mistake(f"--reason {wanted.reason}: {WAYS_OUT[other]}")
    question = f"{act.capitalize()} {{number}} dead letters?"
    confirm = confirmation(question, f"recoup dlq {act} --dry-run", yes or doing.dry_run or not by_filter)
    ids: Sequence[str] = [_id(each) for each in doing.letters]
    async with opened_store(settings) as store:
        now, letters = datetime.now(UTC), store.dead_letters
        if by_filter:
            ids = await letters.fitting(act, wanted, now, doing.limit)
        if doing.dry_run:
            return Done(action=act, dry_run=True, count=len(ids), ids=tuple(ids))
        if not ids or not confirm(len(ids)):
            return Done(action=act, dry_run=False, count=0, ids=())
        outcome = await letters.act(act, ids, by, now)
        await wake_relays(store.pool)
    return Done(action=act, dry_run=False, count=len(outcome.done), ids=outcome.done, left_alone=outcome.left_alone)


def _by(doing: Doing) -> By:
    try:
        actor = doing.actor if doing.actor is not None else getpass.getuser()
    except (KeyError, OSError):
        raise Mistake("nobody knows your user name here; say who you are with --actor") from None
    try:
        return By(actor=actor, reason=doing.why)
    except ValidationError as error:
        option = {"actor": "--actor", "reason": "--why"}[str(error.errors()[0]["loc"][0])]
        raise Mistake(f"{option}: {first_complaint(error).partition(': ')[2]}") from None


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Mistake(f"{quoted(text)} is no id of a dead letter; `recoup dlq list` names them") from None


# --- in words ---------------------------------------------------------------------------------------------------------


def _harmless(text: str) -> str:
    """Strangers wrote some of it, and terminals obey control characters."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _page(page: Page, counts: dict[str, int], wanted: Wanted, base: str, now: datetime) -> str:
    lines = [line for letter in page.letters for line in _lines(letter, base, now)]
    lines.append(_letters(sum(counts.values())) + (f": {_counted(counts)}" if counts else ""))
    if wanted.reason and wanted.reason not in counts and counts:
        lines.append(f"none has the reason {quoted(wanted.reason)}{suggestion(wanted.reason, sorted(counts))}")
    if page.next:
        lines.append(f"more: --after {page.next.text}")
    return "\n".join(lines)


def _lines(letter: DeadLetter, base: str, now: datetime) -> list[str]:
    about = [letter.kind, letter.invoice_id, str(letter.amount) if letter.amount else None, letter.customer_id]
    what = " ".join(each for each in (f"{letter.source}/{letter.account}", *about) if each)
    field = f"{letter.field}: " if letter.field and letter.field not in (letter.detail or "") else ""
    days = (now - letter.first_seen).days
    waits = f"{days} days" if days > 1 else f"{(now - letter.first_seen).total_seconds() / 3600:.0f} hours"
    return [
        f"{letter.id}  impact {_weight(letter.impact, base)}  {what}",
        f"    {letter.reason}: {field}{letter.detail}; waits {waits}, came {_times(letter.times_received)}",
    ]


def _whole(letter: ShownLetter, stakes: Stakes) -> str:
    base, names = stakes.base, DeadLetter.model_fields
    said: dict[str, Any] = {name: getattr(letter, name) for name in names if name not in ("actions", "amount")}
    said["amount"] = letter.amount
    said |= {"stake": _weight(letter.stake, base), "impact": _weight(letter.impact, base)}
    lines = [f"{name:<15} {_plain(value)}" for name, value in said.items() if value is not None]
    for did in letter.actions:
        lines.append(f"{_plain(did.at):<22} {PAST[did.action]} by {did.actor} ({did.was}): {did.reason}")
    lines += [f"header          {name}: {value}" for name, value in (letter.headers or {}).items()]
    if letter.body is None:
        return "\n".join([*lines, "", "its bytes are gone"])
    return "\n".join([*lines, "", f"body, {letter.body_encoding}:", letter.body])


def _plain(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)


def _weight(minor: float, base: str) -> str:
    return str(Money(amount_minor=round(minor), currency=base))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counts.items())


def _letters(number: int) -> str:
    return f"{number} dead letter{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _told(left_alone: Sequence[LeftAlone]) -> list[str]:
    return [f"{left.id}: {left.detail}" for left in left_alone]
