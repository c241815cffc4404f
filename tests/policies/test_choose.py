import pytest

from policies.choose import Subject, choose_policy
from tests.policies.timeline import SHIPPED


@pytest.mark.parametrize(
    ("segment", "chosen"),
    [
        ("enterprise", "enterprise"),
        ("premium", "premium"),
        ("self_serve", "self_serve"),
        ("never heard of", "self_serve"),
        ("", "self_serve"),
    ],
)
def test_the_first_that_applies_is_chosen_and_the_last_is_for_everybody(segment: str, chosen: str) -> None:
    assert choose_policy(SHIPPED, Subject(segment=segment)).name == chosen


def test_of_two_that_apply_the_first_wins() -> None:
    enterprise, _, default = SHIPPED
    other = enterprise.model_copy(update={"name": "other"})
    assert choose_policy((other, enterprise, default), Subject(segment="enterprise")).name == "other"
