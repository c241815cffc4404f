"""What a person types or writes into a file for the command line, read as what it means.

Whatever cannot be meant raises Mistake: one sentence that names the value and the nearest right ones.
"""

import difflib
import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, get_args
from zoneinfo import available_timezones

from policies.conditions import PlanInterval
from policies.declines import GATEWAY_TABLES, Category, in_tables, nearest
from policies.facts import Outcome
from policies.instruments import Initiator, Network, PaymentType
from policies.money import EXPONENTS
from policies.risk import RiskLevel
from workers.mistakes import Mistake

FIRST_YEAR, LAST_YEAR = 2000, 2099
"""Rules and calendars know nothing before, and whoever means a time after has made a slip."""

ANY_UNKNOWN_CODE = "unknown"

_WORDS: dict[str, list[str]] = {
    "gateway": sorted(GATEWAY_TABLES),
    "network": [*Network],
    "initiator": [*Initiator],
    "payment type": [*PaymentType],
    "category": [*Category],
    "risk": [*RiskLevel],
    "outcome": [*Outcome],
    "plan interval": [*get_args(PlanInterval)],
}


def one_of(what: str, value: str) -> str:
    """The value, when it is one of those that are known."""
    known = _WORDS[what]
    plain = value.strip().lower().replace("-", "_")
    if plain in known:
        return str(plain)
    near = difflib.get_close_matches(plain, known, n=3, cutoff=0.5) or known
    raise Mistake(f"{quoted(value)} is no {what} that is known; there is {', '.join(near)}")


def known_code(gateway: str, code: str) -> str:
    """A code in a table of the gateway, or the word that stands for any other."""
    if code == ANY_UNKNOWN_CODE or in_tables(gateway, code):
        return code
    raise Mistake(f"{not_in_tables(gateway, code)}; {ANY_UNKNOWN_CODE} stands for one that nobody knows")


def not_in_tables(gateway: str, code: str) -> str:
    near = nearest(gateway, code)
    way_out = (
        f"near it are {', '.join(near)}" if near else f"`recoup declines list --gateway {gateway}` lists its codes"
    )
    return f"{quoted(code)} is in no table of {gateway}; {way_out}"


def known_country(word: str) -> str:
    """ISO 3166 alpha-2, or its English name as a hint."""
    code = word.strip().upper()
    if code in _countries():
        return code
    named = {name.lower(): code for code, name in _countries().items()}
    same = [code for name, code in named.items() if word.strip().lower() in re.findall(r"[\w.]+", name)]
    alike = [named[name] for name in difflib.get_close_matches(word.strip().lower(), named, n=3)]
    near = [f"{code} ({_countries()[code]})" for code in dict.fromkeys([*same, *alike])][:3]
    way_out = f"near it are {', '.join(near)}" if near else "write its two letters of ISO 3166, such as DE"
    raise Mistake(f"{quoted(word)} is no country; {way_out}")


@cache
def _countries() -> dict[str, str]:
    """Code -> English name. The list comes with the time zones; Kosovo's code is not in the standard, but in use."""
    text = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = [line.split("\t", 1) for line in text.splitlines() if not line.startswith("#")]
    return {**dict(rows), "XK": "Kosovo"}


def known_zone(name: str) -> str:
    if name in available_timezones():
        return name
    near = difflib.get_close_matches(name, available_timezones(), n=3)
    raise Mistake(
        f"{quoted(name)} is no time zone; {'near it are ' + ', '.join(near) if near else 'write Europe/Berlin'}"
    )


def known_currency(code: Any) -> str:
    if not isinstance(code, str):
        raise Mistake(f"{quoted(code)} is no ISO 4217 currency; write EUR")
    if code.upper() not in EXPONENTS:
        near = difflib.get_close_matches(code.upper(), EXPONENTS, n=3)
        way_out = "near it are " + ", ".join(near) if near else "write EUR"
        raise Mistake(f"{quoted(code)} is no ISO 4217 currency; {way_out}")
    return code.upper()


def at_or_now(text: str | None) -> datetime:
    return datetime.now(UTC) if text is None else moment(text)


def moment(text: Any) -> datetime:
    """ISO 8601 with a zone."""
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Mistake(f"{quoted(text)} is no time; write it as 2026-11-24T09:00:00Z") from None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise Mistake(f"{quoted(text)} is out of reach; write a time from {FIRST_YEAR} to {LAST_YEAR}")
    if read.tzinfo is None:
        raise Mistake(f"{quoted(text)} has no zone; write it as {read.isoformat()}Z or {read.isoformat()}+01:00")
    return read.astimezone(UTC)


def json_of(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}; name a file that is there") from None
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Mistake(f"{path} cannot be read as JSON: {said}") from None


def quoted(value: Any) -> str:
    """In quotes, on one line and not without end."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[0]}"
