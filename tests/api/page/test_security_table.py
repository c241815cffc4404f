"""What docs/security.md says is tested is tested: each test that its table names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([a-z_/]+\.py)::(test_[a-z0-9_]+)`", TABLE)


def names_in(path: Path) -> set[str]:
    functions = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {each.name for each in functions if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_test_that_the_table_names_exists() -> None:
    assert len(NAMED) >= 60
    assert TABLE.count("::test_") == len(NAMED), "each is written as a path below tests/ and a name"
    missing = [f"{file}::{name}" for file, name in NAMED if name not in names_in(ROOT / "tests" / file)]
    assert missing == []


def test_each_line_of_the_table_names_an_item_and_a_test() -> None:
    lines = TABLE.partition("| ASVS | What it asks for | Test |\n|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) >= 40
    for line in lines:
        assert re.match(r"\| [0-9]+\.[0-9]+\.[0-9]+", line), line
        assert "::test_" in line, line


def test_every_hostile_test_of_the_page_stands_in_the_table_or_is_about_one_that_does() -> None:
    """So that the table is looked at when a file of them is added."""
    files = {path.name for path in (ROOT / "tests" / "api" / "page").glob("test_security_*.py")} - {Path(__file__).name}
    assert files == {Path(file).name for file, _ in NAMED if "test_security_" in file}


def test_settings_that_the_page_names_exist() -> None:
    settings = (ROOT / "workers" / "settings.py").read_text(encoding="utf-8")
    for name in set(re.findall(r"RECOUP_([A-Z_]+)", TABLE)):
        assert re.search(rf"^    {name.lower()}:", settings, re.MULTILINE), name
