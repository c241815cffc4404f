"""Paddle's two signatures: which body is checked how, and that a public key is never a secret. What the events say is
in `test_paddle_billing.py` and `test_paddle_classic.py`."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import Item, Malformed, Rejected, Verified
from activities.sources.paddle import PaddleSpeaker
from tests.activities.sources.paddle_classic_forms import KEY_PEM, PRIVATE_PEM, form, other_key_pem, signed_form
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, one_byte_changed, vectors

SPEAKER = PaddleSpeaker()
SPEAKER_OF_VECTORS = PaddleSpeaker(key_prefix="")
"""Others published their vectors with secrets that Paddle would not make."""
FIXTURES = Path(__file__).parent / "fixtures" / "paddle"
SECRET = "pdl_ntfset_01rcp_made+up/for0tests"
BODY = b'{"event_id":"evt_1","event_type":"x","name":"gr\\u00fc\\u00df gr\xc3\xbc\xc3\x9f"}'


def h1(body: bytes, secret: str = SECRET, at: int = int(NOW.timestamp())) -> str:
    return hmac.new(secret.encode(), b"%d:" % at + body, hashlib.sha256).hexdigest()


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    stamp = int(at.timestamp())
    return {"Paddle-Signature": f"ts={stamp};h1={h1(body, secret, stamp)}"}


def verify(header: str, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now: datetime = NOW) -> Any:
    return SPEAKER.verify({"Paddle-Signature": header}, body, secrets, now)


def refusal(header: str, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> str:
    answer = verify(header, body, secrets)
    assert isinstance(answer, Rejected), answer
    return answer.reason


class TestPaddleBilling(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery(signed(body), body, (SECRET,))
        for body in (path.read_bytes() for path in sorted(FIXTURES.glob("*.json")) if "classic" not in path.name)
    )


class TestPaddleClassic(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery({}, signed_form(json.loads(path.read_bytes())), (KEY_PEM,))
        for path in sorted(FIXTURES.glob("classic_*.json"))
    )

    def another(self, secret: str) -> str:
        return other_key_pem()


# Billing


def test_published_signatures_of_billing_verify_exactly_when_they_should() -> None:
    published = vectors("paddle-billing")
    assert len(published) >= 6
    for vector in published:
        header = vector["headers"]["Paddle-Signature"]
        now = datetime.fromtimestamp(int(header.partition(";")[0].removeprefix("ts=")), UTC)
        body = vector["body"].encode()
        secrets = (vector["secret"],)
        answer = SPEAKER_OF_VECTORS.verify(vector["headers"], body, secrets, now)
        assert isinstance(answer, Verified) is vector["verifies"], vector["note"]
        for changed in one_byte_changed(body) if vector["verifies"] else ():
            assert isinstance(SPEAKER_OF_VECTORS.verify(vector["headers"], changed, secrets, now), Rejected)


def test_escapes_are_signed_as_they_were_sent() -> None:
    headers = signed()
    again = json.dumps(json.loads(BODY)).encode()
    assert isinstance(SPEAKER.verify(headers, BODY, [SECRET], NOW), Verified)
    assert isinstance(SPEAKER.verify(headers, again, [SECRET], NOW), Rejected)


def test_while_a_secret_is_changed_one_of_several_signatures_will_do() -> None:
    stamp = int(NOW.timestamp())
    old, new, other = "pdl_ntfset_old", "pdl_ntfset_new", "pdl_ntfset_other"
    header = f"ts={stamp};h1={h1(BODY, old)};h1={h1(BODY, new)}"
    assert isinstance(verify(header, secrets=(new,)), Verified)
    assert isinstance(verify(header, secrets=(old, other)), Verified)
    assert "no h1 signature" in refusal(header, secrets=(other,))


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_clock_may_differ_by_300_seconds_to_either_side(seconds: int, holds: bool) -> None:
    answer = SPEAKER.verify(signed(at=NOW + timedelta(seconds=seconds)), BODY, [SECRET], NOW)
    assert isinstance(answer, Verified) is holds


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "one time stamp"),
        ("h1=00", "one time stamp"),
        ("ts=1;ts=1;h1=00", "one time stamp"),
        ("ts=;h1=00", "no number of seconds"),
        ("ts=-1;h1=00", "no number of seconds"),
        ("ts=1772445600", "no h1 signature"),
        ("ts=1772445600;h1=", "no h1 signature"),
        ("ts=1772445600;h2=00", "no h1 signature"),
        ("ts=1772445600;h1=zz", "no h1 signature"),
        ("ts=1772445600;h1=ü", "outside ASCII"),
    ],
)
def test_a_damaged_header_is_refused_with_a_sentence(header: str, says: str) -> None:
    assert says in refusal(header)


def test_a_header_that_comes_twice_is_refused() -> None:
    twice = {"Paddle-Signature": signed()["Paddle-Signature"], "paddle-signature": "ts=1;h1=00"}
    answer = SPEAKER.verify(twice, BODY, [SECRET], NOW)
    assert isinstance(answer, Rejected)
    assert "not 2 times" in answer.reason


# Classic


def test_published_signatures_of_classic_verify_as_far_as_they_can_be_checked() -> None:
    published = vectors("paddle-classic-rsa-sha1")
    assert [vector["expected"] for vector in published].count(True) >= 1
    for vector in published:
        body = form(json.loads(vector["body"]))
        answer = SPEAKER.verify({}, body, [vector["secret"]], NOW)
        if vector["expected"] is not None:
            assert isinstance(answer, Verified) is vector["expected"]
        for changed in one_byte_changed(body) if isinstance(answer, Verified) else ():
            assert isinstance(SPEAKER.verify({}, changed, [vector["secret"]], NOW), Rejected)


FIELDS = {"alert_id": "1", "alert_name": "subscription_created", "name": " Ä & = ü ", "empty": "", "b": "1"}


@pytest.mark.parametrize(
    "written",
    [
        KEY_PEM,
        KEY_PEM.replace("\n", "\\n"),
        KEY_PEM.replace("\n", ""),
        KEY_PEM.replace("\n", "\r\n"),
        f"  {KEY_PEM}\n",
        "".join(KEY_PEM.strip().splitlines()[1:-1]),
    ],
)
def test_a_key_may_be_written_as_an_environment_can_hold_it(written: str) -> None:
    assert isinstance(SPEAKER.verify({}, signed_form(FIELDS), [written], NOW), Verified)
    assert SPEAKER.complaint_about(written) is None


def test_any_of_several_keys_will_do() -> None:
    keys = [SECRET, other_key_pem(), KEY_PEM]
    assert isinstance(SPEAKER.verify({}, signed_form(FIELDS), keys, NOW), Verified)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (form({**FIELDS, "p_signature": "%%%"}), "not base64"),
        (form({**FIELDS, "p_signature": ""}), "does not belong"),
        (form({**FIELDS, "p_signature": "AAAA"}), "does not belong"),
        (b"p_signature=AAAA&a=%ff", "no form"),
        (b"p_signature=AAAA&" + b"a=1&" * 501, "more than 500 fields"),
        (signed_form(FIELDS) + b"&more=1", "does not belong"),
        (signed_form(FIELDS) + b"&b=2", "does not belong"),
    ],
)
def test_a_form_that_was_not_signed_so_is_refused_with_a_sentence(body: bytes, says: str) -> None:
    answer = SPEAKER.verify({}, body, [KEY_PEM], NOW)
    assert isinstance(answer, Rejected)
    assert says in answer.reason


# Which of the two


def test_the_body_tells_which_signature_is_checked() -> None:
    both = [SECRET, KEY_PEM]
    quoting = b'{"event_id":"evt_1","note":"p_signature=AAAA"}'
    assert isinstance(SPEAKER.verify(signed(quoting), quoting, both, NOW), Verified)
    classic = signed_form(FIELDS)
    assert isinstance(SPEAKER.verify(signed(classic), classic, both, NOW), Verified)
    assert isinstance(SPEAKER.verify(signed(classic), classic, [SECRET], NOW), Rejected)


PLAIN = "".join(KEY_PEM.strip().splitlines()[1:-1])


@pytest.mark.parametrize(
    "public",
    [
        KEY_PEM,
        KEY_PEM.replace("\n", "\\n"),
        PLAIN,
        "-----BEGIN PUBLIC KEY-----",
        f'"{PLAIN}"',
        f"{PLAIN};",
        PLAIN[:-20],
        PLAIN.replace("+", "-").replace("/", "_"),
        KEY_PEM.lower(),
        KEY_PEM.replace("-----", "").replace("\n", ""),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 a@b",
    ],
)
def test_nobody_can_sign_for_billing_with_the_public_key_of_classic(public: str) -> None:
    answer = SPEAKER.verify(signed(secret=public), BODY, [public], NOW)
    assert isinstance(answer, Rejected)
    assert "no secret key of Paddle Billing" in answer.reason


@pytest.mark.parametrize(
    "secret", ["", "  ", "VALID_SECRET", "pdl_live_apikey_x", f'"{SECRET}"', "-----BEGIN PUBLIC KEY-----", PRIVATE_PEM]
)
def test_a_secret_of_neither_kind_is_told_so(secret: str) -> None:
    complaint = SPEAKER.complaint_about(secret)
    assert complaint
    assert not secret.strip() or secret not in complaint


def test_secrets_of_either_kind_are_nothing_to_complain_about() -> None:
    assert SPEAKER.complaint_about(SECRET) is None
    assert SPEAKER.complaint_about(KEY_PEM) is None


# Splitting


def test_a_delivery_is_one_event() -> None:
    assert SPEAKER.split(BODY) == (Item(event_key="evt_1", body=BODY),)
    classic = signed_form(FIELDS)
    assert SPEAKER.split(classic) == (Item(event_key="1", body=classic),)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"hello-world", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"event_type":"x"}', "event_id is missing"),
        (b'{"event_id":"4242424242424242"}', "card number"),
        (b"p_signature=AAAA", "alert_id is missing"),
        (b"p_signature=AAAA&alert_id=%00", "alert_id is"),
    ],
)
def test_what_is_no_event_is_malformed_and_says_why(body: bytes, says: str) -> None:
    answer = SPEAKER.split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason
