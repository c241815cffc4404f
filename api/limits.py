"""How many deliveries an account may send, and from which addresses. Both are off until they are set.

A bucket per process: with several processes behind a load balancer each takes its share. Who is told 429 sends again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeVar

from aiohttp import web

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
Value = TypeVar("Value")
BURST_SECONDS = 5.0
"""So much of its rate may an account send at once after a pause."""
CALLERS_REMEMBERED = 10_000


class Limits:
    """`rates`: deliveries a second; `networks`: where deliveries may come from; both by "source/account", where `*`
    stands for anything and the first that fits counts. `proxies`: whose X-Forwarded-For is believed.

    The rate holds twice: for each address that knocks, and for the account once a signature holds, so that a stranger
    uses up nothing of what the source may send."""

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        networks: Mapping[str, Sequence[Network]] | None = None,
        proxies: Sequence[Network] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = rates or {}
        self._networks = networks or {}
        self._proxies = proxies
        self._accounts, self._callers = Buckets(clock), Buckets(clock, CALLERS_REMEMBERED)

    def seconds_to_wait(self, place: str) -> float:
        """0 when the account may send one delivery more; it then counts."""
        rate = _first_that_fits(self._rates, place)
        return self._accounts.seconds_to_wait(place, rate) if rate else 0.0

    def seconds_a_caller_waits(self, place: str, request: web.Request) -> float:
        """The same for the address that knocks, whatever it brings."""
        rate = _first_that_fits(self._rates, place)
        return self._callers.seconds_to_wait((place, self.caller(request)), rate) if rate else 0.0

    def may_come_from(self, place: str, request: web.Request) -> bool:
        networks = _first_that_fits(self._networks, place)
        if networks is None:
            return True
        return _lies_in(self.caller(request), networks)

    def caller(self, request: web.Request) -> Address | None:
        """Of the addresses on the way the last that is no proxy of ours; what stands before it may be made up. A proxy
        may add a line of its own below the one that the caller wrote: all lines are one list."""
        lines = ",".join(request.headers.getall("X-Forwarded-For", ()))
        on_the_way = [part.strip() for part in lines.split(",") if part.strip()]
        caller = _address(request.remote or "")
        while on_the_way and _lies_in(caller, self._proxies):
            caller = _address(on_the_way.pop())
        return caller


class Buckets:
    """`most`: so many are remembered; the one that was used the longest time ago is forgotten. `burst_seconds`: so much
    of the rate a full bucket holds."""

    def __init__(
        self, clock: Callable[[], float], most: int | None = None, burst_seconds: float = BURST_SECONDS
    ) -> None:
        self._clock = clock
        self._most = most
        self._burst_seconds = burst_seconds
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, key: Hashable, rate: float) -> float:
        """0 when there is room for one more, which then counts. `rate`: so many a second."""
        now, full = self._clock(), max(rate * self._burst_seconds, 1.0)
        left, since = self._buckets.pop(key, (full, now))
        left = min(full, left + (now - since) * rate)
        wait = 0.0 if left >= 1 else (1 - left) / rate
        self._buckets[key] = (left if wait else left - 1, now)
        if self._most and len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait


def _first_that_fits(by_pattern: Mapping[str, Value], place: str) -> Value | None:
    return next((value for pattern, value in by_pattern.items() if fnmatchcase(place, pattern)), None)


def _address(text: str) -> Address | None:
    """An IPv4 address is one also where a socket for both kinds writes it as `::ffff:10.1.2.3`."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _lies_in(caller: Address | None, networks: Sequence[Network]) -> bool:
    return caller is not None and any(caller in network for network in networks)
