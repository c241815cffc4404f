"""How many parts a text message is sent in, which is what it costs and what a telephone joins again.

Source: 3GPP TS 23.038 (before: GSM 03.38), clause 6.2.1, basic character set and its extension table, and TS 23.040 on
joined messages, whose header takes 6 octets of each part.
"""

import unicodedata
from collections.abc import Iterable
from typing import Literal

from policies.base import Record

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"

SEPTETS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENSION, 2)}
"""What GSM-7 can say, and in how many septets: the extension table takes an escape before each character."""

ALONE = {"gsm7": 160, "ucs2": 70}
JOINED = {"gsm7": 153, "ucs2": 67}
"""Units of one part: of a message of one part, and of one of several."""

PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f", " "),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
        "…": "...",
    }
)
"""Characters that only set type: a text reads the same with the plain ones."""


class Segments(Record):
    """`count`: parts, 0 for no text. `units`: septets of GSM-7, or 16-bit units of UCS-2."""

    count: int
    encoding: Literal["gsm7", "ucs2"]
    units: int


def segments(text: str) -> Segments:
    """An escape stays with its character and a surrogate with its pair, so a part may end one unit early."""
    if all(character in SEPTETS for character in text):
        return _packed([SEPTETS[character] for character in text], "gsm7")
    return _packed([2 if ord(character) > 0xFFFF else 1 for character in text], "ucs2")


def as_gsm7(text: str) -> str:
    """The text with plain characters in place of typographic ones when that makes all of it GSM-7; else as it is."""
    plain = unicodedata.normalize("NFC", text.translate(PLAIN))
    return plain if all(character in SEPTETS for character in plain) else text


def _packed(sizes: list[int], encoding: Literal["gsm7", "ucs2"]) -> Segments:
    units = sum(sizes)
    count = min(units, 1) if units <= ALONE[encoding] else _parts(sizes, JOINED[encoding])
    return Segments(count=count, encoding=encoding, units=units)


def _parts(sizes: Iterable[int], room: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts
