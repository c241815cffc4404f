"""Contact hours in the customer's own zone. Stored in UTC, computed in the zone, so daylight saving is honoured."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def within_hours(moment: datetime, zone: str, opens: time, closes: time) -> datetime:
    """The first moment at or after `moment` that lies in [opens, closes) on the customer's wall clock, in UTC."""
    if opens == closes:
        return moment.astimezone(UTC)
    local = moment.astimezone(ZoneInfo(zone))
    if opens <= local.time() < closes:
        return moment.astimezone(UTC)
    day = local.date() if local.time() < opens else local.date() + timedelta(days=1)
    return datetime.combine(day, opens, tzinfo=ZoneInfo(zone)).astimezone(UTC)
