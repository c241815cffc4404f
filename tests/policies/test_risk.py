import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.risk import EDITION, PaymentHistory, Risk, RiskLevel, assess

COUNTS = [
    name
    for name in PaymentHistory.model_fields
    if name not in ("payments_365d", "tenure_days", "account_changed_hours")
]


@pytest.mark.parametrize(
    ("history", "level"),
    [
        ({}, RiskLevel.ONE_OFF),
        ({"payments_365d": 12, "failures_90d": 1, "consecutive_failures": 1, "tenure_days": 800}, RiskLevel.ONE_OFF),
        ({"failures_90d": 3, "consecutive_failures": 1}, RiskLevel.TEMPORARY),
        ({"failures_90d": 5, "consecutive_failures": 3}, RiskLevel.CHRONIC),
        ({"written_off": 2}, RiskLevel.CHRONIC),
        ({"failures_90d": 3, "payments_365d": 12}, RiskLevel.ONE_OFF),
        ({"cards_tried_24h": 3, "cards_tried_30d": 3}, RiskLevel.ONE_OFF),
        ({"cards_tried_24h": 4}, RiskLevel.SUSPICIOUS),
        ({"attempts_1h": 6, "payments_365d": 12, "tenure_days": 4000}, RiskLevel.SUSPICIOUS),
        ({"disputes_lost_365d": 2}, RiskLevel.SUSPICIOUS),
        ({"account_changed_hours": 3, "cards_tried_24h": 2}, RiskLevel.SUSPICIOUS),
        ({"account_changed_hours": 3, "cards_tried_24h": 1}, RiskLevel.ONE_OFF),
        ({"account_changed_hours": 30, "cards_tried_24h": 2}, RiskLevel.ONE_OFF),
        ({"tenure_days": 3, "failures_90d": 2}, RiskLevel.TEMPORARY),
    ],
)
def test_a_history_is_bad_luck_habit_or_fraud(history: dict[str, int], level: RiskLevel) -> None:
    risk = assess(PaymentHistory.model_validate(history))
    assert risk.level is level, risk
    assert risk.edition == EDITION


def test_every_point_has_its_reason() -> None:
    risk = assess(PaymentHistory(failures_90d=2, written_off=1, payments_365d=3, tenure_days=10))
    assert {reason.signal: reason.points for reason in risk.reasons} == {
        "failures_90d": 16,
        "written_off": 30,
        "payments_365d": -6,
        "tenure_days": 10,
    }
    assert risk.points == 50
    assert risk.signals == "2 failed payments within 90 days; 1 cases given up before; customer for 10 days"


histories = st.builds(
    PaymentHistory,
    **{name: st.integers(0, 9) for name in [*COUNTS, "payments_365d"]},
    tenure_days=st.none() | st.integers(0, 4000),
    account_changed_hours=st.none() | st.integers(0, 100),
)
ORDER = [RiskLevel.ONE_OFF, RiskLevel.TEMPORARY, RiskLevel.CHRONIC, RiskLevel.SUSPICIOUS]


@given(histories, st.sampled_from(COUNTS))
def test_more_of_a_bad_thing_never_looks_better(history: PaymentHistory, worse: str) -> None:
    more = history.model_copy(update={worse: getattr(history, worse) + 1})
    before, after = assess(history), assess(more)
    assert after.points >= before.points
    assert ORDER.index(after.level) >= ORDER.index(before.level)


@given(histories)
def test_the_same_history_is_the_same_risk_and_survives_a_history(history: PaymentHistory) -> None:
    assert Risk.model_validate_json(assess(history).model_dump_json()) == assess(history)
