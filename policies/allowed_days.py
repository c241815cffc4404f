"""Moves a retry out of the days and hours that its policy avoids, on the customer's own calendar."""

from collections.abc import Iterable
from datetime import datetime

from policies.calendars.retry_hours import Avoided, next_allowed
from policies.situation import Situation


def on_an_allowed_day(here: Situation, moment: datetime) -> datetime:
    avoided = _avoided(here)
    return next_allowed(moment, avoided) if avoided else moment


def allowed_among(here: Situation, moments: Iterable[datetime]) -> list[datetime]:
    """Those that need not be moved."""
    avoided = _avoided(here)
    return [each for each in moments if next_allowed(each, avoided) == each] if avoided else list(moments)


def _avoided(here: Situation) -> Avoided | None:
    """None where the policy avoids nothing."""
    retries, customer = here.policy.retries, here.around.customer
    avoid = retries.avoid
    if not (retries.business_days or avoid.anything):
        return None
    return Avoided(
        customer.zone,
        customer.country,
        weekdays=avoid.weekday_numbers,
        hours=avoid.clock_hours,
        holidays=avoid.holidays,
        seasons=avoid.seasons,
        business_days=retries.business_days,
        rail=here.facts.instrument.network,
        subdivision=customer.subdivision,
    )
