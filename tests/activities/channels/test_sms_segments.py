"""Parts of text messages, against the tables of 3GPP TS 23.038 and the worked limits of TS 23.040."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.sms_segments import ALONE, JOINED, SEPTETS, Segments, as_gsm7, segments

ONE_SEPTET = sorted(character for character, size in SEPTETS.items() if size == 1)
TWO_SEPTETS = sorted(character for character, size in SEPTETS.items() if size == 2)
gsm7_texts = st.text(alphabet=st.sampled_from(sorted(SEPTETS)), max_size=700)
any_texts = st.text(max_size=700)


def parts(text: str) -> tuple[int, str, int]:
    found = segments(text)
    return found.count, found.encoding, found.units


def test_the_tables_are_whole() -> None:
    """128 places, of which one is the escape; nine signs and the form feed behind it."""
    assert len(ONE_SEPTET) == 127
    assert len(TWO_SEPTETS) == 10
    assert not set("çÁÍÓÚâêîôûÀë`\t\x1b“’–…") & set(SEPTETS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, "gsm7", 0)),
        ("a", (1, "gsm7", 1)),
        ("€", (1, "gsm7", 2)),
        ("a" * 160, (1, "gsm7", 160)),
        ("a" * 161, (2, "gsm7", 161)),
        ("a" * 306, (2, "gsm7", 306)),
        ("a" * 307, (3, "gsm7", 307)),
        ("€" * 80, (1, "gsm7", 160)),
        ("€" * 81, (2, "gsm7", 162)),
        # 152 septets hold 76 of them; the 153rd has no room for a half, so 153 of them are three parts.
        ("€" * 152, (2, "gsm7", 304)),
        ("€" * 153, (3, "gsm7", 306)),
        ("a" * 152 + "€" + "a" * 151, (2, "gsm7", 305)),
        ("a" * 152 + "€" + "a" * 152, (3, "gsm7", 306)),
        ("ç" * 70, (1, "ucs2", 70)),
        ("ç" * 71, (2, "ucs2", 71)),
        ("ç" * 134, (2, "ucs2", 134)),
        ("ç" * 135, (3, "ucs2", 135)),
        ("😀", (1, "ucs2", 2)),
        ("😀" * 35, (1, "ucs2", 70)),
        ("😀" * 36, (2, "ucs2", 72)),
        ("😀" * 66, (2, "ucs2", 132)),
        ("😀" * 67, (3, "ucs2", 134)),
        ("ع" * 66 + "😀" + "ع" * 65, (2, "ucs2", 133)),
        ("ع" * 66 + "😀" + "ع" * 66, (3, "ucs2", 134)),
    ],
    ids=lambda value: f"{value[:1]!r}x{len(value)}" if isinstance(value, str) else None,
)
def test_a_text_takes_so_many_parts(text: str, expected: tuple[int, str, int]) -> None:
    assert parts(text) == expected


@given(text=st.one_of(gsm7_texts, any_texts))
def test_units_are_those_of_the_encoding(text: str) -> None:
    found = segments(text)
    if found.encoding == "ucs2":
        assert found.units == len(text.encode("utf-16-le", "surrogatepass")) // 2
        assert not set(text) <= set(SEPTETS)
    else:
        assert found.units == len(text) + sum(character in TWO_SEPTETS for character in text)


@given(text=st.one_of(gsm7_texts, any_texts))
def test_parts_are_filled_as_far_as_whole_characters_fit(text: str) -> None:
    """Cut into parts one character after the other, the text comes out whole and no part is too long."""
    found = segments(text)
    if found.units <= ALONE[found.encoding]:
        assert found.count == (1 if text else 0)
        return
    room = JOINED[found.encoding]
    # A part holds at least room - 1 units, for only a pair can be left over.
    assert -(-found.units // room) <= found.count <= -(-found.units // (room - 1))


@given(text=gsm7_texts, more=st.sampled_from(sorted(SEPTETS)))
def test_more_text_never_takes_fewer_parts(text: str, more: str) -> None:
    assert segments(text).count <= segments(text + more).count <= segments(text).count + 1


@given(text=any_texts)
def test_plain_characters_are_taken_only_when_they_help(text: str) -> None:
    plain = as_gsm7(text)
    assert plain == text or segments(plain).encoding == "gsm7"
    assert as_gsm7(plain) == plain


@given(text=gsm7_texts)
def test_what_is_gsm7_stays_as_it_is(text: str) -> None:
    assert as_gsm7(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“It’s due” – 29,00\u00a0€…", '"It\'s due" - 29,00 €...'),
        ("l\u2019e\u0301cheance", "l'écheance"),
        ("Rechnung\u00adsbetrag „offen“ — 1\u202f000", 'Rechnungsbetrag "offen" - 1 000'),
        ("Привет – “да”", "Привет – “да”"),
        ("reçu – “ok”", "reçu – “ok”"),
    ],
)
def test_typographic_characters_give_way_only_where_the_whole_text_gains(text: str, plain: str) -> None:
    assert as_gsm7(text) == plain


def test_a_half_of_a_pair_counts_as_one() -> None:
    assert segments("\ud83d" * 71) == Segments(count=2, encoding="ucs2", units=71)
