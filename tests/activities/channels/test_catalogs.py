"""Translations: what is refused, and that plurals follow the language's own rule."""

from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.catalog import Message

from activities.channels.catalogs import CatalogBroken, faults, read
from activities.channels.extract import written

HELLO = "Hello %(name)s,"
COUNTED = ("%(count)s invoice", "%(count)s invoices")
SENTENCES = {HELLO: Message(HELLO), COUNTED[0]: Message(COUNTED)}
FORMS = {"de": ("%(count)s Rechnung", "%(count)s Rechnungen"), "ar": ("0", "1", "2", *["%(count)s"] * 3)}


def po(folder: Path, language: str, hello: str, counted: tuple[str, ...], flags: tuple[str, ...] = ()) -> Path:
    catalog = Catalog(locale=language, fuzzy=False)
    catalog.add(HELLO, hello, flags=flags)
    catalog.add(COUNTED, counted)
    folder.mkdir(exist_ok=True)
    (folder / f"{language}.po").write_text(written(catalog), encoding="utf-8")
    return folder


def test_a_whole_translation_has_no_faults_and_speaks(tmp_path: Path) -> None:
    german = read("de", (po(tmp_path, "de", "Guten Tag %(name)s,", FORMS["de"]),))
    assert not list(faults(german, SENTENCES))
    assert german.gettext(HELLO) == "Guten Tag %(name)s,"
    assert [german.ngettext(*COUNTED, n) for n in (1, 2)] == list(FORMS["de"])


def test_arabic_has_six_forms(tmp_path: Path) -> None:
    forms = ("0", "1", "2", "3-10", "100-102", "11-99")
    arabic = read("ar", (po(tmp_path, "ar", "%(name)s", forms),))
    assert tuple(arabic.ngettext(*COUNTED, n) for n in (0, 1, 2, 5, 100, 11)) == forms


@pytest.mark.parametrize(
    ("hello", "counted", "flags", "fault"),
    [
        ("", FORMS["de"], (), "not translated: 'Hello %(name)s,'"),
        ("Tag %(nam)s,", FORMS["de"], (), "%(nam)s instead of %(name)s in 'Hello"),
        ("Tag,", FORMS["de"], (), "instead of %(name)s"),
        ("Tag %(name)s %(name)s", FORMS["de"], (), "%(name)s %(name)s instead of %(name)s"),
        ("Tag %(name)s, 100 %", FORMS["de"], (), "a single %, write %%"),
        ("Tag %(name)s,", FORMS["de"], ("fuzzy",), "marked fuzzy"),
        ("Tag %(name)s,", ("%(count)s Rechnung", ""), (), "not translated: '%(count)s invoice'"),
        ("Tag %(name)s,", ("eine Rechnung", "%(zahl)s Rechnungen"), (), "%(zahl)s instead of"),
    ],
)
def test_what_a_customer_must_not_meet_is_a_fault(
    tmp_path: Path, hello: str, counted: tuple[str, ...], flags: tuple[str, ...], fault: str
) -> None:
    found = list(faults(read("de", (po(tmp_path, "de", hello, counted, flags),)), SENTENCES))
    assert len(found) == 1
    assert fault in found[0]


def test_a_sentence_that_the_file_does_not_have_is_a_fault(tmp_path: Path) -> None:
    german = read("de", (po(tmp_path, "de", "Tag %(name)s,", FORMS["de"]),))
    assert list(faults(german, SENTENCES | {"New": Message("New")})) == ["de.po: not translated: 'New'"]


def test_one_form_for_a_counted_sentence_is_a_fault(tmp_path: Path) -> None:
    german = read("de", (po(tmp_path, "de", "Tag %(name)s,", FORMS["de"]),))
    assert "one form where" in next(faults(german, {HELLO: Message((HELLO, HELLO))}))


def test_a_later_folder_wins_and_changes_the_digest(tmp_path: Path) -> None:
    shipped = po(tmp_path / "a", "de", "Guten Tag %(name)s,", FORMS["de"])
    own = po(tmp_path / "b", "de", "Hallo %(name)s,", FORMS["de"])
    assert read("de", (shipped, own)).gettext(HELLO) == "Hallo %(name)s,"
    assert read("de", (shipped, own)).digest != read("de", (shipped,)).digest


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_text("what is this", encoding="utf-8")
    with pytest.raises(CatalogBroken, match=r"de\.po cannot be read"):
        read("de", (tmp_path,))
