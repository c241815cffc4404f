"""Asking a person before many things are changed at once."""

import sys
from collections.abc import Callable

import typer

from workers.mistakes import Mistake


def confirmation(question: str, look: str, yes: bool) -> Callable[[int], bool]:
    """To be called with the number that `question` names as {number}. `yes`: it is not asked. Raises Mistake, before
    anything is looked up, when nobody is there to answer; `look`: the command that only looks."""
    if yes:
        return lambda _: True
    if not sys.stdin.isatty():
        raise Mistake(f"nobody is there to confirm; look with `{look}`, then repeat this with --yes")
    return lambda number: typer.confirm(question.format(number=number), err=True)
