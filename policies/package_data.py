"""Tables and settings that ship inside the packages: read once, when first asked, then remembered.

Not a file read at decision time: the callers build their tables at import or on first use and keep them.
"""

import csv
import io
import pkgutil
import tomllib
from typing import Any


def table(package: str, name: str) -> list[dict[str, str]]:
    """The rows of `data/<name>` (CSV with a header line) in that package."""
    return list(csv.DictReader(io.StringIO(_text(package, name))))


def settings(package: str, name: str) -> dict[str, Any]:
    """What `data/<name>` (TOML) in that package says."""
    return tomllib.loads(_text(package, name))


def _text(package: str, name: str) -> str:
    raw = pkgutil.get_data(package, f"data/{name}")
    if raw is None:
        raise FileNotFoundError(f"{package} ships no data/{name}")
    return raw.decode()
