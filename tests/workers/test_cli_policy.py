"""`recoup policy lint|show|diff|preview` as a person types them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from policies.document import PolicySnapshot
from policies.load import json_schema
from tests.policies.timeline import DOCUMENTS, SELF_SERVE, SHIPPED
from workers.cli import app
from workers.policy_tools.picture import marks_of
from workers.policy_tools.preview import Preview

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "policies" / "bad"
MONDAY = ("--at", "2026-03-02T10:00:00Z")


def policy(*words: str) -> Result:
    return CliRunner().invoke(app, ("policy", *words))


def previewed(*words: str) -> Preview:
    answer = policy("preview", *MONDAY, "--json", *words)
    assert answer.exit_code == 0, answer.output
    return Preview.model_validate_json(answer.stdout)


def test_lint_says_that_there_is_nothing_to_mend() -> None:
    answer = policy("lint")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("7 policies, nothing to mend: enterprise, premium")
    assert json.loads(policy("lint", "--json").stdout) == {"findings": []}


def test_lint_names_every_finding_with_its_place() -> None:
    wrong = BAD / "firmer_line_that_is_later.yaml"
    answer = policy("lint", str(wrong))
    assert answer.exit_code == 1
    assert [line.removeprefix(str(wrong)).split(" ")[0] for line in answer.stdout.splitlines()] == [":8:11:", ":8:31:"]
    assert len(json.loads(policy("lint", str(wrong), "--json").stdout)["findings"]) == 2


def test_lint_of_a_file_that_is_no_text_names_the_place(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: x\n\xff")
    answer = policy("lint", str(binary))
    assert (answer.exit_code, answer.stdout) == (1, f"{binary}:2:1: this is no text in UTF-8; save the file as UTF-8\n")


def test_show_lists_the_policies_in_order_of_choice() -> None:
    lines = policy("show").stdout.splitlines()
    assert [line.split("@")[0] for line in lines] == [document.name for document in SHIPPED]
    assert "adaptive within 28d" in lines[3]
    assert lines[-1].endswith("for everybody else")


def test_show_prints_one_with_its_hash_by_name_or_file() -> None:
    by_name = policy("show", "self_serve").stdout
    assert PolicySnapshot.of(SELF_SERVE).sha256 in by_name
    assert "messages[warning].after" in by_name
    assert by_name == policy("show", str(DOCUMENTS / "self_serve.yaml")).stdout
    assert PolicySnapshot.model_validate_json(policy("show", "self_serve", "--json").stdout).document == SELF_SERVE
    assert json.loads(policy("show", "--schema").stdout) == json_schema()


def test_a_policy_that_nobody_knows_is_answered_with_the_nearest_one() -> None:
    answer = policy("show", "self_service")
    assert answer.exit_code == 2
    assert "did you mean self_serve?" in answer.stderr


def test_diff_names_fields_and_the_days_that_move(tmp_path: Path) -> None:
    newer = tmp_path / "newer.yaml"
    text = (DOCUMENTS / "self_serve.yaml").read_text()
    newer.write_text(text.replace("  after: 14d", "  after: 18d").replace("version: 1", "version: 2"))
    answer = policy("diff", "self_serve", str(newer), "--exit-code")
    assert answer.exit_code == 1
    assert "suspend.after: 14d -> 18d" in answer.stdout
    assert "suspend: day 14 -> day 18" in answer.stdout
    found = json.loads(policy("diff", "self_serve", str(newer), "--json").stdout)
    assert {each["path"] for each in found["fields"]} == {"version", "suspend.after"}


def test_the_same_policy_twice_differs_in_nothing() -> None:
    answer = policy("diff", "premium", "premium", "--exit-code")
    assert answer.exit_code == 0
    assert answer.stdout.count("no difference") == 2


def test_preview_chooses_as_the_live_case_does_and_walks_to_the_end() -> None:
    shown = previewed("--segment", "enterprise", "--country", "DE")
    assert (shown.policy, shown.zone) == ("policy enterprise@1", "Europe/Berlin")
    assert [each.kind for each in shown.timeline][-1] == "close"
    assert previewed("--plan-interval", "year").policy == "policy annual@1"
    assert previewed("--network", "sepa").policy == "policy bank_debit@1"
    assert previewed("--amount", "4.00").policy == "policy low_value@1"
    assert previewed("--policy", "premium").why == "named on the command line"


def test_preview_tells_days_reasons_and_local_times() -> None:
    text = policy("preview", *MONDAY, "--country", "JP").stdout
    assert "times in Asia/Tokyo" in text
    assert "insufficient_funds may heal with time" in text
    assert "day  30" in text


def test_a_lost_card_is_never_charged_again_and_a_suspicious_customer_neither() -> None:
    assert all(each.kind != "charge" for each in previewed("--code", "lost_card").timeline)
    suspicious = previewed("--risk", "suspicious").timeline
    assert all(each.kind != "charge" for each in suspicious)
    assert "nothing is retried by itself" in suspicious[1].because or "nothing is retried" in suspicious[0].because


def test_a_preview_counts_the_failure_it_begins_with_as_the_first_presentment() -> None:
    debit = previewed("--network", "ach", "--policy", "premium", "--country", "US").timeline
    assert [each.what for each in debit if each.kind == "charge"] == ["29.00 EUR (ladder-1)", "29.00 EUR (ladder-2)"]


@pytest.mark.parametrize("when", ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"])
@pytest.mark.parametrize("name", ["b2b_invoice", "low_value"])
def test_a_preview_reaches_as_far_as_it_says(name: str, when: str) -> None:
    answer = policy("preview", "--at", when, "--policy", name, "--country", "CN")
    assert answer.exit_code == 0, answer.output


def test_a_code_that_nobody_knows_has_a_preview_too() -> None:
    charges = [each for each in previewed("--code", "unknown").timeline if each.kind == "charge"]
    assert len(charges) == 2


def test_chronic_customers_get_the_firmer_line() -> None:
    usual, firmer = previewed().timeline, previewed("--risk", "chronic").timeline
    assert firmer[-1].at < usual[-1].at
    assert sum(each.kind == "charge" for each in firmer) == 4


def test_a_webhook_says_what_failed(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(
        json.dumps(
            {
                "id": "evt_1",
                "object": "event",
                "type": "invoice.payment_failed",
                "created": 1772445600,
                "data": {
                    "object": {
                        "id": "in_1",
                        "object": "invoice",
                        "amount_due": 400,
                        "currency": "eur",
                        "customer": "cus_1",
                        "billing_reason": "subscription_cycle",
                    }
                },
            }
        )
    )
    assert previewed(str(event)).policy == "policy low_value@1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON: it is nested too deeply"),
        ("[]", "holds no JSON object"),
        (
            '{"id": "evt_1", "type": "customer.created", "created": 1, "data": {"object": {}}}',
            "tells of no failed payment",
        ),
    ],
)
def test_a_file_that_tells_of_no_failed_payment_is_refused(tmp_path: Path, text: str, says: str) -> None:
    event = tmp_path / "event.json"
    event.write_text(text)
    answer = policy("preview", str(event))
    assert answer.exit_code == 2
    assert says in answer.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--amount", "29,00"), "'29,00' is no sum of EUR"),
        (("--amount", "0"), "'0' is no sum of EUR"),
        (("--amount", "1.234"), "'1.234' is no sum of EUR"),
        (("--amount", "NaN"), "'NaN' is no sum of EUR"),
        (("--amount", "1e400"), "'1e400' is no sum of EUR"),
        (("--amount", "1e999999"), "'1e999999' is no sum of EUR"),
        (("--country", "Germany"), "'Germany' is no country; near it are DE (Germany)"),
        (("--country", "UK"), "'UK' is no country; near it are GB (Britain (UK))"),
        (("--country", "Xyzzy"), "'Xyzzy' is no country; write its two letters of ISO 3166, such as DE"),
        (("--plan-interval", "fortnight"), "'fortnight' is no plan interval that is known; there is"),
        (("--code", "insuficient_funds"), "is in no table of stripe; near it are insufficient_funds; unknown stands"),
        (("--code", "zzzzzz"), "'zzzzzz' is in no table of stripe; `recoup declines list --gateway stripe` lists"),
        (("--at", "9999-12-31T00:00:00Z"), "is out of reach; write a time from 2000 to 2099"),
        (("--at", "0001-01-01T00:00:00Z"), "is out of reach; write a time from 2000 to 2099"),
        (("--at", "2026-01-01"), "write it as 2026-01-01T00:00:00Z or"),
        (("--svg", "/nowhere/at/all.svg"), "/nowhere/at/all.svg cannot be written: No such file or directory; name a"),
        (("--svg", "/"), "/ cannot be written: Is a directory; name a file"),
        (("--currency", "EURO"), "near it are EUR"),
        (("--zone", "Europe/Berlim"), "near it are Europe/Berlin"),
        (("--risk", "cronic"), "chronic"),
        (("--at", "tomorrow"), "is no time"),
        (("--policy", "premum"), "did you mean premium?"),
    ],
)
def test_bad_input_is_named_in_one_sentence(words: tuple[str, ...], says: str) -> None:
    answer = policy("preview", *words)
    assert answer.exit_code == 2, answer.output
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", [document.name for document in SHIPPED])
@pytest.mark.parametrize("code", ["insufficient_funds", "expired_card", "issuer_not_available"])
def test_no_two_labels_of_the_picture_touch(name: str, code: str, tmp_path: Path) -> None:
    shown = previewed("--policy", name, "--code", code, "--country", "DE", "--svg", str(tmp_path / "p.svg"))
    boxes = [mark.box for mark in marks_of(shown)]
    for n, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[n + 1 :]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
        assert right <= 1100
    drawn = ElementTree.fromstring((tmp_path / "p.svg").read_text())
    assert drawn.find("{http://www.w3.org/2000/svg}title") is not None


def test_the_picture_in_the_documentation_is_current(tmp_path: Path) -> None:
    previewed("--country", "DE", "--svg", str(tmp_path / "p.svg"))
    kept = (ROOT / "docs" / "policy-preview.svg").read_text()
    assert kept == (tmp_path / "p.svg").read_text(), (
        "draw it anew: ./dev recoup policy preview --at 2026-03-02T10:00:00Z --country DE --svg docs/policy-preview.svg"
    )
