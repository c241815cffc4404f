"""What a document means once it is let in, and that it means the same on every worker."""

from datetime import time, timedelta
from typing import Any

import pytest

from policies.document import Avoid, Chronic, Contact, LimitAccess, PolicyDocument, PolicySnapshot, SuspendAccess
from policies.risk import RiskLevel
from policies.written import Hours
from tests.policies.timeline import SELF_SERVE, SHIPPED


def test_times_to_avoid_are_there_as_numbers_and_clock_times() -> None:
    avoid = Avoid.model_validate({"weekdays": ["sun", "mon"], "hours": ["22:00-06:00", "12:00:30-13:00"]})
    assert avoid.weekday_numbers == (6, 0)
    assert avoid.clock_hours == ((time(22), time(6)), (time(12, 0, 30), time(13)))
    assert Avoid.model_validate_json(avoid.model_dump_json()) == avoid


@pytest.mark.parametrize(
    "given", [{"weekdays": ["sat"]}, {"hours": ["01:00-05:00"]}, {"holidays": True}, {"seasons": ["year_end"]}]
)
def test_anything_that_is_given_is_avoided(given: dict[str, Any]) -> None:
    assert Avoid.model_validate(given).anything
    assert not Avoid().anything


def test_a_channel_may_have_hours_of_its_own() -> None:
    contact = Contact(hours={"sms": Hours(opens=time(10), closes=time(18))})
    assert contact.hours_for("sms") == (time(10), time(18))
    assert contact.hours_for("email") == (time(8), time(20))


def firmer(**chronic: Any) -> PolicyDocument:
    limited = {"limit": LimitAccess(after=timedelta(days=8), takes=("credits",))}
    return SELF_SERVE.model_copy(update={**limited, "chronic": Chronic.model_validate(chronic)})


@pytest.mark.parametrize("level", [level for level in RiskLevel if level is not RiskLevel.CHRONIC])
def test_the_firmer_line_is_for_chronic_customers_only(level: RiskLevel) -> None:
    assert SELF_SERVE.chronic is not None
    assert SELF_SERVE.for_risk(level) is SELF_SERVE


@pytest.mark.parametrize(
    ("chronic", "part", "changed"),
    [
        ({"maximum": 3}, "retries", {"maximum": 3}),
        ({"limit_after": "5d"}, "limit", {"after": timedelta(days=5)}),
        ({"suspend_after": "10d"}, "suspend", {"after": timedelta(days=10)}),
        ({"close_after": "20d"}, "close", {"after": timedelta(days=20)}),
    ],
    ids=lambda value: str(value),
)
def test_each_field_of_the_firmer_line_changes_its_part_and_nothing_else(
    chronic: dict[str, Any], part: str, changed: dict[str, Any]
) -> None:
    usual = firmer(**chronic)
    effective = usual.for_risk(RiskLevel.CHRONIC)
    assert effective == usual.model_copy(update={part: getattr(usual, part).model_copy(update=changed)})
    assert effective != usual


def test_without_anything_firmer_the_document_stays_what_it_is() -> None:
    empty = firmer()
    assert empty.for_risk(RiskLevel.CHRONIC) is empty
    plain = SELF_SERVE.model_copy(update={"chronic": None})
    assert plain.for_risk(RiskLevel.CHRONIC) is plain
    without_parts = firmer(limit_after="5d", suspend_after="9d").model_copy(update={"limit": None, "suspend": None})
    assert without_parts.for_risk(RiskLevel.CHRONIC) is without_parts


def test_a_document_of_an_older_worker_still_loads() -> None:
    """As documents travelled before there were conditions, grace, adaptive timing and a firmer line."""
    older: dict[str, Any] = {
        "name": "enterprise",
        "version": 1,
        "applies_when": {"segments": ["enterprise"]},
        "retries": {"immediate": ["15m"], "ladder": ["2d", "5d"], "gap": "1d", "maximum": 14},
        "contact": {"opens": "09:00:00", "closes": "17:00:00", "gap": "2d", "silent_window": {"gateway_error": "1d"}},
        "messages": [{"name": "first", "after": "0h", "template": "payment_failed", "channels": ["email"]}],
        "offers": [{"after": "6d", "offers": ["other_card"], "channels": ["email"]}],
        "access_channels": ["email", "in_app"],
        "limit": {"after": "30d", "takes": ["credits"]},
        "suspend": {"after": "42d"},
        "reinstatement": {"conditions": ["Pay."]},
        "escalate": {"after": "3d", "to": "ops"},
        "close": {"after": "60d", "outcome": "written_off"},
    }
    read = PolicyDocument.model_validate(older)
    assert read.retries.timing == "ladder"
    assert read.grace == timedelta()
    assert read.reinstatement.paid_percent == 100
    assert read.applies_when is not None
    assert read.applies_when.segments == ("enterprise",)


def test_a_document_of_a_newer_worker_loads_without_what_is_not_known_yet() -> None:
    newer = SELF_SERVE.model_dump(mode="json")
    newer["retries"] = {**newer["retries"], "wishes": 3}
    newer["applies_when"] = {"segments": ["a"], "moods": ["sunny"]}
    read = PolicyDocument.model_validate({**newer, "songs": ["one"]})
    assert read.retries == SELF_SERVE.retries


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: document.name)
def test_a_snapshot_survives_the_way_into_a_history_and_back(document: PolicyDocument) -> None:
    snapshot = PolicySnapshot.of(document)
    assert PolicySnapshot.model_validate_json(snapshot.model_dump_json()) == snapshot


def test_a_duration_that_is_one_already_is_taken_as_it_is() -> None:
    assert SuspendAccess(after=timedelta(days=2)).after == timedelta(days=2)
