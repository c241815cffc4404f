"""Translations of the templates' sentences, read from `locales/<language>.po`; no compiled files.

`python -m activities.channels.catalogs de` says what is missing or wrong in one language. To add a language: its name
in `extract.TRANSLATED`, run the extraction, translate, then its name in LANGUAGES.
"""

import gettext
import hashlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from jinja2 import Environment

SOURCE = "en"
"""The language of the templates themselves."""

LANGUAGES = ("en", "ar", "de", "es", "fr", "ja", "pt")
"""Languages whose translation is whole. A customer of any other language reads English."""

LOCALES = Path(__file__).parent / "locales"

LABELS = (
    "bonus credits",
    "add-ons",
    "priority support",
    "card",
    "another card",
    "direct debit",
    "wallet",
    "bank transfer",
    "monthly plan",
)
"""Names of benefits and ways to pay that our own policies use."""

CONDITIONS = (
    "Pay the open amount by any method you like.",
    "Your plan, data and settings come back within minutes of the payment.",
    "Pay the open amount by any method you like; everything comes back within minutes of the payment.",
    "Pay the open amount by any method you like; your plan comes back within minutes of a card payment.",
    "Pay the open amount by any method you like; your plan comes back within minutes.",
    "Pay the open amount, or half of it and the rest within the month; everything comes back within minutes.",
    "Pay the open invoice by any method you like; all seats come back within minutes of the payment.",
    "A bank transfer counts as soon as it is booked.",
    "A new direct debit counts once your bank has confirmed it.",
    "If you need a later date, your support contact looks for a way with you.",
    "If you need more time, your support contact looks for a way with you.",
)
"""Sentences in which our own policies say how service comes back."""

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
COUNT = "count"
"""May be left out of a plural form: some languages have a word for "two"."""


class CatalogBroken(ValueError):
    """A translation cannot be used; the text says which sentence and why."""


class Translation:
    """One language's sentences. `digest` changes with any of them."""

    def __init__(self, language: str, catalogs: Sequence[Catalog]) -> None:
        self.language = language
        self.messages: dict[str, Message] = {}
        for catalog in catalogs:
            self.messages |= {_key(message): message for message in catalog if message.id}
        self._spoken = _spoken(catalogs)
        told = "\n".join(f"{key}\t{message.string}" for key, message in sorted(self.messages.items()))
        self.digest = hashlib.sha256(told.encode()).hexdigest()

    def gettext(self, sentence: str) -> str:
        return self._spoken.gettext(sentence)

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self._spoken.ngettext(one, many, count)


def _key(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _spoken(catalogs: Sequence[Catalog]) -> gettext.NullTranslations:
    """Through the format that the standard library reads, with the rule of plurals in the head of the first file."""
    if not catalogs:
        return gettext.NullTranslations()
    first, *later = catalogs
    for message in (message for catalog in later for message in catalog if message.id):
        first.delete(message.id)
        first.add(message.id, message.string, flags=message.flags)
    compiled = io.BytesIO()
    write_mo(compiled, first)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def read(language: str, folders: Sequence[Path]) -> Translation:
    """The language's sentences in all `folders`; a later folder wins. Raises CatalogBroken."""
    paths = [path for folder in folders if (path := folder / f"{language}.po").exists()]
    return Translation(language, [_catalog(path) for path in paths])


def read_whole(language: str, folder: Path) -> Translation:
    """The language's sentences in a folder with a messages.pot. Raises CatalogBroken when one of those is missing."""
    translation = read(language, [folder])
    found = [] if language == SOURCE else list(faults(translation, sentences_in(folder)))
    if found:
        raise CatalogBroken("; ".join(found[:5]) + (f"; and {len(found) - 5} more" if found[5:] else ""))
    return translation


def sentences_in(folder: Path) -> dict[str, Message]:
    with (folder / "messages.pot").open("rb") as file:
        return {_key(message): message for message in read_po(file) if message.id}


def _catalog(path: Path) -> Catalog:
    try:
        with path.open("rb") as file:
            return read_po(file, locale=path.stem, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError) as error:
        raise CatalogBroken(f"{path.name} cannot be read: {error}") from error


def sentences_of(environment: Environment, source: str) -> Iterator[str | tuple[str, str]]:
    """What is marked for translation in a template; a pair: one and many."""
    for _, _, found in environment.extract_translations(source):  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
        texts = [text for text in found if text] if isinstance(found, tuple) else [found]
        yield texts[0] if len(texts) == 1 else (texts[0], texts[1])


def faults(translation: Translation, sentences: dict[str, Message]) -> Iterator[str]:
    """What keeps `translation` from being used for `sentences` (source sentence -> message of the templates)."""
    for key, source in sentences.items():
        message = translation.messages.get(key)
        texts = _texts(message.string) if message else ()
        if message is None or not texts or not all(texts):
            yield f"{translation.language}.po: not translated: {key!r}"
        elif message.fuzzy:
            yield f"{translation.language}.po: marked fuzzy, please check: {key!r}"
        elif _is_plural(source) != _is_plural(message):
            yield f"{translation.language}.po: one form where there are several, or the other way round: {key!r}"
        else:
            yield from (
                f"{translation.language}.po: {fault} in {key!r}" for fault in _placeholder_faults(source, texts)
            )


def _placeholder_faults(source: Message, texts: Sequence[str]) -> Iterator[str]:
    wanted = sorted(PLACEHOLDER.findall(_texts(source.id)[-1]))
    optional = {COUNT} if _is_plural(source) else set()
    for text in texts:
        found = sorted(PLACEHOLDER.findall(text))
        if [name for name in found if name not in optional] != [name for name in wanted if name not in optional]:
            yield f"%({')s %('.join(found)})s instead of %({')s %('.join(wanted)})s"
        if "%" in PLACEHOLDER.sub("", text).replace("%%", ""):
            yield "a single %, write %%"


def _is_plural(message: Message) -> bool:
    return isinstance(message.id, tuple | list)


def _texts(text: object) -> tuple[str, ...]:
    return tuple(str(one or "") for one in text) if isinstance(text, tuple | list) else (str(text or ""),)


def main() -> None:
    language = sys.argv[1]
    found = list(faults(read(language, (LOCALES,)), sentences_in(LOCALES)))
    print("\n".join(found) or f"{language}.po is whole")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
