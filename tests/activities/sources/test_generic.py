"""The generic source: Standard Webhooks' own library signs, ours verifies; CloudEvents are opened; the page's example
works as it is written there."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook

from activities.sources.contract import Addressed, Item, Malformed, Rejected, Verified
from activities.sources.generic import GenericSpeaker
from activities.sources.generic_data import DATA
from policies.declines import Category
from policies.events import Ignored, IgnoredBecause, InvoiceVoided, PaymentFailed, PaymentSucceeded, Unreadable
from policies.money import Money
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, one_byte_changed, vectors

SPEAKER = GenericSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "generic"
PAGE = (Path(__file__).parents[3] / "docs" / "sources" / "generic.md").read_text(encoding="utf-8")
SECRET = "whsec_" + base64.b64encode(bytes(range(30))).decode()
BODY = b'{"specversion":"1.0","id":"evt-1","source":"billing","type":"recoup.invoice_voided","x":"gr\xc3\xbc\xc3\x9fe"}'


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW, message_id: str = "msg_1") -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }


def verify(headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> Any:
    return SPEAKER.verify(headers, body, secrets, NOW)


def refusal(headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> str:
    answer = verify(headers, body, secrets)
    assert isinstance(answer, Rejected)
    return answer.reason


def event(kind: str = "recoup.invoice_voided", data: object = ..., /, **attributes: object) -> dict[str, Any]:
    """`...` leaves an attribute out."""
    whole = {
        "specversion": "1.0",
        "id": "evt-1",
        "source": "billing.example",
        "type": kind,
        "time": "2026-03-02T10:00:00Z",
        "data": {"invoice_id": "inv-1"} if data is ... else data,
        **attributes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def normalise(value: object) -> Any:
    return SPEAKER.normalise(json.dumps(value).encode(), "row-1")


class TestGeneric(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery(signed(body), body, (SECRET,))
        for body in (path.read_bytes() for path in sorted(FIXTURES.glob("*.json")))
    )


# The signature


def test_what_the_schemes_own_library_signs_we_verify() -> None:
    assert verify(signed()) == Verified(signed_at=NOW)


def test_what_we_verify_the_schemes_own_library_verifies() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    body = b'{"a": 1}'
    headers = signed(body, at=now)
    assert Webhook(SECRET).verify(body, headers) == {"a": 1}
    assert isinstance(SPEAKER.verify(headers, body, [SECRET], now), Verified)


def test_published_signatures_verify_exactly_when_they_should() -> None:
    published = vectors("standard-webhooks")
    assert len(published) >= 4
    for vector in published:
        body, now = vector["body"].encode(), datetime.fromtimestamp(1614265330, UTC)
        answer = SPEAKER.verify(vector["headers"], body, [vector["secret"]], now)
        assert isinstance(answer, Verified) is vector["verifies"], vector["note"]
        for changed in one_byte_changed(body) if vector["verifies"] else ():
            assert isinstance(SPEAKER.verify(vector["headers"], changed, [vector["secret"]], now), Rejected)


def test_the_key_may_be_written_without_its_prefix() -> None:
    assert isinstance(verify(signed(), secrets=(SECRET.removeprefix("whsec_"),)), Verified)


def test_one_of_several_signatures_will_do_and_other_schemes_do_not_count() -> None:
    headers = signed()
    good = headers["webhook-signature"]
    for value in (f"v1,AAAA {good}", f"{good} v1,AAAA", f"v1a,BBBB {good} v2,CCCC", f"v1 , {good}"):
        assert isinstance(verify({**headers, "webhook-signature": value}), Verified), value
    for value in (good.replace("v1,", "v1a,"), good.removeprefix("v1,"), "v1", "v1,", "v1,,", "", "=", "v1,%%%"):
        assert "no v1 signature" in refusal({**headers, "webhook-signature": value}), value


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_must_be_there_once_and_in_ascii(name: str) -> None:
    headers = signed()
    assert "not 0 times" in refusal({key: value for key, value in headers.items() if key != name})
    assert "not 2 times" in refusal({**headers, name.upper(): headers[name]})
    assert "outside ASCII" in refusal({**headers, name: "ü"})


@pytest.mark.parametrize("stamp", ["", "abc", "-1", "1e9", "1772445600.0", " 1", "9" * 400])
def test_a_time_stamp_that_is_no_number_of_seconds_is_refused(stamp: str) -> None:
    assert "webhook-timestamp is no number" in refusal({**signed(), "webhook-timestamp": stamp})


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_clock_may_differ_by_300_seconds_to_either_side(seconds: int, holds: bool) -> None:
    answer = verify(signed(at=NOW + timedelta(seconds=seconds)))
    assert isinstance(answer, Verified) is holds
    assert holds or "300 s are accepted" in answer.reason


@pytest.mark.parametrize("secret", ["whsec_", "not base64!", "whsec_ä", "whsec_abc", "\ud800"])
def test_a_secret_that_is_no_key_never_counts(secret: str) -> None:
    assert "no signing secret" in refusal(signed(), secrets=(secret,))
    assert isinstance(verify(signed(), secrets=(secret, SECRET)), Verified)
    assert "base64" in str(SPEAKER.complaint_about(secret))


def test_a_short_key_is_told_and_a_good_one_is_not() -> None:
    assert "24 bytes" in str(SPEAKER.complaint_about("whsec_" + base64.b64encode(b"short").decode()))
    assert SPEAKER.complaint_about(SECRET) is None


# The envelope


def test_an_event_is_known_by_its_source_and_its_id() -> None:
    body = json.dumps(event()).encode()
    assert SPEAKER.split(body) == (Item(event_key="billing.example evt-1", body=body),)


def test_a_batch_is_split_byte_for_byte() -> None:
    first, second = json.dumps(event()).encode(), json.dumps(event(id="evt-2"), indent=1).encode()
    assert SPEAKER.split(b" [" + first + b",\n" + second + b"] ") == (
        Item(event_key="billing.example evt-1", body=first),
        Item(event_key="billing.example evt-2", body=second),
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"[]", "no event"),
        (b"7", "not a JSON object"),
        (json.dumps([event(), 7]).encode(), "not a JSON object"),
        (json.dumps(event(specversion="0.3")).encode(), "specversion is '0.3', expected '1.0'"),
        (json.dumps(event(specversion=...)).encode(), "specversion is missing"),
        (json.dumps(event(specversion=1.0)).encode(), "specversion is 1.0"),
        (json.dumps(event(type=...)).encode(), "type is missing"),
        (json.dumps(event(source=...)).encode(), "source is missing"),
        (json.dumps(event(id="")).encode(), "id is ''"),
        (json.dumps(event(id="a b")).encode(), "without spaces"),
        (json.dumps(event(id="\ud800")).encode(), "without spaces"),
        (json.dumps(event(id="x" * 201)).encode(), "1 to 200"),
        (json.dumps(event(source="4242424242424242")).encode(), "card number"),
    ],
)
def test_what_is_no_cloud_event_is_malformed_and_says_why(body: bytes, says: str) -> None:
    answer = SPEAKER.split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason
    assert "4242424242424242" not in answer.reason


@pytest.mark.parametrize("kind", ["recoup.invoice_voided", "com.example.recoup.invoice_voided"])
def test_the_type_ends_in_the_kind(kind: str) -> None:
    assert normalise(event(kind)) == Addressed(
        event=InvoiceVoided(event_id="row-1", happened_at=NOW, invoice_id="inv-1")
    )


def test_attributes_that_are_not_read_may_be_there() -> None:
    assert isinstance(normalise(event(subject="inv-1", dataschema="https://example.com/s", trace="1")), Addressed)


@pytest.mark.parametrize("kind", ["invoice.voided", "notrecoup.invoice_voided", "recoup", "recoup."])
def test_types_of_others_are_ignored(kind: str) -> None:
    answer = normalise(event(kind))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.UNKNOWN_TYPE


def test_a_kind_that_does_not_exist_is_a_dead_letter_with_the_way_out() -> None:
    assert normalise(event("recoup.invoice_voidet")) == Unreadable(
        field="type", reason="'invoice_voidet' is no kind of event; did you mean invoice_voided?"
    )


@pytest.mark.parametrize(
    ("time", "says"),
    [
        (..., "is missing"),
        (None, "null"),
        (1772445600, "1772445600"),
        ("yesterday", "'yesterday'"),
        ("2026-03-02T10:00:00", "with its zone"),
        ("2026-03-02", "with its zone"),
        ("1999-12-31T00:00:00Z", "between 2000 and 2100"),
        ("0001-01-01T00:00:00+14:00", "between 2000 and 2100"),
    ],
)
def test_a_time_that_leaves_the_order_open_is_refused(time: object, says: str) -> None:
    answer = normalise(event(time=time))
    assert isinstance(answer, Unreadable)
    assert answer.field == "time"
    assert says in answer.reason


@pytest.mark.parametrize("time", ["2026-03-02T12:00:00+02:00", "2026-03-02T10:00:00.000Z", "2026-03-02 10:00:00+00:00"])
def test_a_time_with_a_zone_is_a_moment(time: str) -> None:
    assert normalise(event(time=time)).event.happened_at == NOW


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_data_must_be_an_object(data: object) -> None:
    answer = normalise(event("recoup.invoice_voided", data))
    assert isinstance(answer, Unreadable)
    assert answer.field == "data"


def test_data_in_base64_is_not_read() -> None:
    answer = normalise(event(data=..., data_base64="e30="))
    assert isinstance(answer, Unreadable)
    assert "data_base64 is not read" in answer.reason


# The page


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


class Doorman(BaseHTTPRequestHandler):
    """What the page's example is sent to."""

    came: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append((dict(self.headers.items()), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def sent_by(command: list[str]) -> tuple[dict[str, str], bytes]:
    doorman = type("Doorman", (Doorman,), {"came": []})
    with HTTPServer(("127.0.0.1", 0), doorman) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/webhooks/generic/default"
        no_proxy = {"NO_PROXY": "*", "no_proxy": "*"}
        subprocess.run(command, env={**os.environ, **no_proxy, "SECRET": SECRET, "ADDRESS": address}, check=True)
        server.shutdown()
    (delivery,) = doorman.came
    return delivery


def test_the_pages_example_in_python_is_a_failed_payment() -> None:
    headers, body = sent_by([sys.executable, "-c", block("python")])
    assert isinstance(SPEAKER.verify(headers, body, [SECRET], datetime.now(UTC)), Verified)
    (item,) = SPEAKER.split(body)
    said: Any = SPEAKER.normalise(item.body, "row-1")
    assert isinstance(said.event, PaymentFailed)
    assert said.event.invoice_id == "inv-2026-0815"
    assert said.event.amount == Money(amount_minor=1900, currency="EUR")
    assert said.event.decline.category is Category.INSUFFICIENT_FUNDS
    assert said.customer.said.email.address == "ada@example.com"


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="needs openssl and curl")
def test_the_pages_example_in_a_shell_is_a_payment() -> None:
    headers, body = sent_by(["bash", "-euc", block("bash")])
    assert isinstance(SPEAKER.verify(headers, body, [SECRET], datetime.now(UTC)), Verified)
    (item,) = SPEAKER.split(body)
    said: Any = SPEAKER.normalise(item.body, "row-1")
    assert isinstance(said.event, PaymentSucceeded)
    assert (said.event.invoice_id, said.event.paid) == ("inv-2026-0815", Money(amount_minor=1900, currency="EUR"))


def test_every_kind_is_documented_with_every_field() -> None:
    for kind, model in DATA.items():
        assert f"`recoup.{kind}`" in PAGE
        assert [name for name in model.model_fields if f"`{name}`" not in PAGE] == []
