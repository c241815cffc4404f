"""One thing that is wrong with a policy document: where it stands in it, what is wrong and what to do."""

from typing import NamedTuple

Path = tuple[str | int, ...]
"""The way into the document: keys and positions from 0, such as `("messages", 0, "after")`."""


class Finding(NamedTuple):
    path: Path
    says: str
