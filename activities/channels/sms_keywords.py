"""What people answer to a text message when they want no more of them, more again, or help.

Data, so that a language is one more word. Sources: 47 CFR 64.1200(a)(10) with FCC 24-24 (the words
that must work since 11 April 2025: stop, quit, end, revoke, opt out, cancel, unsubscribe), the CTIA messaging
principles (HELP, START), Twilio's list of opt-out keywords (STOPALL, UNSTOP, YES, INFO). The words of other languages
(ARRET, STOPP, BAJA, PARAR, AIDE, AYUDA, HILFE) are the customary ones; no rule was read for them.
"""

import unicodedata
from typing import Literal

Meaning = Literal["opted_out", "opted_in", "asked_help"]

STOP = ("STOP", "STOPALL", "QUIT", "END", "REVOKE", "OPTOUT", "OPT OUT", "CANCEL", "UNSUBSCRIBE")
STOP_ELSEWHERE = ("ARRET", "STOPP", "BAJA", "PARAR")
START = ("START", "UNSTOP", "YES")
HELP = ("HELP", "INFO", "AIDE", "AYUDA", "HILFE")

CANCEL = "CANCEL"
"""Ends the messages; perhaps the subscription was meant, which only a person can find out."""

_LONGEST = 40


def word_of(text: str) -> str:
    """Upper case, without accents and punctuation, single spaces: ` Stop! ` is STOP, `opt-out` OPT OUT."""
    plain = unicodedata.normalize("NFKD", text[: 4 * _LONGEST])
    letters = (
        each if each.isalnum() else " " for each in plain if not unicodedata.combining(each) and each not in "'’`´"
    )
    return " ".join("".join(letters).upper().split())[:_LONGEST].rstrip()


_MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys((word_of(word) for word in (*STOP, *STOP_ELSEWHERE)), "opted_out"),
    **dict.fromkeys((word_of(word) for word in START), "opted_in"),
    **dict.fromkeys((word_of(word) for word in HELP), "asked_help"),
}


def meaning_of(text: str) -> Meaning | None:
    """Of a text that is one of the words and nothing else; None for any other, which is a person's to read."""
    return _MEANINGS.get(word_of(text)) if len(text) <= 4 * _LONGEST else None


def is_cancel(text: str) -> bool:
    return len(text) <= 4 * _LONGEST and word_of(text) == CANCEL
