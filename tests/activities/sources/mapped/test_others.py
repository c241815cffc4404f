"""The power of it: mappings written here, of some thirty lines each, read what four other providers send. The payloads
are those that other projects recorded; what each says was derived by reading it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup
from activities.sources.customer_news import CustomerNews
from activities.sources.mapped.load import load_mapping
from activities.sources.mapped.speaker import MappedSpeaker
from policies.declines import Category
from policies.events import (
    Ignored,
    IgnoredBecause,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
)
from policies.money import Money
from tests.activities.sources.mapped.made import complaints
from tests.activities.sources.speaking import recorded

OTHERS = {path.stem: path for path in sorted((Path(__file__).parent / "others").glob("*.yaml"))}

KEYS = {
    "cashfree.PAYMENT_LINK_EVENT__lago-api": "1021206",
    "dlocal.REJECTED__wikimedia-fundraising-smashpig": "D-648-a35a36b9-6046-4502-93d8-75eef6161a81/REJECTED",
    "dlocal.REJECTED__wikimedia-fundraising-smashpig_3": "REF-RANDOM-REF-ID/REJECTED",
    "gr4vy.payment-method.updated__wikimedia-fundraising-smashpig": "347901e1-8b53-42a4-951b-ec546a5078f1",
    "gr4vy.transaction.declined__wikimedia-fundraising-smashpig": "8a7a7b8c-f296-4d68-a207-cf904e723a86",
    "moneyhash.transaction.purchase.failed__lago-api": "Zv2kmzZ",
}

EXPECTED: dict[str, Addressed | Ignored] = {
    "cashfree.PAYMENT_LINK_EVENT__lago-api": Addressed(
        event=PaymentSucceeded(
            event_id="row-1",
            happened_at=datetime(2021, 8, 18, 7, 25, 6, tzinfo=UTC),
            invoice_id="06afb06b-4e54-4f8f-89c1-6d8b9907465a",
            paid=Money(amount_minor=5500, currency="INR"),
            remaining=Money(amount_minor=14512, currency="INR"),
        )
    ),
    "dlocal.REJECTED__wikimedia-fundraising-smashpig": Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2023, 8, 24, 6, 32, 45, tzinfo=UTC),
            invoice_id="123456789.1",
            credential_id="5c3f1cd1-19cc-42fe-9793-1e4a3069d9b4",
            amount=Money(amount_minor=2900, currency="INR"),
        )
    ),
    "dlocal.REJECTED__wikimedia-fundraising-smashpig_3": Ignored(
        reason=IgnoredBecause.NOT_DUNNING, detail="a refund concerns no claim"
    ),
    "gr4vy.payment-method.updated__wikimedia-fundraising-smashpig": Addressed(
        event=PaymentMethodChanged(
            event_id="row-1",
            happened_at=datetime(2012, 12, 12, 10, 53, 43, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            change=MethodChange.UPDATED,
            credential_id="8d29457b-683a-49c4-8afd-800cd7117236",
        ),
        lookup=Lookup(credential_id="8d29457b-683a-49c4-8afd-800cd7117236"),
    ),
    "gr4vy.transaction.declined__wikimedia-fundraising-smashpig": Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2026, 7, 25, 0, 27, 44, 901293, tzinfo=UTC),
            invoice_id="1234.1",
            credential_id="55666e17-d9eb-4cda-9c05-da5678f28350",
            amount=Money(amount_minor=2500, currency="USD"),
        )
    ),
    "moneyhash.transaction.purchase.failed__lago-api": Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2025, 3, 11, 0, 4, 34, 16913, tzinfo=UTC),
            invoice_id="2b618048-af9e-48f5-b188-f38642eef389",
            customer_id="53c14b65-3406-4b1b-9d49-77fb389ee92e",
            amount=Money(amount_minor=500, currency="USD"),
        ),
        customer=CustomerNews(
            customer_id="53c14b65-3406-4b1b-9d49-77fb389ee92e",
            said=Customer(
                name="Legal00x3 Customer",
                email=ContactPoint(address="test@mh.io"),
                sms=ContactPoint(address="+201087654321"),
            ),
        ),
    ),
}
"""Without the declines, which stand below."""

DECLINES = {
    "dlocal.REJECTED__wikimedia-fundraising-smashpig": ("dlocal", "300", Category.DO_NOT_HONOR),
    "gr4vy.transaction.declined__wikimedia-fundraising-smashpig": (
        "gr4vy",
        "insufficient_funds",
        Category.INSUFFICIENT_FUNDS,
    ),
    "moneyhash.transaction.purchase.failed__lago-api": ("moneyhash", "7000", Category.UNKNOWN),
}


def made(name: str) -> MappedSpeaker:
    path = OTHERS[name.partition(".")[0]]
    return MappedSpeaker(load_mapping(path.read_bytes(), path.name))


@pytest.mark.parametrize("path", OTHERS.values(), ids=lambda path: path.stem)
def test_the_mappings_are_right(path: Path) -> None:
    assert complaints(path.read_text()) == []
    assert len(path.read_text().splitlines()) < 50


def test_every_recorded_payload_was_read_by_somebody() -> None:
    payloads = recorded("other")
    assert set(payloads) == set(EXPECTED) == set(KEYS), "derive what the new payload says and write it down"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_payload_says_what_was_derived_by_reading_it(name: str) -> None:
    body = recorded("other")[name]
    speaker = made(name)
    assert speaker.split(body) == (Item(event_key=KEYS[name], body=body),)
    said = speaker.normalise(body, "row-1")
    decline = getattr(said.event, "decline", None) if isinstance(said, Addressed) else None
    if decline and isinstance(said, Addressed):
        said = said.model_copy(update={"event": said.event.model_copy(update={"decline": None})})
    assert said == EXPECTED[name]
    assert ((decline.gateway, decline.code, decline.category) if decline else None) == DECLINES.get(name)
