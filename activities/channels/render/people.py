"""Who speaks, who reads, and what they get to read."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from policies.base import Record

NAME_LENGTH_MAX = 80

CONTRAST_MIN = 4.5
"""White letters on the brand's colour, and the colour as letters on white: WCAG 2.2, 1.4.3, level AA."""


def one_line(text: str) -> str:
    """No line breaks or control characters, so that a name can add no header and no paragraph. Joiners stay, for the
    scripts that need them."""
    visible = (c if c in "\u200c\u200d" or unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return " ".join("".join(visible).split())


def contrast(one: str, other: str) -> float:
    """Of two colours `#rrggbb`, between 1 and 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _with_invoice(url: str) -> str:
    if "{invoice_id}" not in url:
        raise ValueError("billing_url must contain {invoice_id}")
    return url


def _over_https(url: str) -> str:
    if not re.fullmatch(r"https://[^\s\"'<>]+", url):
        raise ValueError("logo_url must begin with https:// and contain no spaces or quotes; leave it out for no logo")
    return url


def _readable_with_white(colour: str) -> str:
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"colour {colour[:20]!r} must be written #rrggbb, such as #1f4fd8")
    found = contrast(colour, "#ffffff")
    if found < CONTRAST_MIN:
        raise ValueError(
            f"colour {colour}: white letters on it have a contrast of {found:.1f}, readable is {CONTRAST_MIN} and more;"
            " choose a darker one, such as #1f4fd8"
        )
    return colour.lower()


OneLine = Annotated[str, AfterValidator(one_line)]


class Merchant(Record):
    """Who speaks. The place of the invoice in `billing_url` is written `{invoice_id}`. `colour`: of the button and the
    bar at the top; `logo_url` stands in that bar instead of the name."""

    name: Annotated[OneLine, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
    support_email: OneLine
    billing_url: Annotated[OneLine, AfterValidator(_with_invoice)]
    logo_url: Annotated[str, AfterValidator(_over_https)] | None = None
    colour: Annotated[str, AfterValidator(_readable_with_white)] = "#1f4fd8"
    postal_address: Annotated[OneLine, Field(max_length=300)] | None = None


class Person(Record):
    """Who reads. `support_contact`: the person at the merchant who looks after this customer. `preferences_url`: the
    page where they choose how they are written to. `pay_url`: the page where they pay; None: the merchant's own."""

    name: str | None = None
    locale: str = "en_US"
    zone: str = "UTC"
    invoice_id: str
    segment: str = ""
    support_contact: str | None = None
    support_contact_email: str | None = None
    preferences_url: str | None = None
    pay_url: str | None = None


class Rendered(Record):
    """`html` for e-mail only. `fell_back`: English, since we have no words in the person's language. `edition`: of
    everything the words were made from, 12 digits; it changes with any template or translation that took part."""

    subject: str
    text: str
    html: str | None = None
    locale: str = "en"
    direction: Literal["ltr", "rtl"] = "ltr"
    fell_back: bool = False
    edition: str = ""
