"""`recoup intake` on bodies and mappings at hand, as a person types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activities.sources.mapped.schema import json_schema
from tests.activities.sources.mapped.made import EXAMPLE, PAYBASE, SAMPLES
from workers.cli import app

MAPPING = EXAMPLE / "paybase.yaml"
PAGE = (EXAMPLE.parents[1] / "sources" / "mapping.md").read_text(encoding="utf-8")
STRIPE = Path(__file__).parents[1] / "activities" / "sources" / "fixtures" / "stripe"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECOUP_MAPPINGS", "RECOUP_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def recoup(*words: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["intake", *map(str, words)], input=given)


def lines(answer: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.stdout.splitlines()]


def written(folder: Path, text: str, name: str = "made.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(answer: Result) -> str:
    """Exit code 2 and one sentence."""
    assert answer.exit_code == 2, answer.output
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    return answer.stderr


# --- normalize --------------------------------------------------------------------------------------------------------


def test_a_delivery_is_printed_in_our_words_a_line_for_each_event() -> None:
    answer = recoup("normalize", "--mapping", MAPPING, SAMPLES[0])
    assert answer.exit_code == 0
    assert SAMPLES[0].stem == "failed"
    failed, first = lines(answer)
    assert next(iter(failed)) == "kind"
    assert failed == {
        "kind": "payment_failed",
        "event_id": "ev_1001",
        "happened_at": "2026-03-02T10:00:00Z",
        "invoice_id": "inv_2041",
        "version": 0,
        "customer_id": "cus_9",
        "amount": {"amount_minor": 2500, "currency": "EUR"},
        "subscription_id": "sub_77",
        "credential_id": "card_88",
        "retries_at": "2026-03-05T10:00:00Z",
        "retries_itself": False,
        "decline": {
            "gateway": "paybase",
            "code": "NSF",
            "network_code": "51",
            "advice_code": None,
            "category": "insufficient_funds",
            "retryable": "yes",
            "customer_action": "wait_funds",
            "fraud_signal": False,
            "earliest_retry": None,
            "decided_by": "iso8583 51",
        },
        "customer": {
            "customer_id": "cus_9",
            "name": "Ada Example",
            "country": "DE",
            "email": {"address": "ada@example.com"},
        },
    }
    assert first == {"ignored": "not_dunning", "detail": "first payment of a new subscription"}


def test_an_event_without_an_invoice_is_printed_with_its_lookup() -> None:
    ended, replaced, report = lines(recoup("normalize", "--mapping", MAPPING, EXAMPLE / "samples" / "others.json"))
    assert (ended["invoice_id"], ended["lookup"]) == ("unresolved", {"subscription_id": "sub_77"})
    assert (replaced["kind"], replaced["change"]) == ("payment_method_changed", "updated")
    assert "customer" not in replaced
    assert report["ignored"] == "not_dunning"


def test_built_in_sources_are_read_too_and_what_says_nothing_is_ignored() -> None:
    paid = lines(recoup("normalize", "--source", "stripe", "--account", "eu", STRIPE / "invoice_paid.json", "--json"))
    assert paid[0]["kind"] == "payment_succeeded"
    other = recoup(
        "normalize", "--source", "stripe", "-", given=b'{"id": "evt_1", "type": "plan.created", "created": 1}'
    )
    assert (other.exit_code, lines(other)[0]["ignored"]) == (0, "unknown_type")


def test_configured_mappings_are_known_by_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_MAPPINGS", json.dumps([str(MAPPING)]))
    answer = recoup("normalize", "--source", "paybase", given=SAMPLES[0].read_bytes())
    assert [each.get("kind") for each in lines(answer)] == ["payment_failed", None]


def test_a_source_without_times_says_so(tmp_path: Path) -> None:
    text = PAYBASE.replace("  happened_at: at\n", "").replace("type: type", "type: type\nundated: true")
    answer = recoup("normalize", "--mapping", written(tmp_path, text), EXAMPLE / "samples" / "paid.json")
    assert lines(answer)[0]["undated"] is True


@pytest.mark.parametrize(
    ("words", "body", "says"),
    [
        (("--source", "strpe"), b"{}", "there is no source 'strpe'; did you mean stripe?"),
        (("--source", "§"), b"{}", "there is no source '§'; write one of "),
        ((), b"{}", "whose delivery is it? write --source"),
        (("--source", "stripe"), b"{", "the body cannot be read as one of stripe: the body is not JSON"),
        (("--source", "stripe"), b"\xff", "the body is not UTF-8"),
        (("--source", "stripe", "none.json"), b"", "none.json"),
        (("--source", "stripe", "--mapping", str(MAPPING)), b"{}", "is for the source paybase, not stripe"),
        (("--mapping", "none.yaml"), b"{}", "none.yaml"),
        (
            ("--source", "stripe"),
            b'{"id": "e", "type": "invoice.voided", "created": 1772452800, "data": {"object": {"id": "a b"}}}',
            "data.object.id is 'a b', expected an id",
        ),
        (
            ("--mapping", str(MAPPING)),
            b'{"id": "e", "type": "charge.paid", "at": 1772452800}',
            "invoice_id is missing; the mapping looks at charge.invoice",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence_that_names_the_field(words: tuple[str, ...], body: bytes, says: str) -> None:
    answer = recoup("normalize", *words, given=body)
    assert says in refused(answer)
    assert answer.stdout == ""


def test_of_a_batch_the_good_events_are_printed_and_the_bad_ones_counted() -> None:
    batch = json.loads(SAMPLES[0].read_bytes())
    batch["events"] += [{"id": "x", "type": "charge.paid", "at": 1}, {"id": "y", "type": "charge.paid"}]
    answer = recoup("normalize", "--mapping", MAPPING, given=json.dumps(batch).encode())
    assert len(lines(answer)) == 2
    assert "event 3 of 4 (x): happened_at is 1, expected unix seconds" in refused(answer)
    assert "; and 1 more that cannot be read" in answer.stderr


# --- lint -------------------------------------------------------------------------------------------------------------


def test_mappings_without_a_finding_are_named() -> None:
    answer = recoup("lint", MAPPING)
    assert (answer.exit_code, answer.stdout) == (0, "nothing to mend: mapping paybase@1\n")
    assert answer.stdout.strip() in PAGE


def test_every_finding_of_every_mapping_is_a_line(tmp_path: Path) -> None:
    text = PAYBASE.replace("version: 1", "version: 0").replace("type == 'charge.paid'", "type =")
    one = written(tmp_path, text, "a.yaml")
    other = written(tmp_path, PAYBASE.replace("source: paybase", "source: stripe"), "b.yaml")
    answer = recoup("lint", one, MAPPING, MAPPING, other)
    assert answer.exit_code == 1
    assert answer.stdout.splitlines() == [
        f"{one}:3:1: version: must be at least 1",
        f"{one}:50:16: rules.2.when: is no JMESPath: unknown token '=' (at character 6)",
        f"{MAPPING}:2:1: source: two mappings are for paybase; give one another name, or leave it out",
        f"{other}:2:1: source: stripe is a source of our own; give this one another name",
    ]
    as_json = recoup("lint", one, "--json")
    assert as_json.exit_code == 1
    assert len(json.loads(as_json.stdout)["findings"]) == 2
    assert json.loads(recoup("lint", MAPPING, "--json").stdout) == {"findings": []}


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "none.yaml" in refused(recoup("lint", tmp_path / "none.yaml"))


# --- test-mapping -----------------------------------------------------------------------------------------------------


def test_the_example_passes_and_every_event_is_told() -> None:
    answer = recoup("test-mapping", MAPPING, EXAMPLE / "samples", "--strict")
    assert answer.exit_code == 0
    said = answer.stdout
    for line in (
        "    payment_failed (rule 1)",
        "      amount           25.00 EUR",
        "    ignored (rule 0): not_dunning: first payment of a new subscription",
        "mapping paybase@1 on 6 events",
        "  rule 1 took 1: payment_failed",
        "      when type == 'charge.failed'",
        "      amount.path                      found 1 of 1  charge.amount",
    ):
        assert line in said
        assert line in PAGE
    assert "found nothing" not in said


def test_a_name_that_no_sample_has_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, PAYBASE.replace("charge.credit", "charge.kredit"), "paybase.yaml")
    answer = recoup("test-mapping", path, *SAMPLES)
    assert answer.exit_code == 1
    title, found = answer.stdout.splitlines()[-2:]
    assert title in PAGE
    assert found.strip().replace(str(path), "docs/examples/mapping/paybase.yaml") in PAGE


def test_what_nobody_took_and_what_took_nothing_is_told(tmp_path: Path) -> None:
    sample = written(tmp_path, '{"id": "1", "type": "other", "charge": {"first": true}}', "other.json")
    words = ("test-mapping", MAPPING, EXAMPLE / "samples" / "others.json", EXAMPLE / "samples" / "paid.json", sample)
    answer = recoup(*words)
    assert f"no rule took:\n  {sample} (1)" in answer.stdout
    assert "took no sample, so nothing is known about their fields:\n  rule 0\n  rule 1" in answer.stdout


def test_only_strictness_minds_rules_and_samples_without_the_other(tmp_path: Path) -> None:
    extra = "\n  - when: type == 'never'\n    ignore: no such thing\n"
    path = written(tmp_path, PAYBASE.rstrip() + "\n" + extra)
    assert recoup("test-mapping", path, *SAMPLES).exit_code == 0
    assert recoup("test-mapping", path, *SAMPLES, "--strict").exit_code == 1


def test_a_sample_that_cannot_be_read_is_told_with_its_reason(tmp_path: Path) -> None:
    bad = written(tmp_path, '{"id": "1", "type": "charge.paid"}', "bad.json")
    broken = written(tmp_path, "{", "broken.json")
    answer = recoup("test-mapping", MAPPING, *SAMPLES, bad, broken)
    assert answer.exit_code == 1
    assert "unreadable (rule 2): invoice_id: invoice_id is missing" in answer.stdout
    assert "unreadable: body: the body is not JSON" in answer.stdout
    assert answer.stdout.rstrip().endswith(f"cannot be read:\n  {bad} (1)\n  {broken}")


def test_programs_get_json(tmp_path: Path) -> None:
    path = written(tmp_path, PAYBASE.replace("charge.credit", "charge.kredit"))
    answer = recoup("test-mapping", path, EXAMPLE / "samples", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert (told["mapping"], len(told["events"]), told["unreadable"], told["taken_by_none"]) == (
        "mapping paybase@1",
        6,
        [],
        [],
    )
    assert told["events"][0]["kind"] == "payment_failed"
    assert told["events"][0]["rule"] == 1
    assert told["rules"][1] == {
        "number": 1,
        "when": "type == 'charge.failed'",
        "becomes": "payment_failed",
        "took": 1,
    }
    assert told["found_nothing"] == [
        {
            "where": "rules.1.fields.amount.less",
            "line": 39,
            "column": 37,
            "path": "charge.kredit",
            "says": "charge.kredit is in none of 1 event(s)",
        }
    ]


def test_folders_are_searched_for_samples_and_notes_are_none(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/a.json", "b.txt", "README.md", "c.yaml", ".hidden"):
        (tmp_path / name).write_bytes(SAMPLES[0].read_bytes())
    told = json.loads(recoup("test-mapping", MAPPING, tmp_path, "--json").stdout)
    assert [Path(one["sample"]).name for one in told["events"]] == ["b.txt", "b.txt", "a.json", "a.json"]


def test_a_wrong_document_or_a_missing_sample_ends_with_2(tmp_path: Path) -> None:
    wrong = written(tmp_path, PAYBASE.replace("version: 1", "version: 0"))
    assert f"{wrong}:3:1: version: must be at least 1" in refused(recoup("test-mapping", wrong, SAMPLES[0]))
    assert "none.json" in refused(recoup("test-mapping", MAPPING, tmp_path / "none.json"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there is no sample in" in refused(recoup("test-mapping", MAPPING, empty))
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 1_000_001)
    assert "has more than 1,000,000 bytes" in refused(recoup("test-mapping", MAPPING, large))


# --- beside -----------------------------------------------------------------------------------------------------------


def test_the_schema_for_editors_is_printed() -> None:
    assert json.loads(recoup("mapping-schema").stdout) == json_schema()


def test_it_works_as_a_process_that_reads_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers", "intake", "normalize", "--mapping", str(MAPPING), "-"],
        input=SAMPLES[0].read_bytes(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.splitlines()[0])["invoice_id"] == "inv_2041"
