"""What SendGrid tells: signed with a key of ours, checked by their own verifier too; what they say becomes what we say.

Events are ours, shaped after SendGrid's documentation. With RECOUP_REFERENCE_DATA set, vectors and events that other
projects published are read from there; they are not part of this repository.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sendgrid.helpers.eventwebhook import EventWebhook  # type: ignore[import-untyped]  # the SDK has no types

from activities.channels.news import MessageNews
from activities.channels.sendgrid_events import SIGNATURE_HEADER, TIME_HEADER, SendGridSpeaker
from activities.sources.contract import Malformed, Rejected, Verified
from policies.events import Ignored, IgnoredBecause, Unreadable
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, recorded, vectors

SPEAKER = SendGridSpeaker()
OURS, OTHERS = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
KEY = "mes_1.email"


def public(key: ec.EllipticCurvePrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signed(body: bytes, at: datetime = NOW, key: ec.EllipticCurvePrivateKey = OURS) -> Delivery:
    time = str(int(at.timestamp()))
    signature = key.sign(time.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIME_HEADER: time}
    return Delivery(headers=headers, body=body, secrets=(public(OURS),))


def event(kind: str, **others: Any) -> dict[str, Any]:
    told = {"event": kind, "email": "ada@example.test", "timestamp": int(NOW.timestamp()), "sg_event_id": f"ev-{kind}"}
    return {**told, "sg_message_id": "msg.filter", "recoup_key": KEY, **others}


def batch(*events: dict[str, Any]) -> bytes:
    return json.dumps(events).encode()


def said(of: dict[str, Any]) -> MessageNews | Ignored | Unreadable:
    return SPEAKER.normalise(json.dumps(of).encode(), "row-1")


def news(of: dict[str, Any]) -> MessageNews:
    answer = said(of)
    assert isinstance(answer, MessageNews), answer
    return answer


class TestSendGridEvents(SpeakerContract):
    speaker = SPEAKER
    genuine = (
        signed(batch(event("delivered"))),
        signed(batch(event("bounce", type="bounce", reason="550 – nobody"), event("click", url="https://x.test"))),
        signed(b"[" + json.dumps(event("open")).encode() + b"]\r\n"),
    )

    def another(self, secret: str) -> str:
        return public(OTHERS)

    def never_raises(self, body: bytes) -> None:
        """A carrier of messages tells news of messages, never of invoices."""
        answer = self.speaker.normalise(body, "row-1")
        assert isinstance(answer, MessageNews | Ignored | Unreadable)
        answer.model_dump_json().encode()


def verdict(one: Delivery, now: datetime = NOW) -> Verified | Rejected:
    return SPEAKER.verify(one.headers, one.body, one.secrets, now)


def test_what_we_verify_their_verifier_verifies() -> None:
    one = signed(batch(event("delivered")))
    theirs = EventWebhook()
    key = theirs.convert_public_key_to_ecdsa(public(OURS))
    told = (one.body.decode(), one.headers[SIGNATURE_HEADER], one.headers[TIME_HEADER])
    assert theirs.verify_signature(*told, key)
    assert verdict(one) == Verified(signed_at=NOW)


@pytest.mark.parametrize("late", [timedelta(minutes=11), timedelta(days=365), -timedelta(minutes=11)])
def test_what_was_signed_at_another_time_is_refused(late: timedelta) -> None:
    """Their verifier would take it; it is how a delivery is replayed."""
    assert isinstance(verdict(signed(batch(event("delivered")), NOW - late)), Rejected)


def test_while_keys_are_rolled_either_holds() -> None:
    one = signed(batch(event("open")), key=OTHERS)
    both = Delivery(headers=one.headers, body=one.body, secrets=(public(OURS), public(OTHERS)))
    assert isinstance(verdict(both), Verified)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (SIGNATURE_HEADER, "–"),
        (SIGNATURE_HEADER, "AAAA"),
        (SIGNATURE_HEADER, ""),
        (TIME_HEADER, "soon"),
        (TIME_HEADER, "9" * 40),
        (TIME_HEADER, ""),
    ],
)
def test_headers_that_are_none_are_refused(header: str, value: str) -> None:
    one = signed(batch(event("delivered")))
    assert isinstance(SPEAKER.verify({**one.headers, header: value}, one.body, one.secrets, NOW), Rejected)
    assert isinstance(SPEAKER.verify({}, one.body, one.secrets, NOW), Rejected)


@pytest.mark.parametrize("secret", ["", "whsec_x", "MFkw", base64.b64encode(b"x" * 91).decode()])
def test_a_secret_that_is_no_key_is_complained_about(secret: str) -> None:
    assert SPEAKER.complaint_about(secret)
    assert SPEAKER.complaint_about(public(OURS)) is None


@pytest.mark.parametrize(
    ("told", "what", "gone"),
    [
        (event("delivered"), "delivered", False),
        (event("bounce", type="bounce", status="5.1.1"), "undelivered", True),
        (event("bounce", type="blocked", status="4.7.1"), "undelivered", False),
        (event("dropped", reason="Bounced Address"), "undelivered", True),
        (event("dropped", reason="Recipient List over Package Quota"), "undelivered", False),
        (event("dropped", reason="Invalid SMTPAPI header"), "undelivered", False),
        (event("bounce", reason="550 no"), "undelivered", False),
        (event("open"), "opened", False),
        (event("click", url="https://x.test"), "clicked", False),
    ],
)
def test_what_becomes_of_a_mail(told: dict[str, Any], what: str, gone: bool) -> None:
    answer = news(told)
    assert (answer.what, answer.gone, answer.key, answer.address) == (what, gone, KEY, None)
    assert answer.happened_at == NOW


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("spamreport", "complained"),
        ("unsubscribe", "opted_out"),
        ("group_unsubscribe", "opted_out"),
        ("group_resubscribe", "opted_in"),
    ],
)
def test_what_a_person_wants_counts_whoever_sent_the_mail(kind: str, what: str) -> None:
    assert news(event(kind)).what == what
    theirs = event(kind)
    del theirs["recoup_key"]
    answer = news(theirs)
    assert (answer.what, answer.address, answer.key) == (what, "ada@example.test", None)


@pytest.mark.parametrize("kind", ["processed", "deferred"])
def test_a_mail_that_is_under_way_says_nothing_yet(kind: str) -> None:
    assert isinstance(said(event(kind)), Ignored)


def test_mails_of_others_through_the_same_account_are_none_of_ours() -> None:
    theirs = event("bounce", type="bounce")
    del theirs["recoup_key"]
    answer = said(theirs)
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING


def test_words_of_the_other_server_stay_out_for_they_may_repeat_the_address() -> None:
    answer = news(event("bounce", type="bounce", status="5.1.1", reason="550 ada@example.test is nobody"))
    assert answer.detail == "bounce (bounce, 5.1.1)"


def test_each_event_is_one_item_under_its_own_id() -> None:
    items = SPEAKER.split(batch(event("delivered"), event("open", sg_event_id=None)))
    assert isinstance(items, tuple)
    assert items[0].event_key == "ev-delivered"
    assert items[1].event_key.startswith("sha256:")


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"no json", b'"text"', b"\xff"])
def test_a_body_that_is_no_list_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


@pytest.mark.parametrize("broken", [{"timestamp": "soon"}, {"timestamp": None}, {"event": 7}])
def test_an_event_that_cannot_be_read_names_its_field(broken: dict[str, Any]) -> None:
    answer = said(event("delivered", **broken))
    assert isinstance(answer, Unreadable)
    assert answer.field in broken


# What other projects published


def test_published_vectors() -> None:
    for vector in vectors("sendgrid-ecdsa"):
        headers, key = vector["headers"], vector["secret"]
        at = datetime.fromtimestamp(int(headers.get(TIME_HEADER) or 0), UTC)
        answer = SPEAKER.verify(headers, vector["body"].encode(), (key,), at)
        assert isinstance(answer, Verified) is bool(vector["expected"]), vector


def test_recorded_events_are_read() -> None:
    for name, body in recorded("sendgrid").items():
        items = SPEAKER.split(body)
        assert isinstance(items, tuple), name
        for item in items:
            assert not isinstance(SPEAKER.normalise(item.body, "row-1"), Unreadable), name
