"""A running case is given another policy: when it may be, what is kept, and that the new one can go on from there."""

from datetime import timedelta
from typing import Any

import pytest

from policies.asked import CloseAsked
from policies.decide import next_step
from policies.document import PolicyDocument, PolicySnapshot
from policies.events import CloseOutcome
from policies.facts import AccessLevel, CaseFacts, Ending
from policies.invoices import InvoiceStatus
from policies.migration import MigrateRequest, migrated, refusal_of_migration
from policies.steps import Charge
from policies.surroundings import Surroundings
from tests.policies.timeline import PREMIUM, SELF_SERVE, access, case, day, disputed, paid, paused, told, tried

OLD = PolicySnapshot.of(SELF_SERVE)
NEW = PolicySnapshot.of(SELF_SERVE.model_copy(update={"version": 2}))


def asked(policy: PolicySnapshot = NEW, action_id: str = "m1", expected: str = OLD.sha256) -> MigrateRequest:
    return MigrateRequest(action_id=action_id, actor="Jo", reason="new terms", expected_sha256=expected, policy=policy)


def with_ladder(*days: int) -> PolicyDocument:
    ladder = tuple(timedelta(days=n) for n in days)
    return SELF_SERVE.model_copy(update={"retries": SELF_SERVE.retries.model_copy(update={"ladder": ladder})})


@pytest.mark.parametrize("facts", [case(), case(stops=(paused(day(1)),)), case(disputes=(disputed(day(1)),))])
def test_a_case_that_goes_on_may_move_also_while_it_is_held(facts: CaseFacts) -> None:
    assert refusal_of_migration(facts, OLD, asked()) is None


@pytest.mark.parametrize(
    "ending",
    [
        {"payments": (paid(day(1)),)},
        {"endings": (Ending(at=day(1), happened_at=day(1), status=InvoiceStatus.VOID),)},
        {"close_asked": CloseAsked(at=day(1), outcome=CloseOutcome.CANCELLED, actor="Jo", reason="goodwill")},
        {"disputes": (disputed(day(1), day(2), won=False),)},
    ],
)
def test_a_case_that_is_ending_stays(ending: dict[str, Any]) -> None:
    assert "is ending" in (refusal_of_migration(case(**ending), OLD, asked()) or "")


def test_a_case_moves_only_from_the_policy_that_was_looked_at() -> None:
    premium = PolicySnapshot.of(PREMIUM)
    assert "another policy by now: policy premium@1" in (refusal_of_migration(case(), premium, asked()) or "")
    assert "already has policy self_serve@2" in (refusal_of_migration(case(), NEW, asked()) or "")


def test_a_hash_that_is_not_the_documents_and_a_document_too_long_to_travel_are_refused() -> None:
    wrong = PolicySnapshot(document=NEW.document, sha256="0" * 64)
    assert "not that of the document" in (refusal_of_migration(case(), OLD, asked(wrong)) or "")
    conditions = SELF_SERVE.reinstatement.model_copy(update={"conditions": ("Pay. " * 4000,)})
    long = PolicySnapshot.of(SELF_SERVE.model_copy(update={"reinstatement": conditions}))
    assert "16000 are allowed" in (refusal_of_migration(case(), OLD, asked(long)) or "")


def test_a_change_is_kept_once_however_often_it_is_asked_for() -> None:
    once = migrated(case(), OLD, asked(), day(3))
    change = once.policy_changes[0]
    assert (change.at, change.actor, change.reason) == (day(3), "Jo", "new terms")
    assert (change.from_edition, change.to_edition) == ("policy self_serve@1", "policy self_serve@2")
    assert (change.from_sha256, change.to_sha256) == (OLD.sha256, NEW.sha256)
    assert refusal_of_migration(once, NEW, asked()) is None
    assert migrated(once, NEW, asked(), day(4)) == once


def test_a_request_that_comes_again_after_the_case_moved_back_does_not_move_it_again() -> None:
    there = migrated(case(), OLD, asked(), day(3))
    back = migrated(there, NEW, asked(OLD, "m2", NEW.sha256), day(4))
    assert "was done before" in (refusal_of_migration(back, OLD, asked()) or "")
    assert refusal_of_migration(back, OLD, asked(action_id="m3")) is None


HALF_WAY = case(
    attempts=tuple(tried(n, day(d), f"ladder-{n}") for n, d in ((1, 1), (2, 3), (3, 6))),
    messages=(told("first_notice", day(0)), told("reminder", day(4)), told("offer_1", day(6)), told("limited", day(8))),
    access_changes=(access(AccessLevel.LIMITED, day(8)),),
)


def test_rungs_that_the_new_policy_has_not_are_past_and_break_nothing() -> None:
    """Two rungs where three were used: nothing is charged any more, messages and access go on."""
    step = next_step(with_ladder(2, 12), HALF_WAY, Surroundings(), day(8.5))
    assert not isinstance(step, Charge)
    assert step.at > day(8.5)
    assert not any(alternative.startswith("charge") for alternative in step.basis.rejected)


def test_a_longer_ladder_goes_on_after_the_place_that_was_used() -> None:
    step = next_step(with_ladder(1, 2, 3, 9, 15), HALF_WAY, Surroundings(), day(8.5))
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == ("ladder-4", day(9))
