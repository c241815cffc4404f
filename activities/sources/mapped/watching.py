"""JMESPath watched while it looks at events: which names were looked for, and which were ever there."""

from dataclasses import dataclass, field
from typing import Any

from jmespath.exceptions import JMESPathTypeError

from activities.sources.mapped.expressions import FAILURES, Budget, Counting, Expression, Look, Tree, holds


@dataclass
class Seen:
    """Of one expression: names sought and found on the way, by the node's id."""

    tried: int = 0
    found: int = 0
    sought: set[int] = field(default_factory=set)
    met: set[int] = field(default_factory=set)
    failed: str | None = None


class WatchingLook(Look):
    """Every expression has the whole budget, so that each is seen."""

    def __init__(self, event: Any, seen: Seen) -> None:
        super().__init__(event)
        self._seen = seen

    def __call__(self, expression: Expression) -> Any:
        return self.searched(expression, Watching(Budget(), self._seen.sought, self._seen.met))

    def failed(self, expression: Expression, error: Exception) -> None:
        self._seen.failed = _in_words(error)


def _in_words(error: Exception) -> str:
    if isinstance(error, JMESPathTypeError):
        return f"{error.function_name}() takes {' or '.join(error.expected_types)}, not {error.actual_type}"
    return type(error).__name__


class Watching(Counting):
    """Tells of every name and position whether it was looked for and whether it was there. Sees both sides of `||` and
    `&&`, so that an alternative that is never needed is tried too."""

    def __init__(self, budget: Budget, sought: set[int], found: set[int]) -> None:
        super().__init__(budget)
        self._sought, self._found = sought, found

    def visit_field(self, node: Any, value: Any) -> Any:
        return self._noted(node, value, super().visit_field(node, value))

    def visit_index(self, node: Any, value: Any) -> Any:
        return self._noted(node, value, super().visit_index(node, value))

    def visit_or_expression(self, node: Any, value: Any) -> Any:
        return self._both(node, value, decided_by=True)

    def visit_and_expression(self, node: Any, value: Any) -> Any:
        return self._both(node, value, decided_by=False)

    def _both(self, node: Any, value: Any, decided_by: bool) -> Any:
        """The right side may fail where the left one has decided: it may rely on it."""
        left = self.visit(node["children"][0], value)
        is_decided = holds(left) is decided_by
        try:
            right = self.visit(node["children"][1], value)
        except FAILURES:
            if is_decided:
                return left
            raise
        return left if is_decided else right

    def _noted(self, node: Any, value: Any, result: Any) -> Any:
        if value is not None:
            self._sought.add(id(node))
        if result is not None:
            self._found.add(id(node))
        return result


def labels(expression: Expression) -> dict[int, str]:
    """Every name and position of the expression, by the node's id, as the way to it."""
    found: dict[int, str] = {}
    _walk(expression.tree, "", found)
    return found


def _walk(node: Tree, here: str, found: dict[int, str]) -> str:
    """Returns where one stands after it."""
    children: list[Any] = node["children"]
    match node["type"]:
        case "field":
            found[id(node)] = f"{here}.{node['value']}".lstrip(".")
            return found[id(node)]
        case "index":
            found[id(node)] = f"{here}[{node['value']}]"
            return found[id(node)]
        case "subexpression" | "index_expression" | "pipe":
            for child in children:
                here = _walk(child, here, found)
            return here
        case "projection" | "value_projection" | "filter_projection":
            each = f"{_walk(children[0], here, found)}[*]".replace("[][*]", "[]")
            for child in children[2:]:
                _walk(child, each, found)
            return _walk(children[1], each, found)
        case "flatten":
            return f"{_walk(children[0], here, found)}[]"
        case "slice":
            return here
        case _:
            for child in children:
                _walk(child, here, found)
            return here
