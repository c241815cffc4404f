"""Every template in every language, once with everything known and once with nothing, before the first customer."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError

from activities.channels.render.formats import voice_of
from activities.channels.render.library import FRAME, Library, TemplatesBroken
from activities.channels.render.people import Merchant, Person
from activities.channels.render.told import told
from policies.money import Money
from policies.steps import OtherClaim, Words

_DAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
_DUE = Money(amount_minor=2900, currency="USD")
_NOTHING = Words(due=_DUE)
_EVERYTHING = Words(
    due=_DUE,
    part_paid=True,
    next_attempt_at=_DAY,
    limit_at=_DAY,
    limit_takes=("add_ons",),
    suspend_at=_DAY,
    close_at=_DAY,
    benefits_taken=("add_ons",),
    reinstatement_conditions=("Pay.",),
    offers=("other_card",),
    because="it is a trial",
    others=(OtherClaim(invoice_id="in_2", due=_DUE),),
    on=_DAY,
)
_READERS = (
    (_NOTHING, Person(invoice_id="in_1")),
    (_EVERYTHING, Person(invoice_id="in_1", name="A", segment="b", preferences_url="https://example.com/p")),
)


_MERCHANT = Merchant(name="M", support_email="help@example.com", billing_url="https://example.com/{invoice_id}")


@lru_cache(8)
def tried(folders: tuple[Path, ...], languages: tuple[str, ...]) -> Library:
    """Read once in a process. Raises TemplatesBroken, which names the template and the language, or CatalogBroken."""
    library = Library(folders, languages)
    for language, translation in library.translations.items():
        for words, person in _READERS:
            facts = told("reminder", "email", words, person, _MERCHANT, voice_of(language, {language: translation}))
            _rendered(library, facts, language)
    return library


def _rendered(library: Library, facts: dict[str, Any], language: str) -> None:
    for name in library.names():
        if name == FRAME:
            continue
        try:
            library[name].render(facts)
        except (UndefinedError, LookupError, TypeError, ValueError) as error:
            raise TemplatesBroken(f"{name} in {language}: {type(error).__name__}: {error}") from error
