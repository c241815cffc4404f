"""Which links open the page: those that were sent and that nothing has ended."""

import asyncio
from datetime import timedelta

import pytest

from activities.links import PayLink
from activities.store.pay_links import PayLinks
from activities.store.store import Store
from policies.keys import CustomerRef
from tests.activities.store.spoken import ADA, BOB, NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def links(store: Store) -> PayLinks:
    await store.pool.execute("delete from pay_links")
    return store.pay_links


def link(number: int, customer: CustomerRef = ADA, channel: str = "email") -> PayLink:
    """The `number`-th message of the customer on the channel."""
    key = f"mes_{customer.customer_id}_{number}.{channel}"
    return PayLink.of_letter(customer, key, NOW + number * MINUTE)


async def made(links: PayLinks, *of: PayLink, channel: str = "email") -> None:
    for each in of:
        await links.made(each, channel, each.expires_at - timedelta(days=30))


async def state(links: PayLinks, of: PayLink) -> str | None:
    kept = await links.find(of.link_id)
    return kept.revoked_because if kept else "unknown"


async def states(links: PayLinks, *of: PayLink) -> list[str | None]:
    return [await state(links, each) for each in of]


async def test_a_link_that_nobody_wrote_down_opens_nothing(links: PayLinks) -> None:
    assert await state(links, link(1)) == "unknown"
    await made(links, link(1))
    assert await state(links, link(1)) is None


async def test_whose_a_link_is_stands_in_the_store_alone(links: PayLinks) -> None:
    await made(links, link(1), link(1, BOB))
    found = [await links.find(each.link_id) for each in (link(1), link(1, BOB))]
    assert [kept.customer if kept else None for kept in found] == [ADA, BOB]
    await made(links, link(1).model_copy(update={"customer": BOB}))
    kept = await links.find(link(1).link_id)
    assert kept
    assert kept.customer == ADA, "the first word stands"


async def test_a_newer_link_ends_the_older_ones_of_the_same_customer_and_channel_only(links: PayLinks) -> None:
    older, newer, text, bobs = link(1), link(2), link(1, channel="sms"), link(1, BOB)
    await made(links, older, newer, bobs)
    await made(links, text, channel="sms")
    assert await states(links, older, newer) == [None, None], "nobody has taken the newer message yet"
    await links.newest(newer, "email", NOW)
    assert await states(links, older, newer, text, bobs) == ["newer", None, None, None]


async def test_answers_of_providers_may_come_in_any_order(links: PayLinks) -> None:
    first, second, third = (link(number) for number in (1, 2, 3))
    await made(links, first, second, third)
    await links.newest(second, "email", NOW)
    await links.newest(first, "email", NOW)
    assert await states(links, first, second, third) == ["newer", None, None]
    await asyncio.gather(*(links.newest(each, "email", NOW) for each in (third, first, second) * 5))
    assert await states(links, first, second, third) == ["newer", "newer", None]


async def test_of_two_links_of_one_moment_one_stays(links: PayLinks) -> None:
    one, other = link(1), link(2)
    for each in (one, other):
        await links.made(each, "email", NOW)
    for each in (one, other):
        await links.newest(each, "email", NOW)
    assert sorted(await states(links, one, other), key=str) == [None, "newer"]


async def test_a_link_that_was_never_written_down_like_this_ends_none(links: PayLinks) -> None:
    await made(links, link(1), link(2))
    await links.newest(link(3), "email", NOW)
    await links.newest(link(2), "sms", NOW)
    await links.newest(link(2).model_copy(update={"customer": BOB}), "email", NOW)
    assert await states(links, link(1), link(2)) == [None, None]


async def test_a_payment_ends_all_links_of_the_customer_and_of_nobody_else(links: PayLinks) -> None:
    await made(links, link(1), link(2), link(1, BOB))
    await links.newest(link(2), "email", NOW)
    await links.revoke_all(ADA, "paid", NOW)
    await links.revoke_all(ADA, "closed", NOW)
    assert await states(links, link(1), link(2), link(1, BOB)) == ["newer", "paid", None]


async def test_an_activity_that_is_repeated_brings_no_link_back(links: PayLinks, store: Store) -> None:
    await made(links, link(1), link(1))
    assert await store.pool.fetchval("select count(*) from pay_links") == 1
    await links.revoke_all(ADA, "paid", NOW)
    await made(links, link(1))
    assert await state(links, link(1)) == "paid"
    await made(links, link(2))
    assert await state(links, link(2)) is None, "what is made after a payment is about another claim"
