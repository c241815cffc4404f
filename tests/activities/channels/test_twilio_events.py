"""What Twilio tells: their own validator signs or checks and ours verifies; what they say becomes what we say.

Forms are ours, shaped after Twilio's documentation. With RECOUP_REFERENCE_DATA set, vectors and forms that other
projects published are read from there; they are not part of this repository.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # the SDK has no types

from activities.channels.news import MessageNews
from activities.channels.twilio_events import NOTHING, TwilioSpeaker
from activities.sources.contract import REQUESTED_ADDRESS, Malformed, Rejected, Verified
from activities.sources.reading import NO_TIME
from policies.events import Ignored, IgnoredBecause, Unreadable
from tests.activities.sources.speaking import (
    NOW,
    Delivery,
    SpeakerContract,
    one_byte_changed,
    recorded,
    vectors,
)

BRAND = "Nord & Süd <Strom>"
SPEAKER = TwilioSpeaker(BRAND, "help@shop.example")
TOKEN = "a-token-made-up-for-tests"
ADDRESS = "https://recoup.example/webhooks/twilio/default?key=mes_1.sms"
SID = "SM" + "d" * 32
WRITER, OURS = "+491700000001", "+15005550006"


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def status(told: str, **others: str) -> bytes:
    ours = {"MessageSid": SID, "SmsSid": SID, "MessageStatus": told, "SmsStatus": told, "To": WRITER, "From": OURS}
    return form(**{**ours, "AccountSid": "AC" + "a" * 32, "ApiVersion": "2010-04-01", **others})


def wrote(text: str, **others: str) -> bytes:
    theirs = {"MessageSid": SID, "SmsSid": SID, "SmsStatus": "received", "From": WRITER, "To": OURS, "Body": text}
    return form(**{**theirs, "NumMedia": "0", "NumSegments": "1", **others})


def signature(address: str, body: bytes, token: str = TOKEN) -> str:
    """By Twilio's own code."""
    fields = MultiDict(parse_qsl(body.decode(), keep_blank_values=True))
    signed: str = RequestValidator(token).compute_signature(address, fields)
    return signed


def signed(body: bytes, address: str = ADDRESS, token: str = TOKEN) -> Delivery:
    headers = {"X-Twilio-Signature": signature(address, body, token), REQUESTED_ADDRESS: address}
    return Delivery(headers=headers, body=body, secrets=(token,))


def verdict(one: Delivery) -> Verified | Rejected:
    return SPEAKER.verify(one.headers, one.body, one.secrets, NOW)


def said(body: bytes) -> MessageNews | Ignored | Unreadable:
    return SPEAKER.normalise(body, "row-1")


def news(body: bytes) -> MessageNews:
    answer = said(body)
    assert isinstance(answer, MessageNews), answer
    return answer


class TestTwilioEvents(SpeakerContract):
    speaker = SPEAKER
    genuine = (signed(status("delivered")), signed(wrote("Stop!")), signed(wrote("Wann kommt ihr? – Grüße 👋")))

    def never_raises(self, body: bytes) -> None:
        """A carrier of messages tells news of messages, never of invoices."""
        answer = self.speaker.normalise(body, "row-1")
        assert isinstance(answer, MessageNews | Ignored | Unreadable)
        answer.model_dump_json().encode()
        assert self.speaker.answer_to(body) is not None


# Verifying


@given(
    fields=st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=20)), min_size=1, max_size=8),
    port=st.sampled_from(["", ":443", ":8443"]),
)
def test_what_their_validator_signs_ours_verifies(fields: list[tuple[str, str]], port: str) -> None:
    """Fields that come twice, empty ones, any script."""
    pairs = [(name.strip() or "x", value) for name, value in fields]
    body, address = urlencode(pairs, errors="replace").encode(), f"https://shop.example{port}/hook?a=1"
    one = signed(body, address)
    assert isinstance(verdict(one), Verified)
    assert RequestValidator(TOKEN).validate(
        address, MultiDict(parse_qsl(body.decode(), True)), one.headers["X-Twilio-Signature"]
    )
    other = Delivery(headers=one.headers, body=body + b"&more=1", secrets=one.secrets)
    assert isinstance(verdict(other), Rejected)


@pytest.mark.parametrize(
    ("signed_for", "asked"),
    [
        ("https://shop.example:443/hook?a=1", "https://shop.example/hook?a=1"),
        ("https://shop.example/hook?a=1", "https://shop.example:8443/hook?a=1"),
        ("http://shop.example:80/hook", "http://shop.example/hook"),
    ],
)
def test_a_port_may_have_been_signed_or_not(signed_for: str, asked: str) -> None:
    body = status("delivered")
    headers = {"X-Twilio-Signature": signature(signed_for, body), REQUESTED_ADDRESS: asked}
    assert isinstance(SPEAKER.verify(headers, body, [TOKEN], NOW), Verified)


