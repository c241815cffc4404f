"""Moves a retry out of the days and hours that its policy avoids, on the customer's own calendar."""

from datetime import datetime

from policies.calendars.retry_hours import next_allowed
from policies.situation import Situation


def on_an_allowed_day(here: Situation, moment: datetime) -> datetime:
    retries, customer = here.policy.retries, here.around.customer
    avoid = retries.avoid
    if not (retries.business_days or avoid.anything):
        return moment
    return next_allowed(
        moment,
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
