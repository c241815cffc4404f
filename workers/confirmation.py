"""Asking a person before many things are changed at once."""

import sys
from collections.abc import Callable

import typer

from workers.mistakes import Mistake


def confirmation(question: str, look: str | None, yes: bool) -> Callable[[int], bool]:
    """To be called with the number that `question` names as {number}. `yes`: it is not asked. Raises Mistake, before
    anything is looked up, when nobody is there to answer; `look`: the command that only looks, if there is one."""
    if yes:
        return lambda _: True
    if not sys.stdin.isatty():
        first = f"look with `{look}`, then " if look else ""
        raise Mistake(f"nobody is there to confirm; {first}repeat this with --yes")
    return lambda number: typer.confirm(question.format(number=number), err=True)
