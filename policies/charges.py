"""When the next attempt to collect is due, on which credential, and why; None when none will be made.

A credential the customer just gave goes first and uses no rung. Rungs used and attempts made are different numbers.
"""

from datetime import datetime, timedelta

from policies.declines import Retryable
from policies.document import PolicyDocument
from policies.facts import CaseFacts
from policies.network_rules import LedgerEntry, ProposedAttempt, Refused, may_attempt
from policies.steps import Charge


def next_charge(
    policy: PolicyDocument,
    facts: CaseFacts,
    ledger: tuple[LedgerEntry, ...],
    now: datetime,
    started: datetime,
) -> Charge | None:
    if facts.attempts_made >= policy.retries.maximum:
        return None
    new = facts.untried_credential()
    if new and not any(flag.at >= new.at for flag in facts.fraud_flags):
        because = "the customer gave a new way to pay, so it is tried at once"
        waits = (r.free_at for r in facts.refusals if r.free_at and r.credential_id == new.credential_id)
        return Charge(
            at=max([new.at, *waits]),
            credential_id=new.credential_id,
            amount=facts.due,
            action_id=new.action_id,
            because=because,
        )
    rung = _next_rung(policy, facts, now, started)
    if rung is None:
        return None
    name, at, because = rung
    instrument = facts.instrument
    proposed = ProposedAttempt(
        credential_id=facts.credential_id,
        amount=facts.due,
        network=instrument.network,
        region=instrument.country,
        acceptor=facts.case.acceptor,
        claim=facts.case.case_id,
    )
    verdict = may_attempt(ledger, proposed, max(at, now))
    if isinstance(verdict, Refused):
        if verdict.free_at is None:
            return None
        at, because = (
            max(at, verdict.free_at),
            f"{verdict.rule}; free again {verdict.free_at:%Y-%m-%d %H:%M}",
        )
    return Charge(
        at=at,
        credential_id=facts.credential_id,
        amount=facts.due,
        rung=name,
        because=because,
    )


def _next_rung(
    policy: PolicyDocument, facts: CaseFacts, now: datetime, started: datetime
) -> tuple[str, datetime, str] | None:
    """Name, time and reason of the next rung. Of rungs that were missed only the last is made up for, and what lies
    before a rung that was used is past."""
    treatment = facts.treatment
    if treatment is None or treatment.retryable is not Retryable.YES or facts.fraud_flags:
        return None
    if treatment.tries is not None and facts.attempts_made >= treatment.tries:
        return None
    if any(r.free_at is None and r.credential_id == facts.credential_id for r in facts.refusals):
        return None
    rungs = _rungs(policy)
    past = max((after for name, after in rungs if name in facts.rungs_used), default=None)
    open_rungs = [
        (name, started + after)
        for name, after in rungs
        if (past is None or after > past) and (treatment.technical or name.startswith("ladder-"))
    ]
    if not open_rungs:
        return None
    missed = [rung for rung in open_rungs if rung[1] <= now]
    name, at = missed[-1] if missed else open_rungs[0]
    if name.startswith("ladder-") and facts.attempts:
        at = max(at, facts.attempts[-1].at + policy.retries.gap)
    at = max([at, *(r.free_at for r in facts.refusals if r.free_at and r.rung == name)])
    decline = facts.decline.category.value if facts.decline else "unknown"
    return (
        name,
        at,
        f"{decline} may heal with time: {name.replace('-', ' rung ')} of {policy.name}",
    )


def _rungs(policy: PolicyDocument) -> list[tuple[str, timedelta]]:
    rungs = [(f"immediate-{n}", after) for n, after in enumerate(policy.retries.immediate, start=1)]
    rungs += [(f"ladder-{n}", after) for n, after in enumerate(policy.retries.ladder, start=1)]
    return sorted(rungs, key=lambda rung: rung[1])
