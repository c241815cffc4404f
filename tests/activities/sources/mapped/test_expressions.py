"""JMESPath: what can be known of an expression is told at once, and nothing that it does takes long."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from activities.sources.mapped.expressions import LENGTH_MAX, Budget, Expression, Look, holds
from activities.sources.mapped.watching import Seen, Watching, WatchingLook, labels
from activities.sources.reading import Wrong
from tests.activities.sources.speaking import FUZZ_EXAMPLES

LONG = 5.0
"""Seconds; what is stopped takes a tenth of one on a quiet machine."""


def refusal(text: str) -> tuple[str, int | None]:
    with pytest.raises(PydanticCustomError) as refused:
        Expression(text)
    context = refused.value.context
    assert context
    return str(context["says"]), context["offset"]


def found(text: str, event: Any) -> Any:
    return Look(event)(Expression(text))


@pytest.mark.parametrize(
    ("text", "says", "offset"),
    [
        ("", "the expression is empty", None),
        ("  ", "the expression is empty", None),
        ("a" * (LENGTH_MAX + 1), "at most 1000 are read", None),
        ("a..b", "'.' cannot stand here", 2),
        ("a b", "'b' cannot stand here", 2),
        ("a = b", "unknown token '='", 2),
        ("a == 'b", "unclosed ' delimiter", 5),
        ("a[", "it ends too early", 2),
        ("foo(", "it ends too early", 4),
        ("a == `b`", "a word stands in quotes, 'so'", 5),
        ("(" * 400, "it ends too early", 400),
        ("!" * 900 + "a", "nests deeper than 60 levels", None),
        ("a || " * 100 + "a", "nests deeper than 60 levels", None),
        ("leng(a)", "no function leng(); did you mean length?", None),
        ("length(a, b)", "length() takes 1 argument(s), not 2", None),
        ("merge()", "merge() takes 1 or more argument(s), not 0", None),
        ("sort_by(a, b)", "sort_by() is written as sort_by(items, &date)", None),
        ("not_null(a, &b)", "without &", None),
        ("&a", "& stands only before what is handed to a function", None),
        ("[&a]", "& stands only before what is handed to a function", None),
        ("a[::0]", "a slice whose step is 0", None),
        ("!a.b", "write !(a.b)", None),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(text: str, says: str, offset: int | None) -> None:
    said, at = refusal(text)
    assert says in said
    assert at == offset


def test_two_are_equal_when_they_mean_the_same() -> None:
    assert Expression("a . b") == Expression("a.b")
    assert hash(Expression("a . b")) == hash(Expression("a.b"))
    assert Expression("a == `1`") != Expression("a == `true`")
    assert Expression("a") != "a"
    assert repr(Expression("a")) == "Expression('a')"


def test_names_alone_are_told_from_anything_else() -> None:
    assert [Expression(text).names for text in ("@", "a", "a.b.c", "a[0].b", "a[]", "a || b")] == [
        (),
        ("a",),
        ("a", "b", "c"),
        None,
        None,
        None,
    ]
    assert Expression("@").takes_everything
    assert not Expression("a").takes_everything


@pytest.mark.parametrize("text", ["'a'", "`true`", "'a' == 'b'", "length('abc')", "['a', `1`]"])
def test_what_looks_at_nothing_is_known(text: str) -> None:
    assert Expression(text).looks_at_nothing


@pytest.mark.parametrize("text", ["a", "@", "a == 'b'", "[?a]", "*"])
def test_what_looks_at_something_is_known(text: str) -> None:
    assert not Expression(text).looks_at_nothing


EVENT = {"type": "x", "n": 0, "no": False, "list": [{"a": 2}, {"a": "1"}, {"b": 3}], "deep": {"id": "i"}, "none": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("deep.id", "i"),
        ("list[*].a", [2, "1"]),
        ("list[?a == '1'].a | [0]", "1"),
        ("max_by(list[?b], &b).b", 3),
        ("list[?a > `1`].a", [2]),
        ("none || deep.id", "i"),
        ("type == 'x' && deep.id", "i"),
        ("[list, list][].b", [3, 3]),
        ("list[:1]", [{"a": 2}]),
        ("join('-', [type, deep.id])", "x-i"),
        ("to_string(list)", '[{"a":2},{"a":"1"},{"b":3}]'),
        ("n == no", False),
    ],
)
def test_it_finds_what_jmespath_finds(text: str, value: Any) -> None:
    assert found(text, EVENT) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "starts_with(n, 'a')",
            "sum(list)",
            "contains(type, n)",
            "join('-', list)",
            "avg(`[1, 2]`) | to_number('nan')",
        ),
        *("to_number('1e999')", "ceil(to_number('1e999'))", "sum(`[1e308, 1e308]`)", "nothing.at.all", "type.x"),
        "max_by(list, &a)",
    ],
)
def test_what_fails_finds_nothing(text: str) -> None:
    assert found(text, EVENT) is None


def test_a_number_that_nobody_can_write_down_is_nothing() -> None:
    assert found("n", {"n": 10**4299}) is None
    assert found("sum([n, n])", {"n": 10**4299}) is None
    assert found("n", {"n": float("inf")}) is None


@pytest.mark.parametrize(
    ("value", "answer"), [(None, False), (False, False), ("", False), ([], False), ({}, False), (0, True), ("no", True)]
)
def test_what_holds_is_what_jmespath_takes_for_true(value: Any, answer: bool) -> None:
    assert holds(value) is answer


BIG = {"list": [{"a": n, "text": "x" * 50} for n in range(5_000)], "text": "y" * 100_000, "pair": [[1, 2]] * 2}


@pytest.mark.parametrize(
    "text",
    [
        "|".join(["[@,@]"] * 50) + "|to_string(@)",
        "|".join(["[@,@]"] * 30) + "|[@ == @, @ == list]",
        "|".join(["[@,@]"] * 30) + "|[@[0] == @[1]]",
        "|".join(["[@,@][]"] * 40),
        "|".join(["{a: @, b: @}"] * 30) + "|to_string(@)",
        "|".join(["join(@, [@, @, @])"] * 30),
        "text|" + "|".join(["join('', [@, @])"] * 40),
        "join(text, list[*].text)",
        "list[*].[list, list, list]" + "[]" * 20,
        "list[*].[`[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]`][][]" + "|[*][*]" * 10,
        "map(&map(&@, `[1,2,3]`), list) | [*][*][*]",
        "list[?contains(to_string(@), 'x')].a" + " | [?@ > `1`]" * 10,
        "list[::-1] | [::-1] | [::-1] | [::-1] | sort_by(@, &a) | reverse(@)" + "| reverse(@)" * 40,
    ],
)
def test_no_expression_takes_long(text: str) -> None:
    started = time.monotonic()
    with suppress(Wrong):
        found(text, BIG)
    assert time.monotonic() - started < LONG


def test_what_is_too_costly_says_which_expression_it_was() -> None:
    with pytest.raises(Wrong, match="lastly 'list") as refused:
        found("list[*].[a, text, list]", {"list": [BIG] * 60_000})
    assert "make them simpler" in refused.value.reason


def test_all_expressions_of_an_event_share_what_they_may_cost() -> None:
    look = Look(EVENT, Budget(7))
    assert look(Expression("deep.id")) == "i"
    assert look(Expression("deep.id")) == "i"
    with pytest.raises(Wrong):
        look(Expression("deep.id"))


def test_watching_sees_which_names_were_there_also_behind_an_or() -> None:
    expression = Expression("type || typ.more || list[*].[a, c] || deep[0]")
    sought: set[int] = set()
    met: set[int] = set()
    tree: Any = expression.tree
    assert Watching(Budget(), sought, met).visit(tree, EVENT) == "x"
    names = labels(expression)
    assert {names[node] for node in sought - met} == {"typ", "list[*].c", "deep[0]"}
    assert {names[node] for node in met} == {"type", "list", "list[*].a", "deep"}


def test_watching_does_not_trip_over_a_side_that_is_not_needed() -> None:
    guarded: Any = Expression("none && starts_with(none, 'a')").tree
    assert Watching(Budget(), set(), set()).visit(guarded, EVENT) is None
    needed: Any = Expression("type && starts_with(none, 'a')").tree
    with pytest.raises(ValueError, match="starts_with"):
        Watching(Budget(), set(), set()).visit(needed, EVENT)


NAMES = st.sampled_from(["a", "b", "type", '"x y"', "data", "items", "@"])
ATOMS = st.one_of(
    NAMES, st.sampled_from(["'w'", "`1`", "`true`", "`null`", "`[1, [2]]`", "[0]", "*", "[]", "[*]", "[1:]"])
)
FUNCTIONS = st.sampled_from(
    [
        "to_string",
        "to_number",
        "length",
        "not_null",
        "sort",
        "keys",
        "values",
        "max",
        "sum",
        "reverse",
        "to_array",
        "nope",
    ]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}.{}".format, inner, inner),
        st.builds("{} | {}".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("{} == {}".format, inner, inner),
        st.builds("{} < {}".format, inner, inner),
        st.builds("{}[?{}]".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({})[]".format, inner),
        st.builds("{}({})".format, FUNCTIONS, inner),
        st.builds("map(&{}, {})".format, inner, inner),
        st.builds("sort_by({}, &{})".format, inner, inner),
        st.builds("join({}, {})".format, inner, inner),
        st.builds("{{k: {}, l: {}}}".format, inner, inner),
    )


EXPRESSIONS = st.one_of(
    st.recursive(ATOMS, _larger, max_leaves=40), st.text("ab.[]{}()'`\"|&!=<>*?,:@ 01-", max_size=60)
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "type", "data"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=EXPRESSIONS, doublings=st.integers(0, 40), event=VALUES)
def test_whatever_is_written_is_refused_or_answers_soon(text: str, doublings: int, event: Any) -> None:
    started = time.monotonic()
    for whole in (text, " | ".join([text, *["[@, @]"] * doublings, text])):
        try:
            expression = Expression(whole)
        except PydanticCustomError:
            continue
        labels(expression)
        for look in (Look(event), WatchingLook(event, Seen())):
            with suppress(Wrong):
                look(expression)
    assert time.monotonic() - started < LONG
