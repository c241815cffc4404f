"""The HTML of an e-mail: the paragraphs of the text in a frame with the merchant's brand.

MJML writes the tables that mail programs need. It drops tags that it does not know without a word and does not inline
`mj-style`; the tests therefore look for every fact of the text in the HTML.
"""

from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from markupsafe import Markup, escape
from mjml import mjml2html

from activities.channels.render.formats import Voice
from activities.channels.render.people import Merchant

COLOURS = {
    "ink": "#1a1c1f",
    "small_ink": "#4b5057",
    "paper": "#ffffff",
    "desk": "#f3f4f6",
    "dark_ink": "#eceef0",
    "dark_paper": "#202327",
    "dark_desk": "#15171a",
}
"""Pairs of letters and ground have a contrast of 7 and more, so that mail programs which change them a little for dark
mode still leave them readable."""


@dataclass(frozen=True)
class Block:
    kind: str
    lines: tuple[Markup, ...] = ()
    link: str = ""


@dataclass(frozen=True)
class Parts:
    """One e-mail, as plain text: `paragraphs` are separated by blank lines; `preview` is what a list of mails shows."""

    subject: str
    paragraphs: str
    footer: str
    preview: str
    button: str
    link: str
    preferences_url: str


def page(frame: Template, parts: Parts, merchant: Merchant, voice: Voice) -> str:
    """Raises nothing that depends on the customer: every value is escaped before MJML sees it."""
    told: dict[str, Any] = {
        **COLOURS,
        "lang": str(voice.locale).replace("_", "-"),
        "direction": voice.direction,
        "start": "right" if voice.direction == "rtl" else "left",
        "subject": parts.subject,
        "preview": parts.preview,
        "button": parts.button,
        "colour": merchant.colour,
        "logo_url": merchant.logo_url,
        "merchant": merchant.name,
        "support_email": merchant.support_email,
        "blocks": [_block(text, parts.link, merchant.colour) for text in parts.paragraphs.split("\n\n")],
        "footer": [
            _linked(text, parts.preferences_url, COLOURS["small_ink"]) for text in parts.footer.split("\n\n") if text
        ],
    }
    return mjml2html(frame.render(told))


def _block(paragraph: str, link: str, colour: str) -> Block:
    if paragraph == link:
        return Block("button", link=link)
    lines = paragraph.split("\n")
    if all(line.startswith("- ") for line in lines):
        return Block("list", tuple(_linked(line.removeprefix("- "), link, colour) for line in lines))
    return Block("paragraph", (Markup("<br />").join(_linked(line, link, colour) for line in lines),))


def _linked(line: str, link: str, colour: str) -> Markup:
    """A link in a sentence can be followed."""
    escaped, target = escape(line), escape(link)
    if not link:
        return escaped
    anchor = Markup('<a href="{0}" style="color:{1}">{0}</a>').format(link, colour)
    return anchor.join(escaped.split(target))
