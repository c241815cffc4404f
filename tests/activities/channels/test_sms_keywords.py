"""What people answer to a text message: the words that must work, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.sms_keywords import CANCEL, HELP, START, STOP, STOP_ELSEWHERE, is_cancel, meaning_of, word_of

WORDS = {
    **dict.fromkeys((*STOP, *STOP_ELSEWHERE), "opted_out"),
    **dict.fromkeys(START, "opted_in"),
    **dict.fromkeys(HELP, "asked_help"),
}


def test_the_words_of_the_rule_are_there() -> None:
    """47 CFR 64.1200(a)(10)."""
    assert {"STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE"} <= set(STOP)
    assert len(WORDS) == len(STOP) + len(STOP_ELSEWHERE) + len(START) + len(HELP), "a word means one thing"


@pytest.mark.parametrize(("word", "meaning"), WORDS.items())
@pytest.mark.parametrize("written", ["{}", "{}.", " {}!\n", "\u00ab{}\u00bb", "\ufeff{}", "**{}**"])
def test_a_word_is_known_however_it_is_written(word: str, meaning: str, written: str) -> None:
    for cased in (word, word.lower(), word.capitalize()):
        assert meaning_of(written.format(cased)) == meaning


@pytest.mark.parametrize("text", ["opt-out", "Opt  out", "OPT_OUT", "arrêt", "ARR\u00caT", "ＳＴＯＰ", "’stop’"])
def test_accents_and_signs_between_do_not_hide_it(text: str) -> None:
    assert meaning_of(text) == "opted_out"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "?!",
        "stop it",
        "please stop",
        "stopped",
        "no stop",
        "st op",
        "endless",
        "yes please",
        "👍",
        "stop " * 200,
    ],
)
def test_a_sentence_is_for_a_person(text: str) -> None:
    assert meaning_of(text) is None


def test_only_cancel_may_mean_the_subscription() -> None:
    assert [word for word in WORDS if is_cancel(f" {word.lower()}. ")] == [CANCEL]
    assert not is_cancel("cancel it")


@given(text=st.text())
def test_any_text_has_a_word_that_stays_itself(text: str) -> None:
    word = word_of(text)
    assert word_of(word) == word
    assert meaning_of(text) in (None, *WORDS.values())
