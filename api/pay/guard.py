"""How often the customer's page may be asked for: by link, by customer and by network address, so that neither a script
with one link nor one address with many wears it out. Counted in each process; what must hold across processes (tries to
pay, codes) stands in the store.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Literal

from activities.links import PayLink
from api.limits import Buckets

Kind = Literal["view", "post"]
MINUTE = 60.0
REMEMBERED = 10_000


@dataclass(frozen=True)
class Rates:
    """Requests a minute; so many may also come at once after a pause."""

    link: int
    customer: int
    address: int


RATES: dict[Kind, Rates] = {
    "view": Rates(link=60, customer=90, address=120),
    "post": Rates(link=20, customer=30, address=30),
}
"""People in one office share an address, so it may do more than one link."""


class Guard:
    """`clock`: in seconds, from anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = Buckets(clock, REMEMBERED, MINUTE)

    def seconds_to_wait(
        self, kind: Kind, address: IPv4Address | IPv6Address | None, link: PayLink | None = None
    ) -> float:
        """0 when it may go on; it then counts. `link` None: what stands in the address is none of ours. Who is refused
        by their own address uses nothing up of the link's share."""
        rates = RATES[kind]
        asked: list[tuple[str, Hashable, int]] = [("address", network_of(address), rates.address)]
        if link:
            asked += [("link", link.link_id, rates.link), ("customer", link.customer, rates.customer)]
        for what, which, per_minute in asked:
            if wait := self._buckets.seconds_to_wait((kind, what, which), per_minute / MINUTE):
                return wait
        return 0.0


def network_of(address: IPv4Address | IPv6Address | None) -> str:
    """One household or server has a whole /64 of IPv6, so single addresses there cost nothing."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)
