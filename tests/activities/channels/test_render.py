"""What customers read, in every combination of what may be known and what may not."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.channels.catalogs import read
from activities.channels.render import SHIPPED, Merchant, Person, Rendered, Renderer, TemplatesBroken
from activities.channels.render.formats import day_of, money_of, voice_of
from activities.channels.render.sms import SMS_LENGTH_MAX
from policies.channels import CHANNELS
from policies.declines import Category, CustomerAction
from policies.document import TEMPLATES
from policies.money import EXPONENTS, Money
from policies.steps import Words

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NORTHWIND = Merchant(
    name="Northwind",
    support_email="help@northwind.example",
    billing_url="https://pay.northwind.example/i/{invoice_id}",
)
ANNA = Person(name="Anna", locale="en_US", zone="America/New_York", invoice_id="in_1042", segment="self_serve")
RENDERER = Renderer(NORTHWIND)
FOLDER = SHIPPED / "templates"


def day(n: int) -> datetime:
    return NOON + timedelta(days=n)


def dollars(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


TRANSLATIONS = {"en": read("en", ())}

EVERYTHING_KNOWN = Words(
    due=dollars(2900),
    customer_action=CustomerAction.WAIT_FUNDS,
    next_attempt_at=day(3),
    limit_at=day(8),
    limit_takes=("bonus_credits", "add_ons"),
    suspend_at=day(14),
    close_at=day(30),
    benefits_taken=("bonus_credits", "add_ons"),
    reinstatement_conditions=("Pay the open amount by any method you like.", "Your data comes back within minutes."),
    offers=("bank_transfer", "other_card"),
    because="the policy brings in a person 3 days after the failure",
)
NOTHING_KNOWN = Words(due=dollars(2900))


def email(template: str, words: Words, person: Person = ANNA) -> Rendered:
    return RENDERER.render(template, "email", words, person)


# --- every combination -----------------------------------------------------------------------------------------------

names = st.none() | st.sampled_from(["Anna", "  ", "J\u00f6rg  van der\tBerg", "\u5c71\u7530", "x" * 300])
times = st.none() | st.integers(0, 90).map(day)
people = st.builds(
    Person,
    name=names,
    # Who reads English; the other languages are tried in test_matrix.py.
    locale=st.sampled_from(["en_US", "en-GB", "en_ZA", "hi_IN", "sv_SE", "", "no such"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"]),
    invoice_id=st.sampled_from(["in_1042", "2026-000117", "a:b.c"]),
    segment=st.sampled_from(["", "self_serve", "enterprise"]),
    support_contact=st.sampled_from([None, "", "Jo Field", "jo@northwind.example"]),
)
benefits = st.lists(st.sampled_from(["bonus_credits", "add_ons", "priority_support"]), unique=True).map(tuple)
all_words = st.builds(
    Words,
    due=st.builds(Money, amount_minor=st.integers(0, 10**9), currency=st.sampled_from(sorted(EXPONENTS))),
    customer_action=st.sampled_from(CustomerAction),
    generic=st.booleans(),
    next_attempt_at=times,
    limit_at=times,
    limit_takes=benefits,
    suspend_at=times,
    close_at=times,
    benefits_taken=benefits,
    reinstatement_conditions=st.lists(st.just("Pay the open amount  by any\nmethod you like."), max_size=2).map(tuple),
    offers=st.lists(st.sampled_from(["bank_transfer", "other_card", "paypal"]), unique=True).map(tuple),
    because=st.sampled_from(["", "the policy brings in a person 3 days after the failure"]),
)
templates = st.sampled_from(sorted(TEMPLATES))
channels = st.sampled_from(CHANNELS)

# The words of a category and of a gateway's code; none of them is a word of ours.
TELLTALE = re.compile("lost|stolen|fraud|suspect|disput|deceas|declin|insufficient|not enough|expired|honou?r|bank did")


@given(templates, channels, all_words, people)
def test_every_text_reads_as_if_a_person_had_written_it(
    template: str, channel: str, words: Words, person: Person
) -> None:
    rendered = RENDERER.render(template, channel, words, person)
    assert rendered.subject
    assert "\n" not in rendered.subject
    for text in (rendered.subject, rendered.text):
        assert text == text.strip()
        assert not re.search(r"None|\{\{|\}\}|\{%|  |\n\n\n|_at\b|[ \t]\n|\n[ \t]| [.,;:]|\(\)|\.\.(?!\.)", text), text
        # A sentence never runs into the next one, and no list is announced that does not follow.
        assert not re.search(r"[a-z]\.[A-Z]", text), text
        assert not re.search(r":\n\n(?!- )", text), text
    assert rendered.text.endswith((".", "team", "in_1042", "2026-000117", "a%3Ab.c")), rendered.text


@given(templates, channels, all_words, people)
def test_a_generic_message_never_tells_the_reason(template: str, channel: str, words: Words, person: Person) -> None:
    rendered = RENDERER.render(template, channel, words.model_copy(update={"generic": True}), person)
    assert not TELLTALE.search(f"{rendered.subject} {rendered.text}".lower())


@given(templates, all_words, people)
def test_generic_messages_are_the_same_whatever_the_reason_was(template: str, words: Words, person: Person) -> None:
    texts = {
        email(template, words.model_copy(update={"generic": True, "customer_action": action}), person).text
        for action in CustomerAction
    }
    assert len(texts) == 1


@given(templates, all_words, people)
def test_a_text_message_is_short_and_says_who_speaks_and_how_to_stop_it(
    template: str, words: Words, person: Person
) -> None:
    text = RENDERER.render(template, "sms", words, person).text
    assert len(text) <= SMS_LENGTH_MAX
    assert text.startswith("Northwind: ")
    assert text.endswith("Reply STOP to opt out.")
    assert "\n" not in text


@given(templates, channels, all_words, people)
def test_no_category_is_ever_named(template: str, channel: str, words: Words, person: Person) -> None:
    rendered = RENDERER.render(template, channel, words, person)
    whole = f"{rendered.subject} {rendered.text}"
    assert not [c for c in Category if "_" in c.value and c.value in whole]


@given(templates, channels, all_words, people)
def test_nothing_threatens_hurries_or_sells(template: str, channel: str, words: Words, person: Person) -> None:
    rendered = RENDERER.render(template, channel, words, person)
    whole = f"{rendered.subject} {rendered.text}".lower()
    assert not re.search(r"!|urgent|immediately|last chance|act now|legal|collection agency|discount|upgrade", whole)


@pytest.mark.parametrize("template", ["payment_failed", "reminder", "final_notice", "limited", "suspended", "offer"])
def test_customer_emails_say_amount_invoice_dates_link_and_a_human_contact(template: str) -> None:
    text = email(template, EVERYTHING_KNOWN).text
    for part in ("$29.00", "in_1042", "Wednesday, November 25, 2026", "Tuesday, December 22, 2026"):
        assert part in text
    assert "https://pay.northwind.example/i/in_1042" in text
    assert "Write to help@northwind.example" in text


# --- single texts ----------------------------------------------------------------------------------------------------


def test_the_first_message_in_full() -> None:
    letter = email("payment_failed", EVERYTHING_KNOWN)
    assert (letter.subject, letter.text) == (
        "Your payment to Northwind did not go through",
        """Hello Anna,