@pytest.mark.parametrize(
    "asked",
    ["https://recoup.example/webhooks/twilio/default", ADDRESS.replace("mes_1", "mes_2"), "https://[", "", "x" * 5000],
)
def test_another_address_does_not_verify(asked: str) -> None:
    one = signed(status("delivered"))
    assert isinstance(SPEAKER.verify({**one.headers, REQUESTED_ADDRESS: asked}, one.body, [TOKEN], NOW), Rejected)


def test_a_header_that_is_missing_or_given_twice_or_odd_is_refused() -> None:
    one = signed(status("delivered"))
    given = one.headers["X-Twilio-Signature"]
    address = (REQUESTED_ADDRESS, ADDRESS)
    wrong: list[Mapping[str, str]] = [
        MultiDict([address]),
        MultiDict([address, ("X-Twilio-Signature", given), ("x-twilio-signature", given)]),
        MultiDict([address, ("X-Twilio-Signature", "é\ud800")]),
        MultiDict([("X-Twilio-Signature", given)]),
        MultiDict([address, address, ("X-Twilio-Signature", given)]),
    ]
    for headers in wrong:
        assert isinstance(SPEAKER.verify(headers, one.body, [TOKEN], NOW), Rejected)


def test_bytes_that_are_no_utf_8_verify_when_they_were_signed() -> None:
    """What was percent-encoded is signed as it was before."""
    import base64
    import hashlib
    import hmac

    body = b"MessageSid=" + SID.encode() + b"&Body=%FFstop&From=%2B491700000001"
    message = ADDRESS.encode() + b"Body\xffstopFrom+491700000001MessageSid" + SID.encode()
    given = base64.b64encode(hmac.digest(TOKEN.encode(), message, hashlib.sha1)).decode()
    headers = {"X-Twilio-Signature": given, REQUESTED_ADDRESS: ADDRESS}
    assert isinstance(SPEAKER.verify(headers, body, [TOKEN], NOW), Verified)


def test_published_signatures_verify_exactly_when_they_should_and_no_changed_byte_does() -> None:
    published = vectors("twilio")
    assert len(published) >= 10
    for vector in published:
        body = vector["body"].encode()
        headers = {**vector["headers"], REQUESTED_ADDRESS: vector["options"]["url"]}
        holds = isinstance(SPEAKER.verify(headers, body, [vector["secret"]], NOW), Verified)
        assert holds is vector["verifies"], vector["note"]
        for changed in one_byte_changed(body) if holds else ():
            assert isinstance(SPEAKER.verify(headers, changed, [vector["secret"]], NOW), Rejected)


@pytest.mark.parametrize("secret", ["AC" + "a" * 32, "SK" + "b" * 32, " "])
def test_an_id_is_no_auth_token(secret: str) -> None:
    assert SPEAKER.complaint_about(secret)
    assert SPEAKER.complaint_about("0" * 32) is None


# Splitting


def test_each_word_of_a_message_is_an_event_of_its_own() -> None:
    keys = []
    for body in (status("sent"), status("delivered"), status("delivered", ErrorCode="1"), wrote("STOP")):
        items = SPEAKER.split(body)
        assert isinstance(items, tuple)
        (item,) = items
        assert item.body == body
        keys.append(item.event_key)
    assert keys == [f"{SID}/sent", f"{SID}/delivered", f"{SID}/delivered", SID]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b"MessageStatus=sent", b"MessageSid=", b"MessageSid=a/b", form(CallSid="CA1")]
)
def test_what_names_no_message_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


# Understanding


def test_a_delivered_message_is_known_by_its_id() -> None:
    told = news(status("delivered"))
    assert told == MessageNews(what="delivered", channel="sms", happened_at=NO_TIME, reference=SID, undated=True)


def test_a_key_among_the_fields_is_told_too() -> None:
    assert news(status("delivered", key="mes_1.sms")).key == "mes_1.sms"
    assert news(status("delivered", key="no key/at all")).key is None


@pytest.mark.parametrize(
    ("told", "code", "gone"),
    [
        ("undelivered", "30003", False),
        ("undelivered", "30004", False),
        ("undelivered", "30005", True),
        ("undelivered", "30006", True),
        ("failed", "21610", False),
        ("failed", "21614", True),
        ("failed", None, False),
        ("canceled", None, False),
        ("Undelivered", "30005", True),
    ],
)
def test_an_undelivered_message_says_why_and_whether_the_number_is_any_good(
    told: str, code: str | None, gone: bool
) -> None:
    found = news(status(told, **({"ErrorCode": code} if code else {})))
    assert (found.what, found.reference, found.gone) == ("undelivered", SID, gone)
    assert found.detail == (f"Twilio error {code}" if code else None)
    assert found.address is None


def test_a_network_that_takes_nothing_from_a_short_code_says_nothing_of_the_number() -> None:
    assert not news(status("undelivered", ErrorCode="30006", From="72345")).gone
    assert news(status("undelivered", ErrorCode="30005", From="72345")).gone


