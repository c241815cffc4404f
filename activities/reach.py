"""Where a customer may be written to: consented to, and not stopped by whoever owns the address. Read before a decision
and once more right before sending; reads only."""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.customers import Customer
from activities.store.store import Store
from policies.channels import CHANNELS
from policies.keys import CustomerRef
from policies.surroundings import CustomerView


@dataclass(frozen=True)
class Reach:
    """`addresses`: channel -> address, favourites first."""

    customer: Customer
    addresses: Mapping[str, str]

    def in_order(self, channels: tuple[str, ...]) -> dict[str, str]:
        """Of these, those that reach them."""
        return {channel: self.addresses[channel] for channel in channels if channel in self.addresses}

    def view(self) -> CustomerView:
        favourites = [channel for channel in self.customer.preferred_channels if channel in self.addresses]
        return self.customer.view().model_copy(update={"channels": tuple(self.addresses), "prefers": len(favourites)})


async def reach_of(store: Store, ref: CustomerRef) -> Reach:
    customer = await store.customers.get(ref.source, ref.account, ref.customer_id)
    found = dict(customer.addresses)
    if customer.push.consent and await store.push_devices.of(ref):
        found["push"] = "/".join(ref.model_dump().values())
    usable = await store.channel_stops.usable(found)
    order = [*customer.preferred_channels, *(name for name in CHANNELS if name not in customer.preferred_channels)]
    return Reach(customer, {channel: usable[channel] for channel in order if channel in usable})
