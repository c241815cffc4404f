"""What a mapping must not say although it is spelled right: JMESPath is silently null, so it is asked here.

Each finding names the field, what is wrong and what to do. What only events can show, such as a path that finds
nothing, is told by `tried.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from activities.sources.mapped.document import (
    Amount,
    CustomerOf,
    DeclineOf,
    Fields,
    Hmac,
    LookupOf,
    MappingDocument,
    Moment,
    Pick,
    Rule,
)
from activities.sources.mapped.expressions import Expression
from activities.sources.mapped.kinds import had_by, needed_by
from activities.sources.mapped.picking import YES_OR_NO
from activities.sources.mapped.signing import PLACEHOLDER
from policies.declines import GATEWAY_TABLES, all_rows
from policies.events import MethodChange
from policies.findings import Finding, Path
from policies.instruments import Network, PaymentType
from policies.money import EXPONENTS
from policies.nearest_word import suggestion

FLAGS = ("won", "active", "out_of_band", "retries_itself")


def findings(document: MappingDocument) -> Iterator[Finding]:
    yield from _batch(document)
    if isinstance(document.signature, Hmac):
        yield from _hmac(document.signature)
    for path, expression in (
        (("events",), document.events),
        (("id",), document.id),
        (("type",), document.type),
    ):
        if expression and expression.looks_at_nothing:
            yield Finding(path, "looks at nothing of what is sent, so it always says the same")
    yield from _shared(document)
    yield from _field_values(("fields",), document.fields)
    for number, rule in enumerate(document.rules):
        yield from _when(document.rules, number)
        yield from _rule(("rules", number), document, rule)


# --- the delivery -----------------------------------------------------------------------------------------------------


def _batch(document: MappingDocument) -> Iterator[Finding]:
    if document.events is None:
        return
    if document.format != "json":
        yield Finding(("events",), f"a {document.format} body is one event; leave it out")
    elif document.events.names is None:
        says = "must be names alone, so that each event is kept as it was sent: data.events, or '@' for the body itself"
        yield Finding(("events",), says)


def _hmac(how: Hmac) -> Iterator[Finding]:
    named = PLACEHOLDER.findall(how.signed)
    if named.count("body") != 1:
        yield Finding(("signature", "signed"), "must have {body} once, or the body is not protected")
    rest = PLACEHOLDER.sub("", how.signed)
    if "{" in rest or "}" in rest:
        yield Finding(("signature", "signed"), "knows {body}, {timestamp} and {header:Name}, and no other braces")
    if how.timestamp and "timestamp" not in named:
        says = "lacks {timestamp}: a time stamp that is not signed can be written by anybody"
        yield Finding(("signature", "signed"), says)
    if "timestamp" in named and not how.timestamp:
        yield Finding(("signature", "timestamp"), "is missing: say where {timestamp} comes from")
    if how.timestamp and how.timestamp.part and not how.part:
        yield Finding(("signature", "part"), "is missing: the time stamp is a part of the header, so is the signature")


# --- the rules --------------------------------------------------------------------------------------------------------


def _when(rules: Sequence[Rule], number: int) -> Iterator[Finding]:
    when, place = rules[number].when, ("rules", number, "when")
    if when.looks_at_nothing:
        yield Finding(place, "looks at nothing of the event; write a condition, or '@' for every event")
    for earlier, rule in enumerate(rules[:number]):
        if rule.when.takes_everything:
            yield Finding(place, f"is never asked: rule {earlier} ('@') takes every event; move that one last")
            return
        if rule.when == when:
            yield Finding(place, f"never takes an event: rule {earlier} has the same condition and comes first")
            return


def _rule(place: Path, document: MappingDocument, rule: Rule) -> Iterator[Finding]:
    yield from _field_values((*place, "fields"), rule.fields)
    if rule.kind is None:
        return
    known = had_by(rule.kind)
    for name in rule.fields.given:
        if name not in known:
            yield Finding((*place, "fields", name), f"{rule.kind} has no {name}{suggestion(name, sorted(known))}")
    given = document.fields_of(rule).given
    for name in _missing(document, rule.kind, given):
        yield Finding((*place, "fields", name), f"is missing: {rule.kind} needs it")
    if "customer" in given and "customer_id" not in given:
        says = "whose it is is missing: without customer_id nothing can be kept of a customer"
        yield Finding((*place, "fields", "customer_id"), says)
    if rule.kind == "customer_changed" and "customer" not in given:
        yield Finding((*place, "fields", "customer"), "is missing: without it customer_changed says nothing")


def _missing(document: MappingDocument, kind: str, given: Mapping[str, Any]) -> Iterator[str]:
    yield from sorted(needed_by(kind) - set(given))
    if "happened_at" not in given and not document.undated:
        yield "happened_at"
    if "invoice_id" not in given and "lookup" not in given and kind != "customer_changed":
        yield "invoice_id"


def _shared(document: MappingDocument) -> Iterator[Finding]:
    kinds = {rule.kind for rule in document.rules if rule.kind}
    for name in document.fields.given:
        if not any(name in had_by(kind) for kind in kinds):
            yield Finding(("fields", name), "no rule makes an event that has it; leave it out")


# --- the fields -------------------------------------------------------------------------------------------------------


def _field_values(place: Path, fields: Fields) -> Iterator[Finding]:
    for name, part in fields.given.items():
        here = (*place, name)
        match part:
            case Amount():
                yield from _constant((*here, "path"), part.path)
                yield from _words((*here, "currency"), part.currency, "currency code", tuple(sorted(EXPONENTS)))
            case DeclineOf():
                yield from _decline(here, part)
            case Pick() if name in FLAGS:
                yield from _flag(here, part)
            case Pick() if name == "change":
                yield from _words(here, part, "change", tuple(MethodChange))
            case LookupOf() | CustomerOf():
                yield from _parts(here, part)
            case Pick() | Moment() if part.path:
                yield from _constant(here, part.path)


def _constant(place: Path, path: Expression) -> Iterator[Finding]:
    if path.looks_at_nothing:
        yield Finding(place, "looks at nothing of the event; a constant is written {value: ...}")


def _parts(place: Path, group: LookupOf | CustomerOf) -> Iterator[Finding]:
    given = {name: getattr(group, name) for name in type(group).model_fields if getattr(group, name) is not None}
    if not given:
        yield Finding(place, f"is empty{suggestion('', tuple(type(group).model_fields))}")
    for name, pick in given.items():
        if pick.path:
            yield from _constant((*place, name), pick.path)


def _decline(place: Path, decline: DeclineOf) -> Iterator[Finding]:
    if not (decline.code or decline.network_code or decline.advice_code):
        yield Finding((*place, "code"), "is missing: without a code a decline says nothing")
    if decline.table is not None and decline.table not in GATEWAY_TABLES:
        says = f"there is no table {decline.table!r}{suggestion(decline.table, sorted(GATEWAY_TABLES))}"
        yield Finding((*place, "table"), says)
    elif decline.code and (decline.code.map or decline.code.value or decline.code.default):
        yield from _code(place, decline.table, decline.code)
    for name, known in (("network", tuple(Network)), ("payment_type", tuple(PaymentType))):
        pick = getattr(decline, name)
        if pick:
            yield from _words((*place, name), pick, name.replace("_", " "), known)
    for name in ("code", "network_code", "advice_code"):
        pick = getattr(decline, name)
        if pick and pick.path:
            yield from _constant((*place, name), pick.path)


def _code(place: Path, table: str | None, code: Pick) -> Iterator[Finding]:
    if table is None:
        says = "is missing: say whose words the codes are told in, such as table: stripe"
        yield Finding((*place, "table"), says)
        return
    known = sorted({row.code for row in all_rows() if row.table in GATEWAY_TABLES[table]})
    for where, word in _ours(code):
        if str(word) not in known:
            says = f"there is no code {word!r} in the table {table}{suggestion(str(word), known)}"
            yield Finding((*place, "code", *where), says)


def _words(place: Path, pick: Pick, what: str, known: Sequence[str]) -> Iterator[Finding]:
    """Words that only we know: what a map leads to must be one of them, and none of them is a path."""
    for where, word in _ours(pick):
        if word not in known:
            yield Finding((*place, *where), f"there is no {what} {word!r}{suggestion(str(word), known)}")
    if pick.path and pick.path.text in known:
        says = f"{pick.path.text} is read as a path; if it is always so, write {{value: {pick.path.text}}}"
        yield Finding(place, says)
    elif pick.path:
        yield from _constant(place, pick.path)


def _flag(place: Path, pick: Pick) -> Iterator[Finding]:
    for where, word in _ours(pick):
        if not isinstance(word, bool):
            yield Finding((*place, *where), f"{word!r} says neither yes nor no; write true or false")
    if pick.path and pick.path.text in YES_OR_NO:
        says = f"{pick.path.text} is read as a path; if it is always so, write {{value: {pick.path.text}}}"
        yield Finding(place, says)


def _ours(pick: Pick) -> Iterator[tuple[Path, Any]]:
    """What a pick says in our words, and where."""
    if pick.value is not None:
        yield ("value",), pick.value
    if pick.default is not None:
        yield ("default",), pick.default
    for theirs, word in (pick.map or {}).items():
        yield ("map", theirs), word
