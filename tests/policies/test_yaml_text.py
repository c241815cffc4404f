"""A YAML text knows where everything stands in it."""

import time

import pytest

from policies.findings import Finding
from policies.yaml_text import DEEPEST, MOST_BYTES, NotYaml, read_yaml

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


def refused(text: str | bytes) -> str:
    with pytest.raises(NotYaml) as error:
        read_yaml(text, "x.yaml")
    return str(error.value)


NO_ALIASES = "anchors (&) and aliases (*) are not followed; write the part out in each place"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("&a {name: *a}", "1:1"),
        ("name: x\nz: &z [*z]", "2:4"),
        ("name: *usual", "1:7"),
        ("*usual : x", "1:1"),
        ("base: {a: 1}\nmore: {<<: *base}", "2:12"),
        (BOMB, "1:4"),
    ],
)
def test_aliases_are_refused_with_their_place(text: str, place: str) -> None:
    assert refused(text) == f"x.yaml:{place}: {NO_ALIASES}"


@pytest.mark.parametrize("text", ["[" * 5000, "{" * 60_000, "- " * 30_000, "? " * 30_000, "[" * 45 + "]" * 45])
def test_a_text_that_nests_too_deeply_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    assert refused(text).endswith(f": nested deeper than {DEEPEST} levels; make it flatter")
    assert time.process_time() - began < 5


def test_a_text_may_nest_as_deeply_as_it_is_said() -> None:
    assert read_yaml("[" * DEEPEST + "]" * DEEPEST, "x.yaml").raw


@pytest.mark.parametrize("text", ["# ä" * 20_000, ("# ä" * 20_000).encode(), "\ud800" * 25_000])
def test_a_text_without_end_is_not_read_at_all(text: str | bytes) -> None:
    assert refused(text).endswith(f"bytes, {MOST_BYTES} are allowed; shorten it")


@pytest.mark.parametrize(("escape", "place"), [(r"\ud800", "1:7"), (r"\0", "1:7"), (r"\U0000dfff", "1:7")])
def test_an_escape_makes_no_character_that_no_text_may_hold(escape: str, place: str) -> None:
    says = "an escape makes NUL or half a character, which no text may hold; write the character itself"
    assert refused(f'name: "a{escape}b"') == f"x.yaml:{place}: {says}"
    assert refused(f'"{escape}": a') == f"x.yaml:1:1: {says}"


@pytest.mark.parametrize(
    "text", ["name: !!binary YWJj", "name: !!set {a, b}", "name: !!python/name:os.system x", "name: ! 1"]
)
def test_tags_are_not_read(text: str) -> None:
    says = "tags (!) are not read; write the plain value, a number as a word in quotes"
    assert refused(text) == f"x.yaml:1:7: {says}"


def test_the_bytes_of_a_file_are_utf_8() -> None:
    assert read_yaml("\ufeffname: Größe\n".encode(), "x.yaml").raw == {"name": "Größe"}
    latin = refused("name: x\nsaid: Größe\n".encode("latin-1"))
    assert latin == "x.yaml:2:9: this is no text in UTF-8; save the file as UTF-8"
    assert refused(b"\xff\xfe\x00") == "x.yaml:1:1: this is no text in UTF-8; save the file as UTF-8"
