"""Card data never enters (promise P9): what looks like a card number is refused wherever a text could carry one."""

import re

# Digits between letters are part of a random id: one in some hundred of those would pass the Luhn check by chance.
_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
_DIGITS_APART = re.compile(r"(?<![A-Za-z0-9])[0-9](?:[-_.: ]?[0-9])+(?![A-Za-z0-9])")
# As printed on a card, also with other figures beside it, such as its date and code; ahead, so that they may overlap.
_PRINTED = re.compile(
    r"(?<![A-Za-z0-9])(?=([0-9]{4}[-_.: ]+(?:[0-9]{4}[-_.: ]+[0-9]{4}[-_.: ]+[0-9]{4}|[0-9]{6}[-_.: ]+[0-9]{4,5}))"
    r"(?![A-Za-z0-9]))"
)


def looks_like_card_number(text: str) -> bool:
    """13 to 19 digits, written together or apart, that pass the Luhn check and do not start with 0 (Stripe's own test
    ids are runs of zeros, which pass it)."""
    apart = _DIGITS_APART.findall(text) + _PRINTED.findall(text)
    runs = _DIGITS.findall(text) + [re.sub(r"[^0-9]", "", run) for run in apart]
    return any(13 <= len(run) <= 19 and run[0] != "0" and _luhn(run) for run in runs)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0
