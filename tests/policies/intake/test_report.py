"""A rule that holds back good events is seen, and told what to do."""

from typing import Any

import pytest

from policies.intake.report import RuleCounts, advice, worst_first


def counts(rule: str = "old", **numbers: Any) -> RuleCounts:
    return RuleCounts(source="stripe", account="default", rule=rule, **numbers)


def test_shares_are_of_all_events_and_of_those_that_were_held_back() -> None:
    some = counts(warned=4, quarantined=3, refused=1, shadow=2, released=1, contradicted=4, good_held_back=2)
    assert (some.events, some.held_back, some.good_share, some.wrong_share) == (10, 4, 0.5, 0.5)
    assert counts(warned=1).wrong_share == 0


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"quarantined": 8, "refused": 2, "good_held_back": 2}, "2 of 10 that it held back were good: let it warn"),
        ({"quarantined": 10, "good_held_back": 1}, None),
        ({"quarantined": 10}, None),
        ({"warned": 10, "contradicted": 10}, None),
        ({"shadow": 4, "good_shadow": 1}, "would hold back good events, 1 of 4: leave it a shadow"),
        ({"shadow": 19}, None),
        ({"shadow": 20}, "none of 20 has turned out to be good so far: it can count"),
        ({"shadow": 20, "good_shadow": 2}, None),
    ],
)
def test_what_to_do_about_a_rule_is_a_sentence_and_only_where_something_is_to_be_done(
    numbers: dict[str, int], says: str | None
) -> None:
    told = advice(counts(**numbers))
    assert told == says if says is None else told is not None and told.startswith(says)


def test_the_worst_come_first() -> None:
    rules = (
        counts("quiet", warned=5),
        counts("loud", warned=50),
        counts("warns_of_good_ones", warned=5, contradicted=5),
        counts("holds_good_ones_back", quarantined=5, released=2, good_held_back=2),
        counts("holds_more_back", refused=5, released=4, good_held_back=4),
    )
    assert [rule.rule for rule in worst_first(rules)] == [
        "holds_more_back",
        "holds_good_ones_back",
        "warns_of_good_ones",
        "loud",
        "quiet",
    ]
