"""The files that translators work on hold exactly the sentences of the templates."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from activities.channels.catalogs import CONDITIONS, LOCALES
from activities.channels.extract import POT, TRANSLATED, catalog_of, extract, written
from activities.channels.render import SHIPPED
from workers.wiring import read_policies

TEMPLATES = SHIPPED / "templates"


def test_the_sentences_for_translators_are_those_of_the_templates() -> None:
    ours = written(catalog_of(TEMPLATES))
    assert (LOCALES / POT).read_text(encoding="utf-8") == ours, "run python -m activities.channels.extract"


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_language_has_those_sentences_and_no_others(language: str) -> None:
    def ids(name: str) -> list[str]:
        with (LOCALES / name).open("rb") as file:
            return sorted(str(message.id) for message in read_po(file) if message.id)

    assert ids(f"{language}.po") == ids(POT), "run python -m activities.channels.extract"


def test_what_was_translated_stays_and_what_has_changed_is_asked_again(tmp_path: Path) -> None:
    templates, locales = tmp_path / "templates", tmp_path / "locales"
    templates.mkdir()
    (templates / "a.txt.j2").write_text("{% trans %}One {{ due }}{% endtrans %}{% trans %}\nTwo\n  lines{% endtrans %}")
    assert list(extract(templates, locales, ("de",))) == [f"de: 0 sentences translated, {22} left"]
    german = locales / "de.po"
    german.write_text(german.read_text().replace('msgid "Two lines"\nmsgstr ""', 'msgid "Two lines"\nmsgstr "Zwei"'))
    (templates / "a.txt.j2").write_text("{% trans %}One for {{ due }}{% endtrans %}{% trans %}Two lines{% endtrans %}")
    assert list(extract(templates, locales, ("de",))) == [f"de: 1 sentences translated, {21} left"]
    assert 'msgstr "Zwei"' in german.read_text()
    assert "One for %(due)s" in german.read_text()
    assert '"One %(due)s"' not in german.read_text()


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    list(extract(TEMPLATES, tmp_path, ("ar",)))
    before = (tmp_path / "ar.po").read_bytes()
    list(extract(TEMPLATES, tmp_path, ("ar",)))
    assert (tmp_path / "ar.po").read_bytes() == before


def test_the_conditions_of_our_own_policies_are_translated() -> None:
    shipped = {condition for policy in read_policies([]) for condition in policy.reinstatement.conditions}
    assert set(CONDITIONS) == shipped
