"""The words a customer reads: a template, the facts of `Words`, and the person's own way to write money and dates.

Decides nothing; what may be said stands in `policies/words.py`. All templates are read and checked when a Renderer is
built, so that a misspelt variable stops the worker and never meets a customer. To add one: its name in
`policies.document.TEMPLATES`, `templates/<name>.txt.j2`, and `.sms.j2` or `.in_app.j2` where shorter is better.

A template's lines flow into paragraphs; a line that starts with `- ` stays a line of its own. The words are English, so
dates are English in the order of the person's country; money is written as in the person's locale.
"""

import re
import textwrap
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment
from pydantic import AfterValidator, Field

from policies.base import Record
from policies.document import TEMPLATES
from policies.channels import CHANNELS
from policies.money import EXPONENTS, Money
from policies.steps import Words

FOLDER = Path(__file__).parent / "templates"
LANGUAGE = "en"

SMS_LENGTH_MAX = 320
"""Two parts of a concatenated message: longer ones are paid for again and read less."""

NAME_LENGTH_MAX = 80

VARIABLES = frozenset(
    """channel name invoice_id segment link merchant support due customer_action generic part_paid next_attempt_on
    limit_on limit_takes suspend_on close_on benefits_taken conditions offers because first_paragraph others open_count total on is_open
    postal_address preferences_url gettext ngettext _""".split()
)
"""All that a template may name: texts, apart from the lists `conditions` and `offers`. What is not known is empty."""

WORDING = {"add_ons": "add-ons", "other_card": "another card"}
"""Names of benefits and offers that do not read well with their underscores taken away."""


class TemplatesBroken(ValueError):
    """The templates cannot be used; the text says which and why."""


