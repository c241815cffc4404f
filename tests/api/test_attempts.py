"""What was tried on a credential by anybody, what is left, and attempts that only the merchant knows of."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.store import RunningApi

CARD = "/attempts/stripe/default/pm_1"
NOW = datetime.now(UTC)


def made(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "reference": f"ch_{number}",
        "invoice_id": "in_1",
        "amount_minor": 2900,
        "currency": "EUR",
        "at": (NOW - timedelta(hours=number)).isoformat(),
        "outcome": "declined",
        "made_by": "staff",
        "gateway": "stripe",
        "code": "insufficient_funds",
        **changed,
    }


async def test_a_card_that_nobody_has_tried_has_its_whole_budget(api: RunningApi) -> None:
    got = await api.ask("GET", CARD)
    assert got.status == 200
    assert (got.body["rule"], got.body["attempts"]) == (None, [])
    assert got.body["left"] > 1


async def test_what_staff_tried_on_the_telephone_counts_once_however_often_it_is_told(api: RunningApi) -> None:
    whole = (await api.ask("GET", CARD)).body["left"]
    for _ in range(3):
        assert (await api.ask("POST", CARD, made())).status == 200
    got = (await api.ask("GET", CARD)).body
    (attempt,) = got["attempts"]
    assert (attempt["made_by"], attempt["outcome"], attempt["category"]) == ("staff", "declined", "insufficient_funds")
    assert attempt["claim"] == "stripe/default/in_1"
    assert got["left"] == whole - 1


async def test_a_budget_that_is_used_up_says_by_which_rule_and_until_when(api: RunningApi) -> None:
    for number in range(1, 16):
        await api.ask("POST", CARD, made(number, made_by="customer"))
    got = (await api.ask("GET", CARD)).body
    assert got["left"] == 0
    assert got["rule"]
    assert datetime.fromisoformat(got["free_at"]) > NOW


async def test_a_card_that_was_reported_stolen_is_never_free_again(api: RunningApi) -> None:
    await api.ask("POST", CARD, made(code="stolen_card"))
    got = (await api.ask("GET", CARD)).body
    assert (got["left"], got["free_at"]) == (0, None)


async def test_one_card_under_two_tokens_is_one_card(api: RunningApi) -> None:
    await api.ask("POST", CARD, made(fingerprint="fp_1"))
    other = "/attempts/stripe/default/pm_2"
    assert (await api.ask("GET", other)).body["attempts"] == []
    assert len((await api.ask("GET", f"{other}?fingerprint=fp_1")).body["attempts"]) == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"amount_minor": -1}, "amount_minor"),
        ({"currency": "XXQ"}, "currency"),
        ({"outcome": "perhaps"}, "outcome"),
        ({"made_by": "recoup"}, "made_by"),
        ({"at": "yesterday"}, "at"),
        ({"reference": "4242424242424242"}, "reference"),
        ({"surplus": 1}, "surplus"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_and_counts_nothing(
    api: RunningApi, changed: dict[str, Any], named: str
) -> None:
    answer = await api.ask("POST", CARD, made(**changed))
    assert answer.status == 400
    assert named in answer.text
    assert "4242424242424242" not in answer.text
    assert (await api.ask("GET", CARD)).body["attempts"] == []


async def test_a_card_number_is_no_token(api: RunningApi) -> None:
    assert (await api.ask("GET", "/attempts/stripe/default/4242424242424242")).status in (400, 404)