We tried to collect $29.00 for invoice in_1042, and the payment did not go through. These things happen, and your \
service continues as usual for now.

There was not enough money available for the payment at that moment. We will try again on Wednesday, November 25, \
2026. If there is enough by then, you need not do anything; you can also choose another way to pay on the page below.

If the amount stays open, this is what happens and when:

- Monday, November 30, 2026: extras are paused (bonus credits and add-ons). The rest of your plan keeps working.
- Sunday, December 6, 2026: your service is paused. Your data is kept.
- Tuesday, December 22, 2026: we stop trying to collect the payment.

https://pay.northwind.example/i/in_1042

Do you have a question, or is something not right? Write to help@northwind.example; a person will answer.

Kind regards,

The Northwind team""",
    )


def test_the_first_message_when_nothing_is_known_yet() -> None:
    assert email("payment_failed", NOTHING_KNOWN, ANNA.model_copy(update={"name": None})).text.split("\n\n")[:4] == [
        "Hello,",
        "We tried to collect $29.00 for invoice in_1042, and the payment did not go through.",
        "You can pay on the page below, in the way that suits you.",
        "https://pay.northwind.example/i/in_1042",
    ]


def test_suspension_names_each_condition_on_a_line_and_says_that_data_is_kept() -> None:
    text = email("suspended", EVERYTHING_KNOWN).text
    assert "\n- Pay the open amount by any method you like.\n- Your data comes back within minutes.\n" in text
    assert "Your data and settings are kept safe." in text


def test_a_limit_names_what_was_taken_and_what_still_works() -> None:
    text = email("limited", EVERYTHING_KNOWN).text
    assert "we have paused these extras: bonus credits and add-ons." in text
    assert "Everything else keeps working as before" in text


def test_the_last_text_message_names_the_next_consequence_and_its_day() -> None:
    def sms(words: Words) -> str:
        return RENDERER.render("final_notice", "sms", words, ANNA).text

    assert "your service is paused on Sun, Dec 6." in sms(EVERYTHING_KNOWN)
    suspended = EVERYTHING_KNOWN.model_copy(update={"suspend_at": None})
    assert "your subscription is closed on Tue, Dec 22." in sms(suspended)


def test_text_messages_name_no_amount_that_a_lock_screen_would_show() -> None:
    for template in ("payment_failed", "reminder", "final_notice", "offer", "limited", "suspended"):
        assert "29" not in RENDERER.render(template, "sms", EVERYTHING_KNOWN, ANNA).text


def test_without_a_text_variant_the_first_paragraph_speaks() -> None:
    assert RENDERER.render("reinstated", "sms", NOTHING_KNOWN, ANNA).text.startswith(
        "Northwind: Your payment for invoice in_1042 has arrived, thank you."
    )
    assert RENDERER.render("reinstated", "in_app", NOTHING_KNOWN, ANNA).text.startswith("Your payment for invoice")


def test_a_long_first_paragraph_is_shortened_for_a_text_message() -> None:
    words = NOTHING_KNOWN.model_copy(update={"because": "so it is " * 60})
    text = RENDERER.render("handover", "sms", words, ANNA).text
    assert len(text) <= SMS_LENGTH_MAX
    assert text.endswith(" ... Reply STOP to opt out.")


def test_thanks_name_no_open_amount() -> None:
    for template in ("reinstated", "recovered"):
        assert "$" not in email(template, EVERYTHING_KNOWN).text


def test_who_paid_a_part_hears_that_service_is_back_and_what_is_left_to_pay() -> None:
    part = NOTHING_KNOWN.model_copy(update={"part_paid": True})
    letter = email("reinstated", part).text
    assert "Your part payment for invoice in_1042 has arrived" in letter
    assert f"{money_of(part.due, Locale.parse(ANNA.locale))} is left to pay. You can pay it on the page below" in letter
    assert "nothing left for you to do" not in letter
    assert (
        "We will try to collect it on"
        in email("reinstated", EVERYTHING_KNOWN.model_copy(update={"part_paid": True})).text
    )
    text = RENDERER.render("reinstated", "sms", part, ANNA).text
    assert "the rest of the invoice is still open. Reply STOP" in text
    assert "29" not in text


def test_a_handover_names_the_case_and_the_reason_but_not_the_customer() -> None:
    rendered = email("handover", EVERYTHING_KNOWN)
    assert "in_1042" in rendered.subject
    assert "Reason: the policy brings in a person 3 days after the failure." in rendered.text
    assert "Anna" not in rendered.text


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (CustomerAction.UPDATE_METHOD, "Please add a new one on the page below"),
        (CustomerAction.WAIT_FUNDS, "There was not enough money available"),
        (CustomerAction.CONTACT_BANK, "A short call to your bank often settles it"),
        (CustomerAction.AUTHENTICATE, "Your bank would like you to confirm this payment yourself."),
        (CustomerAction.NONE, "You can pay on the page below"),
    ],
)
def test_what_the_customer_can_do_is_said(action: CustomerAction, sentence: str) -> None:
    assert sentence in email("reminder", NOTHING_KNOWN.model_copy(update={"customer_action": action})).text


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        (None, "Write to help@northwind.example;"),
        ("jo@northwind.example", "Write to jo@northwind.example;"),
        ("Jo Field", "Write to Jo Field (help@northwind.example);"),
    ],
)
def test_a_named_contact_goes_before_the_general_address(contact: str | None, said: str) -> None:
    assert said in email("reminder", NOTHING_KNOWN, ANNA.model_copy(update={"support_contact": contact})).text


# --- people and places -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount_minor", "currency", "locale", "written"),
    [
        (1050, "EUR", "de_DE", "10,50\u00a0\u20ac"),
        (1050, "EUR", "en_US", "\u20ac10.50"),
        (1050, "JPY", "ja_JP", "\uffe51,050"),
        (1050, "JPY", "en_US", "\u00a51,050"),
        (1050, "KWD", "en_US", "KWD\u00a01.050"),
        (1050, "MGA", "en_US", "MGA\u00a010.50"),
        (123456789, "INR", "hi_IN", "\u20b912,34,567.89"),
        (10500, "CLF", "en", "CLF\u00a01.0500"),
    ],
)
def test_money_is_written_as_people_there_write_it(amount_minor: int, currency: str, locale: str, written: str) -> None:
    ours = money_of(Money(amount_minor=amount_minor, currency=currency), Locale.parse(locale))
    assert ours.replace("\u00a0", "") == written.replace("\u00a0", "")


@pytest.mark.parametrize(
    ("locale", "zone", "written"),
    [
        ("en_US", "UTC", "Sunday, November 22, 2026"),
        ("en_US", "Pacific/Auckland", "Monday, November 23, 2026"),
        ("en_GB", "UTC", "Sunday, 22 November 2026"),
        ("hi_IN", "UTC", "Sunday, 22 November 2026"),
        ("xx_DE", "UTC", "Sunday, November 22, 2026"),
    ],
)
def test_days_are_the_customers_own_days(locale: str, zone: str, written: str) -> None:
    assert day_of(NOON, zone, voice_of(locale, TRANSLATIONS).locale) == written


@given(st.text(max_size=120))
def test_a_name_adds_no_line_to_the_letter_and_no_header(name: str) -> None:
    ordinary = email("reminder", EVERYTHING_KNOWN)
    odd = email("reminder", EVERYTHING_KNOWN, ANNA.model_copy(update={"name": name}))
    assert odd.subject == ordinary.subject
    assert odd.text.splitlines()[1:] == ordinary.text.splitlines()[1:]


def test_line_breaks_in_a_merchants_name_reach_no_subject() -> None:
    merchant = NORTHWIND.model_copy(update={"name": Merchant(**NORTHWIND.model_dump() | {"name": "A\r\nBcc: x"}).name})
    assert (
        Renderer(merchant)
        .render("recovered", "email", NOTHING_KNOWN, ANNA)
        .subject.startswith("Your payment to A Bcc: x has arrived")
    )


def test_an_invoice_id_is_quoted_in_the_link() -> None:
    person = ANNA.model_copy(update={"invoice_id": "a b/c"})
    assert "https://pay.northwind.example/i/a%20b%2Fc" in email("reminder", NOTHING_KNOWN, person).text


# --- refused at the door ---------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "templates"))


def built(copied: Path) -> Renderer:
    return Renderer(NORTHWIND, (copied.parent,), languages=("en",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("reminder.txt.j2", "Subject: x\n\n{{ amout }}", "reminder.txt.j2: unknown variables amout"),
        ("reminder.sms.j2", "{% if generic %}{{ words.due }}{% endif %}", "reminder.sms.j2: unknown variables words"),
        ("reminder.txt.j2", "Subject: x\n\n{% if %}", "reminder.txt.j2:3: Expected an expression"),
        ("reminder.txt.j2", "Subject: x\n\n{{ due | shout }}", "reminder.txt.j2:3: No filter named 'shout'"),
        ("reminder.txt.j2", "Hello", "reminder.txt.j2:1: the first line must be"),
        ("reminder.txt.j2", "Subject: x\n\n{% include '_gone.txt.j2' %}", "reminder.txt.j2: includes _gone.txt.j2"),
    ],
)
def test_a_broken_template_stops_the_worker_at_start(copied: Path, name: str, text: str, message: str) -> None:
    (copied / name).write_text(text, encoding="utf-8")
    with pytest.raises(TemplatesBroken, match=re.escape(message)):
        built(copied)


@pytest.mark.parametrize("name", [*(f"{template}.txt.j2" for template in sorted(TEMPLATES)), "_first_paragraph.sms.j2"])
def test_a_missing_template_stops_the_worker_at_start(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(TemplatesBroken, match=re.escape(f"missing in templates: {name}")):
        built(copied)


def test_a_merchant_without_a_place_for_the_invoice_is_refused() -> None:
    with pytest.raises(ValidationError, match="billing_url must contain"):
        Merchant(name="Northwind", support_email="help@northwind.example", billing_url="https://pay.example/")


def test_an_unknown_template_or_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="no template 'welcome' for channel 'email'"):
        RENDERER.render("welcome", "email", NOTHING_KNOWN, ANNA)
    with pytest.raises(ValueError, match="no template 'reminder' for channel 'fax'"):
        RENDERER.render("reminder", "fax", NOTHING_KNOWN, ANNA)


def test_every_template_is_used() -> None:
    """Each file is what a policy may name on some channel, or is included by one that is."""
    included = set(re.findall(r'include "([^"]+)"', "".join(p.read_text(encoding="utf-8") for p in FOLDER.iterdir())))
    by_name = {f"{t}.{kind}.j2" for t in TEMPLATES for kind in ("txt", *(c for c in CHANNELS if c != "email"))}
    files = {path.name for path in FOLDER.iterdir()}
    assert files <= by_name | included | {
        "_first_paragraph.sms.j2",
        "_footer.txt.j2",
        "_button.txt.j2",
        "_frame.mjml.j2",
    }
    assert included <= files
