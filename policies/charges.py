"""When the next attempt to collect is due, on which credential, and why; None when none will be made.

A credential the customer just gave goes first and uses no rung; what they agreed to replaces the ladder meanwhile.
Rungs used and attempts made are different numbers; a rung tries one credential. What the policy has due is moved by
calendars, by the retries that the source makes itself, then by the networks' rules; where adaptive timing chooses among
times stands in `timing/`, what the networks forbid in `network_rules/`, which credential is tried in `candidates.py`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from policies import timing
from policies.allowed_days import on_an_allowed_day
from policies.candidates import Candidate, candidates, own_candidate
from policies.coexistence import beside_the_owner_s, why_the_owner_retries
from policies.facts import CaseFacts
from policies.instruments import Initiator, Instrument
from policies.money import Money
from policies.network_rules import ProposedAttempt, Refused, may_attempt
from policies.situation import Situation
from policies.steps import FIRST_IN_LINE, Basis, Charge


class NextCharge(NamedTuple):
    """`due`: when the policy asked for it, before calendars moved it; None when a network's rule moved it, for then it
    is no allowed retry that service would have to wait for. `part`: less than all that is owed."""

    at: datetime
    due: datetime | None
    because: str
    credential_id: str
    instrument: Instrument
    rung: str | None = None
    action_id: str | None = None
    rejected: tuple[str, ...] = ()
    edition: str | None = None
    gateway: str | None = None
    gateway_customer_id: str | None = None
    backup: bool = False
    initiator: Initiator = Initiator.MERCHANT
    part: Money | None = None
    keep: bool = True

    def as_step(self, here: Situation, at: datetime, basis: Basis) -> Charge:
        amount = self.part or here.facts.due
        return Charge(
            at=at,
            credential_id=self.credential_id,
            amount=amount,
            left=here.facts.due - amount if self.part else None,
            keep=self.keep,
            rung=self.rung,
            action_id=self.action_id,
            gateway=self.gateway,
            gateway_customer_id=self.gateway_customer_id,
            instrument=self.instrument,
            backup=self.backup,
            initiator=self.initiator,
            # Who waits in front of a screen does not queue behind a night's retries.
            priority=FIRST_IN_LINE if self.initiator is Initiator.CUSTOMER else here.policy.priority,
            because=self.because,
            basis=basis,
        )


class _Rung(NamedTuple):
    name: str
    at: datetime
    due: datetime | None
    because: str
    rejected: tuple[str, ...] = ()
    edition: str | None = None


_Rungs = list[tuple[str, datetime]]
"""Places in the ladder that are still to come, by name, and when the policy has them due."""


def next_charge(here: Situation) -> NextCharge | None:
    """What the customer asked for or agreed to is no retry of ours, and the ladder's maximum is not for it."""
    asked = _new_credential(here)
    if asked or here.agreed:
        return asked or _agreed(here)
    if here.attempts_made >= here.policy.retries.maximum:
        return None
    return _retry(here)


def _new_credential(here: Situation) -> NextCharge | None:
    facts = here.facts
    new = facts.untried_credential()
    if new is None or any(flag.at >= new.at for flag in facts.fraud_flags):
        return None
    waits = [r.free_at for r in facts.refusals if r.free_at and r.credential_id == new.credential_id]
    at = max([new.at, *waits])
    because = "the customer gave a new way to pay, so it is tried at once"
    if new.renewed:
        because = "a newer card is on file by now, so it is tried before the customer is asked"
    return NextCharge(
        at,
        at,
        because,
        new.credential_id,
        new.instrument,
        action_id=new.action_id,
        gateway=new.gateway or (here.around.gateways[0].name if here.around.gateways else None),
        gateway_customer_id=new.gateway_customer_id,
        backup=not new.keep,
        initiator=Initiator.MERCHANT if new.renewed else Initiator.CUSTOMER,
        part=_part(facts.due, new.amount),
        keep=new.keep,
    )


def _part(due: Money, wanted: Money | None) -> Money | None:
    """What was asked for, where it is less than what is owed by now."""
    if wanted is None or wanted.currency != due.currency or wanted.amount_minor >= due.amount_minor:
        return None
    return wanted


def _agreed(here: Situation) -> NextCharge | None:
    """On the day that the customer agreed to, from the way to pay that they use."""
    agreed = here.agreed
    if agreed is None or agreed.charge_at is None:
        return None
    own, what = own_candidate(here), f"instalment {agreed.instalment}" if agreed.instalment else "all that is owed"
    freed = _freed(here, own, agreed.rung.__eq__)
    return NextCharge(
        max([agreed.charge_at, *freed]),
        agreed.charge_at,
        f"the customer agreed to pay {what} on this day",
        own.credential_id,
        own.instrument,
        agreed.rung,
        gateway=own.gateway,
        gateway_customer_id=own.gateway_customer_id,
        part=_part(here.facts.due, agreed.amount),
    )


def _retry(here: Situation) -> NextCharge | None:
    """The first candidate that no network stops for good."""
    rungs = _open_rungs(here)
    if not rungs and here.policy.retries.timing != "adaptive":
        return None
    if why_the_owner_retries(here):
        return None
    for candidate in candidates(here):
        rung = _allowed_rung(here, candidate, rungs)
        if rung:
            return NextCharge(
                rung.at,
                rung.due,
                rung.because,
                candidate.credential_id,
                candidate.instrument,
                rung.name,
                rejected=rung.rejected,
                edition=rung.edition,
                gateway=candidate.gateway,
                gateway_customer_id=candidate.gateway_customer_id,
                backup=candidate.is_backup,
            )
    return None


