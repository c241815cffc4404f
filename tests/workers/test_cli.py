"""The command line as people meet it: a process, its words and its exit code."""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client
from typer.testing import CliRunner

from activities.store.database import make_pool, migrate
from tests.fixtures.sandbox import RunningSandbox
from tests.fixtures.store import DEAD_ADDRESS, DEAD_DATABASE
from tests.workers.test_doctor import address_of
from workers.cli import app

ROOT = Path(__file__).parents[2]
DEAD = {
    "RECOUP_DATABASE_URL": DEAD_DATABASE,
    "RECOUP_TEMPORAL_ADDRESS": DEAD_ADDRESS,
    "RECOUP_SANDBOX_URL": f"http://{DEAD_ADDRESS}",
}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    seconds: float


async def recoup(*arguments: str, **environment: str) -> Ended:
    """In a folder of its own, so that nothing of the project is found by accident."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "workers", *arguments),
        cwd=ROOT,
        env={
            **inherited,
            "PYTHONTZPATH": "",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode(), time.monotonic() - started)


async def test_help_lists_the_commands_and_needs_nothing() -> None:
    ended = await recoup("--help")
    assert ended.code == 0
    for command in ("up", "api", "worker", "sandbox", "doctor", "demo"):
        assert command in ended.out
    assert ended.err == ""


async def test_doctor_against_dead_servers_is_quick_and_has_a_way_out() -> None:
    ended = await recoup("doctor", "--json", **DEAD)
    assert ended.code == 1
    assert ended.seconds < 15
    findings = {finding["what"]: finding for finding in json.loads(ended.out)}
    for what in ("database", "temporal", "sandbox"):
        assert findings[what]["status"] == "failed"
        assert findings[what]["way_out"]
    assert "Traceback" not in ended.err


async def test_the_exit_code_of_a_short_command_is_stable(
    temporal: Client, fresh_database: str, sandbox: RunningSandbox
) -> None:
    """A process that ends right after its last call to Temporal must not abort on its way out."""
    pool = await make_pool(fresh_database, 1)
    await migrate(pool)
    await pool.close()
    live = {
        "RECOUP_DATABASE_URL": fresh_database,
        "RECOUP_TEMPORAL_ADDRESS": address_of(temporal),
        "RECOUP_SANDBOX_URL": sandbox.url,
    }
    runs = await asyncio.gather(*(recoup("doctor", **live) for _ in range(5)))
    assert [run.code for run in runs] == [0] * 5
    assert {run.err for run in runs} == {""}
    assert all("-> set RECOUP_API_TOKENS" in run.out for run in runs)


# Mistakes end before anything is started, so they are tried in this process.


def mistaken(*arguments: str, **environment: str) -> str:
    """What the command says; it must end with exit code 2 and without a stack trace."""
    clean = {name: None for name in os.environ if name.startswith("RECOUP_")}
    ended = CliRunner().invoke(app, arguments, env={**clean, **DEAD, "NO_COLOR": "1", "COLUMNS": "200", **environment})
    assert isinstance(ended.exception, SystemExit)
    assert ended.exit_code == 2
    assert "Traceback" not in ended.output
    return ended.output


@pytest.mark.parametrize("arguments", [("dunning",), ("doctor", "--loud"), ("up", "--api-port", "70000")])
def test_an_unknown_command_or_option_is_a_mistake(arguments: tuple[str, ...]) -> None:
    assert arguments[min(1, len(arguments) - 1)] in mistaken(*arguments)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RECOUP_API_PORT", "eighty"),
        ("RECOUP_API_TOKENS", '{"alice": "too-short"}'),
        ("RECOUP_API_TOKENS", '{"alice": "twice-the-same-token", "bob": "twice-the-same-token"}'),
        ("RECOUP_WEBHOOK_SECRETS", "stripe=whsec_value"),
        ("RECOUP_DATABASE_POOL", "1"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "api", "worker", "sandbox"])
def test_a_bad_setting_is_named_and_not_shown(command: str, variable: str, value: str) -> None:
    said = mistaken(command, **{variable: value})
    assert said.startswith("recoup: ")
    assert variable in said
    for secret in ("too-short", "whsec_value", "twice-the-same"):
        assert secret not in said


def test_an_unknown_story_is_a_mistake_that_lists_the_known_ones(tmp_path: Path) -> None:
    said = mistaken("demo", "--story", "winning_the_lottery", "--data", str(tmp_path))
    assert "winning_the_lottery" in said
    assert "expired_card" in said
    assert list(tmp_path.iterdir()) == []


def test_a_bad_policy_file_is_named_with_its_line_and_one_that_is_missing_by_its_name(tmp_path: Path) -> None:
    wrong, missing = tmp_path / "wrong.yaml", tmp_path / "missing.yaml"
    wrong.write_text("name: x\nversion: 1\nnonsense: true\n")
    assert f"{wrong}:3:1: nonsense" in mistaken("worker", RECOUP_POLICIES=json.dumps([str(wrong)]))
    assert str(missing) in mistaken("worker", RECOUP_POLICIES=json.dumps([str(missing)]))


def test_a_sandbox_without_a_database_says_what_to_set() -> None:
    assert "RECOUP_SANDBOX_DATABASE_URL" in mistaken("sandbox")


async def test_a_schema_that_was_edited_stops_the_api_with_a_sentence(fresh_database: str) -> None:
    pool = await make_pool(fresh_database, 1)
    await migrate(pool)
    await pool.execute("update migrations set sha256 = 'something else'")
    await pool.close()
    ended = await recoup("api", **{**DEAD, "RECOUP_DATABASE_URL": fresh_database})
    assert ended.code == 2
    assert "0001_initial.sql was edited after it was applied" in ended.err
    assert "Traceback" not in ended.err
