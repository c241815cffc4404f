"""Card data never enters (promise P9): what looks like a card number is refused wherever a text could carry one, or
starred but for its last four digits where it cannot be refused.

Beginnings and lengths are those that the networks are known for (general knowledge, not read at a source). Left out on
purpose: UATP (15 digits from 1) and networks of one country from 86 and 98: many ids of gateways and time stamps
begin so.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

SHORTEST, LONGEST = 13, 19

WHY_REFUSED = "looks like a card number; send the gateway's token of it, or leave it out"

_NETWORK = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}"  # Visa: 13, 16 or 19 digits
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-59]|[689][0-9])[0-9]{11,16}"  # Diners Club
    r"|(?:35(?:2[89]|[3-8][0-9])[0-9]{12,15}|(?:1800|2131)[0-9]{11})"  # JCB, some of RuPay
    r"|(?:5[06-9]|6[0-9])[0-9]{14,17}"  # Discover, UnionPay, Maestro, RuPay, Elo, Verve and others
    r"|8[12](?!1[2-6])[0-9]{14,17}"  # RuPay, UnionPay; but not Adyen's old references, which go on with unix seconds
    r"|220[0-5][0-9]{12,15}|9792[0-9]{12}|9704[0-9]{12}(?:[0-9]{3})?"  # Mir; Troy; Napas
)
_TELEPHONE_LONGEST = 15
"""Digits after a plus, by E.164: as many as some cards have."""

# Digits between letters are part of a random id: one in some hundred of those would pass the Luhn check by chance.
_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
_DIGITS_APART = re.compile(r"(?<![A-Za-z0-9])[0-9](?:[-_.: +]?[0-9])+(?![A-Za-z0-9])")
# As printed on a card, also with other figures beside it, such as its date and code; ahead, so that they may overlap.
_PRINTED = re.compile(
    r"(?<![A-Za-z0-9])(?=([0-9]{4}[-_.: +]+(?:[0-9]{4}[-_.: +]+[0-9]{4}[-_.: +]+[0-9]{4}|[0-9]{6}[-_.: +]+[0-9]{4,5}))"
    r"(?![A-Za-z0-9]))"
)
# All of them hold this, and hardly any id does.
_ENOUGH_DIGITS = re.compile(r"[0-9](?:[-_.: +%]*[0-9]){12}")
_UUID = re.compile(r"(?<![A-Za-z0-9-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![A-Za-z0-9-])")
_MOMENT = re.compile(
    r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[+-][0-9]{2}:?[0-9]{2})?(?![0-9])"
)
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")


def looks_like_card_number(text: str) -> bool:
    """13 to 19 digits, written together or apart, with the beginning and the length of a card network's numbers, that
    pass the Luhn check. Digits of any script, and as an address spells them (%20). A telephone number after its plus is
    none, nor is a UUID or a moment in ISO 8601."""
    return len(text) >= SHORTEST and any(True for _ in _card_numbers(text))


def without_card_numbers(text: str) -> str:
    """With a star for each digit but the last four of what looks like a card number."""
    found = list(_card_numbers(text)) if len(text) >= SHORTEST else []
    if not found:
        return text
    shown = list(text)
    for digits in found:
        for place in digits[:-4]:
            shown[place] = "*"
    return "".join(shown)


def no_card_number(text: str) -> str:
    """For pydantic."""
    if looks_like_card_number(text):
        raise ValueError(WHY_REFUSED)
    return text


def place_of_card_number(value: object, path: str = "") -> str | None:
    """Which field of something read from JSON holds what looks like one; None when none does. Never the number: a name
    that looks like one is not repeated."""
    if isinstance(value, Mapping):
        if any(looks_like_card_number(str(name)) for name in value):
            return f"{path}.(the name of a field)".lstrip(".")
        inner: Iterable[tuple[object, object]] = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
        return (path or "body") if is_text and looks_like_card_number(_written(value)) else None
    return next(
        (found for name, each in inner if (found := place_of_card_number(each, f"{path}.{name}".lstrip(".")))), None
    )


def _written(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _card_numbers(text: str) -> Iterator[list[int]]:
    """The places of the digits of each."""
    plain = text if text.isascii() else text.translate(_other_scripts())
    if not _ENOUGH_DIGITS.search(plain):
        return
    for known in (_UUID, _MOMENT) if "-" in plain else ():
        plain = known.sub(lambda found: "x" * len(found[0]), plain)
    yield from _found_in(plain)
    if "%" in plain:
        yield from _found_in(_ENCODED.sub(_decoded, plain))


def _found_in(text: str) -> Iterator[list[int]]:
    spans = [found.span() for pattern in (_DIGITS, _DIGITS_APART) for found in pattern.finditer(text)]
    spans += [found.span(1) for found in _PRINTED.finditer(text)]
    for begin, end in spans:
        if end - begin < SHORTEST:
            continue
        places = [place for place in range(begin, end) if text[place].isdigit()]
        if len(places) > LONGEST or (len(places) <= _TELEPHONE_LONGEST and text[begin - 1 : begin] == "+"):
            continue
        run = "".join(text[place] for place in places)
        if _NETWORK.fullmatch(run) and _luhn(run):
            yield places


def _decoded(found: re.Match[str]) -> str:
    """In as many characters: a digit stays one, everything else is a space."""
    character = chr(int(found[1], 16))
    return f"  {character}" if character in "0123456789" else "   "


@cache
def _other_scripts() -> dict[int, str]:
    """Digits of every script, and the spaces and dashes that people and programs put between them."""
    table: dict[int, str] = {}
    for code in range(128, 0x20000):
        character = chr(code)
        kind = unicodedata.category(character)
        if kind == "Nd":
            table[code] = str(unicodedata.decimal(character))
        elif kind in ("Zs", "Pd", "Cf"):
            table[code] = " "
    return table


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0
