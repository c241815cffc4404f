"""A body without card numbers: what is stored of a delivery (promise P9). Each digit but the last four is starred.

Sources do not send card numbers, so nearly every body leaves after a glance at its bytes. JSON stays JSON, a form a
form; a number becomes a text, so that nothing can take what is left of it for an id or a sum. The outcome depends on
the body alone: sent again, it is the same event. Hashes must be made of it, never of the body as it came: with the last
four digits beside it, a hash gives the rest away.
"""

import base64
import binascii
import html
import json
import re
from decimal import Decimal
from urllib.parse import quote_plus, unquote_to_bytes

from policies.card_numbers import LONGEST, SHORTEST, without_card_numbers

_ALIKE = bytes(ord("0") if chr(code) in "0123456789" else code for code in range(256))
_LEFT_OUT = b"-_.: +%&#;x\\" + bytes(range(0x80, 0x100))
"""What may stand between digits, or spell them in another way."""
_ENOUGH_DIGITS = b"0" * SHORTEST

_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_XML_TEXT = re.compile(r"(?<=>)[^<]*&[^<]*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]{24,}={0,2}\s*")
_DEEPEST = 3
"""A form may hold base64 that holds a form."""


def scrubbed(body: bytes) -> bytes:
    """The body itself when nothing in it looks like a card number."""
    return _scrubbed(body, 0)


def holds_card_number(body: bytes) -> bool:
    return scrubbed(body) != body


def _scrubbed(body: bytes, depth: int) -> bytes:
    beginning = body.lstrip()[:1]
    is_form = beginning not in (b"{", b"[", b"<", b"")
    if not is_form and not _may_hold_one(body):
        return body
    text, encoding = _read(body)
    match beginning:
        case b"{" | b"[":
            new = _JSON_TOKEN.sub(_json_token, text)
        case b"<":
            new = without_card_numbers(_XML_TEXT.sub(_xml_text, text))
        case _ if "=" in text:
            new = "&".join("=".join(_form_part(part, depth) for part in pair.split("=", 1)) for pair in text.split("&"))
        case _:
            new = without_card_numbers(text)
    return body if new == text else new.encode(encoding)


def _may_hold_one(body: bytes) -> bool:
    """Quick: a few microseconds, for what hardly ever is true."""
    if _ENOUGH_DIGITS in body.translate(_ALIKE, _LEFT_OUT) or b"\\u" in body:
        return True
    return not body.isascii() and _OTHER_DIGIT.search(body.decode("utf-8", "ignore")) is not None


def _read(body: bytes) -> tuple[str, str]:
    """Either way every byte can be written again as it was."""
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return body.decode("latin-1"), "latin-1"


def _json_token(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] != '"':
        return _json_number(token)
    if len(token) < SHORTEST:
        return token
    if "\\" in token:
        try:
            meant = json.loads(token, strict=False)
        except ValueError:
            return without_card_numbers(token)
        masked = without_card_numbers(meant)
        return token if masked == meant else json.dumps(masked)
    return without_card_numbers(token)


def _json_number(token: str) -> str:
    """A fraction with many digits is a rate, not a card; so only what stands before its point counts."""
    whole = token.lstrip("-").partition(".")[0]
    if "e" in token or "E" in token:
        try:
            number = abs(Decimal(token))
        except ArithmeticError:
            return token
        whole = f"{number:.0f}" if number.is_finite() and SHORTEST <= number.adjusted() + 1 <= LONGEST else ""
    masked = without_card_numbers(whole)
    return token if masked == whole else f'"{masked}"'


def _xml_text(found: re.Match[str]) -> str:
    meant = html.unescape(found[0])
    masked = without_card_numbers(meant)
    return found[0] if masked == meant else html.escape(masked, quote=False)


def _form_part(part: str, depth: int) -> str:
    if len(part) < SHORTEST:
        return part
    meant = unquote_to_bytes(part.replace("+", " ").encode("utf-8", "surrogateescape"))
    if depth < _DEEPEST and (inner := _inside_base64(meant, depth)):
        return quote_plus(inner)
    text, encoding = _read(meant)
    masked = without_card_numbers(text)
    return part if masked == text else quote_plus(masked.encode(encoding))


def _inside_base64(value: bytes, depth: int) -> bytes | None:
    """As Braintree sends its XML; None when it is none, or holds no card number."""
    if not _BASE64.fullmatch(value):
        return None
    try:
        inside = base64.b64decode(b"".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    clean = _scrubbed(inside, depth + 1)
    return None if clean == inside else base64.encodebytes(clean)
