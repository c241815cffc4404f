"""A mapping is refused at the door with line, column and what to do; JMESPath itself would be silent."""

import json
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from activities.sources.mapped.document import Fields, Kind
from activities.sources.mapped.kinds import EVENTS, had_by
from activities.sources.mapped.load import load_mapping, load_placed
from activities.sources.mapped.speaker import MappedSpeaker
from tests.activities.sources.mapped.made import PAYBASE, complaints, mapping, rule, speaker
from tests.activities.sources.speaking import FUZZ_EXAMPLES

ID_AND_TIME = "happened_at: at, invoice_id: invoice"


def test_the_example_is_right() -> None:
    document = load_mapping(PAYBASE, "paybase.yaml")
    assert document.edition == "mapping paybase@1"
    assert len(document.rules) == 6


def test_every_kind_and_every_field_of_the_vocabulary_can_be_written() -> None:
    assert set(Kind.__args__) == set(EVENTS)  # type: ignore[attr-defined]
    assert set(Fields.model_fields) == {name for kind in EVENTS for name in had_by(kind)}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("type == 'charge.paid'", "type = 'charge.paid'", "50:16: rules.2.when: is no JMESPath: unknown token '='"),
        ("path: charge.failure", "path: charge. ]failure", "44:25: rules.1.fields.decline.code.path: is no JMESPath"),
        ("invoice_id: charge.invoice", "invoice_id: charge..invoice", "22:22: fields.invoice_id: is no JMESPath: '.'"),
        ("kind: payment_failed", "kind: payment_faild", "did you mean payment_failed?"),
        ("unit: minor}\n      out", "unit: cents}\n      out", "there is no 'cents' here; write one of minor, major"),
        ("retries_at:", "retry_at:", "rules.1.fields.retry_at: there is no such field; did you mean retries_at?"),
        ("retries_at:", "dispute_id:", "payment_failed has no dispute_id; write one of amount, "),
        ("scheme: hmac", "scheme: hmc", "signature.scheme: there is no 'hmc' here; did you mean hmac?"),
        ("  scheme: hmac\n", "", "signature.scheme: is missing; add it"),
        ("  encoding: hex\n", "", "signature.encoding: is missing; add it"),
        ("algorithm: sha256", "algorithm: md5", "there is no 'md5' here; write one of sha1, sha256, sha512"),
        ("header: Paybase-Signature", "header: Pay base", "signature.header: is no name of a header"),
        ('"{timestamp}.{body}"', '"{body}"', "signature.signed: lacks {timestamp}"),
        ('"{timestamp}.{body}"', '"{timestamp}"', "signature.signed: must have {body} once"),
        ('"{timestamp}.{body}"', '"{timestamp}.{body}.{id}"', "knows {body}, {timestamp} and {header:Name}"),
        ("  timestamp: {part: t}\n", "", "signature.timestamp: is missing: say where {timestamp} comes from"),
        ("  part: v1\n", "", "signature.part: is missing: the time stamp is a part"),
        ("{part: t}", "{part: t, header: X-Time}", "signature.timestamp: write either a header or a part"),
        ("  encoding: hex", "  encoding: hex\n  tolerance: 2d", "signature.tolerance: must be between 1m and 1h"),
        ("source: paybase", "source: Pay base", "2:1: source: is no name of a source"),
        ("version: 1", "version: one", "3:1: version: write a whole number"),
        ("version: 1", "version: 0", "3:1: version: must be at least 1"),
        ("events: events", "events: events[*].event", "15:1: events: must be names alone"),
        ("events: events", "format: xml\nevents: events", "events: a xml body is one event; leave it out"),
        ("id: id", "id: '`1`'", "id: looks at nothing of what is sent"),
        ("table: stripe", "table: strpe", "there is no table 'strpe'; did you mean stripe?"),
        ("        table: stripe\n", "", "rules.1.fields.decline.table: is missing: say whose words"),
        ("NSF: insufficient_funds", "NSF: insuficient_funds", "code.map.NSF: there is no code 'insuficient_funds' in"),
        ("default: generic_decline", "default: nothing", "code.default: there is no code 'nothing' in"),
        ("network: card.brand", "network: {value: vias}", "there is no network 'vias'; did you mean visa?"),
        ("network: card.brand", "network: visa", "visa is read as a path; if it is always so, write {value: visa}"),
        ("{value: updated}", "{value: update}", "change.value: there is no change 'update'; did you mean updated?"),
        ("{value: updated}", "updated", "updated is read as a path; if it is always so, write {value: updated}"),
        ("currency: charge.currency, unit: minor}\n      out", "currency: EUR, unit: minor}\n      out", "EUR is re"),
        ("map: {transfer: true}", "map: {transfer: maybe}", "map.transfer: 'maybe' says neither yes nor no"),
        ("  happened_at: at\n", "", "rules.1.fields.happened_at: is missing: payment_failed needs it"),
        ("  invoice_id: charge.invoice\n", "", "rules.2.fields.invoice_id: is missing: payment_succeeded needs it"),
        ("      change: {value: updated}\n", "", "fields.change: is missing: payment_method_changed needs it"),
        ("  customer_id: customer.id\n", "", "customer_id: whose it is is missing: without customer_id nothing"),
        ("lookup: {customer_id: customer.id}", "lookup: {}", "lookup: is empty; write one of payment_id"),
        ("ignore: reports", "kind: invoice_voided\n    ignore: reports", "write either what kind of event it is"),
        ("    ignore: reports concern no payment", "    fields: {version: n}", "write either what kind of event it is"),
        ("ignore: reports concern no payment", "ignore: no\n    fields: {version: n}", "that is ignored has no fields"),
        ("starts_with(type, 'report.')", "type == 'charge.paid'", "never takes an event: rule 2 has the same"),
        ("starts_with(type, 'report.')", "\"'charge.paid'\"", "rules.5.when: looks at nothing of the event"),
        ("type == 'card.replaced'", "'@'", "rules.5.when: is never asked: rule 4 ('@') takes every event"),
        ("starts_with(type, 'report.')", "start_with(type, 'report.')", "; did you mean starts_with?"),
        ("subscription_id: charge.subscription", "subscription_id: '`1`'", "a constant is written {value: ...}"),
        ("subscription_id: charge.subscription", "subscription_id: {path: a, value: b}", "write either a path or"),
        ("subscription_id: charge.subscription", "subscription_id: {value: b, map: {c: d}}", "map and default"),
        ("subscription_id: charge.subscription", "subscription_id: {value: [b]}", "is no word; write a text"),
        ("happened_at: at", "happened_at: {path: at, as: unixms}", "there is no 'unixms' here; did you mean unix_ms?"),
        ("happened_at: at", "happened_at: {path: at, as: unix, format: '%d.%m.%Y'}", "write either as or format"),
        ("happened_at: at", "happened_at: {path: at, format: '%H:%M'}", "happened_at.format: is no layout of a time"),
        ("happened_at: at", "happened_at: {path: at, format: '%d.%d.%Y'}", "is no layout of a time"),
        ("happened_at: at", "happened_at: {path: at, zone: Berlin}", "happened_at.zone: is no time zone"),
        ("type: type", "type: &t type\naccepted: *t", "anchors (&) and aliases (*) are not followed"),
        ("type: type", "type: type\ntype: type", "found duplicate key"),
        ("type: type", "type: [", "21:14: expected ',' or ']'"),
        ("type: type", "type: '[?'", "17:10: type: is no JMESPath: it ends too early (at character 3)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place_and_the_way_out(old: str, new: str, says: str) -> None:
    assert old in PAYBASE
    found = complaints(PAYBASE.replace(old, new, 1))
    assert any(says in complaint for complaint in found), found


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_document() -> None:
    text = PAYBASE.replace("version: 1", "version: 0").replace("type == 'charge.paid'", "type =")
    text = text.replace("'report.')", "")
    found = complaints(text)
    assert [complaint.split(" ")[0] for complaint in found] == ["3:1:", "50:16:", "68:28:"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1:1: a mapping has fields: source, version"),
        ("- a", "1:1: a mapping has fields"),
        ("a: " + "x" * 64_000, "64000 are allowed"),
        ("a: " + "[" * 41 + "]" * 41, "nested deeper than 40 levels"),
        ("rules: " + "{a: " * 40 + "}" * 40, "nested deeper than 40 levels"),
        ("a: !!python/object:os.system x", "tags (!) are not read"),
        (mapping("[]").replace("rules:\n[]", "rules: []"), "rules: the list is empty; name at least one"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, says: str) -> None:
    assert says in "\n".join(complaints(text))


def test_an_expression_that_is_broken_over_lines_is_placed_at_its_key() -> None:
    folded = mapping(rule(ID_AND_TIME).replace("when: type", "when: >\n      type\n      = 'x'"))
    assert complaints(folded) == ["6:5: rules.0.when: is no JMESPath: unknown token '=' (at character 6)"]
    escaped = mapping(rule(ID_AND_TIME).replace("when: type", 'when: "\\x74ype ="'))
    assert complaints(escaped) == ["6:5: rules.0.when: is no JMESPath: unknown token '=' (at character 6)"]


@pytest.mark.parametrize(
    ("top", "rules", "says"),
    [
        ("", rule("happened_at: at, lookup: {payment_id: p}", "dispute_closed"), ["dispute_id", "won"]),
        ("", rule("happened_at: at, lookup: {payment_id: p}", "fraud_warning"), ["signal"]),
        ("", rule(ID_AND_TIME, "mandate_changed"), ["active", "mandate_id"]),
        ("", rule("happened_at: at", "customer_changed"), ["customer", "customer_id"]),
        ("", rule("lookup: {payment_id: p}", "invoice_voided"), ["happened_at"]),
        ("undated: true", rule("lookup: {payment_id: p}", "invoice_voided"), []),
        ("", rule("happened_at: at", "invoice_voided"), ["invoice_id"]),
        ("fields: {happened_at: at, invoice_id: i}", rule("", "invoice_voided").replace("{}", "{version: v}"), []),
    ],
)
def test_what_a_kind_needs_is_asked_for(top: str, rules: str, says: list[str]) -> None:
    found = complaints(mapping(rules, top))
    assert [complaint.split(" ")[1].rstrip(":").rpartition(".")[2] for complaint in found] == says


def test_a_shared_field_that_no_kind_has_is_told() -> None:
    found = complaints(mapping(top="fields: {won: w}"))
    assert found == ["4:10: fields.won: no rule makes an event that has it; leave it out"]


def test_the_same_condition_is_known_whatever_its_spaces() -> None:
    twice = mapping(rule(ID_AND_TIME, when="type=='a'") + rule(ID_AND_TIME, when="type == 'a'"))
    assert "rule 0 has the same condition" in complaints(twice)[0]
    other = mapping(rule(ID_AND_TIME, when="n == `1`") + rule(ID_AND_TIME, when="n == `true`"))
    assert complaints(other) == []


def test_everything_else_may_be_taken_by_the_last_rule() -> None:
    assert complaints(mapping(rule(ID_AND_TIME) + "  - when: '@'\n    ignore: anything else\n")) == []


def test_a_place_in_the_document_leads_to_its_line() -> None:
    text = load_placed(PAYBASE, "paybase.yaml").text
    node = text.node(("rules", 1, "fields", "decline", "code", "path"))
    assert node is not None
    assert node.start_mark.line + 1 == 44


@settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_stands_in_a_document_it_is_refused_or_works(data: st.DataObject) -> None:
    started = time.monotonic()
    lines = PAYBASE.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        line, letter = lines[place], data.draw(st.sampled_from(["a", "e", ".", ":", "t"]))
        lines[place] = data.draw(
            st.one_of(
                st.just(line.lstrip()),
                st.sampled_from(lines),
                st.text("ab:{}[]&*!|>'\"-#%@ ,\t", max_size=20),
                st.text(max_size=3).map(lambda other, line=line, letter=letter: line.replace(letter, other)),
            )
        )
    made = refused_or_made("\n".join(lines))
    if made:
        made.normalise(b'{"type": "charge.failed"}', "row-1")
        made.split(b'{"events": [{"id": 1}]}')
    assert time.monotonic() - started < 5


def refused_or_made(text: str) -> MappedSpeaker | None:
    """Anything else than a MappingError with a place is a fault."""
    found = complaints(text)
    assert all(re.match(r"[1-9][0-9]*:[1-9][0-9]*: .", complaint, re.DOTALL) for complaint in found), found
    return None if found else speaker(text)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))


@settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), value=st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_value_of_any_shape_in_any_place_is_refused_or_works(data: st.DataObject, value: object) -> None:
    document = YAML(typ="safe", pure=True).load(PAYBASE)
    here = document
    while True:
        name = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here)))))
        if not isinstance(here[name], dict | list) or not here[name] or data.draw(st.booleans()):
            break
        here = here[name]
    here[name] = value
    refused_or_made(json.dumps(document))
