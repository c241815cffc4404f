"""`recoup declines` and `recoup network` as a person types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from workers.cli import app


def recoup(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def classified(*words: str) -> dict[str, Any]:
    answer = recoup("declines", "classify", *words, "--json")
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert isinstance(said, dict)
    return said


def test_a_refusal_is_classified_with_the_keys_that_programs_read() -> None:
    said = classified("--gateway", "stripe", "--code", "insufficient_funds", "--network-code", "51", "--advice", "24")
    assert said == {
        "category": "insufficient_funds",
        "retryable": "yes",
        "customer_action": "wait_funds",
        "fraud_signal": False,
        "earliest_retry": "PT1H",
        "decided_by": "mastercard_mac 24",
    }


def test_network_and_initiator_change_the_answer() -> None:
    assert classified("--code", "x", "--network", "ach", "--network-code", "R02")["category"] == "account_closed"
    assert classified("--code", "insufficient_funds", "--initiator", "customer")["retryable"] == "after_customer_action"


def test_people_read_words() -> None:
    answer = recoup("declines", "classify", "--code", "insufficient_funds", "--advice", "25")
    assert "earliest_retry   1 day, 0:00:00 after the attempt" in answer.stdout
    assert "any time" in recoup("declines", "classify", "--code", "lost_card").stdout


def test_a_code_in_no_table_is_unknown_and_the_nearest_are_named() -> None:
    answer = recoup("declines", "classify", "--code", "insuficient_funds", "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["category"] == "unknown"
    assert answer.stderr == "recoup: 'insuficient_funds' is in no table of stripe; near it are insufficient_funds\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--gateway", "strpe"), ("'strpe'", "stripe")),
        (("--network", "vias"), ("'vias'", "visa")),
        (("--network", "§"), ("'§'", "visa", "sepa")),
        (("--initiator", "custmer"), ("'custmer'", "customer")),
        (("--payment-type", "crd"), ("'crd'", "card")),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_ones(words: tuple[str, ...], names: tuple[str, ...]) -> None:
    answer = recoup("declines", "classify", "--code", "x", *words)
    assert answer.exit_code == 2
    assert len(answer.stderr.splitlines()) == 1
    assert all(name in answer.stderr for name in names)


def test_the_tables_are_listed_whole_or_in_part() -> None:
    everything = json.loads(recoup("declines", "list", "--json").stdout)
    assert len(everything) == 724
    stolen = recoup("declines", "list", "--gateway", "stripe", "--category", "lost_or_stolen").stdout.splitlines()
    assert {line.split()[1] for line in stolen} >= {"lost_card", "stolen_card", "pickup_card"}
    assert recoup("declines", "list", "--category", "lost").exit_code == 2


NOW = ("--at", "2026-11-24T09:00:00Z")


def check(folder: Path, attempts: object, *words: str) -> Result:
    path = folder / "attempts.json"
    path.write_text(attempts if isinstance(attempts, str) else json.dumps(attempts))
    return recoup("network", "check", "--credential-history", str(path), *(words or NOW))


def test_one_more_attempt_is_allowed_with_what_is_left(tmp_path: Path) -> None:
    answer = check(tmp_path, [{"at": "2026-11-20T09:00:00Z", "code": "insufficient_funds"}])
    assert (answer.exit_code, answer.stdout) == (0, "allowed: 14 left\n")
    as_json = check(tmp_path, [], *NOW, "--json")
    assert json.loads(as_json.stdout) == {"kind": "allowed", "budget": 15}


def test_a_refusal_says_which_rule_and_when_it_is_free(tmp_path: Path) -> None:
    waits = check(tmp_path, [{"at": "2026-11-20T09:00:00Z", "code": "insufficient_funds", "advice_code": "28"}])
    assert waits.exit_code == 1
    assert "(advised_wait); free again 2026-11-26 09:00 UTC" in waits.stdout
    never = check(tmp_path, [{"at": "2026-11-20T09:00:00Z", "code": "stolen_card"}])
    assert never.stdout == "refused: hard stop: lost_or_stolen on 2026-11-20 (hard_stop); never again\n"


@pytest.mark.parametrize(
    ("attempts", "words", "says"),
    [
        ("no json", NOW, "cannot be read as JSON"),
        ({"at": 1}, NOW, "holds no JSON list"),
        ([{"at": "2026-11-20"}], NOW, "attempt 1: at: Input should have timezone info"),
        ([{"at": "2026-11-20T09:00:00Z", "outcome": "lost"}], NOW, "attempt 1: outcome: Input should be"),
        ([{"at": "2026-11-20T09:00:00Z", "currency": "EURO"}], NOW, "attempt 1: currency: 'EURO' is no ISO 4217"),
        ([{"at": "2026-11-20T09:00:00Z", "colour": "red"}], NOW, "attempt 1: colour: Extra inputs"),
        ([], ("--at", "soon"), "'soon' is no time; write it as"),
        ([], ("--at", "2026-11-24T09:00:00"), "has no zone; write it as 2026-11-24T09:00:00Z"),
        ([], (*NOW, "--currency", "EURO"), "'EURO' is no ISO 4217 currency; near it are EUR"),
    ],
)
def test_bad_input_is_named_in_one_sentence(
    tmp_path: Path, attempts: object, words: tuple[str, ...], says: str
) -> None:
    answer = check(tmp_path, attempts, *words)
    assert answer.exit_code == 2, answer.output
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = recoup("network", "check", "--credential-history", str(tmp_path / "none.json"), *NOW)
    assert answer.exit_code == 2
    assert "none.json" in answer.stderr
