"""Collects the sentences of the templates for translators: `python -m activities.channels.extract`.

Writes `locales/messages.pot` and brings every `locales/<language>.po` up to date. What was translated stays; a sentence
that has changed is empty again, and nobody guesses a translation from a similar one.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment

from activities.channels.catalogs import CONDITIONS, LABELS, sentences_of

HERE = Path(__file__).parent
POT = "messages.pot"
TRANSLATED = ("ar", "de", "es", "fr", "ja", "pt")
"""Languages that get a file; English is the language of the templates."""

# Not the time of the run, so that a run which finds nothing new changes no file.
_WRITTEN_AT = datetime(2026, 11, 25, tzinfo=UTC)


def catalog_of(folder: Path) -> Catalog:
    """Every sentence of the templates in `folder`, in the order of the files."""
    catalog = empty_catalog(None)
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.policies["ext.i18n.trimmed"] = True
    for path in sorted(folder.glob("*.j2")):
        for sentence in sentences_of(environment, path.read_text(encoding="utf-8")):
            catalog.add(sentence, locations=[(path.name, 0)])
    for label in LABELS:
        catalog.add(label, locations=[("names of benefits and ways to pay", 0)])
    for condition in CONDITIONS:
        catalog.add(condition, locations=[("how service comes back, from our own policies", 0)])
    return catalog


def empty_catalog(language: str | None) -> Catalog:
    return Catalog(
        locale=language,
        header_comment="# What customers read. Part of Recoup, under the same licence.",
        project="Recoup",
        version="1",
        creation_date=_WRITTEN_AT,
        revision_date=_WRITTEN_AT,
        last_translator="Recoup",
        language_team="Recoup",
        fuzzy=False,
    )


def written(catalog: Catalog) -> str:
    text = io.BytesIO()
    write_po(text, catalog, width=100, include_lineno=False, ignore_obsolete=True, omit_header=False)
    return text.getvalue().decode()


def updated(template: Catalog, path: Path) -> Catalog:
    """The translation in `path`, or an empty one, with exactly the sentences of `template`."""
    if not path.exists():
        path.write_text(written(empty_catalog(path.stem)), encoding="utf-8")
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    return catalog


def extract(templates: Path, locales: Path, languages: tuple[str, ...] = TRANSLATED) -> Iterator[str]:
    """Writes the files and tells, a line for each, what is left to translate."""
    yield from bring_up_to_date(catalog_of(templates), locales, languages)


def bring_up_to_date(template: Catalog, locales: Path, languages: tuple[str, ...] = TRANSLATED) -> Iterator[str]:
    """Every language gets exactly the sentences of `template`."""
    locales.mkdir(exist_ok=True)
    (locales / POT).write_text(written(template), encoding="utf-8")
    for language in languages:
        path = locales / f"{language}.po"
        catalog = updated(template, path)
        path.write_text(written(catalog), encoding="utf-8")
        left = [message.id for message in catalog if message.id and not all(_texts(message.string))]
        yield f"{language}: {len(catalog) - len(left)} sentences translated, {len(left)} left"


def _texts(string: object) -> tuple[str, ...]:
    return tuple(str(text or "") for text in string) if isinstance(string, tuple | list) else (str(string or ""),)


def main() -> None:
    for line in extract(HERE / "templates", HERE / "locales"):
        print(line)


if __name__ == "__main__":
    main()
