"""A YAML text knows where everything stands in it."""

import pytest

from policies.findings import Finding
from policies.yaml_text import NotYaml, read_yaml

TEXT = "name: here\nlist:\n  - when: a\n    'no': [1, 2]\n"


def test_a_path_leads_to_what_stands_there() -> None:
    text = read_yaml(TEXT, "x.yaml")
    node = text.node(("list", 0, "no", 1))
    assert node is not None
    assert (node.value, node.start_mark.line + 1, node.start_mark.column + 1) == ("2", 4, 15)
    assert text.node(("list", 1)) is None
    assert text.node(("name", "inside")) is None
    assert read_yaml("", "x.yaml").node(("name",)) is None


def test_a_finding_stands_at_the_deepest_part_of_its_path_that_is_there() -> None:
    text = read_yaml(TEXT, "x.yaml")
    assert str(text.at(Finding(("list", 0, "gone"), "is missing"))) == "x.yaml:3:5: list.0.gone: is missing"
    assert str(text.at(Finding((), "is wrong"))) == "x.yaml:1:1: is wrong"


def test_what_is_no_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(NotYaml) as refused:
        read_yaml("a: [1,\nb: }", "x.yaml")
    assert (refused.value.finding.line, refused.value.finding.column) == (2, 4)
