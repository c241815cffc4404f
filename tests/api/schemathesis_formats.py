"""What the formats of the API's description mean, for schemathesis, which loads this file by its configuration."""

import uuid
from datetime import UTC, datetime
from zoneinfo import available_timezones

import schemathesis
from babel import Locale
from babel.localedata import locale_identifiers
from hypothesis import strategies as st

from activities.store.dead_letters import Place
from policies.money import EXPONENTS

PLACES = [
    Place(now=datetime(2026, 3, day, tzinfo=UTC), impact=10.0**day, id=uuid.UUID(int=day)).text for day in range(1, 9)
]
COUNTRIES = [code for code in Locale("en").territories if len(code) == 2 and code.isalpha()]


def is_one_line(text: str) -> bool:
    return text.isprintable() and bool(text.strip())


schemathesis.openapi.format("one-line", st.text(min_size=1, max_size=60).filter(is_one_line))
schemathesis.openapi.format("place-in-list", st.sampled_from(PLACES))
schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones())))
schemathesis.openapi.format("country", st.sampled_from(sorted(COUNTRIES)))
schemathesis.openapi.format("currency", st.sampled_from(sorted(EXPONENTS)))
schemathesis.openapi.format("locale", st.sampled_from(sorted(locale_identifiers())))
