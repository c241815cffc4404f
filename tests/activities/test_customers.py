"""What a decision may know of a customer, from what the merchant wrote down."""

from typing import Any

import pytest

from activities.customers import Customer


def described(**record: Any) -> Customer:
    return Customer.model_validate(record, strict=False)


@pytest.mark.parametrize(
    ("record", "zone"),
    [
        ({}, "UTC"),
        ({"zone": "Asia/Tokyo", "country": "DE"}, "Asia/Tokyo"),
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "US", "subdivision": "US-CA"}, "America/Los_Angeles"),
        ({"country": "US", "postal_code": "10001"}, "America/New_York"),
        ({"sms": {"address": "+442071234567"}}, "Europe/London"),
    ],
)
def test_the_zone_is_given_or_found_from_where_they_live(record: dict[str, Any], zone: str) -> None:
    view = described(**record).view()
    assert (view.zone, view.zones) == (zone, ())


def test_a_country_with_many_zones_leaves_them_all_open() -> None:
    view = described(country="US").view()
    assert {"America/New_York", "America/Los_Angeles"} <= set(view.zones)
    assert view.zone in view.zones


def test_a_decision_sees_no_name_address_or_postal_code() -> None:
    customer = described(
        name="Ada Lovelace",
        postal_code="94105",
        country="US",
        subdivision="US-CA",
        email={"address": "ada@example.com"},
        tags=["vip"],
        active_hours=[9],
        since="2024-05-01T09:00:00Z",
    )
    seen = customer.view().model_dump_json()
    assert not [secret for secret in ("Ada", "94105", "ada@") if secret in seen]
    view = customer.view()
    assert (view.country, view.subdivision, view.tags, view.active_hours) == ("US", "CA", ("vip",), (9,))
    assert view.since == customer.since
