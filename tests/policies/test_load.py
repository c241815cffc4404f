"""Documents are refused at the door. `bad/` holds one wrong file per message, the expected text beside it."""

import json
import re
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from policies.declines import Category
from policies.document import PolicyDocument, PolicySnapshot, canonical_json
from policies.load import PolicyError, json_schema, load_policies, load_policy
from tests.policies.timeline import DOCUMENTS, SELF_SERVE, SHIPPED

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
SELF_SERVE_TEXT = (DOCUMENTS / "self_serve.yaml").read_text()
FOR_PREMIUM = SELF_SERVE_TEXT.replace("name: self_serve", "name: premium\napplies_when: {segments: [premium]}")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_wrong_document_is_refused_with_file_line_and_what_to_do(path: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        load_policy(path.read_text(), path.name)
    assert str(refused.value) == path.with_suffix(".txt").read_text().rstrip("\n")


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = SELF_SERVE_TEXT.replace("after: 8d", "after: soon").replace("version: 1", "version: 0")
    with pytest.raises(PolicyError) as refused:
        load_policy(text, "self_serve.yaml")
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == [
        "self_serve.yaml:4:1:",
        "self_serve.yaml:27:3:",
    ]


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_shipped_documents_load_and_survive_the_way_through_a_history(document: PolicyDocument) -> None:
    canonical = canonical_json(document)
    again = PolicyDocument.model_validate_json(canonical)
    assert again == document
    assert canonical_json(again) == canonical
    snapshot = PolicySnapshot.of(document)
    assert PolicySnapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    assert PolicySnapshot.of(again).sha256 == snapshot.sha256


def test_the_hash_is_that_of_the_content_and_not_of_its_layout() -> None:
    spaced = load_policy(f"# a comment\n\n{SELF_SERVE_TEXT}", "x.yaml")
    newer = load_policy(SELF_SERVE_TEXT.replace("version: 1", "version: 2"), "x.yaml")
    assert PolicySnapshot.of(spaced).sha256 == PolicySnapshot.of(SELF_SERVE).sha256
    assert PolicySnapshot.of(newer).sha256 != PolicySnapshot.of(SELF_SERVE).sha256


def test_durations_are_read_and_written_in_their_largest_whole_unit() -> None:
    text = SELF_SERVE_TEXT.replace("gap: 1d", "gap: 90m").replace("gap: 20h", "gap: 48h")
    document = load_policy(text, "x.yaml")
    assert document.retries.gap == timedelta(minutes=90)
    written = document.model_dump(mode="json")
    assert (written["retries"]["gap"], written["contact"]["gap"]) == ("90m", "2d")
    assert written["messages"][0]["after"] == "0h"
    assert document.silence_for(Category.GATEWAY_ERROR) == timedelta(hours=8)


def test_yaml_keeps_its_hands_off_countries_and_numbers() -> None:
    text = SELF_SERVE_TEXT.replace("name: self_serve", "name: self_serve\napplies_when: {segments: [NO, 'off']}")
    document = load_policy(text, "x.yaml")
    assert document.applies_when
    assert document.applies_when.segments == ("NO", "off")


def test_a_channel_may_be_given_hours_of_its_own() -> None:
    text = SELF_SERVE_TEXT.replace("  gap: 20h", "  gap: 20h\n  hours: {sms: 10:00-18:00}")
    contact = load_policy(text, "x.yaml").contact
    assert contact.hours_for("sms") == (time(10), time(18))
    assert contact.hours_for("email") == (contact.opens, contact.closes)


def refused_list(*texts: tuple[str, str]) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        load_policies(texts)
    assert [str(finding) for finding in refused.value.findings] == str(refused.value).splitlines()
    return str(refused.value).splitlines()


def test_no_document_at_all_is_refused() -> None:
    assert refused_list() == ["policies:1:1: no policy document was given; name at least one"]


def test_a_document_behind_the_default_is_unreachable() -> None:
    assert refused_list(("a.yaml", SELF_SERVE_TEXT), ("b.yaml", FOR_PREMIUM)) == [
        "a.yaml:1:1: applies to every case, so the policies after it are unreachable; move it last"
    ]


def test_the_last_document_must_apply_to_everybody() -> None:
    assert refused_list(("b.yaml", FOR_PREMIUM)) == [
        "b.yaml:4:1: applies_when: the last policy is the default and must not have applies_when"
    ]


def test_two_documents_cannot_share_a_name() -> None:
    twice = FOR_PREMIUM.replace("name: premium", "name: self_serve")
    assert refused_list(("a.yaml", twice), ("b.yaml", SELF_SERVE_TEXT)) == [
        "b.yaml:3:1: name: two policies have one name, self_serve; rename one"
    ]


def for_segments(name: str, segments: str) -> tuple[str, str]:
    return f"{name}.yaml", FOR_PREMIUM.replace("[premium]", segments).replace("name: premium", f"name: {name}")


DEFAULT = ("default.yaml", SELF_SERVE_TEXT)
EVERY_CASE = "every case it is for; move it up, or narrow what stands before it"


def test_a_document_behind_one_that_takes_all_of_its_cases_is_unreachable() -> None:
    assert refused_list(for_segments("wide", "[a, b]"), for_segments("narrow", "[a]"), DEFAULT) == [
        f"narrow.yaml:4:1: applies_when: never chosen: wide takes {EVERY_CASE}"
    ]


def test_several_documents_may_take_all_of_its_cases_together() -> None:
    both = for_segments("both", "[a, b]")
    assert refused_list(for_segments("a", "[a]"), for_segments("b", "[b]"), both, DEFAULT) == [
        f"both.yaml:4:1: applies_when: never chosen: the policies before it together take {EVERY_CASE}"
    ]


def test_a_default_that_nobody_is_left_for_is_said_as_well() -> None:
    vip = ("vip.yaml", FOR_PREMIUM.replace("{segments: [premium]}", "{tags: [vip]}").replace("premium", "vip"))
    rest = (
        "rest.yaml",
        FOR_PREMIUM.replace("{segments: [premium]}", "{not: {tags: [vip]}}").replace("premium", "rest"),
    )
    assert refused_list(vip, rest, DEFAULT) == [
        f"default.yaml:1:1: never chosen: the policies before it together take {EVERY_CASE}"
    ]


def test_what_is_wrong_in_several_files_is_said_at_once() -> None:
    wrong = SELF_SERVE_TEXT.replace("version: 1", "version: 0")
    assert refused_list(("a.yaml", wrong), ("b.yaml", wrong)) == [
        "a.yaml:4:1: version: must be at least 1",
        "b.yaml:4:1: version: must be at least 1",
    ]


def test_what_cannot_be_meant_is_said_at_once_too() -> None:
    text = SELF_SERVE_TEXT.replace("maximum: 12", "maximum: 5").replace('closes: "20:00"', 'closes: "07:00"')
    with pytest.raises(PolicyError) as refused:
        load_policy(text, "x.yaml")
    assert [finding.where for finding in refused.value.findings] == ["retries.maximum", "contact.closes"]


def test_the_schema_for_editors_is_current() -> None:
    kept = json.loads((DOCUMENTS.parents[1] / "docs" / "policy.schema.json").read_text())
    assert kept == json_schema(), "write it anew: ./dev recoup policy show --schema > docs/policy.schema.json"


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_shipped_documents_name_the_schema_so_that_editors_help(document: PolicyDocument) -> None:
    first = (DOCUMENTS / f"{document.name}.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../docs/policy.schema.json"


def test_defaults_in_the_schema_obey_it_too() -> None:
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    fields = [field for part in parts for field in part.get("properties", {}).values() if "default" in field]
    assert [breach for field in fields for breach in _breaches(field["default"], field, schema, "$")] == []


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_shipped_documents_obey_the_schema(document: PolicyDocument) -> None:
    written = YAML(typ="safe", pure=True).load((DOCUMENTS / f"{document.name}.yaml").read_text())
    assert list(breaches(written, json_schema())) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"colour": "red"}, "$.colour"),
        ({"version": "one"}, "$.version"),
        ({"close": {"after": "P30D"}}, "$.close.after"),
        ({"close": {}}, "$.close"),
        ({"limit": {"after": "3d", "takes": []}}, "$.limit"),
        ({"contact": {"opens": "9 am"}}, "$.contact.opens"),
        ({"contact": {"hours": {"sms": "nine"}}}, "$.contact.hours.sms"),
        ({"retries": {"maximum": 16}}, "$.retries.maximum"),
        ({"applies_when": {"not": {"colour": "red"}}}, "$.applies_when"),
    ],
    ids=lambda change: str(change)[:40],
)
def test_an_editor_sees_what_is_spelled_wrong(change: dict[str, Any], place: str) -> None:
    written = YAML(typ="safe", pure=True).load(SELF_SERVE_TEXT)
    found = list(breaches({**written, **change}, json_schema()))
    assert any(each.startswith(place) for each in found), found


