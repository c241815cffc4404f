"""The worked example of the docs is run, the page tells every field, and the schema for editors is current."""

import json
from pathlib import Path

from activities.sources.contract import Addressed, Lookup
from activities.sources.mapped.document import (
    BasicAuth,
    Bearer,
    CustomerOf,
    DeclineOf,
    Fields,
    Hmac,
    Kind,
    LookupOf,
    MappingDocument,
    SharedToken,
    StandardWebhooks,
)
from activities.sources.mapped.schema import json_schema
from policies.declines import Category
from policies.events import Ignored, MethodChange, PaymentFailed, PaymentMethodChanged, PaymentSucceeded
from policies.money import Money
from tests.activities.sources.mapped.made import EXAMPLE, PAYBASE, SAMPLES, speaker

DOCS = EXAMPLE.parents[1]
PAGE = (DOCS / "sources" / "mapping.md").read_text(encoding="utf-8")


def test_the_samples_say_what_the_page_says() -> None:
    paybase = speaker(PAYBASE)
    said = {}
    for path in SAMPLES:
        items = paybase.split(path.read_bytes())
        assert isinstance(items, tuple)
        said.update({item.event_key: paybase.normalise(item.body, item.event_key) for item in items})

    failed = said["ev_1001"]
    assert isinstance(failed, Addressed)
    assert isinstance(failed.event, PaymentFailed)
    assert (failed.event.invoice_id, failed.event.amount) == ("inv_2041", Money(amount_minor=2500, currency="EUR"))
    assert failed.event.decline is not None
    assert (failed.event.decline.code, failed.event.decline.category) == ("NSF", Category.INSUFFICIENT_FUNDS)
    assert failed.customer is not None
    assert failed.customer.said.name == "Ada Example"

    first = said["ev_1002"]
    assert isinstance(first, Ignored)
    assert first.detail == "first payment of a new subscription"

    paid = said["ev_1003"]
    assert isinstance(paid, Addressed)
    assert isinstance(paid.event, PaymentSucceeded)
    assert (paid.event.invoice_id, paid.event.paid, paid.event.out_of_band) == (
        "inv_2041",
        Money(amount_minor=2500, currency="EUR"),
        True,
    )

    ended, replaced, report = said["ev_1004"], said["ev_1005"], said["ev_1006"]
    assert isinstance(ended, Addressed)
    assert ended.lookup == Lookup(subscription_id="sub_77")
    assert isinstance(replaced, Addressed)
    assert isinstance(replaced.event, PaymentMethodChanged)
    assert (replaced.event.change, replaced.event.credential_id) == (MethodChange.UPDATED, "card_90")
    assert isinstance(report, Ignored)


def test_the_page_shows_the_mapping_as_it_is() -> None:
    shown = "\n".join(f"    {line}".rstrip() for line in PAYBASE.splitlines()[1:])
    assert shown in PAGE, "copy docs/examples/mapping/paybase.yaml into docs/sources/mapping.md anew"


def test_the_page_tells_every_field_and_every_kind() -> None:
    models = (MappingDocument, Fields, DeclineOf, LookupOf, CustomerOf, Hmac)
    names = {field.alias or name for model in models for name, field in model.model_fields.items()}
    schemes = {
        each.model_fields["scheme"].annotation.__args__[0]  # type: ignore[union-attr]
        for each in (Hmac, StandardWebhooks, BasicAuth, Bearer, SharedToken)
    }
    missing = {name for name in names | schemes | set(Kind.__args__) if f"`{name}`" not in PAGE}  # type: ignore[attr-defined]
    assert missing == set()


def test_the_schema_for_editors_is_current() -> None:
    kept = json.loads((DOCS / "mapping.schema.json").read_text())
    assert kept == json_schema(), "write it anew: ./dev recoup intake mapping-schema > docs/mapping.schema.json"


def test_the_example_names_the_schema_for_editors() -> None:
    assert PAYBASE.splitlines()[0] == "# yaml-language-server: $schema=../../mapping.schema.json"
    assert (EXAMPLE / Path("../../mapping.schema.json")).resolve() == DOCS / "mapping.schema.json"
