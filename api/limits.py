"""How many deliveries an account may send, and from which addresses. Both are off until they are set.

A bucket per process: with several processes behind a load balancer each takes its share. Who is told 429 sends again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TypeVar

from aiohttp import web

Network = IPv4Network | IPv6Network
Value = TypeVar("Value")
BURST_SECONDS = 5.0
"""So much of its rate may an account send at once after a pause."""


class Limits:
    """`rates`: deliveries a second; `networks`: where deliveries may come from; both by "source/account", where `*`
    stands for anything and the first that fits counts. `proxies`: whose X-Forwarded-For is believed."""

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
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def seconds_to_wait(self, place: str) -> float:
        """0 when the delivery may come in; it then counts."""
        rate = _first_that_fits(self._rates, place)
        if rate is None:
            return 0.0
        now, full = self._clock(), max(rate * BURST_SECONDS, 1.0)
        left, since = self._buckets.get(place, (full, now))
        left = min(full, left + (now - since) * rate)
        if left < 1:
            self._buckets[place] = (left, now)
            return (1 - left) / rate
        self._buckets[place] = (left - 1, now)
        return 0.0

    def may_come_from(self, place: str, request: web.Request) -> bool:
        networks = _first_that_fits(self._networks, place)
        if networks is None:
            return True
        caller = self._caller(request)
        return caller is not None and _lies_in(caller, networks)

    def _caller(self, request: web.Request) -> str | None:
        """Of the addresses on the way the last that is no proxy of ours; what stands before it may be made up."""
        on_the_way = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        caller = request.remote
        while caller and on_the_way and _lies_in(caller, self._proxies):
            caller = on_the_way.pop()
        return caller


def _first_that_fits(by_pattern: Mapping[str, Value], place: str) -> Value | None:
    return next((value for pattern, value in by_pattern.items() if fnmatchcase(place, pattern)), None)


def _lies_in(caller: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(caller)
    except ValueError:
        return False
    return any(address in network for network in networks)
