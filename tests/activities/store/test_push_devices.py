"""Devices: each once, live until their push service says otherwise, and back when they come back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from activities.store.push_devices import DEVICES_MAX, Devices, WebSubscription, hash_of
from activities.store.store import Store
from policies.keys import CustomerRef
from tests.activities.channels.browser import Browser

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
BOB = CustomerRef(source="stripe", account="default", customer_id="cus_bob")
LAPTOP = Browser().subscription("https://push.example/laptop")
PHONE = {"token": "token:phone"}


@pytest.fixture
async def devices(store: Store) -> Devices:
    await store.pool.execute("delete from push_devices")
    return Devices(store.pool)


async def test_a_device_is_kept_as_it_registered_and_for_its_customer_only(devices: Devices) -> None:
    laptop = await devices.add(ADA, "web", LAPTOP, DAY)
    phone = await devices.add(ADA, "fcm", PHONE, DAY + timedelta(days=1))
    assert await devices.of(ADA) == (laptop, phone)
    assert laptop is not None
    assert (laptop.kind, laptop.subscription) == ("web", LAPTOP)
    for other in (BOB, ADA.model_copy(update={"account": "other"}), ADA.model_copy(update={"source": "adyen"})):
        assert await devices.of(other) == ()


async def test_the_same_device_twice_is_one_with_its_newest_keys(devices: Devices) -> None:
    first = await devices.add(ADA, "web", LAPTOP, DAY)
    renewed = Browser().subscription("https://push.example/laptop")
    second = await devices.add(ADA, "web", renewed, DAY + timedelta(days=1))
    assert first is not None
    assert second is not None
    assert (first.id, first.device_hash) == (second.id, second.device_hash)
    assert [device.subscription for device in await devices.of(ADA)] == [renewed]


async def test_a_device_that_is_gone_is_forgotten_until_it_comes_back(devices: Devices, store: Store) -> None:
    laptop = await devices.add(ADA, "web", LAPTOP, DAY)
    assert laptop is not None
    await devices.gone(laptop.id, DAY)
    assert await devices.of(ADA) == ()
    assert await store.pool.fetchval("select subscription from push_devices") == {}
    back = await devices.add(ADA, "web", LAPTOP, DAY + timedelta(days=1))
    assert await devices.of(ADA) == (back,)
    assert back == laptop


async def test_a_customer_takes_back_only_what_is_theirs(devices: Devices, store: Store) -> None:
    laptop = await devices.add(ADA, "web", LAPTOP, DAY)
    assert laptop is not None
    assert not await devices.remove(BOB, laptop.device_hash)
    assert not await devices.remove(ADA, "0" * 64)
    assert await devices.remove(ADA, laptop.device_hash)
    assert not await devices.remove(ADA, laptop.device_hash)
    assert await store.pool.fetchval("select count(*) from push_devices") == 0


async def test_twenty_devices_are_enough_also_when_many_come_at_once(devices: Devices) -> None:
    added = await asyncio.gather(
        *(devices.add(ADA, "fcm", {"token": f"token:{n}"}, DAY) for n in range(DEVICES_MAX + 5))
    )
    live = await devices.of(ADA)
    assert len(live) == DEVICES_MAX == 20
    assert [device for device in added if device is None] == [None] * 5
    assert await devices.add(ADA, "fcm", live[3].subscription, DAY) == live[3]
    assert await devices.add(BOB, "fcm", PHONE, DAY) is not None
    await devices.gone(live[0].id, DAY)
    assert await devices.add(ADA, "fcm", PHONE, DAY) is not None
    assert await devices.add(ADA, "fcm", live[0].subscription, DAY) is None


def test_a_device_is_named_by_its_address_alone() -> None:
    assert hash_of("web", {"endpoint": "abc"}) == hash_of("fcm", {"token": "abc"})
    assert hash_of("fcm", {"token": "abc"}) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_browser_says_of_its_subscription_is_read() -> None:
    said: dict[str, Any] = {**LAPTOP, "expirationTime": None}
    assert WebSubscription.model_validate(said).model_dump() == LAPTOP
    assert WebSubscription.model_validate({**LAPTOP, "expirationTime": 1_764_000_000_000}).model_dump() == LAPTOP


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://push.example/laptop"},
        {"endpoint": "https://"},
        {"endpoint": "https:///laptop"},
        {"endpoint": "https://user@push.example/laptop"},
        {"endpoint": "https://user:word@push.example/laptop"},
        {"endpoint": "https://push.example:99999/laptop"},
        {"endpoint": "https://push.example/lap top"},
        {"endpoint": "https://push.example/lap\r\nHost: other"},
        {"endpoint": "https://push.example/läptop"},
        {"endpoint": "https://push.example/laptop#there"},
        {"endpoint": "https://push.example/" + "x" * 2_000},
        {"endpoint": "javascript:alert(1)"},
        {"endpoint": 7},
        {"keys": {}},
        {"keys": {"p256dh": "A" * 87, "auth": Browser().auth}},
        {"keys": {"p256dh": Browser().p256dh, "auth": "A" * 21}},
        {"keys": {"p256dh": Browser().p256dh, "auth": Browser().auth, "more": 1}},
        {"expirationTime": "soon"},
        {"more": 1},
    ],
)
def test_what_is_no_subscription_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebSubscription.model_validate({**LAPTOP, **changes})
