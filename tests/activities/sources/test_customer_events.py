"""What is about a customer names no invoice, says how its cases are found, and keeps names out of the event itself."""

from datetime import UTC, datetime
from typing import NamedTuple

from activities.sources.contract import UNRESOLVED, Lookup
from activities.sources.customer_events import customer_changed, method_changed
from activities.sources.customer_news import customer_news
from policies.events import CustomerChanged, MethodChange, PaymentMethodChanged


class Told(NamedTuple):
    event_id: str = "evt_1"
    happened_at: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)


NEWS = customer_news("cus_1", email="ada@customers.example")


def test_news_of_a_customer_goes_to_the_directory_and_finds_the_cases_by_the_customer() -> None:
    said = customer_changed(Told(), "cus_1", NEWS)
    assert said.event == CustomerChanged(**Told()._asdict(), invoice_id=UNRESOLVED, customer_id="cus_1")
    assert (said.lookup, said.customer) == (Lookup(customer_id="cus_1"), NEWS)
    assert "ada@" not in said.event.model_dump_json()


def test_a_way_to_pay_changes_for_the_cases_that_the_lookup_finds() -> None:
    lookup = Lookup(credential_id="card_1")
    said = method_changed(Told(), MethodChange.REMOVED, lookup, credential_id="card_1", customer_id="cus_1", news=NEWS)
    assert said.event == PaymentMethodChanged(
        **Told()._asdict(),
        invoice_id=UNRESOLVED,
        customer_id="cus_1",
        change=MethodChange.REMOVED,
        credential_id="card_1",
    )
    assert (said.lookup, said.customer) == (lookup, NEWS)


def test_a_way_to_pay_whose_owner_nobody_names_has_none() -> None:
    said = method_changed(Told(), MethodChange.UPDATED, Lookup(credential_id="card_1"), credential_id="card_1")
    assert (said.event.customer_id, said.customer) == (None, None)
