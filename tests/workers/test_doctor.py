"""`recoup doctor` against live and dead servers: every finding that is not well has a way out, none shows a secret."""

import time
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.store.database import make_pool, migrate
from tests.fixtures.sandbox import RunningSandbox
from tests.fixtures.store import DEAD_ADDRESS, DEAD_DATABASE
from workers.doctor import examine
from workers.finding import Finding
from workers.settings import Settings

PASSWORD = "the-password-of-the-doctor"


def settings_of(**changes: object) -> Settings:
    dead = {
        "database_url": DEAD_DATABASE.replace("recoup@", f"recoup:{PASSWORD}@"),
        "temporal_address": DEAD_ADDRESS,
        "sandbox_url": f"http://{DEAD_ADDRESS}",
    }
    return Settings.model_validate({**dead, **changes})


async def found(**changes: object) -> dict[str, Finding]:
    findings = await examine(settings_of(**changes))
    assert PASSWORD not in str(findings)
    for finding in findings:
        assert bool(finding.way_out) == (finding.status != "ok"), finding
        assert finding.says
    return {finding.what: finding for finding in findings}


def address_of(temporal: Client) -> str:
    return temporal.service_client.config.target_host


async def test_with_everything_down_it_says_so_quickly(tmp_path: Path) -> None:
    started = time.monotonic()
    findings = await found(policies=[tmp_path / "none.yaml"])
    assert time.monotonic() - started < 3
    for what in ("policies", "database", "temporal", "sandbox"):
        assert findings[what].status == "failed"
    assert findings["webhooks"].status == findings["api tokens"].status == "warning"
    assert "RECOUP_DATABASE_URL" in findings["database"].way_out
    assert "RECOUP_TEMPORAL_ADDRESS" in findings["temporal"].way_out
    assert "RECOUP_SANDBOX_URL" in findings["sandbox"].way_out


async def test_with_everything_up_all_is_well(temporal: Client, fresh_database: str, sandbox: RunningSandbox) -> None:
    pool = await make_pool(fresh_database, 1)
    await migrate(pool)
    await pool.close()
    findings = await found(
        database_url=fresh_database,
        temporal_address=address_of(temporal),
        sandbox_url=sandbox.url,
        webhook_secrets={"stripe/default": ["whsec_of_the_doctor"]},
        api_tokens={"alice": "a-token-that-is-long-enough"},
    )
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert "stripe/default" in findings["secrets"].says
    assert "whsec" not in str(findings)


async def test_a_database_without_tables_is_a_warning(fresh_database: str) -> None:
    finding = (await found(database_url=fresh_database))["database"]
    assert finding.status == "warning"
    assert "0001_initial.sql" in finding.says


@pytest.mark.parametrize(
    "url", ["nonsense", "", "postgresql://", "mysql://x/y", "postgresql://recoup@127.0.0.1:1/x?sslmode=perhaps"]
)
async def test_a_database_url_that_is_none_is_a_finding_not_a_crash(url: str) -> None:
    assert (await found(database_url=url))["database"].status == "failed"


async def test_a_database_that_is_not_there_is_named(fresh_database: str) -> None:
    finding = (await found(database_url=fresh_database.replace("/t_", "/no_such_")))["database"]
    assert finding.status == "failed"
    assert "no_such_" in finding.says


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1", "127.0.0.1:70000", "a b:7233", "x:y:z"])
async def test_a_temporal_address_that_is_none_is_a_finding_not_a_crash(address: str) -> None:
    assert (await found(temporal_address=address))["temporal"].status == "failed"


async def test_a_namespace_that_is_not_there_is_a_finding(temporal: Client) -> None:
    findings = await found(temporal_address=address_of(temporal), temporal_namespace="nowhere")
    assert findings["temporal"].status == "failed"
    assert "RECOUP_TEMPORAL_NAMESPACE" in findings["temporal"].way_out


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://", f"http://{DEAD_ADDRESS}"])
async def test_a_sandbox_url_that_is_none_is_a_finding_not_a_crash(url: str) -> None:
    assert (await found(sandbox_url=url))["sandbox"].status == "failed"


async def test_a_policy_that_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    wrong, binary = tmp_path / "wrong.yaml", tmp_path / "binary.yaml"
    wrong.write_text("name: x\nversion: 1\nnonsense: true\n")
    binary.write_bytes(b"\xff\xfe\x00")
    finding = (await found(policies=[wrong]))["policies"]
    assert finding.status == "failed"
    assert f"{wrong}:3" in finding.says
    assert (await found(policies=[binary]))["policies"].status == "failed"


async def test_validation_profiles_are_read_and_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    assert "the default one" in (await found())["intake profiles"].says
    file = tmp_path / "profiles.yaml"
    file.write_text('profiles:\n  - accounts: ["stripe/*"]\n')
    sends = {"stripe/default": ["whsec"]}
    finding = (await found(intake_profiles=file, webhook_secrets=sends))["intake profiles"]
    assert (finding.status, finding.says) == ("ok", f"1 of {file}")
    finding = (await found(intake_profiles=file, webhook_secrets={"adyen/default": ["x"]}))["intake profiles"]
    assert (finding.status, finding.says) == ("warning", "for accounts that cannot send: stripe/*")
    file.write_text("profiles:\n  - acounts: [a/b]\n")
    finding = (await found(intake_profiles=file))["intake profiles"]
    assert finding.status == "failed"
    assert f"{file}:2:5: profiles.0.acounts: there is no such field; did you mean accounts?" in finding.says
    file.write_bytes(b"\xff\xfe\x00")
    assert "save the file as UTF-8" in (await found(intake_profiles=file))["intake profiles"].says
    assert (await found(intake_profiles=tmp_path / "none.yaml"))["intake profiles"].status == "failed"


async def test_a_secret_that_cannot_be_one_and_a_source_that_is_not_there_are_named() -> None:
    secrets = {"stripe/default": ["whsec_fine", "sk_live_of_the_wrong_kind"], "stripf/default": ["x"]}
    findings = [f for f in await examine(settings_of(webhook_secrets=secrets)) if f.what == "webhooks"]
    assert [finding.says.partition(":")[0] for finding in findings] == ["stripe/default", "stripf/default"]
    assert findings[0].says.startswith("stripe/default: secret 2: ")
    assert "there is no such source" in findings[1].says
    assert not any("sk_live" in finding.says for finding in findings)
