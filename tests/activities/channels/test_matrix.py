"""Every template in every language and country, with all that may be known or unknown: it reads, it fits, it is whole.

Each language is read on its own, so that a translator can run `-k de_DE` before the others are done.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path

import html5lib
import pytest
from babel.messages.pofile import read_po

from activities.channels.catalogs import LANGUAGES, LOCALES, PLACEHOLDER
from activities.channels.render import PUSH_SUBJECT_MAX, PUSH_TEXT_MAX, Merchant, Person, Rendered, Renderer
from activities.channels.render.formats import day_of, locale_of, money_of
from activities.channels.render.page import COLOURS
from activities.channels.render.people import CONTRAST_MIN, contrast
from activities.channels.render.sms import SEGMENTS_MAX
from activities.channels.sms_segments import segments
from policies.declines import CustomerAction
from policies.document import TEMPLATES
from policies.money import Money
from policies.steps import OtherClaim, Words

PLACES = ["en_US", "en_GB", "de_DE", "de_AT", "fr_FR", "fr_CA", "es_ES", "pt_PT", "pt_BR", "ja_JP", "ar_EG", "sv_SE"]
NOBODYS = "sv_SE"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINK = "https://pay.northwind.example/i/in_1042?from=mail&x=1"
PREFERENCES = "https://pay.northwind.example/p/Zm9vYmFy"
NORTHWIND = Merchant(
    name="Northwind & Sons",
    support_email="help@northwind.example",
    billing_url="https://pay.northwind.example/i/{invoice_id}?from=mail&x=1",
    logo_url="https://northwind.example/logo.png",
    postal_address="1 Quay Street, Dover",
)
EUROS = Money(amount_minor=123456, currency="EUR")
OTHERS = (
    OtherClaim(invoice_id="in_2001", due=Money(amount_minor=700, currency="EUR")),
    OtherClaim(invoice_id="in_2002", due=Money(amount_minor=900, currency="EUR")),
)
NOTHING = Words(due=EUROS)
EVERYTHING = Words(
    due=EUROS,
    next_attempt_at=NOON + timedelta(days=3),
    limit_at=NOON + timedelta(days=8),
    limit_takes=("bonus_credits", "add_ons"),
    suspend_at=NOON + timedelta(days=14),
    close_at=NOON + timedelta(days=30),
    benefits_taken=("bonus_credits",),
    reinstatement_conditions=("<b>1 & 2</b>",),
    offers=("bank_transfer", "other_card"),
    on=NOON + timedelta(days=5),
)
REASONS = (
    "The payment method we have on file cannot be used for this payment.",
    "There was not enough money available for the payment at that moment.",
    "Your bank did not approve the payment, and banks do not tell us why.",
    "Your bank would like you to confirm this payment yourself.",
    "Confirming takes about a minute, on the page below.",
)
HIDDEN = "display:none"
every_text = [
    pytest.param(template, place, id=f"{template}-{place}") for template in sorted(TEMPLATES) for place in PLACES
]


@lru_cache
def renderer(place: str) -> Renderer:
    return Renderer(NORTHWIND, languages=("en",) if place == NOBODYS else (place[:2],))


@lru_cache
def sentences() -> tuple[str, ...]:
    with (LOCALES / "messages.pot").open("rb") as file:
        ids = [message.id for message in read_po(file) if message.id]
    return tuple(one for message in ids for one in (message if isinstance(message, tuple | list) else (message,)))


def anna(place: str, segment: str = "self_serve") -> Person:
    return Person(name="Anna <i>", locale=place, invoice_id="in_1042", segment=segment, preferences_url=PREFERENCES)


def all_words(template: str) -> Iterator[Words]:
    for known, action, generic, others, part_paid in product(
        (NOTHING, EVERYTHING), CustomerAction, (False, True), ((), OTHERS), {False, template == "reinstated"}
    ):
        yield known.model_copy(
            update={"customer_action": action, "generic": generic, "others": others, "part_paid": part_paid}
        )


def few_words() -> Iterator[Words]:
    yield NOTHING
    yield EVERYTHING.model_copy(update={"others": OTHERS, "customer_action": CustomerAction.WAIT_FUNDS})
    yield EVERYTHING.model_copy(update={"generic": True, "part_paid": True})


def plain(text: str) -> str:
    """Without the marks that isolate directions, and with one kind of space."""
    return " ".join(re.sub("[\u2066-\u2069\u200e\u200f]", "", text).split())


# --- all that may be known -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("template", "place"), every_text)
def test_each_combination_of_facts_makes_a_text_that_reads_and_fits(template: str, place: str) -> None:
    ours = renderer(place)
    reasons = [] if place == NOBODYS else _spoken(ours, place, REASONS)
    for words in all_words(template):
        for channel in ("sms", "push", "in_app", "webhook"):
            rendered = ours.render(template, channel, words, anna(place))
            assert not re.search(r"None|\{\{|\{%|%\(|  |\n\n\n|\(\)", rendered.text), rendered.text
            assert rendered.text.strip() == rendered.text != ""
            if words.generic:
                assert not [reason for reason in reasons if reason in rendered.text]
            if channel == "sms":
                _is_a_text_message(rendered, template)
            if channel == "push":
                _tells_a_lock_screen_nothing(rendered)


def _spoken(ours: Renderer, place: str, english: tuple[str, ...]) -> list[str]:
    translation = ours.translation(place)
    return [translation.gettext(sentence) for sentence in english]


def _is_a_text_message(rendered: Rendered, template: str) -> None:
    assert segments(rendered.text).count <= SEGMENTS_MAX, rendered.text
    assert "STOP" in rendered.text
    assert plain(rendered.text).startswith("Northwind & Sons: ")
    assert "\n" not in rendered.text
    if template != "handover":
        assert not re.search("[.,]234|[.,]56", rendered.text)


def _tells_a_lock_screen_nothing(rendered: Rendered) -> None:
    assert len(rendered.subject) <= PUSH_SUBJECT_MAX
    assert len(rendered.text) <= PUSH_TEXT_MAX, rendered.text
    assert not re.search(r"EUR|€|Anna|in_\d|56|https", f"{rendered.subject} {rendered.text}")


# --- e-mail: text and HTML -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("template", "place"), every_text)
def test_the_html_of_an_email_is_valid_and_says_what_its_text_says(template: str, place: str) -> None:
    for words in few_words():
        rendered = renderer(place).render(template, "email", words, anna(place))
        html = rendered.html or ""
        tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
        assert len(html.encode()) < 100_000
        assert tree.get("lang") == rendered.locale.replace("_", "-")
        assert tree.get("dir") == rendered.direction == ("rtl" if place.startswith("ar") else "ltr")
        assert rendered.fell_back is (place == NOBODYS)
        links = [a.get("href") for a in tree.iter("a")]
        assert (LINK in links) == (LINK in rendered.text)
        assert PREFERENCES in links
        assert rendered.text.endswith(PREFERENCES)
        _says_the_same(tree, rendered)
        _can_be_read(tree, "#000000", "#ffffff")


def _says_the_same(tree: ElementTree.Element, rendered: Rendered) -> None:
    body = tree.find("body")
    assert body is not None
    shown = plain("".join(_visible(body)))
    for line in rendered.text.split("\n"):
        said = plain(line.removeprefix("- "))
        if said == LINK:
            continue
        assert said in shown, f"missing in HTML: {said}"
        shown = shown.replace(said, " ", 1)
    # What is left: the button's label, and the merchant's address in the footer.
    assert not re.search(r"in_\d|EUR|€|2026|1[.,]234", shown), shown
    assert "Anna" not in shown


def _visible(element: ElementTree.Element) -> Iterator[str]:
    if not isinstance(element.tag, str) or HIDDEN in element.get("style", ""):
        return
    yield element.text or ""
    for child in element:
        yield from _visible(child)
        yield child.tail or ""
    # Only blocks separate words.
    yield "" if element.tag == "a" else " "


def _can_be_read(element: ElementTree.Element, ink: str, ground: str) -> None:
    if not isinstance(element.tag, str) or HIDDEN in element.get("style", ""):
        return
    style = element.get("style", "")
    ink = (re.findall(r"(?<![-\w])color:(#[0-9a-f]{6})", style) or [ink])[-1]
    ground = (re.findall(r"background(?:-color)?:(#[0-9a-f]{6})", style) or [ground])[-1]
    if (element.text or "").strip() and element.tag not in ("style", "title"):
        assert contrast(ink, ground) >= CONTRAST_MIN, (ink, ground, element.text)
    for child in element:
        _can_be_read(child, ink, ground)


@pytest.mark.parametrize("place", PLACES)
def test_amounts_and_days_are_written_as_people_there_write_them(place: str) -> None:
    locale = locale_of(place if place != NOBODYS else "en_SE")
    assert locale is not None
    words = EVERYTHING.model_copy(update={"others": OTHERS})
    text = renderer(place).render("warning", "email", words, anna(place)).text
    total = Money(amount_minor=123456 + 700 + 900, currency="EUR")
    for fact in (
        money_of(EUROS, locale),
        money_of(total, locale),
        *(money_of(other.due, locale) for other in OTHERS),
        *(other.invoice_id for other in OTHERS),
        day_of(NOON + timedelta(days=14), "UTC", locale),
    ):
        assert plain(fact) in plain(text)


def test_every_pair_of_colours_for_dark_mode_can_be_read() -> None:
    for ground in ("dark_paper", "dark_desk"):
        assert contrast(COLOURS["dark_ink"], COLOURS[ground]) >= 7
    for ink, ground in (("ink", "paper"), ("small_ink", "desk")):
        assert contrast(COLOURS[ink], COLOURS[ground]) >= 7


# --- languages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [place for place in PLACES if not place.startswith(("en", NOBODYS[:2]))])
def test_no_english_is_left(place: str) -> None:
    english = [piece.strip() for one in sentences() for piece in PLACEHOLDER.split(one)[::2]]
    english = [piece for piece in english if len(piece) > 15]
    assert len(english) > 100
    for template in sorted(TEMPLATES):
        for channel, words in product(("email", "sms", "push", "in_app"), few_words()):
            rendered = renderer(place).render(template, channel, words, anna(place))
            left = [piece for piece in english if piece in f"{rendered.subject} {rendered.text} {rendered.html}"]
            assert not left, f"{template}, {channel}: {left}"


def test_who_speaks_none_of_our_languages_reads_english_in_the_order_of_their_country() -> None:
    rendered = renderer(NOBODYS).render("reminder", "email", EVERYTHING, anna(NOBODYS))
    assert (rendered.locale, rendered.fell_back) == ("en_SE", True)
    assert rendered.subject == "Your payment to Northwind & Sons is still open"
    assert not renderer("en_GB").render("reminder", "email", EVERYTHING, anna("en_GB")).fell_back


def test_in_arabic_an_invoice_and_an_amount_keep_their_own_direction() -> None:
    ours = renderer("ar_EG")
    for channel in ("email", "in_app"):
        text = ours.render("instalment_due", channel, NOTHING, anna("ar_EG")).text
        assert "\u2068in_1042\u2069" in text
        assert re.search("\u2068[^\u2069]*1,234.56[^\u2069]*\u2069", text)
        assert text.count("\u2068") == text.count("\u2069")
    assert "\u2068" not in (renderer("en_US").render("reminder", "email", NOTHING, anna("en_US")).text)


def test_every_language_that_has_a_file_is_spoken() -> None:
    assert {path.stem for path in Path(LOCALES).glob("*.po")} | {"en"} == set(LANGUAGES)
