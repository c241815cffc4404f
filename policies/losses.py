"""When the policy takes service, as it stands now: by time or by failures, after the grace, and only for a decline
that is the customer's matter. When it may really happen stands in `service.py`; messages name these times."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from policies.document import LimitAccess, SuspendAccess
from policies.facts import LOST_ACCESS, AccessLevel

if TYPE_CHECKING:
    from policies.situation import Situation


class Losses(NamedTuple):
    """When the policy takes service; None: never, not for this decline, or not again."""

    limit: datetime | None
    suspend: datetime | None


def planned_losses(here: "Situation") -> Losses:
    treatment, policy = here.treatment, here.policy
    if treatment is None or not treatment.blames_customer or enough_is_paid(here):
        return Losses(None, None)
    change = here.facts.access_changes[-1] if here.facts.access_changes else None
    unclear = change.level if change and change.unclear else None
    limit = suspend = None
    if policy.limit and (here.access not in LOST_ACCESS or unclear is AccessLevel.LIMITED):
        limit = _when(here, policy.limit)
    if policy.suspend and (here.access is not AccessLevel.SUSPENDED or unclear is AccessLevel.SUSPENDED):
        suspend = _when(here, policy.suspend)
    return Losses(limit, suspend)


def enough_is_paid(here: "Situation") -> bool:
    return here.facts.paid_percent >= here.policy.reinstatement.paid_percent


def _when(here: "Situation", loss: LimitAccess | SuspendAccess) -> datetime | None:
    """After a time or so many failures, whichever comes first; not before the grace ends."""
    after = here.started + loss.after if loss.after is not None else None
    times = [moment for moment in (after, here.failure_number(loss.failures)) if moment]
    return max(min(times), here.started + here.policy.grace) if times else None