def breaches(value: Any, schema: dict[str, Any]) -> list[str]:
    """The part of JSON Schema that ours uses; an unknown word in it fails."""
    return list(_breaches(value, schema, schema, "$"))


def _breaches(value: Any, rule: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    assert rule.keys() <= KNOWN_WORDS, sorted(rule.keys() - KNOWN_WORDS)
    if "$ref" in rule:
        yield from _breaches(value, schema["$defs"][rule["$ref"].removeprefix("#/$defs/")], schema, place)
    if "anyOf" in rule and all(list(_breaches(value, option, schema, place)) for option in rule["anyOf"]):
        yield f"{place}: none of the ways to write it"
    if "type" in rule and not isinstance(value, TYPES[rule["type"]]):
        yield f"{place}: no {rule['type']}"
    elif isinstance(value, str):
        if not re.search(rule.get("pattern", ""), value) or value not in rule.get("enum", [value]):
            yield f"{place}: {value}"
    elif isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield f"{place}: {value}"
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{place}: too short"
        for position, item in enumerate(value):
            yield from _breaches(item, rule.get("items", {}), schema, f"{place}.{position}")
    elif isinstance(value, dict):
        yield from _in_mapping(value, rule, schema, place)


def _in_mapping(value: dict[str, Any], rule: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place}: lacks {name}" for name in rule.get("required", ()) if name not in value)
    others = rule.get("additionalProperties", True)
    for name, item in value.items():
        fitting = [each for pattern, each in rule.get("patternProperties", {}).items() if re.search(pattern, name)]
        fitting += [rule["properties"][name]] if name in rule.get("properties", {}) else []
        for each in fitting:
            yield from _breaches(item, each, schema, f"{place}.{name}")
        if fitting:
            continue
        if isinstance(others, dict):
            yield from _breaches(item, others, schema, f"{place}.{name}")
        elif others is False:
            yield f"{place}.{name}: not a field"


TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
KNOWN_WORDS = set(
    "$schema $defs $ref title description default examples type pattern enum anyOf items minItems minLength minimum"
    " maximum properties propertyNames patternProperties required additionalProperties".split()
)
