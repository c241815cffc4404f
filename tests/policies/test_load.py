"""Documents are refused at the door. `bad/` holds one wrong file per message, the expected text beside it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from policies.declines import Category
from policies.document import PolicyDocument, PolicySnapshot, SuspendAccess, canonical_json
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
        "self_serve.yaml:26:3:",
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


def test_a_duration_that_is_one_already_is_taken_as_it_is() -> None:
    assert SuspendAccess(after=timedelta(days=2)).after == timedelta(days=2)


def test_yaml_keeps_its_hands_off_countries_and_numbers() -> None:
    text = SELF_SERVE_TEXT.replace("name: self_serve", "name: self_serve\napplies_when: {segments: [NO, 'off']}")
    document = load_policy(text, "x.yaml")
    assert document.applies_when
    assert document.applies_when.segments == ("NO", "off")


def test_no_document_at_all_is_refused() -> None:
    with pytest.raises(PolicyError, match="no policy document was given"):
        load_policies([])


def test_a_document_behind_the_default_is_unreachable() -> None:
    with pytest.raises(PolicyError, match=r"b\.yaml:1:1: premium is unreachable: self_serve comes first"):
        load_policies([("a.yaml", SELF_SERVE_TEXT), ("b.yaml", FOR_PREMIUM)])


def test_the_last_document_must_apply_to_everybody() -> None:
    with pytest.raises(PolicyError, match=r"b\.yaml:1:1: the last policy is the default"):
        load_policies([("b.yaml", FOR_PREMIUM)])


def test_two_documents_cannot_share_a_name() -> None:
    twice = FOR_PREMIUM.replace("name: premium", "name: self_serve")
    with pytest.raises(PolicyError, match="two policies have one name: self_serve, self_serve"):
        load_policies([("a.yaml", twice), ("b.yaml", SELF_SERVE_TEXT)])


def test_a_document_behind_one_that_takes_all_of_its_cases_is_unreachable() -> None:
    wide = FOR_PREMIUM.replace("[premium]}", "[premium, gold]}").replace("name: premium", "name: wide")
    with pytest.raises(PolicyError, match=r"b\.yaml:1:1: premium is unreachable: wide comes first"):
        load_policies([("a.yaml", wide), ("b.yaml", FOR_PREMIUM), ("c.yaml", SELF_SERVE_TEXT)])


def test_the_schema_for_editors_is_current() -> None:
    kept = json.loads((DOCUMENTS.parents[1] / "docs" / "policy.schema.json").read_text())
    assert kept == json_schema(), "write it anew: ./dev recoup policy show --schema > docs/policy.schema.json"


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_shipped_documents_name_the_schema_so_that_editors_help(document: PolicyDocument) -> None:
    first = (DOCUMENTS / f"{document.name}.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../docs/policy.schema.json"
