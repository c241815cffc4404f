"""Trying a mapping on samples: what nothing answers to is named, since JMESPath is silent about it."""

import json
from typing import Any

from activities.sources.contract import Addressed, Malformed
from activities.sources.mapped.load import load_mapping
from activities.sources.mapped.tried import PathSeen, Sample, Trial, tried_on
from policies.events import Ignored, Unreadable
from tests.activities.sources.mapped.made import PAYBASE, SAMPLES, mapping, rule

FIELDS = "happened_at: at, invoice_id: i.id, customer_id: who || i.who"


def trial(text: str, *events: Any) -> Trial:
    samples = [
        Sample(f"s{number}", event if isinstance(event, bytes) else json.dumps(event).encode())
        for number, event in enumerate(events)
    ]
    return tried_on(load_mapping(text, "made.yaml"), samples)


def nothing(found: Trial) -> dict[str, tuple[str, ...]]:
    return {".".join(map(str, path.place)): path.lacking for path in found.found_nothing}


def seen(found: Trial, place: str) -> PathSeen:
    return next(path for path in found.paths if ".".join(map(str, path.place)) == place)


def test_the_example_of_the_docs_has_a_sample_for_everything() -> None:
    found = tried_on(load_mapping(PAYBASE, "x.yaml"), [Sample(path.name, path.read_bytes()) for path in SAMPLES])
    assert (found.unreadable, found.found_nothing, found.taken_by_none, found.idle) == ((), (), (), ())
    assert [rule.took for rule in found.rules] == [1, 1, 1, 1, 1, 1]
    assert len(found.events) == 6


def test_every_sample_is_told_with_the_rule_that_took_it() -> None:
    text = mapping(rule(FIELDS, when="type == 'a'") + "  - when: type == 'b'\n    ignore: of no interest\n")
    found = trial(
        text, {"type": "a", "at": 1772452800, "i": {"id": "1"}}, {"type": "a"}, {"type": "b"}, {"type": "c"}, b"no"
    )
    assert [(one.sample, one.rule, type(one.said)) for one in found.events] == [
        ("s0", 0, Addressed),
        ("s1", 0, Unreadable),
        ("s2", 1, Ignored),
        ("s3", None, Ignored),
        ("s4", None, Malformed),
    ]
    assert [one.sample for one in found.unreadable] == ["s1", "s4"]
    assert [one.sample for one in found.taken_by_none] == ["s3"]
    assert [rule.took for rule in found.rules] == [2, 1]


def test_a_name_that_is_in_no_sample_is_told_at_its_first_missing_part() -> None:
    found = trial(
        mapping(rule(FIELDS.replace("i.id", "i.number.text"))),
        {"type": "a", "at": 1, "i": {"id": "1", "who": "w"}, "who": "v"},
    )
    assert nothing(found) == {"rules.0.fields.invoice_id.path": ("i.number",)}


def test_a_name_that_one_sample_has_is_right() -> None:
    found = trial(
        mapping(rule(FIELDS)), {"type": "a", "at": 1, "i": {"id": "1"}, "who": "v"}, {"type": "a", "i": {"who": 2}}
    )
    assert nothing(found) == {}
    assert (
        seen(found, "rules.0.fields.invoice_id.path").tried,
        seen(found, "rules.0.fields.invoice_id.path").found,
    ) == (2, 1)


def test_an_alternative_that_no_sample_needs_is_told_too() -> None:
    found = trial(mapping(rule(FIELDS)), {"type": "a", "at": 1, "i": {"id": "1"}, "who": "v"})
    assert nothing(found) == {"rules.0.fields.customer_id.path": ("i.who",)}


def test_a_condition_is_tried_on_every_sample_and_only_its_names_matter() -> None:
    text = mapping(rule(FIELDS, when="typ == 'a'") + rule(FIELDS, when="type == 'z' && more"))
    found = trial(text, {"type": "a"}, {"type": "b"})
    assert nothing(found) == {"rules.0.when": ("typ",), "rules.1.when": ("more",)}
    assert [rule.number for rule in found.idle] == [0, 1]
    assert len(found.taken_by_none) == 2


def test_fields_of_a_rule_that_took_nothing_are_not_judged() -> None:
    found = trial(mapping(rule(FIELDS, when="type == 'a'")), {"type": "b"})
    assert nothing(found) == {}
    assert seen(found, "rules.0.fields.invoice_id.path").tried == 0
    assert [rule.number for rule in found.idle] == [0]


def test_names_inside_lists_and_functions_are_watched() -> None:
    text = mapping(
        rule('happened_at: at, invoice_id: "max_by(list, &n).id", customer_id: "list[?kind==\'x\'].who | [0]"')
    )
    good = {"type": "a", "at": 1, "list": [{"n": 1, "id": "1", "kind": "x", "who": "w"}]}
    assert nothing(trial(text, good)) == {}
    bad = {"type": "a", "at": 1, "list": [{"n": 1, "id": "1", "kynd": "x", "who": "w"}]}
    assert nothing(trial(text, bad)) == {"rules.0.fields.customer_id.path": ("list[*].kind", "list[*].who[0]")}


def test_what_always_fails_is_told_with_its_reason_and_without_the_value() -> None:
    text = mapping(rule("happened_at: at, invoice_id: \"join('-', [i, n])\""))
    found = trial(text, {"type": "a", "at": 1, "i": "secret", "n": 7})
    path = seen(found, "rules.0.fields.invoice_id.path")
    assert path.is_empty
    assert path.failed == "join() takes array-string, not int"
    assert (
        seen(trial(text, {"type": "a", "at": 1, "i": "a", "n": "b"}), "rules.0.fields.invoice_id.path").failed is None
    )


def test_what_costs_too_much_is_told() -> None:
    doubling = " | ".join(["[@, @]"] * 40)
    found = trial(
        mapping(rule(f'happened_at: at, invoice_id: "[i] | {doubling} | to_string(@)"')), {"type": "a", "at": 1}
    )
    assert "too many steps" in (seen(found, "rules.0.fields.invoice_id.path").failed or "")
    assert isinstance(found.events[0].said, Unreadable)
    when = trial(mapping(rule(FIELDS, when=f'"[i] | {doubling} | to_string(@)"')), {"type": "a"})
    assert isinstance(when.events[0].said, Unreadable)
    assert when.taken_by_none == ()


def test_a_list_that_no_sample_has_is_told() -> None:
    text = mapping(rule(FIELDS), top="events: evnts\nid: id")
    found = trial(text, {"events": [{"id": "1", "type": "a"}]})
    assert {"events": (), "rules.0.when": ("type",), "id": ("id",)}.items() <= nothing(found).items()
    right = trial(text.replace("evnts", "events"), {"events": [{"id": "1", "type": "a"}]})
    assert "events" not in nothing(right)


def test_shared_fields_are_tried_where_a_rule_s_kind_has_them() -> None:
    text = mapping(
        rule("invoice_id: i", "invoice_voided", "type == 'a'") + rule("dispute_id: d", "dispute_opened", "type == 'b'"),
        top="fields: {happened_at: at, invoice_id: shared}",
    )
    found = trial(text, {"type": "a", "at": 1, "i": "1"})
    assert seen(found, "fields.happened_at.path").tried == 1
    assert seen(found, "fields.invoice_id.path").tried == 0
