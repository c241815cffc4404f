from datetime import timedelta
from typing import Any

import pytest

from policies.choose import choose_policy
from policies.conditions import Subject
from policies.document import PolicyDocument
from policies.instruments import PaymentType
from policies.money import Money
from policies.reachable import is_reachable
from tests.policies.test_conditions import ANNA, FIELDS, condition
from tests.policies.timeline import ENTERPRISE, SELF_SERVE, SHIPPED


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        ({"segment": "enterprise"}, "enterprise"),
        ({"segment": "premium"}, "premium"),
        ({"segment": "enterprise", "plan_interval": "year", "payment_type": PaymentType.BANK_DEBIT}, "enterprise"),
        ({"segment": "b2b"}, "b2b_invoice"),
        ({"tags": ("b2b_invoice", "vip")}, "b2b_invoice"),
        ({"plan_interval": "year"}, "annual"),
        ({"payment_type": PaymentType.BANK_DEBIT}, "bank_debit"),
        ({"amount": eur(499)}, "low_value"),
        ({"amount": eur(500)}, "self_serve"),
        ({"amount": Money(amount_minor=100, currency="JPY")}, "self_serve"),
        ({"segment": "never heard of"}, "self_serve"),
        ({"segment": ""}, "self_serve"),
        ({"tenure": timedelta(days=9), "country": "DE"}, "self_serve"),
    ],
)
def test_the_first_that_applies_is_chosen_and_the_last_is_for_everybody(known: dict[str, Any], chosen: str) -> None:
    assert choose_policy(SHIPPED, Subject(**{"segment": "self_serve", **known})).name == chosen


def test_of_two_that_apply_the_first_wins() -> None:
    other = ENTERPRISE.model_copy(update={"name": "other"})
    assert choose_policy((other, ENTERPRISE, SELF_SERVE), Subject(segment="enterprise")).name == "other"


@pytest.mark.parametrize(("met", "missed"), FIELDS, ids=lambda fields: ",".join(fields))
def test_each_field_of_a_condition_changes_which_policy_is_chosen(met: dict[str, Any], missed: dict[str, Any]) -> None:
    for fields, chosen in ((met, "special"), (missed, "self_serve")):
        special = ENTERPRISE.model_copy(update={"name": "special", "applies_when": condition(**fields)})
        assert choose_policy((special, SELF_SERVE), ANNA).name == chosen


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_each_shipped_policy_is_for_somebody(document: PolicyDocument) -> None:
    earlier = [each.applies_when for each in SHIPPED[: SHIPPED.index(document)] if each.applies_when]
    assert is_reachable(document.applies_when, earlier)
