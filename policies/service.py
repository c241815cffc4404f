"""When service is limited or suspended, and when a part payment gives it back (promise P5).

Never before a warning or an allowed retry that was due earlier, never before the grace ends, never for a fault that is
not the customer's, and within contact hours, also when it is overdue, since words go out with it. Nobody is suspended
over the turn of the year.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from policies.charges import NextCharge
from policies.document import LimitAccess, SuspendAccess
from policies.due import Due, after_the_failure, in_turn
from policies.facts import LOST_ACCESS
from policies.losses import enough_is_paid, spared
from policies.messages import Upcoming, in_contact_hours
from policies.situation import Situation
from policies.steps import AnyStep, Basis, Limit, Reinstate, Suspend

_Make = Callable[[datetime, Basis], AnyStep]


def losses_of_service(
    here: Situation, charge: NextCharge | None, upcoming: Upcoming | None, others_at: datetime
) -> Iterator[Due]:
    """`others_at`: when something else comes first anyway; a loss that is planned later is not worked out further."""
    limit, suspend = here.losses
    if limit and here.policy.limit:
        at = _limits_at(here, limit, charge, upcoming) if limit <= others_at else limit
        yield Due(at, "limit", _limit(here, here.policy.limit))
    if suspend and here.policy.suspend:
        at = _suspends_at(here, suspend, charge, upcoming) if suspend <= others_at else suspend
        yield Due(at, "suspend", _suspend(here, here.policy.suspend))


def given_back(here: Situation) -> AnyStep | None:
    """The policy may give service back for a part of the claim; that never waits for anything else."""
    if here.access not in LOST_ACCESS or not enough_is_paid(here):
        return None
    why = "an instalment plan was agreed" if here.agreed else f"{here.facts.paid_percent} % of the claim is paid"
    because = f"{why}, so {here.access.value} service comes back"
    return Reinstate(at=here.now, because=because)


def _limits_at(here: Situation, due: datetime, charge: NextCharge | None, upcoming: Upcoming | None) -> datetime:
    moment = _after_what_was_due(here, due, charge, upcoming)
    return in_turn(moment, _in_contact_hours(here, max(moment, here.now)), here.now)


def _suspends_at(here: Situation, due: datetime, charge: NextCharge | None, upcoming: Upcoming | None) -> datetime:
    moment = _after_what_was_due(here, due, charge, upcoming)
    opens = _in_contact_hours(here, max(moment, here.now))
    return in_turn(moment, _in_contact_hours(here, spared(here, opens)), here.now)


def _after_what_was_due(
    here: Situation, due: datetime, charge: NextCharge | None, upcoming: Upcoming | None
) -> datetime:
    """Words that were due before leave the customer a gap to act; a retry that is allowed has its chance first."""
    moment = due
    if upcoming and upcoming.due <= due:
        moment = max(moment, upcoming.at + here.policy.contact.gap)
    if charge and charge.due and charge.due <= due:
        moment = max(moment, charge.at)
    return moment


def _in_contact_hours(here: Situation, moment: datetime) -> datetime:
    return in_contact_hours(here, moment, here.policy.access_channels[0])


def _limit(here: Situation, limit: LimitAccess) -> _Make:
    def make(at: datetime, basis: Basis) -> AnyStep:
        because = f"still unpaid {_why(here, limit)}; extras go first"
        return Limit(at=at, takes=(*limit.takes, *limit.takes_recurring), because=because, basis=basis)

    return make


def _suspend(here: Situation, suspend: SuspendAccess) -> _Make:
    def make(at: datetime, basis: Basis) -> AnyStep:
        return Suspend(at=at, because=f"still unpaid {_why(here, suspend)}", basis=basis)

    return make


def _why(here: Situation, loss: LimitAccess | SuspendAccess) -> str:
    by_count = here.failure_number(loss.failures)
    if by_count and (loss.after is None or by_count < here.started + loss.after):
        return f"after {loss.failures} failures in a row"
    return after_the_failure(loss.after or timedelta())
