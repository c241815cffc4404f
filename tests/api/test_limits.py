"""Rates and addresses of senders: off until they are set, per account, and never by a made-up header."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from api.limits import Limits
from tests.api.test_webhooks import event, post
from tests.fixtures.store import RunningApi, dead_temporal, running_api

PROXY, STRIPE, STRANGER = "10.0.0.1", "3.18.12.63", "203.0.113.9"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_account_sends_as_much_as_it_may_and_then_is_told_how_long_to_wait() -> None:
    clock = Clock()
    limits = Limits(rates={"stripe/*": 2.0}, clock=clock)
    assert [limits.seconds_to_wait("stripe/a") for _ in range(10)] == [0.0] * 10
    assert limits.seconds_to_wait("stripe/a") == 0.5
    assert limits.seconds_to_wait("stripe/b") == 0.0, "each account has a bucket of its own"
    clock.now = 0.5
    assert limits.seconds_to_wait("stripe/a") == 0.0
    assert limits.seconds_to_wait("stripe/a") == 0.5
    clock.now = 1000.0
    assert [limits.seconds_to_wait("stripe/a") for _ in range(11)].count(0.0) == 10, "what is not used is not saved up"


def test_without_a_rate_nobody_waits() -> None:
    limits = Limits(rates={"adyen/*": 1.0})
    assert limits.seconds_to_wait("stripe/a") == 0.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from(STRANGER, {})) == 0.0


def test_each_address_that_knocks_has_a_bucket_of_its_own_and_uses_up_nothing_of_the_account() -> None:
    limits = Limits(rates={"stripe/*": 1.0}, clock=Clock())
    knocks = [limits.seconds_a_caller_waits("stripe/a", request_from(STRANGER, {})) for _ in range(7)]
    assert knocks == [0.0] * 5 + [1.0, 1.0]
    assert limits.seconds_a_caller_waits("stripe/b", request_from(STRANGER, {})) == 0.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from(STRIPE, {})) == 0.0
    assert limits.seconds_to_wait("stripe/a") == 0.0


def test_addresses_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.limits.CALLERS_REMEMBERED", 3)
    limits = Limits(rates={"stripe/*": 0.2}, clock=Clock())
    for last in (1, 2, 3):
        assert limits.seconds_a_caller_waits("stripe/a", request_from(f"203.0.113.{last}", {})) == 0.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from("203.0.113.1", {})) == 5.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from("203.0.113.4", {})) == 0.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from("203.0.113.1", {})) == 5.0
    assert limits.seconds_a_caller_waits("stripe/a", request_from("203.0.113.2", {})) == 0.0, "forgotten"


@pytest.mark.parametrize(
    ("forwarded", "remote", "may"),
    [
        (None, STRIPE, True),
        (None, STRANGER, False),
        (STRIPE, PROXY, True),
        (STRANGER, PROXY, False),
        (f"{STRIPE}, {STRANGER}", PROXY, False),
        (f"{STRANGER}, {STRIPE}", PROXY, True),
        (f"{STRIPE}, {PROXY}", PROXY, True),
        (STRIPE, STRANGER, False),
        ("nonsense", PROXY, False),
        (None, PROXY, False),
    ],
)
def test_only_listed_addresses_may_send_and_only_our_own_proxies_are_believed(
    forwarded: str | None, remote: str, may: bool
) -> None:
    limits = Limits(networks={"stripe/*": [ip_network(f"{STRIPE}/32")]}, proxies=[ip_network("10.0.0.0/8")])
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert limits.may_come_from("stripe/a", request_from(remote, headers)) is may
    assert limits.may_come_from("adyen/a", request_from(remote, headers)), "no list, no restriction"


@pytest.mark.parametrize(
    ("lines", "may"),
    [((STRIPE, STRANGER), False), ((STRANGER, STRIPE), True), ((STRANGER, f"{STRIPE}, {PROXY}"), True)],
)
def test_a_proxy_that_adds_a_line_of_its_own_is_believed_and_not_the_line_that_the_caller_made_up(
    lines: tuple[str, ...], may: bool
) -> None:
    limits = Limits(networks={"stripe/*": [ip_network(f"{STRIPE}/32")]}, proxies=[ip_network("10.0.0.0/8")])
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    assert limits.may_come_from("stripe/a", request_from(PROXY, headers)) is may


@pytest.mark.parametrize(
    ("forwarded", "remote"), [(None, f"::ffff:{STRIPE}"), (STRIPE, f"::ffff:{PROXY}"), (f"::ffff:{STRIPE}", PROXY)]
)
def test_an_address_that_a_socket_of_both_kinds_writes_in_the_new_way_is_the_old_one(
    forwarded: str | None, remote: str
) -> None:
    limits = Limits(networks={"stripe/*": [ip_network(f"{STRIPE}/32")]}, proxies=[ip_network("10.0.0.0/8")])
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert limits.may_come_from("stripe/a", request_from(remote, headers))


def request_from(remote: str, headers: Mapping[str, str]) -> Any:
    return make_mocked_request("POST", "/", headers=headers).clone(remote=remote)


async def test_too_much_is_told_to_come_later_and_is_not_stored(own_api: RunningApi) -> None:
    limits = Limits(rates={"stripe/default": 0.2})
    async with running_api(own_api.parts.store, await dead_temporal(), limits=limits) as api:
        replies = [await post(api, event()) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 429, 429]
    assert await own_api.parts.store.pool.fetchval("select count(*) from inbox_keys") == 1


async def test_a_stranger_who_sends_forged_events_without_end_keeps_nobody_else_out(own_api: RunningApi) -> None:
    limits = Limits(rates={"stripe/default": 0.2}, proxies=[ip_network("127.0.0.0/8")])
    async with running_api(own_api.parts.store, await dead_temporal(), limits=limits) as api:
        by_a_stranger = {"X-Forwarded-For": STRANGER, "Stripe-Signature": "t=1,v1=00"}
        forged = [await post(api, event(), headers=by_a_stranger) for _ in range(3)]
        reply = await post(api, event(), headers={"X-Forwarded-For": STRIPE})
    assert [reply.status for reply in forged] == [401, 429, 429]
    assert reply.status == 200


async def test_an_account_sends_no_more_from_many_addresses(own_api: RunningApi) -> None:
    limits = Limits(rates={"stripe/default": 0.2}, proxies=[ip_network("127.0.0.0/8")])
    async with running_api(own_api.parts.store, await dead_temporal(), limits=limits) as api:
        replies = [await post(api, event(), headers={"X-Forwarded-For": address}) for address in (STRIPE, STRANGER)]
    assert [reply.status for reply in replies] == [200, 429]
    assert replies[1].body["detail"] == "stripe/default sends too much at once"


async def test_an_address_that_is_not_listed_is_turned_away_before_its_body_is_read(own_api: RunningApi) -> None:
    limits = Limits(networks={"stripe/default": [ip_network("198.51.100.0/24")]})
    async with running_api(own_api.parts.store, await dead_temporal(), limits=limits) as api:
        reply = await post(api, event())
    assert (reply.status, reply.body["error"]) == (403, "forbidden")
