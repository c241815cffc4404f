import pytest
from pydantic import ValidationError

from policies.events import Pause, UpdatePaymentMethod


@pytest.mark.parametrize("number", ["4242424242424242", "4242-4242-4242-4242", "card_4242424242424242"])
def test_a_card_number_never_enters_as_a_new_way_to_pay_and_is_not_repeated(number: str) -> None:
    with pytest.raises(ValidationError, match="send the gateway's token of it") as refused:
        UpdatePaymentMethod.model_validate_json(f'{{"action_id": "a1", "credential_id": "{number}"}}')
    assert number not in str(refused.value)


def test_a_token_of_the_gateway_enters_as_it_is() -> None:
    token = "pm_1FyO1tD0Nyli3dRgJf6GaMHT"
    assert UpdatePaymentMethod(action_id="a1", credential_id=token).credential_id == token


def test_a_reason_of_several_lines_is_refused() -> None:
    with pytest.raises(ValidationError, match="write one plain line"):
        Pause(action_id="a1", actor="Jo", reason="asked to wait\nuntil May")
