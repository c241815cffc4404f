"""In which hours a customer is busy on their page is learned only where they agreed to it."""

from datetime import UTC, datetime, timedelta

from activities.customers import Customer
from activities.reach import reach_of
from activities.store.store import Store
from policies.keys import CustomerRef

WHO = CustomerRef(source="stripe", account="default", customer_id="cus_1")


async def seen_at(store: Store, *hours: int) -> None:
    day = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(days=2)
    for hour in hours:
        await store.checkouts.visited(WHO, day.replace(hour=hour))


async def busy_hours(store: Store, **customer: object) -> tuple[int, ...]:
    await store.customers.put("stripe", "default", "cus_1", Customer.model_validate(customer), datetime.now(UTC))
    return (await reach_of(store, WHO)).view().active_hours


async def test_hours_that_were_seen_twice_are_busy_hours_in_the_customer_s_own_zone(store: Store) -> None:
    await seen_at(store, 7, 7, 19, 19, 19, 23)
    assert await busy_hours(store, learn_active_hours=True) == (7, 19)
    assert await busy_hours(store, learn_active_hours=True, zone="Asia/Tokyo") == (4, 16)


async def test_without_consent_nothing_is_used_and_what_the_merchant_says_comes_first(store: Store) -> None:
    await seen_at(store, 7, 7)
    assert await busy_hours(store) == ()
    assert await busy_hours(store, learn_active_hours=True, active_hours=[12]) == (12,)


async def test_what_is_old_is_forgotten(store: Store) -> None:
    await store.checkouts.visited(WHO, datetime.now(UTC) - timedelta(days=200))
    await seen_at(store, 7, 7)
    await store.checkouts.forget_old(datetime.now(UTC))
    assert len(await store.checkouts.visits(WHO, datetime.now(UTC))) == 2
