"""A text message in as few parts as its words allow: each part is paid for, and long ones are read less."""

import unicodedata

from activities.channels.sms_segments import SEPTETS, as_gsm7, segments

SEGMENTS_MAX = 3

SMS_LENGTH_MAX = 320
"""Characters of the first paragraph in its frame, where no template for text messages exists; two parts and a bit."""

SMS_LENGTH_MAX_WIDE = 201
"""The same in letters outside GSM-7: three parts."""

ROOM_MIN = 20


def fits(text: str) -> bool:
    return segments(text).count <= SEGMENTS_MAX


def as_text_message(text: str) -> str:
    """Plain spaces and quotes where that saves parts; without accents only when it would not fit otherwise."""
    plain = as_gsm7(" ".join(text.split()))
    if fits(plain):
        return plain
    bare = "".join(map(_without_accent, plain))
    return bare if segments(bare).count < segments(plain).count else plain


def shortened(paragraph: str, frame: str) -> str:
    """So much of the paragraph as fits with the words of the frame."""
    is_wide = segments(as_text_message(f"{frame} {paragraph}")).encoding == "ucs2"
    room = max((SMS_LENGTH_MAX_WIDE if is_wide else SMS_LENGTH_MAX) - len(frame) - 1, ROOM_MIN)
    if len(paragraph) <= room:
        return paragraph
    cut = paragraph[: room - 4]
    # At a space where there is one near the end; some languages write none.
    return (cut.rsplit(" ", 1)[0] if " " in cut[len(cut) // 2 :] else cut).rstrip() + " ..."


def _without_accent(character: str) -> str:
    if character in SEPTETS:
        return character
    base = unicodedata.normalize("NFD", character)[0]
    return base if base in SEPTETS else character
