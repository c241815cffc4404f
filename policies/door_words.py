"""What is refused at the door of what a policy says: names, to whom, in which tone, and what is tried out."""

from collections.abc import Iterator, Sequence
from operator import itemgetter

from policies.declines import TREATMENTS, Category
from policies.document import STAGES, TONE, PolicyDocument, ScheduledMessage
from policies.experiments import HELD_OUT, ORDINARY, Variant
from policies.findings import Finding, Path, twice

NAMES_OF_OTHER_WORDS = frozenset({"limited", "suspended", "reinstated", "recovered", "closed"})
"""Words that go out with what they tell of; a message of such a name would stand in their way."""

NEVER_HELD_OUT = ("warning", "final_notice", "limited", "suspended")
"""Stages without which nobody may lose service."""


def words_findings(policy: PolicyDocument) -> Iterator[Finding]:
    names: set[str] = set()
    for position, message in enumerate(policy.messages):
        path: Path = ("messages", position)
        if message.name in names:
            yield Finding((*path, "name"), "two messages have one name; a message is sent once per name, so rename one")
        names.add(message.name)
        yield from _message(message, path)
        yield from _to_whom(message.categories, message.channels, path)
        yield from _trials(message, path)
    yield from _falling_tone(policy.messages)
    for position, offer in enumerate(policy.offers):
        path = ("offers", position)
        yield from _to_whom(offer.categories, offer.channels, path)
        yield from twice(offer.offers, (*path, "offers"))
    yield from twice(policy.access_channels, ("access_channels",))


def _message(message: ScheduledMessage, path: Path) -> Iterator[Finding]:
    if message.name in NAMES_OF_OTHER_WORDS or message.name.startswith("offer_"):
        yield Finding((*path, "name"), f"{message.name} is the name of words that are sent by themselves; rename it")
    if (message.after is None) == (message.failures is None):
        yield Finding(path, "give either after or failures, so that it is clear when the message is due")


def _to_whom(categories: Sequence[Category], channels: Sequence[str], path: Path) -> Iterator[Finding]:
    yield from twice(categories, (*path, "categories"))
    yield from twice(channels, (*path, "channels"))
    for position, category in enumerate(categories):
        if not TREATMENTS[category].contact:
            says = f"nothing is ever written to the customer for {category.value}; take it out"
            yield Finding((*path, "categories", position), says)


def _falling_tone(messages: Sequence[ScheduledMessage]) -> Iterator[Finding]:
    """Gentle before firm. Of messages for other categories, or due by failures, nobody knows which comes first."""
    firmest: dict[tuple[Category, ...], ScheduledMessage] = {}
    timed = [(m.after, n, m) for n, m in enumerate(messages) if m.after is not None and STAGES[m.template] in TONE]
    for _, position, message in sorted(timed, key=itemgetter(0, 1)):
        before = firmest.get(message.categories)
        if before and _tone(message) < _tone(before):
            says = f"{message.name} is gentler than {before.name}, which comes before it; let words grow firmer"
            yield Finding(("messages", position, "template"), says)
        else:
            firmest[message.categories] = message


def _tone(message: ScheduledMessage) -> int:
    return TONE.index(STAGES[message.template])


def _trials(message: ScheduledMessage, path: Path) -> Iterator[Finding]:
    if message.holdout and STAGES[message.template] in NEVER_HELD_OUT:
        yield Finding((*path, "holdout"), "a warning is withheld from nobody; leave holdout out")
    if message.holdout + sum(variant.share for variant in message.variants) > 100:
        yield Finding((*path, "variants"), "shares and holdout come to more than 100 percent; make them smaller")
    yield from twice([variant.name for variant in message.variants], (*path, "variants"))
    for position, variant in enumerate(message.variants):
        yield from _variant(variant, (*path, "variants", position))


def _variant(variant: Variant, path: Path) -> Iterator[Finding]:
    if variant.name in (HELD_OUT, ORDINARY):
        yield Finding((*path, "name"), f"{variant.name} is the name of those who try nothing new; rename it")
    if variant.wording is None and variant.channels is None and variant.at is None:
        yield Finding(path, "differs in nothing from the ordinary message; give wording, channels or at")
    yield from twice(variant.channels or (), (*path, "channels"))
