"""`recoup declines` and `recoup network` as a person types them."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activities.store.store import Store
from policies.declines import classify as decline_of
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


async def test_codes_that_stand_in_no_table_are_listed_the_most_frequent_first(store: Store, database_url: str) -> None:
    for code in ("rare", "odd", "odd"):
        await store.declines.seen(decline_of("adyen", code), datetime(2026, 3, 2, 10, tzinfo=UTC))
    environment = {"RECOUP_DATABASE_URL": database_url.replace("/postgres?", "/one_store?")}
    text = await asyncio.to_thread(CliRunner().invoke, app, ("declines", "unknown"), env=environment)
    assert [line.split() for line in text.stdout.splitlines()] == [
        ["2", "adyen", "odd", "last", "2026-03-02", "10:00"],
        ["1", "adyen", "rare", "last", "2026-03-02", "10:00"],
    ]
    told = await asyncio.to_thread(CliRunner().invoke, app, ("declines", "unknown", "--json"), env=environment)
    assert [(code["code"], code["times"]) for code in json.loads(told.stdout)] == [("odd", 2), ("rare", 1)]


def test_people_read_words() -> None:
    answer = recoup("declines", "classify", "--code", "insufficient_funds", "--advice", "25")
    assert "earliest_retry   1 day, 0:00:00 after the attempt" in answer.stdout
    assert "any time" in recoup("declines", "classify", "--code", "lost_card").stdout


def test_a_code_in_no_table_is_unknown_and_the_nearest_are_named() -> None:
    answer = recoup("declines", "classify", "--code", "insuficient_funds", "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["category"] == "unknown"
    assert answer.stderr == "recoup: 'insuficient_funds' is in no table of stripe; near it are insufficient_funds\n"
    answer = recoup("declines", "classify", "--gateway", "nacha", "--code", "ZZZZZZ")
    assert answer.stderr.endswith("in no table of nacha; `recoup declines list --gateway nacha` lists its codes\n")


def test_a_code_that_means_unknown_is_no_slip_of_the_pen() -> None:
    answer = recoup("declines", "classify", "--gateway", "gocardless", "--code", "other", "--json")
    assert (json.loads(answer.stdout)["category"], answer.stderr) == ("unknown", "")


def test_advice_is_read_as_its_network_means_it() -> None:
    advised = ("--code", "generic_decline", "--advice", "3", "--network")
    assert classified(*advised, "mastercard")["decided_by"] == "mastercard_mac 03"
    assert classified(*advised, "visa")["decided_by"] == "visa_category 3"


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
    assert len(everything) == 772
    waits = {row["code"]: row["earliest_retry"] for row in everything if row["table"] == "mastercard_mac"}
    assert (waits["24"], waits["26"], waits["03"]) == ("PT1H", "P2D", None)
    stolen = recoup("declines", "list", "--gateway", "stripe", "--category", "lost_or_stolen").stdout.splitlines()
    assert {line.split()[1] for line in stolen} >= {"lost_card", "stolen_card", "pickup_card"}
    assert recoup("declines", "list", "--category", "lost").exit_code == 2


NOW = ("--at", "2026-11-24T09:00:00Z")
AT = {"at": "2026-11-20T09:00:00Z"}


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


def test_a_scheme_may_speak_for_itself_and_the_network_is_the_one_that_is_asked_about(tmp_path: Path) -> None:
    ach, stopped = (*NOW, "--network", "ach"), {"gateway": "nacha", "code": "R08"}
    assert "(nacha-only-r01-r09); never again" in check(tmp_path, [AT | stopped], *ach).stdout
    assert "(nacha-only-r01-r09); never again" in check(tmp_path, [AT | {"network_code": "R08"}], *ach).stdout
    assert check(tmp_path, [AT | {"gateway": "nacha", "code": "R01"}], *ach).exit_code == 0
    mastercard = check(tmp_path, [AT | {"advice_code": "3"}], *NOW, "--network", "mastercard")
    assert "(mastercard-stop); free again 2026-12-20 09:00 UTC" in mastercard.stdout


@pytest.mark.parametrize(
    ("attempts", "words", "says"),
    [
        ("no json", NOW, "cannot be read as JSON"),
        ({"at": 1}, NOW, "holds no JSON list"),
        ("[" * 100_000, NOW, "cannot be read as JSON: it is nested too deeply"),
        ([{"code": "x"}], NOW, "attempt 1: at: is missing; add it"),
        ([{"at": "2026-11-20"}], NOW, "attempt 1: at: '2026-11-20' has no zone; write it as 2026-11-20T00:00:00Z or"),
        ([{"at": 1_800_000_000}], NOW, "attempt 1: at: 1800000000 is no time; write it as 2026-11-24T09:00:00Z"),
        ([{"at": "9999-12-31T00:00:00Z", "advice_code": "30"}], NOW, "attempt 1: at: '9999-12-31T00:00:00Z' is out"),
        ([AT | {"outcome": "lost"}], NOW, "attempt 1: outcome: 'lost' is no outcome that is known; there is"),
        ([AT | {"outcome": 7}], NOW, "attempt 1: outcome: '7' is no outcome that is known; there is"),
        (
            [AT, AT | {"gateway": "strip"}],
            NOW,
            "attempt 2: gateway: 'strip' is no gateway that is known; there",
        ),
        ([AT | {"network": "vias"}], NOW, "attempt 1: network: 'vias' is no network that is known; there is visa"),
        ([AT | {"initiator": "custmer"}], NOW, "attempt 1: initiator: 'custmer' is no initiator that is known; there"),
        ([AT | {"amount_minor": "29"}], NOW, "attempt 1: amount_minor: '29' is no whole number"),
        ([AT | {"code": 51}], NOW, "attempt 1: code: 51 is no text; put it in quotes"),
        ([AT | {"currency": "EURO"}], NOW, "attempt 1: currency: 'EURO' is no ISO 4217 currency; near it are EUR"),
        ([AT | {"currency": 5}], NOW, "attempt 1: currency: 5 is no ISO 4217 currency; write EUR"),
        (
            [AT | {"network_cod": "51"}],
            NOW,
            "attempt 1: network_cod: there is no such field; did you mean network_",
        ),
        (["x" * 200], NOW, "...' is no attempt; write it as"),
        ([], ("--at", "soon"), "'soon' is no time; write it as"),
        ([], ("--at", "2026-11-24T09:00:00"), "has no zone; write it as 2026-11-24T09:00:00Z"),
        ([], ("--at", "2026-11-24"), "has no zone; write it as 2026-11-24T00:00:00Z or 2026-11-24T00:00:00+01:00"),
        ([], ("--at", "9999-12-31T00:00:00Z"), "is out of reach; write a time from 2000 to 2099"),
        ([], ("--at", "0001-01-01T00:00:00+14:00"), "is out of reach; write a time from 2000 to 2099"),
        ([], (*NOW, "--currency", "EURO"), "'EURO' is no ISO 4217 currency; near it are EUR"),
        ([], (*NOW, "--region", "Germany"), "'Germany' is no country; near it are DE (Germany)"),
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