def _allowed_rung(here: Situation, candidate: Candidate, rungs: _Rungs) -> _Rung | None:
    rung = _next_rung(here, candidate, rungs, here.now)
    if rung is None:
        return None
    verdict = may_attempt(candidate.ledger, _proposed(here.facts, candidate), max(rung.at, here.now))
    if not isinstance(verdict, Refused):
        return rung
    if verdict.free_at is None:
        return None
    later = _next_rung(here, candidate, rungs, verdict.free_at)
    if later is None:
        return None
    because = f"{verdict.rule}; free again {verdict.free_at:%Y-%m-%d %H:%M}"
    return later._replace(at=max(later.at, verdict.free_at), due=None, because=because)


def _proposed(facts: CaseFacts, candidate: Candidate) -> ProposedAttempt:
    return ProposedAttempt(
        credential_id=candidate.credential_id,
        amount=facts.due,
        network=candidate.instrument.network,
        region=candidate.instrument.country,
        acceptor=facts.case.acceptor,
        claim=facts.case.case_id,
        fingerprint=candidate.instrument.fingerprint,
    )


def _next_rung(here: Situation, candidate: Candidate, rungs: _Rungs, now: datetime) -> _Rung | None:
    """Of rungs that were missed only the last is made up for, and what lies before a rung that was used is past."""
    if not rungs:
        return _adaptive(here, candidate, now)
    missed = [rung for rung in rungs if rung[1] <= now]
    name, due = missed[-1] if missed else rungs[0]
    because = f"{candidate.because}: {name.replace('-', ' rung ')} of {here.policy.name}"
    is_immediate = name.startswith("immediate-")
    at = max(due, _useful_from(here, candidate), _distance_kept(here, is_immediate))
    freed = max(_freed(here, candidate, name.__eq__), default=at)
    moved_by_a_rule = freed > max(at, here.now)
    at = beside_the_owner_s(here, max(at, freed))
    if not is_immediate:
        at = on_an_allowed_day(here, max(at, now) if missed else at)
    return _Rung(name, at, None if moved_by_a_rule else due, because)


def _distance_kept(here: Situation, is_immediate: bool) -> datetime:
    """From when on the next try is far enough from the last one, whatever that was for."""
    attempts, retries = here.facts.attempts, here.policy.retries
    if not attempts:
        return here.started
    return attempts[-1].at + (min(retries.immediate) if is_immediate else retries.gap)


def _freed(here: Situation, candidate: Candidate, is_meant: Callable[[str], bool]) -> list[datetime]:
    """When the rules that refused such a rung free this credential."""
    ours = [r for r in here.facts.refusals if r.credential_id == candidate.credential_id]
    return [r.free_at for r in ours if r.free_at and r.rung and is_meant(r.rung)]


def _open_rungs(here: Situation) -> _Rungs:
    """Immediate rungs are for technical declines only: where waiting minutes can help at all."""
    used, retries, treatment = here.rungs_used, here.policy.retries, here.treatment
    everything = _rungs(retries.immediate, retries.ladder)
    if retries.spread:
        later = timing.spread_of(here.facts.case.case_id, retries.spread)
        everything = tuple([(name, after + later * name.startswith("ladder-")) for name, after in everything])
    past = [after for name, after in everything if name in used]
    if timing.FIRST in used:
        past += [a.at - here.started for a in here.facts.attempts if a.rung and timing.is_chosen(a.rung)]
    begins = max(past, default=None)
    left = everything if begins is None else [rung for rung in everything if rung[1] > begins]
    technical = treatment is not None and treatment.technical
    return [(name, here.started + after) for name, after in left if technical or name.startswith("ladder-")]


@lru_cache(maxsize=256)
def _rungs(immediate: tuple[timedelta, ...], ladder: tuple[timedelta, ...]) -> tuple[tuple[str, timedelta], ...]:
    """Names of places in the ladder with their offsets, earliest first; the same for every case of a policy."""
    named = [(f"immediate-{n}", after) for n, after in enumerate(immediate, start=1)]
    named += [(f"ladder-{n}", after) for n, after in enumerate(ladder, start=1)]
    return tuple(sorted(named, key=_after))


def _after(rung: tuple[str, timedelta]) -> timedelta:
    return rung[1]


def _useful_from(here: Situation, candidate: Candidate) -> datetime:
    """Code or advice may say how long a retry of the credential that was refused is of no use."""
    if here.refusal and here.refusal[1].earliest_retry and not candidate.is_backup:
        return here.refusal[0] + here.refusal[1].earliest_retry
    return here.started


def _adaptive(here: Situation, candidate: Candidate, now: datetime) -> _Rung | None:
    chosen = timing.choose(here, max([now, *_freed(here, candidate, timing.is_chosen)]))
    if chosen is None:
        return None
    at = beside_the_owner_s(here, chosen.at)
    because = f"{candidate.because}: {chosen.because}" if candidate.is_backup else chosen.because
    return _Rung(chosen.name, at, chosen.due, because, chosen.rejected, chosen.edition)
