"""Drives `next_step` as the workflow does, without a server: go to the step's time or to the next news, act, record.

The world is a Scenario: what happened when, and how calls turn out, in turn. Every hold ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from policies import record, record_actions
from policies.decide import next_step
from policies.declines import Category
from policies.document import PolicyDocument
from policies.events import (
    CaseAction,
    CaseEvent,
    CloseCase,
    CloseOutcome,
    DisputeClosed,
    DisputeOpened,
    InvoiceVoided,
    Pause,
    PaymentFailed,
    PaymentSucceeded,
    Resume,
    SubscriptionCancelled,
    UpdatePaymentMethod,
)
from policies.facts import (
    OPEN_OUTCOMES,
    AccessChange,
    AccessLevel,
    Attempt,
    CaseFacts,
    Escalation,
    FraudFlag,
    Outcome,
    Refusal,
)
from policies.keys import attempt_key
from policies.network_rules import LedgerEntry, ProposedAttempt, Refused, may_attempt
from policies.said import Message, MessageStatus
from policies.steps import (
    AnyStep,
    Charge,
    Close,
    Escalate,
    Hold,
    Limit,
    Notify,
    Offer,
    Reconcile,
    Reinstate,
    Suspend,
)
from policies.surroundings import CustomerView, Surroundings
from tests.policies.timeline import CASE, DUE, OLD_CARD, START, declined_as, invoice

LAPS_MAX = 500

Answer = Outcome | Category | str
"""How a charge turns out: an outcome, a category it is declined with, `refused`, `refused for good` or `suspicious`."""


@dataclass(frozen=True)
class Scenario:
    policy: PolicyDocument
    category: Category | None = Category.INSUFFICIENT_FUNDS
    zone: str = "UTC"
    zones: tuple[str, ...] = ()
    start: datetime = START
    news: tuple[tuple[int, str], ...] = ()
    answers: tuple[Answer, ...] = (Category.INSUFFICIENT_FUNDS,)
    found: tuple[Outcome, ...] = (Outcome.UNKNOWN, Outcome.NOT_ACCEPTED)
    delivered: tuple[MessageStatus, ...] = (MessageStatus.ACCEPTED,)
    earlier_attempts: int = 0
    disputes_won: bool = True

    def shifted(self, days: int) -> "Scenario":
        return replace(self, start=self.start + timedelta(days=days))


@dataclass(frozen=True)
class Lap:
    """What was known at `now`, what was decided, and whether it came to pass before the next news."""

    now: datetime
    facts: CaseFacts
    around: Surroundings
    step: AnyStep
    acted: bool


class Simulator:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.now = scenario, scenario.start
        decline = declined_as(scenario.category) if scenario.category else None
        self.facts = CaseFacts(case=CASE, opened_at=self.now, failed_at=self.now, invoice=invoice(last_decline=decline))
        self.news = [(scenario.start + timedelta(hours=h), kind) for h, kind in sorted(scenario.news)]
        self.answers, self.found = cycle(scenario.answers), cycle(scenario.found)
        self.delivered = cycle(scenario.delivered)
        self.heard = 0

    def laps(self) -> Iterator[Lap]:
        """Ends with the lap that closes the case; gives up after LAPS_MAX."""
        for _ in range(LAPS_MAX):
            around = self._surroundings()
            step = next_step(self.scenario.policy, self.facts, around, self.now)
            comes_first = bool(self.news) and self.news[0][0] <= step.at
            acted = not isinstance(step, Hold) and not comes_first
            yield Lap(now=self.now, facts=self.facts, around=around, step=step, acted=acted)
            if acted:
                self.now = max(self.now, step.at)
                if isinstance(step, Close):
                    return
                self._act(step)
            else:
                self._hear(step)

    def _surroundings(self) -> Surroundings:
        """The ledger of the credential: earlier attempts of others on the old card, and ours."""
        card = self.facts.credential_id
        theirs = self.scenario.earlier_attempts if card == OLD_CARD else 0
        entries = [
            LedgerEntry(
                key=f"theirs-{n}",
                actor="gateway",
                at=self.scenario.start - timedelta(hours=n + 1),
                amount=DUE,
                outcome=Outcome.DECLINED,
            )
            for n in range(theirs)
        ]
        entries += [
            LedgerEntry(
                key=a.key,
                actor="recoup",
                at=a.at,
                amount=a.amount,
                outcome=a.outcome,
                decline=a.decline,
                claim=CASE.case_id,
            )
            for a in self.facts.attempts
            if a.credential_id == card
        ]
        customer = CustomerView(zone=self.scenario.zone, zones=self.scenario.zones)
        return Surroundings(customer=customer, ledger=tuple(entries))

    # --- news ---------------------------------------------------------------------------------------------------------

    def _hear(self, step: AnyStep) -> None:
        if self.news:
            at, kind = self.news.pop(0)
        else:
            at, kind = self.now + timedelta(days=1), self._end_of(step)
        self.now, self.heard = max(self.now, at), self.heard + 1
        news = self._news(kind)
        if isinstance(news, UpdatePaymentMethod | Pause | Resume | CloseCase):
            self.facts = record_actions.with_action(self.facts, news, self.now)
        else:
            self.facts = record.with_event(self.facts, news, self.now)

    def _end_of(self, step: AnyStep) -> str:
        """Every hold ends: the dispute is decided, ops resume, and what nobody can resume ops close."""
        if isinstance(step, Hold) and step.waits_for == "dispute":
            return "dispute won" if self.scenario.disputes_won else "dispute lost"
        return "resume" if self.facts.open_stop else "close"

    def _news(self, kind: str) -> CaseEvent | CaseAction:
        identity = f"news-{self.heard}"
        event: dict[str, Any] = {"event_id": identity, "happened_at": self.now, "invoice_id": CASE.invoice_id}
        person: dict[str, Any] = {"action_id": identity, "actor": "Jo", "reason": "because"}
        dispute = self.facts.open_dispute
        dispute_id = dispute.dispute_id if dispute else f"dp-{self.heard}"
        match kind.split():
            case ["paid"]:
                return PaymentSucceeded(**event, paid=DUE)
            case ["part"]:
                half = self.facts.due.amount_minor // 2
                rest = self.facts.due.model_copy(update={"amount_minor": self.facts.due.amount_minor - half})
                return PaymentSucceeded(**event, paid=rest.model_copy(update={"amount_minor": half}), remaining=rest)
            case ["failed", category]:
                return PaymentFailed(**event, decline=declined_as(Category(category)))
            case ["void"]:
                return InvoiceVoided(**event)
            case ["cancelled"]:
                return SubscriptionCancelled(**event)
            case ["dispute", "opened"]:
                return DisputeOpened(**event, dispute_id=f"dp-{self.heard}")
            case ["dispute", decided]:
                return DisputeClosed(**event, dispute_id=dispute_id, won=decided == "won")
            case ["card"]:
                return UpdatePaymentMethod(action_id=identity, credential_id=f"card-{self.heard}")
            case ["pause"]:
                return Pause(**person)
            case ["resume"]:
                return Resume(**person)
            case _:
                return CloseCase(**person, outcome=CloseOutcome.WRITTEN_OFF)

    # --- acts ---------------------------------------------------------------------------------------------------------

    def _act(self, step: AnyStep) -> None:
        facts, now = self.facts, self.now
        match step:
            case Charge():
                self._charge(step)
            case Reconcile():
                attempt = next(a for a in facts.attempts if a.ordinal == step.ordinal)
                outcome = next(self.found)
                self.facts = record.with_attempt(
                    facts,
                    attempt.model_copy(
                        update={
                            "outcome": outcome,
                            "decline": declined_as(Category.DO_NOT_HONOR) if outcome is Outcome.DECLINED else None,
                            "look_ups": attempt.look_ups + 1,
                            "looked_up_at": None if outcome in OPEN_OUTCOMES else now,
                        }
                    ),
                )
            case Notify() | Offer():
                status = next(self.delivered)
                message = Message(
                    ordinal=len(facts.messages) + 1,
                    at=now,
                    name=step.name,
                    template=step.template,
                    status=status,
                    because=step.because,
                    channel=step.channels[0] if status is MessageStatus.ACCEPTED else None,
                    asked=step.channels,
                )
                self.facts = record.with_fact(facts, "messages", message)
            case Limit():
                self._change_access(AccessLevel.LIMITED)
            case Suspend():
                self._change_access(AccessLevel.SUSPENDED)
            case Reinstate():
                self._change_access(AccessLevel.FULL)
            case Escalate():
                asked = Escalation(ordinal=len(facts.escalations) + 1, at=now, to=step.to, because=step.because)
                self.facts = record.with_fact(facts, "escalations", asked)
            case _:
                raise AssertionError(f"{step.kind} is no act")

    def _charge(self, step: Charge) -> None:
        facts, now, answer = self.facts, self.now, next(self.answers)
        proposed = ProposedAttempt(credential_id=step.credential_id, amount=step.amount, claim=CASE.case_id)
        rule = may_attempt(self._surroundings().ledger, proposed, now)
        if isinstance(rule, Refused):
            self._refuse(step, rule.free_at)
        elif answer == "refused":
            self._refuse(step, now + timedelta(hours=30))
        elif answer == "refused for good":
            self._refuse(step, None)
        elif answer == "suspicious":
            self.facts = record.with_fact(facts, "fraud_flags", FraudFlag(at=now, signals=("many_cards",)))
        else:
            ordinal = len(facts.attempts) + 1
            attempt = Attempt(
                ordinal=ordinal,
                key=attempt_key(CASE, ordinal),
                at=now,
                credential_id=step.credential_id,
                amount=step.amount,
                outcome=answer if isinstance(answer, Outcome) else Outcome.DECLINED,
                decline=declined_as(answer) if isinstance(answer, Category) else None,
                rung=step.rung,
                action_id=step.action_id,
                because=step.because,
            )
            self.facts = record.with_attempt(facts, attempt)

    def _refuse(self, step: Charge, free_at: datetime | None) -> None:
        refusal = Refusal(at=self.now, credential_id=step.credential_id, rule="r", free_at=free_at, rung=step.rung)
        self.facts = record.with_fact(self.facts, "refusals", refusal)

    def _change_access(self, level: AccessLevel) -> None:
        change = AccessChange(ordinal=len(self.facts.access_changes) + 1, at=self.now, level=level, because="b")
        self.facts = record.with_fact(self.facts, "access_changes", change)


def walk(scenario: Scenario) -> list[Lap]:
    return list(Simulator(scenario).laps())
