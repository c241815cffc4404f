"""JMESPath as a mapping uses it: compiled once, told what is wrong with it, and never costly.

JMESPath complains of nothing that it does not find, and a short expression can double its work with every step
(`[@,@]|[@,@]|…`). So what can be known beforehand is refused when the document is read, and what is left is counted
while it runs: `STEPS_MAX` for all expressions of one event together.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import IncompleteExpressionError, JMESPathError, LexerError, ParseError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from activities.sources.reading import Wrong
from policies.nearest_word import suggestion

LENGTH_MAX = 1_000
NESTING_MAX = 60
STEPS_MAX = 100_000
"""A step is a node visited or a value looked through; a usual expression takes five to twenty."""

NUMBER_MAX = 10**30
LETTERS_A_STEP = 100

Tree = dict[str, Any]

_FUNCTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    name: spec["signature"] for name, spec in Functions.FUNCTION_TABLE.items()
}
FAILURES = (JMESPathError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What an expression ends in that asks of a value what it cannot do: `starts_with(a, 'b')` where a is a number."""


class Expression:
    """Compiled when the document is read; two are equal when they mean the same."""

    def __init__(self, text: str) -> None:
        """Raises PydanticCustomError of type `jmespath`, whose context has the sentence and the place in the text."""
        self.text = text
        self.tree: Tree = _compiled(text)
        for complaint in _complaints(self.tree):
            raise _refused(complaint)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        # Written out, since 1 and true are not the same to JMESPath.
        return isinstance(other, Expression) and str(self.tree) == str(other.tree)

    def __hash__(self) -> int:
        return hash(str(self.tree))

    @property
    def names(self) -> tuple[str, ...] | None:
        """`a.b.c` as its names and `@` as none at all; None when it is anything else."""
        kind, children = self.tree["type"], self.tree["children"]
        if kind == "current":
            return ()
        parts = [self.tree] if kind == "field" else children if kind == "subexpression" else []
        names = tuple(part["value"] for part in parts if part["type"] == "field")
        return names if names and len(names) == len(parts) else None

    @property
    def takes_everything(self) -> bool:
        return self.names == ()

    @property
    def looks_at_nothing(self) -> bool:
        """Whatever the event, it says the same."""
        return not any(node["type"] in ("field", "current", "identity") for node, _ in _nodes(self.tree))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda expression: expression.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "title": "JMESPath", "minLength": 1, "maxLength": LENGTH_MAX}


# --- before anything is sent ------------------------------------------------------------------------------------------


def _refused(says: str, offset: int | None = None) -> PydanticCustomError:
    return PydanticCustomError("jmespath", "{says}", {"says": says, "offset": offset})


