"""Codes that stand in no table are counted, as their gateway spells them."""

from datetime import UTC, datetime, timedelta

from activities.store.store import Store
from policies.declines import classify

DAY = datetime(2026, 3, 2, tzinfo=UTC)


async def test_unknown_codes_are_counted_and_known_ones_are_not(store: Store) -> None:
    odd, rare = classify("adyen", "Totally New", "X9"), classify("stripe", "never_heard_of")
    for days in (2, 0, 1):
        await store.declines.seen(odd, DAY + timedelta(days=days))
    await store.declines.seen(rare, DAY)
    await store.declines.seen(classify("stripe", "insufficient_funds"), DAY)
    await store.declines.seen(None, DAY)
    first, second = await store.declines.unknown()
    assert (first.gateway, first.code, first.network_code, first.times) == ("adyen", "Totally New", "X9", 3)
    assert first.last_seen == DAY + timedelta(days=2)
    assert (second.gateway, second.code, second.times) == ("stripe", "never_heard_of", 1)
