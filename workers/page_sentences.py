"""Collects the sentences of the customer's page for translators: `python -m workers.page_sentences`.

Writes `api/pay/locales/messages.pot` and brings every language up to date; what was translated stays.
"""

from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file

import api.pay
from activities.channels.extract import bring_up_to_date, empty_catalog
from workers.customer_page import LOCALES

PAGE = Path(api.pay.__file__).parent
_IN_TEMPLATES = {"trimmed": "true"}


def catalog_of_page() -> Catalog:
    """Sentences of the templates, then those of the code, in the order of the files."""
    catalog = empty_catalog(None)
    found = [(path, extract_from_file("jinja2", str(path), options=_IN_TEMPLATES)) for path in _files("*.html.j2")]
    found += [(path, extract_from_file("python", str(path))) for path in _files("*.py")]
    for path, sentences in found:
        for _, sentence, _, _ in sentences:
            catalog.add(sentence, locations=[(path.name, 0)])
    return catalog


def _files(pattern: str) -> list[Path]:
    return sorted(PAGE.rglob(pattern))


if __name__ == "__main__":
    for line in bring_up_to_date(catalog_of_page(), LOCALES):
        print(line)
