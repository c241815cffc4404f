"""`recoup policy impact` and `migrate` as people meet them: a process, its words and its exit code."""

import io
import json
from pathlib import Path

import pytest

from tests.fixtures.town import Town
from tests.policies.timeline import DOCUMENTS
from tests.workers.policy_tools.test_migrate import street
from tests.workers.test_cli import DEAD, Ended, mistaken, recoup
from tests.workers.test_doctor import address_of
from workers.cli_running import _confirmation

BY = ("--actor", "alice", "--reason", "new terms")


@pytest.fixture
def new(tmp_path: Path) -> str:
    """Version 2 of the shipped policy: it gives up a few days sooner."""
    path = tmp_path / "new.yaml"
    text = (DOCUMENTS / "self_serve.yaml").read_text()
    path.write_text(text.replace("version: 1", "version: 2").replace("after: 30d", "after: 27d"))
    return str(path)


async def policy(town: Town, *arguments: str) -> Ended:
    live = {
        "RECOUP_DATABASE_URL": town.settings.database_url.get_secret_value(),
        "RECOUP_TEMPORAL_ADDRESS": address_of(town.temporal),
    }
    return await recoup("policy", *arguments, **live)


async def test_look_first_then_move_and_again_is_harmless(town: Town, new: str) -> None:
    here = street()
    case = await town.fails("lost_card", segment=here)
    looked = await policy(town, "impact", new, "--segment", here)
    assert (looked.code, looked.err) == (0, "")
    assert "0 unchanged, 1 change\n  1 closed sooner\n" in looked.out

    moved = await policy(town, "migrate", new, *BY, "--segment", here, "--yes", "--json")
    assert (moved.code, moved.err) == (0, "")
    report = json.loads(moved.out)
    assert [each["result"] for each in report["cases"]] == ["moved"]
    assert (await case.status()).policy == "policy self_serve@2"

    again = await policy(town, "migrate", new, *BY, "--segment", here, "--yes")
    assert (again.code, again.out) == (0, "moved to policy self_serve@2: 0 of 0 running cases\n1 have it already\n")
    back = await policy(town, "impact", "self_serve", "--segment", here, "--from", "self_serve@2", "--json")
    assert json.loads(back.out)["changed"] == 1


async def test_nothing_moves_when_nobody_can_be_asked(town: Town, new: str) -> None:
    here = street()
    case = await town.fails("lost_card", segment=here)
    refused = await policy(town, "migrate", new, *BY, "--segment", here)
    assert refused.code == 2
    assert refused.err == (
        "recoup: nobody is there to confirm; look with `recoup policy impact`, then repeat this with --yes\n"
    )
    dry = await policy(town, "migrate", new, *BY, "--segment", here, "--dry-run")
    assert (dry.code, dry.out) == (0, "would move to policy self_serve@2: 1 of 1 running cases\n")
    assert (await case.status()).policy == "policy self_serve@1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("impact", "self_serv"), "did you mean self_serve?"),
        (("impact", "self_serve", "--from", "Self Serve"), "write NAME or NAME@VERSION"),
        (("impact", "self_serve", "--limit", "0"), "--limit"),
        (("impact", "self_serve"), f"Temporal at {DEAD['RECOUP_TEMPORAL_ADDRESS']} does not answer"),
        (("migrate", "self_serve", "--actor", "alice"), "--reason"),
        (("migrate", "self_serve", "--actor", "", "--reason", "new terms", "--yes"), "--actor"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    assert said in mistaken("policy", *arguments)


async def test_a_database_that_is_away_is_named(town: Town, new: str) -> None:
    ended = await recoup("policy", "impact", new, **{**DEAD, "RECOUP_TEMPORAL_ADDRESS": address_of(town.temporal)})
    assert ended.code == 2
    assert ended.err.startswith("recoup: the database cannot be asked (")
    assert "Traceback" not in ended.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("said", "moves"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_at_a_terminal_is_asked_with_the_number_and_silence_is_no(
    said: str, moves: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(said))
    assert _confirmation("policy self_serve@2", yes=False)(17) is moves
    assert "Move 17 running cases to policy self_serve@2? [y/N]" in capsys.readouterr().err
