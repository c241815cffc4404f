"""docs/intake.md knows every check and every field, and its example is one that loads."""

from pathlib import Path
from typing import get_args

import pytest

from policies.intake.load import load_profiles
from policies.intake.profile import DEFAULT_PROFILE, Action, Rule

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "intake.md").read_text()
RULES = get_args(get_args(Rule)[0])


def test_the_example_loads_and_shows_every_check_and_every_action() -> None:
    path = DOCS / "examples" / "intake" / "profiles.yaml"
    profiles = load_profiles(path.read_bytes(), path.name)
    rules = [rule for profile in profiles.profiles for rule in profile.rules]
    assert {type(rule) for rule in rules} == set(RULES)
    assert {rule.action for rule in rules} == set(Action)
    assert any(rule.shadow for rule in rules)
    assert profiles.of("stripe", "us") is DEFAULT_PROFILE


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_page_names_the_check_and_each_of_its_fields(rule: type[Rule]) -> None:
    (check,) = get_args(rule.model_fields["check"].annotation)
    row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{check}` |")), "")
    own = set(rule.model_fields) - {"check", "action", "shadow", "name"}
    assert [name for name in own if f"`{name}`" not in row] == [], f"document {check} in docs/intake.md"
    assert row


def test_the_page_names_what_every_rule_has() -> None:
    for name in ("check", "action", "shadow", "name"):
        assert f"| `{name}` |" in PAGE
    for action in Action:
        assert f"| `{action}` |" in PAGE