def test_a_message_that_was_read_was_opened() -> None:
    assert news(status("read")).what == "opened"


@pytest.mark.parametrize("told", ["accepted", "scheduled", "queued", "sending", "sent"])
def test_a_message_under_way_is_no_news(told: str) -> None:
    answer = said(status(told))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING


def test_a_status_nobody_knows_is_ignored_and_named() -> None:
    answer = said(status("huh"))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.UNKNOWN_TYPE
    assert "huh" in answer.detail


@pytest.mark.parametrize(
    ("text", "what", "cancels"),
    [
        ("STOP", "opted_out", False),
        (" Opt-out. ", "opted_out", False),
        ("arrêt", "opted_out", False),
        ("Cancel", "opted_out", True),
        ("start", "opted_in", False),
        ("Yes!", "opted_in", False),
        ("Hilfe", "asked_help", False),
    ],
)
def test_a_word_that_people_answer_holds_for_their_number(text: str, what: Any, cancels: bool) -> None:
    assert news(wrote(text)) == MessageNews(
        what=what, channel="sms", happened_at=NO_TIME, address=WRITER, cancels=cancels, undated=True
    )


def test_a_word_that_twilio_recognised_counts_though_we_do_not_know_it() -> None:
    assert news(wrote("lopeta", OptOutType="STOP")).what == "opted_out"
    assert news(wrote("jatka", OptOutType="start")).what == "opted_in"
    assert news(wrote("apua", OptOutType="HELP")).what == "asked_help"
    assert news(wrote("cancel", OptOutType="STOP")).cancels


@pytest.mark.parametrize("text", ["please stop writing", "I paid yesterday", "", "👍"])
def test_what_a_person_wrote_otherwise_is_not_read(text: str) -> None:
    answer = said(wrote(text))
    assert isinstance(answer, Ignored)
    assert answer.detail == "a person wrote; nobody reads it here"


def test_a_stop_in_broken_bytes_is_still_a_stop() -> None:
    assert news(wrote("STOP") + b"&FromCity=%FF%FE").what == "opted_out"
    assert news(wrote("").replace(b"Body=", b"Body=STOP%FF")).what == "opted_out"


def test_messages_of_another_channel_are_no_text_messages() -> None:
    for body in (wrote("STOP", From=f"whatsapp:{WRITER}"), status("read", To=f"whatsapp:{WRITER}")):
        answer = said(body)
        assert isinstance(answer, Ignored)
        assert "another channel" in answer.detail


def test_an_answer_without_a_number_is_unreadable() -> None:
    answer = said(wrote("STOP", From=""))
    assert isinstance(answer, Unreadable)
    assert answer.field == "From"


def test_a_time_is_that_of_the_receipt() -> None:
    assert news(status("delivered")).undated
    assert datetime(2020, 1, 1, tzinfo=UTC) > NO_TIME


# Answering


def message_of(answer: str | None) -> str | None:
    root = ElementTree.fromstring(answer or "")
    assert root.tag == "Response"
    return root.findtext("Message")


def test_who_asks_for_help_is_told_who_writes_and_how_to_stop() -> None:
    assert SPEAKER.answers_in == "text/xml"
    answer = SPEAKER.answer_to(wrote("help"))
    assert message_of(answer) == f"{BRAND}: payment messages. Help: help@shop.example. Reply STOP to opt out."


@pytest.mark.parametrize(
    "body",
    [
        wrote("STOP"),
        wrote("hello"),
        wrote("help", OptOutType="HELP"),
        status("delivered"),
        status("delivered", Body="HELP"),
        b"",
        b"\xff",
    ],
)
def test_everybody_else_gets_no_message(body: bytes) -> None:
    """Where Twilio recognised the word it has answered itself."""
    assert SPEAKER.answer_to(body) == NOTHING
    assert message_of(NOTHING) is None


# What others recorded


def test_recorded_forms_are_understood() -> None:
    found = {
        name: said(body) for name, body in recorded("twilio").items() if SPEAKER.split(body) and "voice" not in name
    }
    assert found["status.delivered__courier"] == news(
        form(MessageSid="SMe287d7109a5a925f182f0e07fe5b223b", MessageStatus="delivered")
    )
    failed = found["status.failed__courier"]
    assert isinstance(failed, MessageNews)
    assert (failed.what, failed.detail) == ("undelivered", "Twilio error 21610")
    read = found["status.read__courier"]
    assert isinstance(read, MessageNews)
    assert read.what == "opened"
    for name in ("inbound_sms", "inbound_mms", "inbound_whatsapp", "status.sent", "status.unknown"):
        assert isinstance(found[f"{name}__courier"], Ignored), name
    assert isinstance(SPEAKER.split(recorded("twilio")["voice_form__twilio-python"]), Malformed)
