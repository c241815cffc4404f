from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.fixtures.sandbox import START, day
from workers.sandbox.cards import DECLINES, CardAnswer, Wire, answer_of, behaviour_of
from workers.sandbox.stories import STORIES, Story

A_MOMENT = timedelta(microseconds=1)
YES = CardAnswer(status="succeeded")


def test_an_empty_account_declines_until_its_day_and_pays_from_then_on() -> None:
    card = behaviour_of("insufficient_until", {"until": day(5).isoformat()})
    assert answer_of(card, START, False).code == "insufficient_funds"
    assert answer_of(card, day(5) - A_MOMENT, False).code == "insufficient_funds"
    assert answer_of(card, day(5), False) == YES
    assert answer_of(card, day(50), False) == YES


def test_an_issuer_is_down_between_two_moments_only() -> None:
    card = behaviour_of("issuer_down", {"from": day(1).isoformat(), "until": day(2).isoformat()})
    assert answer_of(card, day(1) - A_MOMENT, False) == YES
    assert answer_of(card, day(1), False).code == "issuer_not_available"
    assert answer_of(card, day(2) - A_MOMENT, False).code == "issuer_not_available"
    assert answer_of(card, day(2), False) == YES


@pytest.mark.parametrize(("kind", "code"), DECLINES.items())
@pytest.mark.parametrize("when", [0, 1, 400])
def test_some_cards_decline_for_ever(kind: str, code: str, when: int) -> None:
    assert answer_of(behaviour_of(kind, {}), day(when), False) == CardAnswer(status="declined", code=code)


@pytest.mark.parametrize("kind", ["good", "fraud_suspect"])
def test_some_cards_always_pay(kind: str) -> None:
    assert answer_of(behaviour_of(kind, {}), day(7), False) == YES


def test_what_the_wire_loses() -> None:
    assert answer_of(behaviour_of("silent", {}), START, False).wire is Wire.SILENT
    assert answer_of(behaviour_of("silent_lost", {}), START, True).wire is Wire.LOST
    assert answer_of(behaviour_of("silent_lost_once", {}), START, False).wire is Wire.LOST
    assert answer_of(behaviour_of("silent_lost_once", {}), START, True) == YES


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("no_such_kind", {}),
        ("good", {"until": "2026-03-02T09:00:00Z"}),
        ("insufficient_until", {}),
        ("insufficient_until", {"until": "2026-03-02T09:00:00"}),
        ("issuer_down", {"until": "2026-03-02T09:00:00Z"}),
    ],
)
def test_a_card_that_cannot_be_is_refused(kind: str, params: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        behaviour_of(kind, params)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_every_story_tells_of_a_card_that_can_be(story: Story) -> None:

    assert behaviour_of(story.card, story.card_params(START)).kind == story.card
    assert story.says.endswith(".")
