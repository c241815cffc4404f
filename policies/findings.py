"""One thing that is wrong with a document that a person wrote: where it stands in it, what is wrong and what to do."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""The way into the document: keys and positions from 0, such as `("messages", 0, "after")`."""


class Finding(NamedTuple):
    path: Path
    says: str


class PlacedFinding(NamedTuple):
    """The same in a file. `where`: the way into the document, such as `messages.0.after`; empty for the whole."""

    filename: str
    line: int
    column: int
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}: {self.where + ': ' if self.where else ''}{self.says}"


class DocumentError(ValueError):
    """What a person wrote cannot be used; the text says where and why, a line for each finding."""

    def __init__(self, findings: Sequence[PlacedFinding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in findings))


def twice(values: Sequence[Any], path: Path) -> Iterator[Finding]:
    """What a list names more than once."""
    for position, value in enumerate(values):
        if value in values[:position]:
            yield Finding((*path, position), f"{value} stands there twice; name it once")