def _compiled(text: str) -> Tree:
    if not text.strip():
        raise _refused("the expression is empty")
    if len(text) > LENGTH_MAX:
        raise _refused(f"the expression has {len(text)} characters; at most {LENGTH_MAX} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            tree: Any = jmespath.compile(text).parsed
    except PendingDeprecationWarning:
        says = "the text between the backticks is no JSON; a word stands in quotes, 'so'"
        raise _refused(f"is no JMESPath: {says}", text.index("`")) from None
    except IncompleteExpressionError:
        raise _refused("is no JMESPath: it ends too early", len(text)) from None
    except LexerError as error:
        raise _refused(f"is no JMESPath: {_lower(error.message)}", error.lexer_position) from None
    except ParseError as error:
        raise _refused(f"is no JMESPath: {error.token_value!r} cannot stand here", error.lex_position) from None
    except RecursionError:
        raise _refused(f"nests deeper than {NESTING_MAX} levels; make it simpler") from None
    except (JMESPathError, ValueError) as error:
        raise _refused(f"is no JMESPath: {_lower(str(error))}") from None
    return dict(tree)


def _lower(says: str) -> str:
    return says[:1].lower() + says[1:]


def _nodes(tree: Tree) -> Iterator[tuple[Tree, Tree | None]]:
    """Every node with the one above it, not recursively: the tree may be as deep as the text is long."""
    waiting: list[tuple[Tree, Tree | None]] = [(tree, None)]
    while waiting:
        node, above = waiting.pop()
        yield node, above
        waiting += [(child, node) for child in node["children"] if isinstance(child, dict)]


def _complaints(tree: Tree) -> Iterator[str]:
    layer = [tree]
    for _ in range(NESTING_MAX):
        layer = [child for node in layer for child in node["children"] if isinstance(child, dict)]
    if layer:
        yield f"nests deeper than {NESTING_MAX} levels; make it simpler"
    for node, above in _nodes(tree):
        if node["type"] == "function_expression":
            yield from _complaints_about_call(node)
        if node["type"] == "expref" and not (above and above["type"] == "function_expression"):
            yield "& stands only before what is handed to a function, such as sort_by(items, &date)"
        if node["type"] in ("subexpression", "index_expression") and node["children"][0]["type"] == "not_expression":
            yield "! takes what stands right after it, and not the whole path; write !(a.b)"
        if node["type"] == "slice" and node["children"][2] == 0:
            yield "a slice whose step is 0 never ends"


def _complaints_about_call(node: Tree) -> Iterator[str]:
    name, given = node["value"], node["children"]
    if name not in _FUNCTIONS:
        yield f"JMESPath has no function {name}(){suggestion(name, sorted(_FUNCTIONS))}"
        return
    wanted = list(_FUNCTIONS[name])
    variadic = bool(wanted[-1].get("variadic"))
    if len(given) < len(wanted) or (len(given) > len(wanted) and not variadic):
        yield f"{name}() takes {len(wanted)} {'or more ' if variadic else ''}argument(s), not {len(given)}"
        return
    wanted += wanted[-1:] * (len(given) - len(wanted))
    for argument, each in zip(wanted, given, strict=True):
        if (argument["types"] == ["expref"]) != (each["type"] == "expref"):
            yield f"{name}() is written as {_EXAMPLES.get(name, f'{name}(what), without &')}"


_EXAMPLES = {
    "map": "map(&name, items)",
    "sort_by": "sort_by(items, &date)",
    "min_by": "min_by(items, &date)",
    "max_by": "max_by(items, &date)",
}


# --- while it runs ----------------------------------------------------------------------------------------------------


class TooCostly(Exception):
    pass


class Budget:
    def __init__(self, steps: int = STEPS_MAX) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooCostly

    def spend_on(self, value: Any) -> None:
        """For looking through a value as a whole, as often as a part of it stands in it."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            self.spend(1 + len(each) // LETTERS_A_STEP if isinstance(each, str) else 1)
            if isinstance(each, dict):
                waiting += each.values()
            elif isinstance(each, list):
                self.spend(len(each))
                waiting += each


class Counting(TreeInterpreter):
    """JMESPath's own interpreter, with a price for every node, and for values that are copied, compared or handed to
    a function: those may hold one part many times over."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        for each in (left, right):
            self._budget.spend_on(each)
        compared: Any = {**node, "children": [_literal(left), _literal(right)]}
        try:
            return super().visit_comparator(compared, value)
        except TypeError:
            return None  # a number is neither before nor after a text

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._budget.spend(sum(len(each) if isinstance(each, list) else 1 for each in base))
        flattened: Any = {**node, "children": [_literal(base)]}
        return super().visit_flatten(flattened, value)

    def visit_slice(self, node: Any, value: Any) -> Any:
        if isinstance(value, list):
            self._budget.spend(len(value))
        return super().visit_slice(node, value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        given = [self.visit(child, value) for child in node["children"]]
        for each in given:
            self._budget.spend_on(each)
        if node["value"] == "join":
            separator, parts = (len(each) if isinstance(each, str | list) else 0 for each in given)
            self._budget.spend(separator * parts // LETTERS_A_STEP)
        called: Any = {**node, "children": [_literal(each) for each in given]}
        return super().visit_function_expression(called, value)


def _literal(value: Any) -> Any:
    return {"type": "literal", "value": value, "children": []}


class Look:
    """One event, and what may be spent on looking at it. What an expression does not find, or fails on, is None."""

    def __init__(self, event: Any, budget: Budget | None = None) -> None:
        self._event = event
        self._interpreter = Counting(budget or Budget())

    def __call__(self, expression: Expression) -> Any:
        """Raises Wrong when the event costs too much."""
        return self.searched(expression, self._interpreter)

    def searched(self, expression: Expression, interpreter: TreeInterpreter) -> Any:
        tree: Any = expression.tree
        try:
            return _sound(interpreter.visit(tree, self._event))
        except TooCostly:
            says = f"the expressions of the mapping take too many steps for this event, lastly {expression.text[:80]!r}"
            raise Wrong("event", f"{says}; make them simpler") from None
        except FAILURES as error:
            self.failed(expression, error)
            return None

    def failed(self, expression: Expression, error: Exception) -> None:
        """For those who want to know."""


def _sound(value: Any) -> Any:
    """Numbers that nobody can write down are nothing: too large, infinite, or none at all."""
    return None if isinstance(value, int | float) and not abs(value) <= NUMBER_MAX else value


def holds(value: Any) -> bool:
    """As JMESPath sees it: 0 holds; nothing, false and what is empty do not."""
    return not (value is None or value is False or value in ("", [], {}))
