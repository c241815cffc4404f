"""Where a customer may be written to: consented to, and not stopped by whoever owns the address. Read before a decision
and once more right before sending; reads only."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from activities.customers import Customer
from activities.store.store import Store
from policies.channels import CHANNELS
from policies.keys import CustomerRef
from policies.surroundings import CustomerView

SEEN_AT_LEAST, BUSY_HOURS_MOST = 2, 6
"""One visit is chance; the hours that are busiest are those to write in."""


@dataclass(frozen=True)
class Reach:
    """`addresses`: channel -> address, favourites first. `busy_hours`: hours of their local day in which they were seen
    on their page, where they agreed to that and none were given."""

    customer: Customer
    addresses: Mapping[str, str]
    busy_hours: tuple[int, ...] = ()

    def in_order(self, channels: tuple[str, ...]) -> dict[str, str]:
        """Of these, those that reach them."""
        return {channel: self.addresses[channel] for channel in channels if channel in self.addresses}

    def view(self) -> CustomerView:
        favourites = [channel for channel in self.customer.preferred_channels if channel in self.addresses]
        view = self.customer.view()
        told = {"channels": tuple(self.addresses), "prefers": len(favourites)}
        return view.model_copy(update={**told, "active_hours": view.active_hours or self.busy_hours})


async def reach_of(store: Store, ref: CustomerRef) -> Reach:
    customer = await store.customers.get(ref.source, ref.account, ref.customer_id)
    found = dict(customer.addresses)
    if customer.push.consent and await store.push_devices.of(ref):
        found["push"] = "/".join(ref.model_dump().values())
    usable = await store.channel_stops.usable(found)
    order = [*customer.preferred_channels, *(name for name in CHANNELS if name not in customer.preferred_channels)]
    addresses = {channel: usable[channel] for channel in order if channel in usable}
    return Reach(customer, addresses, await _busy_hours(store, ref, customer))


async def _busy_hours(store: Store, ref: CustomerRef, customer: Customer) -> tuple[int, ...]:
    if not customer.learn_active_hours or customer.active_hours:
        return ()
    zone = ZoneInfo(customer.view().zone)
    hours = Counter(at.astimezone(zone).hour for at in await store.checkouts.visits(ref, datetime.now(UTC)))
    return tuple(sorted(hour for hour, times in hours.most_common(BUSY_HOURS_MOST) if times >= SEEN_AT_LEAST))