def _one_line(text: str) -> str:
    """No line breaks or control characters, so that a name can add no header and no paragraph. Joiners stay, for the
    scripts that need them."""
    visible = (c if c in "\u200c\u200d" or unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return " ".join("".join(visible).split())


def _with_invoice(url: str) -> str:
    if "{invoice_id}" not in url:
        raise ValueError("billing_url must contain {invoice_id}")
    return url


OneLine = Annotated[str, AfterValidator(_one_line)]


class Merchant(Record):
    """Who speaks. The place of the invoice in `billing_url` is written `{invoice_id}`."""

    name: Annotated[OneLine, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
    support_email: OneLine
    billing_url: Annotated[OneLine, AfterValidator(_with_invoice)]


class Person(Record):
    """Who reads. `support_contact`: the person at the merchant who looks after this customer."""

    name: str | None = None
    locale: str = "en_US"
    zone: str = "UTC"
    invoice_id: str
    segment: str = ""
    support_contact: str | None = None
    support_contact_email: str | None = None
    preferences_url: str | None = None


class Rendered(Record):
    subject: str
    text: str
    html: str | None = None
    locale: str = "en"
    direction: Literal["ltr", "rtl"] = "ltr"
    fell_back: bool = False
    edition: str = ""


class Renderer:
    """Raises TemplatesBroken when a template is missing or names something that does not exist."""

    def __init__(self, merchant: Merchant, folder: Path = FOLDER) -> None:
        self._merchant, self._folder = merchant, folder
        # Plain text, nothing to escape; what is inserted is made harmless by `_one_line`.
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
        names = self._environment.list_templates()
        self._templates = {name: self._checked(name, frozenset(names)) for name in names}
        missing = {f"{name}.txt.j2" for name in TEMPLATES} | {"_first_paragraph.sms.j2"}
        if missing - self._templates.keys():
            raise TemplatesBroken(f"missing in {folder.name}: {', '.join(sorted(missing - self._templates.keys()))}")

    def link_of(self, person: Person) -> str:
        """Where the person can act."""
        return self._merchant.billing_url.replace("{invoice_id}", quote(person.invoice_id, safe=""))

    def render(
        self, template: str, channel: str, words: Words, person: Person, wording: str | None = None
    ) -> Rendered:
        """`template` is one of TEMPLATES, `channel` one of CHANNELS."""
        if template not in TEMPLATES or channel not in CHANNELS:
            raise ValueError(f"there is no template {template!r} for channel {channel!r}")
        told = _told(channel, words, person, self._merchant)
        subject, body = self._letter(template, told)
        if channel == "email":
            return Rendered(subject=subject, text=body)
        short = self._templates.get(f"{template}.{channel}.j2")
        text = _flow(short.render(told)) if short else body.split("\n\n")[0]
        if channel == "sms":
            text = text if short else self._as_sms(text, told)
            text = _plain_spaces(text)
        return Rendered(subject=subject, text=text)

    def _letter(self, template: str, told: dict[str, Any]) -> tuple[str, str]:
        first, _, rest = self._templates[f"{template}.txt.j2"].render(told).partition("\n")
        return _one_line(first.removeprefix("Subject:")), _flow(rest)

    def _as_sms(self, paragraph: str, told: dict[str, Any]) -> str:
        """The first paragraph in the frame of a text message: who speaks, and how to stop it."""
        frame = self._templates["_first_paragraph.sms.j2"]
        room = SMS_LENGTH_MAX - len(_flow(frame.render({**told, "first_paragraph": ""}))) - 1
        shortened = textwrap.shorten(_plain_spaces(paragraph), width=room, placeholder=" ...")
        return _flow(frame.render({**told, "first_paragraph": shortened}))

    def _checked(self, name: str, names: frozenset[str]) -> Template:
        source = (self._folder / name).read_text(encoding="utf-8")
        try:
            tree = self._environment.parse(source)
            template = self._environment.get_template(name)
        except TemplateSyntaxError as error:
            raise TemplatesBroken(f"{name}:{error.lineno}: {error.message}") from error
        unknown = find_undeclared_variables(tree) - VARIABLES
        if unknown:
            raise TemplatesBroken(f"{name}: unknown variables {', '.join(sorted(unknown))}; see VARIABLES in render.py")
        absent = {str(other) for other in find_referenced_templates(tree)} - names
        if absent:
            raise TemplatesBroken(f"{name}: includes {', '.join(sorted(absent))}, which does not exist")
        if name.endswith(".txt.j2") and not name.startswith("_") and not source.startswith("Subject: "):
            raise TemplatesBroken(f"{name}:1: the first line must be `Subject: ...`")
        return template


def _told(channel: str, words: Words, person: Person, merchant: Merchant) -> dict[str, Any]:
    """Everything a template may name (VARIABLES), as text."""

    def day(moment: datetime | None) -> str:
        return day_of(moment, person, short=channel == "sms") if moment else ""

    return {
        "channel": channel,
        "name": _one_line(person.name or "")[:NAME_LENGTH_MAX].strip(),
        "invoice_id": _one_line(person.invoice_id),
        "segment": _readable(person.segment),
        "link": merchant.billing_url.replace("{invoice_id}", quote(person.invoice_id, safe="")),
        "merchant": merchant.name,
        "support": _support(person, merchant),
        "due": money_of(words.due, person.locale),
        "customer_action": words.customer_action.value,
        "generic": words.generic,
        "part_paid": words.part_paid,
        "next_attempt_on": day(words.next_attempt_at),
        "limit_on": day(words.limit_at),
        "limit_takes": _listed(words.limit_takes),
        "suspend_on": day(words.suspend_at),
        "close_on": day(words.close_at),
        "benefits_taken": _listed(words.benefits_taken),
        "conditions": [_one_line(condition) for condition in words.reinstatement_conditions],
        "offers": [_readable(offer) for offer in words.offers],
        "because": _one_line(words.because),
        "first_paragraph": "",
        "others": [],
        "open_count": 1,
        "total": "",
        "on": day(words.on),
        "is_open": True,
        "postal_address": "",
        "preferences_url": "",
    }


def _support(person: Person, merchant: Merchant) -> str:
    contact = _one_line(person.support_contact or "")
    if not contact:
        return merchant.support_email
    if "@" in contact:
        return contact
    return f"{contact} at {_one_line(person.support_contact_email or merchant.support_email)}"


def money_of(money: Money, locale: str) -> str:
    """As people there write it, with as many decimals as our own table says: CLDR gives MGA and others none."""
    exponent = EXPONENTS[money.currency]
    there = _locale(locale)
    decimals = "." + "0" * exponent if exponent else ""
    pattern = re.sub(r"0(\.0+)?(?![#0,.])", f"0{decimals}", there.currency_formats["standard"].pattern)
    return format_currency(money.as_decimal, money.currency, pattern, locale=there, currency_digits=False)


def day_of(moment: datetime, person: Person, short: bool = False) -> str:
    """The person's own calendar day, in the language of the templates and the order of the person's country."""
    day = moment.astimezone(ZoneInfo(person.zone)).date()
    locale = _in_our_language(_locale(person.locale))
    return format_skeleton("MMMEd", day, locale=locale) if short else format_date(day, "full", locale=locale)


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(LANGUAGE)


def _in_our_language(locale: Locale) -> Locale:
    """English as written in the person's country, or as written internationally where that is not known."""
    if locale.language == LANGUAGE:
        return locale
    try:
        return Locale.parse(f"{LANGUAGE}_{locale.territory or '001'}")
    except UnknownLocaleError:
        return Locale.parse(f"{LANGUAGE}_001")


def _readable(word: str) -> str:
    return WORDING.get(word, _one_line(word).replace("_", " "))


def _listed(words: tuple[str, ...]) -> str:
    *most, last = [_readable(word) for word in words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _flow(text: str) -> str:
    """Lines become paragraphs; a list keeps its lines; one blank line between paragraphs, none around."""
    paragraphs = (re.sub(r"[ \t]*\n[ \t]*(?!- )", " ", part.strip()) for part in re.split(r"\n\s*\n", text))
    return "\n\n".join(re.sub(r" {2,}", " ", paragraph) for paragraph in paragraphs if paragraph)


def _plain_spaces(text: str) -> str:
    """Characters outside the text message alphabet halve the room: no-break spaces become spaces."""
    return re.sub("[\u00a0\u202f]", " ", text)
