"""Card data never enters (promise P9): what looks like a card number is refused wherever a text could carry one."""

import re
from collections.abc import Iterator

SHORTEST, LONGEST = 13, 19

# Digits between letters are part of a random id: one in some hundred of those would pass the Luhn check by chance.
_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
_DIGITS_APART = re.compile(r"(?<![A-Za-z0-9])[0-9](?:[-_.: ]?[0-9])+(?![A-Za-z0-9])")
# As printed on a card, also with other figures beside it, such as its date and code; ahead, so that they may overlap.
_PRINTED = re.compile(
    r"(?<![A-Za-z0-9])(?=([0-9]{4}[-_.: ]+(?:[0-9]{4}[-_.: ]+[0-9]{4}[-_.: ]+[0-9]{4}|[0-9]{6}[-_.: ]+[0-9]{4,5}))"
    r"(?![A-Za-z0-9]))"
)
# All of them hold this, and hardly any id does.
_ENOUGH_DIGITS = re.compile(r"[0-9](?:[-_.: ]*[0-9]){12}")


def looks_like_card_number(text: str) -> bool:
    """13 to 19 digits, written together or apart, that pass the Luhn check and do not start with 0 (Stripe's own test
    ids are runs of zeros, which pass it)."""
    return any(True for _ in _card_numbers(text))


def without_card_numbers(text: str) -> str:
    """With a star for each digit but the last four of what looks like a card number."""
    shown = list(text)
    for begin, end in _card_numbers(text):
        digits = [place for place in range(begin, end) if shown[place] in "0123456789*"]
        for place in digits[:-4]:
            shown[place] = "*"
    return "".join(shown)


def _card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends."""
    if not _ENOUGH_DIGITS.search(text):
        return
    spans = [found.span() for pattern in (_DIGITS, _DIGITS_APART) for found in pattern.finditer(text)]
    spans += [found.span(1) for found in _PRINTED.finditer(text)]
    for begin, end in spans:
        if end - begin < SHORTEST:
            continue
        run = re.sub(r"[^0-9]", "", text[begin:end])
        if SHORTEST <= len(run) <= LONGEST and run[0] != "0" and _luhn(run):
            yield begin, end


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0
