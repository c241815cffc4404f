"""Signs as Braintree's own library does; our fixtures of its notifications, and what the first of them says."""

import base64
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from activities.sources.braintree import BraintreeSpeaker
from activities.sources.contract import Rejected
from policies.declines import classify
from policies.events import (
    Ignored,
    IgnoredBecause,
    PaymentFailed,
)
from policies.instruments import Network
from policies.money import Money

with warnings.catch_warnings():
    # Its own classes warn of their own names while they are imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import braintree
    from braintree.util.crypto import Crypto

SPEAKER = BraintreeSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "braintree"
XML = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FIXTURES.glob("*.xml"))}

PUBLIC, PRIVATE = "rcp_public", "rcp_private_made_up"
SECRET = f"{PUBLIC}:{PRIVATE}"
THEIRS = braintree.BraintreeGateway(
    braintree.Configuration(braintree.Environment.Sandbox, merchant_id="rcp", public_key=PUBLIC, private_key=PRIVATE)
)
AT = datetime(2026, 3, 2, 9, 58, 30, tzinfo=UTC)
EUROS = Money(amount_minor=2900, currency="EUR")


def payload_of(xml: str) -> str:
    return base64.encodebytes(xml.encode()).decode()


def form_of(xml: str) -> bytes:
    payload = payload_of(xml)
    signature = f"{PUBLIC}|{Crypto.sha1_hmac_hash(PRIVATE, payload)}"
    return urlencode({"bt_signature": signature, "bt_payload": payload}).encode()


def verify(body: bytes, secrets: tuple[str, ...] = (SECRET,), now: datetime = AT) -> Any:
    return SPEAKER.verify({}, body, secrets, now)


def reason(answer: Any) -> str:
    assert isinstance(answer, Rejected), answer
    assert PRIVATE not in answer.reason
    return answer.reason


def normalise(xml: str) -> Any:
    return SPEAKER.normalise(form_of(xml), "row-1")


def of_kind(name: str, kind: str) -> str:
    old = XML[name].partition("<kind>")[2].partition("</kind>")[0]
    return XML[name].replace(f"<kind>{old}</kind>", f"<kind>{kind}</kind>", 1)


def without(xml: str, name: str) -> str:
    """The first element of that name is gone."""
    before, _, rest = xml.partition(f"<{name}")
    return before + rest.partition(f"</{name}>")[2]


DECLINE = classify("braintree", "2001", "51", "02", network=Network.MASTERCARD)
FAILURE = PaymentFailed(
    event_id="row-1",
    happened_at=AT,
    invoice_id="rcpsub1.2026-03-02",
    customer_id="rcpcustomer",
    subscription_id="rcpsub1",
    credential_id="rcptoken",
    amount=EUROS,
    retries_at=datetime(2026, 3, 5, tzinfo=UTC),
    decline=DECLINE,
)


def paid(kind: str = "subscription_charged_successfully") -> str:
    xml = of_kind("subscription", kind).replace("processor_declined", "submitted_for_settlement")
    return xml.replace("Past Due", "Active").replace("09:58:30", "10:30:00")


def ignored(detail: str) -> Ignored:
    return Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=detail)
