"""The merchant's brand, their own templates, trials of wordings, and which edition of the words was used."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.channels.render import SHIPPED, Merchant, Person, Renderer, TemplatesBroken
from policies.money import Money
from policies.steps import OtherClaim, Words

ACME = {"name": "Acme", "support_email": "help@acme.example", "billing_url": "https://acme.example/{invoice_id}"}
WORDS = Words(due=Money(amount_minor=2900, currency="USD"))
ANNA = Person(name="Anna", invoice_id="in_1", preferences_url="https://acme.example/p/x")


def html(merchant: Merchant, person: Person = ANNA, words: Words = WORDS) -> str:
    return Renderer(merchant).render("reminder", "email", words, person).html or ""


# --- brand -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["#ffcc00", "#8899aa", "#777777"])
def test_a_colour_that_white_letters_cannot_be_read_on_is_refused_with_its_value_and_a_way_out(colour: str) -> None:
    with pytest.raises(ValidationError, match=rf"colour {colour}: white letters .* choose a darker one, such as #"):
        Merchant.model_validate(ACME | {"colour": colour})


@pytest.mark.parametrize("colour", ["blue", "#12", "#1f4fd8;}", "url(x)"])
def test_a_colour_is_written_in_six_digits(colour: str) -> None:
    with pytest.raises(ValidationError, match="must be written #rrggbb"):
        Merchant.model_validate(ACME | {"colour": colour})


def test_the_darkest_grey_that_just_suffices_is_accepted() -> None:
    assert Merchant.model_validate(ACME | {"colour": "#767676"}).colour == "#767676"


@pytest.mark.parametrize("url", ["http://acme.example/l.png", "javascript:x", 'https://a/"onload=x', "//a/l.png"])
def test_a_logo_comes_over_https_only(url: str) -> None:
    with pytest.raises(ValidationError, match="logo_url must begin with https"):
        Merchant.model_validate(ACME | {"logo_url": url})


def test_the_brand_is_in_the_mail() -> None:
    branded = Merchant.model_validate(ACME | {"logo_url": "https://acme.example/l.png", "colour": "#7A1F5C"})
    page = html(branded)
    assert re.search(r'<img alt="Acme"[^>]* src="https://acme.example/l.png"', page)
    assert "#7a1f5c" in page
    assert "#1f4fd8" not in page
    assert "<img" not in html(Merchant.model_validate(ACME))


def test_a_postal_address_stands_at_the_end_of_text_and_html() -> None:
    merchant = Merchant.model_validate(ACME | {"postal_address": "1 Quay Street, Dover"})
    letter = Renderer(merchant).render("reminder", "email", WORDS, ANNA)
    assert letter.text.split("\n\n")[-2] == "Acme, 1 Quay Street, Dover"
    assert "Acme, 1 Quay Street, Dover" in (letter.html or "")


def test_what_others_wrote_is_text_and_never_markup() -> None:
    merchant = Merchant.model_validate(ACME | {"name": "<script>A & B</script>"})
    other = OtherClaim(invoice_id="</td><mj-raw>x", due=WORDS.due)
    page = html(
        merchant, ANNA.model_copy(update={"name": '"><img src=x>'}), WORDS.model_copy(update={"others": (other,)})
    )
    assert "<script" not in page
    assert "<img" not in page
    assert "mj-raw>x" not in page.replace("&lt;mj-raw&gt;x", "")
    assert "&lt;script&gt;A &amp; B" in page


def test_what_a_list_of_mails_shows_first_names_no_amount_and_no_reason() -> None:
    preview = re.search(r"<body[^>]*><div[^>]*>([^<]*)</div>", html(Merchant.model_validate(ACME)))
    assert preview is not None
    assert preview[1] == "A reminder: please take a look at your payment."


# --- what each channel gets ------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_letter_without_greeting_and_nothing_but_mail_has_html() -> None:
    ours = Renderer(Merchant.model_validate(ACME))
    letter = ours.render("reminder", "email", WORDS, ANNA)
    hook = ours.render("reminder", "webhook", WORDS, ANNA)
    footer = f"Choose how we write to you, or unsubscribe: {ANNA.preferences_url}"
    assert letter.text == f"Hello Anna,\n\n{hook.text}\n\n{footer}"
    for channel in ("sms", "push", "in_app", "webhook"):
        assert ours.render("reminder", channel, WORDS, ANNA).html is None


def test_other_open_invoices_are_counted_and_listed_with_a_total_in_one_currency() -> None:
    ours = Renderer(Merchant.model_validate(ACME))
    dollars = OtherClaim(invoice_id="in_2", due=Money(amount_minor=100, currency="USD"))
    euros = OtherClaim(invoice_id="in_3", due=Money(amount_minor=100, currency="EUR"))
    text = ours.render("warning", "email", WORDS.model_copy(update={"others": (dollars,)}), ANNA).text
    assert "You have 2 open invoices.\n\n- Invoice in_1: $29.00\n- Invoice in_2: $1.00\n- Total: $30.00\n\n" in text
    text = ours.render("warning", "email", WORDS.model_copy(update={"others": (dollars, euros)}), ANNA).text
    assert "- Invoice in_3: €1.00\n\n" in text
    assert "Total" not in text
    text = ours.render("recovered", "email", WORDS.model_copy(update={"others": (dollars,)}), ANNA).text
    assert "You have 1 open invoice.\n\n- Invoice in_2: $1.00\n\n" in text
    assert "Everything is settled" not in text
    text = ours.render("warning", "sms", WORDS.model_copy(update={"others": (dollars,)}), ANNA).text
    assert "You have 2 open invoices." in text
    assert "in_2" not in text


# --- own templates, trials, editions ---------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    return tmp_path


def with_own(own: Path) -> Renderer:
    return Renderer(Merchant.model_validate(ACME), (SHIPPED, own), languages=("en",))


def test_a_merchants_own_template_takes_the_place_of_ours(own: Path) -> None:
    (own / "templates" / "reminder.txt.j2").write_text("Subject: Ours\n\n{{ due }}, please.\n\n{{ link }}\n")
    ours = with_own(own)
    assert ours.render("reminder", "email", WORDS, ANNA).subject == "Ours"
    assert "$29.00, please." in (ours.render("reminder", "email", WORDS, ANNA).html or "")
    assert ours.render("warning", "email", WORDS, ANNA).subject.startswith("Your open payment")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ amout }}", "reminder.txt.j2: unknown variables amout"),
        ("{% for o in others %}{{ o.amout }}{% endfor %}", "reminder.txt.j2 in en: UndefinedError"),
        ("{% include '_frame.mjml.j2' %}", "reminder.txt.j2 in en: UndefinedError"),
    ],
)
def test_a_merchants_own_template_is_checked_like_ours(own: Path, source: str, fault: str) -> None:
    (own / "templates" / "reminder.txt.j2").write_text(f"Subject: x\n\n{source}")
    with pytest.raises(TemplatesBroken, match=re.escape(fault)):
        with_own(own)


def test_a_sentence_of_theirs_must_be_translated_in_each_language_they_ask_for(own: Path) -> None:
    (own / "templates" / "reminder.txt.j2").write_text("Subject: {% trans %}Something new{% endtrans %}\n\nx")
    with pytest.raises(TemplatesBroken, match=r"de\.po: not translated: 'Something new'"):
        Renderer(Merchant.model_validate(ACME), (SHIPPED, own), languages=("de",))


def test_a_wording_under_trial_is_used_where_it_exists(own: Path) -> None:
    (own / "templates" / "reminder.warm.txt.j2").write_text("Subject: Warm\n\nWarm words.\n")
    (own / "templates" / "warning.warm.sms.j2").write_text("{{ merchant }}: warm. STOP\n")
    ours = with_own(own)
    assert ours.has_wording("reminder", "warm")
    assert ours.has_wording("warning", "warm")
    assert not ours.has_wording("closed", "warm")
    assert ours.render("reminder", "email", WORDS, ANNA, "warm").subject == "Warm"
    assert ours.render("reminder", "sms", WORDS, ANNA, "warm").text.startswith("Acme: a reminder")
    assert ours.render("warning", "sms", WORDS, ANNA, "warm").text == "Acme: warm. STOP"
    with pytest.raises(ValueError, match="no wording 'warm' of template 'closed'"):
        ours.render("closed", "email", WORDS, ANNA, "warm")


def test_the_edition_changes_with_anything_that_took_part_and_with_nothing_else(own: Path) -> None:
    before = Renderer(Merchant.model_validate(ACME), languages=("en",))
    (own / "templates" / "_link_and_help.txt.j2").write_text("{{ link }}\n\nHelp: {{ support }}\n")
    after = with_own(own)

    def editions(renderer: Renderer, template: str) -> list[str]:
        return [renderer.render(template, channel, WORDS, ANNA).edition for channel in ("email", "sms")]

    assert all(re.fullmatch("[0-9a-f]{12}", edition) for edition in editions(before, "reminder"))
    assert editions(before, "reminder")[0] != editions(after, "reminder")[0]
    assert editions(before, "handover") == editions(after, "handover")
    assert editions(before, "reminder") == editions(before, "reminder")


def test_each_language_has_its_own_edition_and_who_falls_back_has_the_english_one() -> None:
    ours = Renderer(Merchant.model_validate(ACME))
    editions = {
        locale: ours.render("reminder", "email", WORDS, ANNA.model_copy(update={"locale": locale})).edition
        for locale in ("en_US", "sv_SE", "de_DE", "fr_FR")
    }
    assert editions["sv_SE"] == editions["en_US"]
    assert len(set(editions.values())) == 3
