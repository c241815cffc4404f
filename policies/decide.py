"""The rule. `next_step` says what is due next in a case, when, and why.

Read top-down: first what ends or holds a case, then what is scheduled; of the scheduled steps the earliest wins, and
a charge goes before a message, a message before a loss of service. Each line of `_scheduled` has a file of its name.
To add a step: class in `steps.py`, a line here.
"""

from datetime import datetime
from functools import lru_cache
from operator import itemgetter

from policies import declines, network_rules
from policies.charges import NextCharge, next_charge
from policies.coexistence import notes_on_the_owner_s
from policies.document import PolicyDocument
from policies.due import Due, in_days, in_turn
from policies.endings import held, settled, troubled
from policies.facts import CaseFacts, Outcome
from policies.messages import (
    channels_left,
    first_opening,
    has_heard,
    upcoming_words,
    words_about_access,
    words_about_instalment,
)
from policies.outages import held_by_gateway
from policies.people import people_asked
from policies.service import given_back, losses_of_service
from policies.situation import Situation
from policies.steps import AnyStep, Basis, Close, Notify, Purpose
from policies.surroundings import Surroundings
from policies.words import words_for


def next_step(policy: PolicyDocument, facts: CaseFacts, surroundings: Surroundings, now: datetime) -> AnyStep:
    """One step, due at `step.at` (`now` when overdue). News in between makes the caller ask again."""
    here = Situation.of(policy, facts, surroundings, now)
    step = troubled(here) or settled(here) or held(here) or given_back(here)
    if step:
        return step.model_copy(update={"basis": _basis(here)})
    charge = next_charge(here)
    planned = _scheduled(here, charge)
    chosen = min(planned, key=itemgetter(0))
    hold = held_by_gateway(here, charge, chosen) if here.around.gateways else None
    if hold:
        return hold.model_copy(update={"basis": _basis(here, charge)})
    rejected = [other.put_off() for other in planned if other is not chosen]
    return chosen.make(max(chosen.at, now), _basis(here, charge, rejected))


def _scheduled(here: Situation, charge: NextCharge | None) -> list[Due]:
    """In order of precedence: `min` keeps the first of a tie."""
    next_attempt_at = max(charge.at, here.now) if charge else None
    upcoming = None if here.agreed else upcoming_words(here)
    due: list[Due] = []
    if charge:
        due.append(Due(charge.at, "charge", lambda at, why: charge.as_step(here, at, why)))
    due += words_about_access(here, next_attempt_at)
    if upcoming:
        due.append(upcoming.as_due(here, next_attempt_at))
    if here.agreed:
        due += words_about_instalment(here, here.agreed)
    due += people_asked(here)
    end = _end(here)
    due += losses_of_service(here, charge, upcoming, min([each.at for each in due], default=end.at))
    return [*due, end]


def _end(here: Situation) -> Due:
    close = here.policy.close
    channels = channels_left(here, "closed", here.policy.access_channels) if close.tell and has_heard(here) else ()
    if channels:
        return _farewell(here, here.started + close.after, channels)

    def make(at: datetime, basis: Basis) -> AnyStep:
        because = f"nothing was recovered within {in_days(close.after)}"
        return Close(at=at, outcome=close.outcome, because=because, basis=basis)

    return Due(here.started + close.after, "close", make)


def _farewell(here: Situation, at: datetime, channels: tuple[str, ...]) -> Due:
    """That it is over is told before the case closes."""
    opening = first_opening(here, "closed", max(at, here.now), channels, Purpose.SERVICE)

    def make(moment: datetime, basis: Basis) -> AnyStep:
        because = f"nothing was recovered within {in_days(here.policy.close.after)}, and the customer should know"
        words = words_for(here)
        return Notify(
            at=moment,
            name="closed",
            template="closed",
            channels=opening.channels,
            because=because,
            words=words,
            basis=basis,
        )

    return Due(in_turn(at, opening.at, here.now), "notify", make)


# --- why -------------------------------------------------------------------------------------------------------------


def _basis(here: Situation, charge: NextCharge | None = None, rejected: list[str] | None = None) -> Basis:
    facts, around = here.facts, here.around
    month_ago, lost = here.now - network_rules.WINDOW, Outcome.NOT_ACCEPTED
    counted = [e for e in around.ledger if e.at > month_ago and e.outcome is not lost]
    inputs = {
        "category": str(here.category) if here.decline else "not known yet",
        "attempts": str(here.attempts_made),
        "rungs_used": _listed(here.rungs_used),
        "access": str(here.access),
        "risk": str(facts.risk.level),
        "due": str(facts.due),
        "ledger_30d": str(len(counted)),
        "zone": around.customer.zone,
    }
    further = [each for each in (facts.risk.edition, charge.edition if charge else None) if each]
    return Basis(
        inputs=inputs,
        editions=(here.policy.edition, declines.EDITION, network_rules.EDITION, *further),
        rejected=(*(rejected or ()), *(charge.rejected if charge else ()), *notes_on_the_owner_s(here)),
    )


@lru_cache(maxsize=1024)
def _listed(rungs: frozenset[str]) -> str:
    """The same few sets in every case of a policy."""
    return ",".join(sorted(rungs)) or "none"
