"""The way out for somebody who wrote a word that is not known: the nearest right one, or all there are."""

import difflib
from collections.abc import Sequence

FEW = 12


def suggestion(word: str, known: Sequence[str]) -> str:
    """To be put behind the sentence that says what is wrong."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    shown = ", ".join(known[:FEW])
    return f"; write one of {shown}{' and others' if len(known) > FEW else ''}"
