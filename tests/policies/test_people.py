import pytest

from policies.decide import next_step
from policies.declines import TREATMENTS, Category
from policies.document import EscalateTo, PolicyDocument
from policies.facts import CaseFacts, Escalation, FraudFlag
from policies.risk import Risk, RiskLevel, RiskReason
from policies.steps import AnyStep, Close, Escalate
from policies.surroundings import Surroundings
from tests.policies.timeline import ENTERPRISE, SELF_SERVE, case, day, everything_told

QUIET = everything_told(SELF_SERVE, day(-9))
SUSPICIOUS = Risk(
    level=RiskLevel.SUSPICIOUS,
    points=100,
    reasons=(RiskReason(signal="cards_tried_24h", points=100, because="5 cards tried within a day"),),
)
BECAUSE = "suspicious, so nothing is retried by itself: 5 cards tried within a day"


def step_of(facts: CaseFacts, when: float = 0) -> AnyStep:
    return next_step(SELF_SERVE, facts, Surroundings(), day(when))


def asked(because: str, when: float) -> Escalation:
    return Escalation(ordinal=1, at=day(when), to="ops", because=because)


def test_a_suspicious_customer_is_handed_to_a_person_at_once_and_with_the_signal() -> None:
    step = step_of(case(risk=SUSPICIOUS, messages=QUIET))
    assert isinstance(step, Escalate)
    assert (step.at, step.to, step.because, step.words.because) == (day(0), "ops", BECAUSE, BECAUSE)


def test_a_suspicious_customer_is_handed_over_once() -> None:
    facts = case(risk=SUSPICIOUS, messages=QUIET, escalations=(asked(BECAUSE, 0),))
    assert step_of(facts).kind == "limit"


def test_who_was_handed_over_for_another_reason_is_handed_over_for_the_suspicion_too() -> None:
    facts = case(risk=SUSPICIOUS, messages=QUIET, escalations=(asked("attempt 1 is unknown after 7 look-ups", 0),))
    step = step_of(facts, 1)
    assert isinstance(step, Escalate)
    assert step.because == BECAUSE


def test_each_suspicion_of_the_fraud_check_is_handed_over_with_its_signals() -> None:
    flag = FraudFlag(at=day(2), signals=("many_cards", "new_country"))
    step = step_of(case(messages=QUIET, fraud_flags=(flag,), escalations=(asked("earlier", 1),)), 3)
    assert isinstance(step, Escalate)
    assert (step.at, step.because) == (day(3), "the fraud check is suspicious: many_cards, new_country")
    answered = case(messages=QUIET, fraud_flags=(flag,), escalations=(asked("the fraud check", 2),))
    assert step_of(answered, 3).kind == "limit"


@pytest.mark.parametrize("category", [c for c in Category if not TREATMENTS[c].contact])
def test_where_nobody_is_written_to_a_person_is_asked_once_and_told_why(category: Category) -> None:
    step = step_of(case(category))
    assert isinstance(step, Escalate)
    assert (step.at, step.to) == (day(0), "ops")
    assert step.because == step.words.because == f"{category.value}: {TREATMENTS[category].for_a_person}"
    assert isinstance(step_of(case(category, escalations=(asked(step.because, 0),))), Close)


@pytest.mark.parametrize("category", Category)
def test_a_person_is_told_what_to_do_where_nobody_else_can_act(category: Category) -> None:
    assert bool(TREATMENTS[category].for_a_person) is not TREATMENTS[category].contact


@pytest.mark.parametrize(
    "policy", [ENTERPRISE, ENTERPRISE.model_copy(update={"escalate": EscalateTo(after="3d", to="ops")})]
)
def test_a_hand_over_for_another_reason_does_not_stand_in_for_the_one_of_the_policy(policy: PolicyDocument) -> None:
    """Three days after the failure, whoever looked at an unclear attempt on the first day."""
    quiet, earlier = everything_told(policy, day(-9)), asked("attempt 1 is unknown after 7 look-ups", 1)
    step = next_step(
        policy, case(Category.EXPIRED_CARD, messages=quiet, escalations=(earlier,)), Surroundings(), day(3)
    )
    assert isinstance(step, Escalate)
    assert policy.escalate
    assert (step.to, step.because) == (policy.escalate.to, "the policy brings in a person 3 days after the failure")
    done = asked("the policy brings in a person 13 days after the failure", 3)
    facts = case(Category.EXPIRED_CARD, messages=quiet, escalations=(earlier, done))
    assert next_step(policy, facts, Surroundings(), day(3)).kind == "limit"
