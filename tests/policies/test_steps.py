import pytest
from pydantic import TypeAdapter, ValidationError

from policies.events import CloseCase, CloseOutcome
from policies.steps import KINDS, AnyStep, Close, Hold, Notify, Step, Words
from tests.policies.timeline import DUE, day

STEPS: TypeAdapter[AnyStep] = TypeAdapter(Step)


def test_a_step_this_worker_does_not_know_holds_the_case_for_a_person() -> None:
    step = STEPS.validate_python({"kind": "call_by_phone", "at": day(3), "because": "new in 2.0", "number": 7})
    assert isinstance(step, Hold)
    assert (step.at, step.waits_for) == (day(3), "ops")
    assert "does not know the step 'call_by_phone'" in step.because


def test_unknown_steps_hold_also_when_they_come_as_json() -> None:
    step = STEPS.validate_json('{"kind": "call_by_phone", "at": "2026-03-05T10:00:00Z", "because": "new in 2.0"}')
    assert isinstance(step, Hold)


def test_a_newer_field_of_a_known_step_is_ignored() -> None:
    step = STEPS.validate_python(
        {"kind": "close", "at": day(1), "because": "x", "outcome": "written_off", "mood": "sad"}
    )
    assert step == Close(at=day(1), because="x", outcome=CloseOutcome.WRITTEN_OFF)


def test_every_class_of_the_union_is_a_known_kind() -> None:
    assert {step.model_fields["kind"].default for step in AnyStep.__args__} == KINDS


def test_a_step_comes_back_from_json_as_it_was() -> None:
    words = Words(due=DUE, next_attempt_at=day(3))
    step = Notify(at=day(0), because="x", name="a", template="reminder", channels=("email",), words=words)
    assert STEPS.validate_json(step.model_dump_json()) == step
    assert STEPS.validate_python(step) == step


@pytest.mark.parametrize("outcome", ["recovered", "disputed"])
def test_nobody_closes_a_case_by_hand_as_what_only_the_source_can_know(outcome: str) -> None:
    raw = f'{{"action_id": "a1", "actor": "Jo", "reason": "done", "outcome": "{outcome}"}}'
    with pytest.raises(ValidationError, match=f"not as {outcome}"):
        CloseCase.model_validate_json(raw)
    assert CloseCase.model_validate_json(raw.replace(outcome, "written_off")).outcome is CloseOutcome.WRITTEN_OFF
