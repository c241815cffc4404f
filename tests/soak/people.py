"""Who fails, what their cards do, and what they do themselves; the same for the same seed.

Fifteen kinds of trouble in turn, so that every run has all of them. A family has up to three invoices on one card that
is always refused: together they come to the networks' limits. Backups stand in the customer directory, some without
consent: those must never be charged.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import cycle


@dataclass(frozen=True)
class Card:
    """`until`: the day on which an `insufficient_until` or `issuer_down` card begins to pay."""

    kind: str
    until: float | None = None
    network: str = "other"
    consent: bool = True

    def params(self, failed_at: datetime) -> dict[str, str]:
        if self.until is None:
            return {}
        ends = {"until": (failed_at + timedelta(days=self.until)).isoformat()}
        return {"from": failed_at.isoformat(), **ends} if self.kind == "issuer_down" else ends


@dataclass(frozen=True)
class Deed:
    """What somebody does on a day: `card` given to us, or a change of the invoice at its owner (`pay`, `void`, ...)."""

    day: float
    change: str = ""
    card: Card | None = None


@dataclass(frozen=True)
class Person:
    """`story` tells the sandbox the decline of the first, failed attempt."""

    name: str
    trouble: str
    story: str
    card: Card
    deeds: tuple[Deed, ...] = ()
    invoices: int = 1
    segment: str = "self_serve"
    zone: str = "UTC"
    amount_minor: int = 2900
    currency: str = "EUR"
    backups: tuple[Card, ...] = field(default=())


def people(cases: int, seed: int) -> list[Person]:
    """As many as have that many invoices together."""
    chance, left = random.Random(seed), cases
    found: list[Person] = []
    in_turn = cycle(TROUBLES.items())
    while left > 0:
        trouble, make = next(in_turn)
        person = _dressed(make(chance), chance, f"{trouble}_{len(found)}", trouble)
        person = replace(person, invoices=min(person.invoices, left))
        found.append(person)
        left -= person.invoices
    return found


def _dressed(person: Person, chance: random.Random, name: str, trouble: str) -> Person:
    amount, currency = chance.choice([(900, "USD"), (2900, "EUR"), (12900, "GBP"), (9800, "JPY"), (45_000, "EUR")])
    return replace(
        person,
        name=name,
        trouble=trouble,
        segment=chance.choice(["self_serve", "self_serve", "self_serve", "premium", "enterprise"]),
        zone=chance.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"]),
        amount_minor=amount,
        currency=currency,
        backups=person.backups or _some_backups(chance),
    )


def _some_backups(chance: random.Random) -> tuple[Card, ...]:
    """A third has one or two, a few of them without consent."""
    if chance.random() > 0.34:
        return ()
    kinds = [
        Card("good", network="visa"),
        Card("do_not_honor", network="mastercard"),
        Card("insufficient_until", until=chance.uniform(2, 15), network="visa"),
        Card("lost", network="amex"),
        Card("good", network="mastercard", consent=False),
    ]
    return tuple(chance.sample(kinds, chance.choice([1, 2])))


# --- troubles ---------------------------------------------------------------------------------------------------------

Maker = Callable[[random.Random], Person]


def _person(story: str, card: Card, *deeds: Deed, invoices: int = 1, backups: tuple[Card, ...] = ()) -> Person:
    return Person("", "", story, card, deeds, invoices=invoices, backups=backups)


def _payday(chance: random.Random) -> Person:
    return _person("insufficient_funds", Card("insufficient_until", until=chance.uniform(0.5, 20)))


def _bank_down(chance: random.Random) -> Person:
    return _person("issuer_down", Card("issuer_down", until=chance.uniform(0.05, 1.2)))


def _expired(chance: random.Random) -> Person:
    return _person("expired_card", Card("expired"), Deed(chance.randint(2, 12), card=Card("good")))


def _second_card(chance: random.Random) -> Person:
    bad, good = chance.randint(2, 5), chance.randint(6, 12)
    first = Card(chance.choice(["lost", "do_not_honor"]))
    return _person("lost_card", Card("lost"), Deed(bad, card=first), Deed(good, card=Card("good")))


def _silent(_: random.Random) -> Person:
    return _person("answer_never_comes", Card("silent"))


def _lost_on_the_way(_: random.Random) -> Person:
    return _person("never_arrives", Card("silent_lost_once"))


def _lost_card(chance: random.Random) -> Person:
    return _person("lost_card", Card("lost"), backups=(Card(chance.choice(["good", "do_not_honor"]), network="visa"),))


def _never_pays(_: random.Random) -> Person:
    return _person("do_not_honor", Card("do_not_honor"))


def _transfer(chance: random.Random) -> Person:
    return _person("do_not_honor", Card("do_not_honor"), Deed(chance.randint(1, 25), change="pay"))


def _settles_later(chance: random.Random) -> Person:
    return _person("insufficient_funds", Card("pending"), Deed(chance.randint(3, 9), change="confirm"))


def _stumbled(_: random.Random) -> Person:
    return _person("generic", Card("good"))


def _confirms(chance: random.Random) -> Person:
    card = Card("needs_authentication")
    return _person("authentication_required", card, Deed(chance.randint(1, 6), change="confirm"))


def _family(_: random.Random) -> Person:
    return _person("do_not_honor", Card("do_not_honor"), invoices=3)


def _withdrawn(chance: random.Random) -> Person:
    how = chance.choice(["void", "cancel"])
    return _person("do_not_honor", Card("do_not_honor"), Deed(chance.randint(1, 10), change=how))


def _new_words(chance: random.Random) -> Person:
    return _person("unmapped_code", Card("unmapped_code"), Deed(chance.randint(3, 20), card=Card("good")))


TROUBLES: dict[str, Maker] = {
    "payday": _payday,
    "bank_down": _bank_down,
    "expired": _expired,
    "second_card": _second_card,
    "silent": _silent,
    "lost_on_the_way": _lost_on_the_way,
    "lost_card": _lost_card,
    "never_pays": _never_pays,
    "transfer": _transfer,
    "settles_later": _settles_later,
    "stumbled": _stumbled,
    "confirms": _confirms,
    "family": _family,
    "withdrawn": _withdrawn,
    "new_words": _new_words,
}
