"""When the policy takes service, as it stands now: by time or by failures, after the grace and the silent window, and
only for a decline that is the customer's matter. When it may really happen stands in `service.py`; messages name these
times."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from policies.calendars.spared_days import after_spared_days
from policies.document import LimitAccess, SuspendAccess
from policies.facts import LOST_ACCESS, AccessLevel

if TYPE_CHECKING:
    from policies.situation import Situation


class Losses(NamedTuple):
    """When the policy takes service; None: never, not for this decline, not again, or not while an agreement stands."""

    limit: datetime | None
    suspend: datetime | None


def planned_losses(here: "Situation") -> Losses:
    treatment, policy = here.treatment, here.policy
    if treatment is None or not treatment.blames_customer or enough_is_paid(here) or here.agreed:
        return Losses(None, None)
    earliest = max(here.started + policy.grace, here.silence_ends)
    change = here.facts.access_changes[-1] if here.facts.access_changes else None
    unclear = change.level if change and change.unclear else None
    limit = suspend = None
    if policy.limit and (here.access not in LOST_ACCESS or unclear is AccessLevel.LIMITED):
        limit = _when(here, policy.limit, earliest)
    if policy.suspend and (here.access is not AccessLevel.SUSPENDED or unclear is AccessLevel.SUSPENDED):
        due = _when(here, policy.suspend, earliest)
        suspend = spared(here, due) if due else None
    return Losses(limit, suspend)


def spared(here: "Situation", moment: datetime) -> datetime:
    """Over the turn of the year nobody is suspended."""
    customer = here.around.customer
    return after_spared_days(moment, customer.zones or customer.zone)


def enough_is_paid(here: "Situation") -> bool:
    """A plan that is kept is enough: its first part was paid when it was agreed."""
    by_plan = here.agreed is not None and here.agreed.instalment is not None
    return by_plan or here.facts.paid_percent >= here.policy.reinstatement.paid_percent


def _when(here: "Situation", loss: LimitAccess | SuspendAccess, earliest: datetime) -> datetime | None:
    """After a time or so many failures, whichever comes first; not before the grace ends, nor while nothing may be said
    about it."""
    first = here.failure_number(loss.failures) if loss.failures else None
    if loss.after is not None:
        after = here.started + loss.after
        first = min(after, first) if first else after
    return max(first, earliest) if first else None
