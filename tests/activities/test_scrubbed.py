"""What is left of a body that holds card numbers: still what its source would send, and no number in it (P9)."""

import base64
import json
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.scrubbed import holds_card_number, scrubbed
from activities.sources.xml_reading import xml_of
from tests.fixtures.card_numbers import PUBLISHED, VISA, published_in

STARS = "************4242"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (f'{{"a":"{VISA}"}}', f'{{"a":"{STARS}"}}'),
        (f'{{"a": {VISA}, "b": 1}}', f'{{"a": "{STARS}", "b": 1}}'),
        ('{"a": 4.242424242424242e15}', f'{{"a": "{STARS}"}}'),
        (f'{{"{VISA}": 1}}', f'{{"{STARS}": 1}}'),
        (f'[[{{"a": ["x {VISA} y"]}}]]', f'[[{{"a": ["x {STARS} y"]}}]]'),
        (r'{"a": "\n4242424242424242"}', rf'{{"a": "\n{STARS}"}}'),
        (r'{"a": "\u0034242424242424242"}', f'{{"a": "{STARS}"}}'),
        (r'{"a": "4242\u00a04242\u00a04242\u00a04242"}', r'{"a": "****\u00a0****\u00a0****\u00a04242"}'),
        (rf'{{"a": "{{\"b\": \"{VISA}\"}}"}}', rf'{{"a": "{{\"b\": \"{STARS}\"}}"}}'),
        (f"<a><b>{VISA}</b></a>", f"<a><b>{STARS}</b></a>"),
        (f'<a b="{VISA}"/>', f'<a b="{STARS}"/>'),
        ("<a>&#52;242&#32;4242 4242 4242 &amp; x</a>", "<a>**** **** **** 4242 &amp; x</a>"),
        (f"<a><![CDATA[{VISA}]]></a>", f"<a><![CDATA[{STARS}]]></a>"),
        (f"a=b&c={VISA}", "a=b&c=%2A%2A%2A%2A%2A%2A%2A%2A%2A%2A%2A%2A4242"),
        (f"no form {VISA}", f"no form {STARS}"),
    ],
)
def test_only_the_number_is_starred_and_its_form_stays(body: str, left: str) -> None:
    assert scrubbed(body.encode()).decode() == left


@pytest.mark.parametrize("number", PUBLISHED)
@pytest.mark.parametrize("form", ["{}", "4 groups", "in a sentence {}.", "{}-1", "\t{}"])
def test_in_every_kind_of_body_every_published_number_is_found(number: str, form: str) -> None:
    grouped = " ".join(number[place : place + 4] for place in range(0, len(number), 4))
    text = grouped if form == "4 groups" else form.format(number)
    xml = f"<a>{text}</a>".encode()
    for body in (
        json.dumps({"a": text}).encode(),
        xml,
        urlencode({"a": text}).encode(),
        urlencode({"bt_payload": base64.encodebytes(xml)}).encode(),
    ):
        left = scrubbed(body)
        assert left != body
        assert published_in(left) is None
        assert scrubbed(left) == left, "it is not the same when it comes again"


def test_what_stands_in_base64_of_a_form_is_starred_there() -> None:
    body = urlencode({"bt_signature": "k|x", "bt_payload": base64.encodebytes(f"<n><c>{VISA}</c></n>".encode())})
    fields = parse_qs(scrubbed(body.encode()).decode())
    assert fields["bt_signature"] == ["k|x"]
    assert xml_of(base64.b64decode(fields["bt_payload"][0]))[1].text("c") == STARS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe\x00",
        b'{"created": 1764547200, "ms": 1764547200123, "us": 1764547200123456, "ns": 1764547200123456789}',
        b'{"rate": 4.567890123456789, "big": 1e999999999, "nan": -}',
        b'{"phone": "+4915112345678", "psp": "8835736344864230", "id": "41234567-1234-4567-8901-123456789012"}',
        b'{"at": "2026-03-02 10:00:00.123456", "ids": [4242, 4242, 4242, 4242], "tok": "tok4242424242424242"}',
        b"a=1&b=%2B4915112345678&c=NDI0Mg%3D%3D",
        b"<a>4242</a><b>4242</b><c>4242</c><d>4242</d>",
    ],
)
def test_what_is_none_stays_to_the_byte(body: bytes) -> None:
    assert scrubbed(body) is body or scrubbed(body) == body
    assert not holds_card_number(body)


@given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"<a>", b'{"a": "', b"a="]), st.sampled_from(PUBLISHED))
def test_whatever_the_bytes_nothing_is_raised_and_nothing_is_left(noise: bytes, beginning: bytes, number: str) -> None:
    left = scrubbed(beginning + noise)
    assert scrubbed(left) == left
    assert number.encode() not in scrubbed(beginning + b" " + number.encode() + b" " + noise)


@pytest.mark.parametrize(
    "piece", [b"1-", b"1 ", b"1", b"4242 ", b"%31", b"&#49;", b'"1",', b"\\u0031", b"4242-" * 3 + b"a"]
)
def test_a_long_body_that_is_made_to_be_slow_is_none(piece: bytes) -> None:
    """With a pattern that goes back and forth this would not end."""
    for beginning, end in ((b'{"a": "', b'"}'), (b"<a>", b"</a>"), (b"a=", b""), (b"", b"")):
        scrubbed(beginning + piece * (200_000 // len(piece)) + end)
