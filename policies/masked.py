"""A body as people may see it who look for what is wrong with it: without card numbers and e-mail addresses."""

import re

from policies.card_numbers import without_card_numbers

_WORD = re.compile(r"[^\s\"'<>(),:;=&\[\]{}]+")
# Also as forms and JSON may spell it.
_AT = re.compile(r".(?:@|%40|\\u0040).")


def masked(text: str) -> str:
    return _WORD.sub(lambda word: "***@***" if _AT.search(word[0]) else word[0], without_card_numbers(text))
