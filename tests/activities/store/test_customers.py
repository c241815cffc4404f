"""What sources tell of a customer, field by field and in any order; what the merchant wrote outranks it."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from activities.customers import ContactPoint, Customer
from activities.store.store import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TELLINGS = (
    (Customer(country="DE", locale="de"), NOON),
    (Customer(email=ContactPoint(address="late@example.org")), NOON + timedelta(hours=2)),
    (Customer(country="FR", email=ContactPoint(address="early@example.org")), NOON + timedelta(hours=1)),
)


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_the_newest_telling_of_each_field_counts_in_whatever_order_they_come(
    store: Store, order: tuple[int, ...]
) -> None:
    customer_id = f"cus_{uuid4().hex}"
    for number in order:
        said, at = TELLINGS[number]
        await store.customers.hear("stripe", "default", customer_id, said, at)
    known = await store.customers.get("stripe", "default", customer_id)
    assert (known.country, known.locale) == ("FR", "de")
    assert known.email == ContactPoint(address="late@example.org")


async def test_of_two_tellings_at_the_same_time_the_one_that_comes_last_counts(store: Store) -> None:
    customer_id = f"cus_{uuid4().hex}"
    for country in ("DE", "FR"):
        await store.customers.hear("stripe", "default", customer_id, Customer(country=country), NOON)
    assert (await store.customers.get("stripe", "default", customer_id)).country == "FR"


async def test_what_the_merchant_wrote_outranks_what_a_source_tells_later(store: Store) -> None:
    customer_id = f"cus_{uuid4().hex}"
    await store.customers.put("stripe", "default", customer_id, Customer(country="AT"), NOON)
    await store.customers.hear("stripe", "default", customer_id, Customer(country="FR", locale="fr"), NOON)
    known = await store.customers.get("stripe", "default", customer_id)
    assert (known.country, known.locale) == ("AT", "fr")


async def test_a_source_that_names_no_field_still_makes_the_customer_known(store: Store) -> None:
    customer_id = f"cus_{uuid4().hex}"
    await store.customers.hear("stripe", "default", customer_id, Customer(), NOON)
    assert await store.customers.knows("stripe", "default", customer_id)


@pytest.mark.parametrize("writer", ["merchant", "source", "both"])
async def test_a_customers_own_word_leaves_the_address_to_whoever_tells_it(store: Store, writer: str) -> None:
    customer_id = f"cus_{uuid4().hex}"
    first, later = (Customer(email=ContactPoint(address=f"{word}@example.org")) for word in ("first", "later"))
    if writer != "source":
        await store.customers.put("stripe", "default", customer_id, first, NOON)
    if writer != "merchant":
        await store.customers.hear("stripe", "default", customer_id, first, NOON)
    await store.customers.consent("stripe", "default", customer_id, "email", False, NOON)
    await store.customers.hear("stripe", "default", customer_id, later, NOON + timedelta(hours=1))
    known = await store.customers.get("stripe", "default", customer_id)
    address = "later@example.org" if writer == "source" else "first@example.org"
    assert known.email == ContactPoint(address=address, consent=False)
    await store.customers.consent("stripe", "default", customer_id, "email", True, NOON)
    known = await store.customers.get("stripe", "default", customer_id)
    assert known.email == ContactPoint(address=address, consent=True)


async def test_a_word_about_one_channel_says_nothing_of_another(store: Store) -> None:
    customer_id = f"cus_{uuid4().hex}"
    wrote = Customer(email=ContactPoint(address="a@example.org"), sms=ContactPoint(address="+4915"), country="DE")
    await store.customers.put("stripe", "default", customer_id, wrote, NOON)
    await store.customers.consent("stripe", "default", customer_id, "sms", False, NOON)
    known = await store.customers.get("stripe", "default", customer_id)
    assert known.sms == ContactPoint(address="+4915", consent=False)
    assert (known.email, known.country) == (wrote.email, "DE")


async def test_a_word_about_a_channel_without_an_address_waits_for_one(store: Store) -> None:
    customer_id = f"cus_{uuid4().hex}"
    for channel in ("email", "push"):
        await store.customers.consent("stripe", "default", customer_id, channel, False, NOON)
    known = await store.customers.get("stripe", "default", customer_id)
    assert (known.email, known.push.consent) == (None, False)
    said = Customer(email=ContactPoint(address="a@example.org"))
    await store.customers.hear("stripe", "default", customer_id, said, NOON)
    known = await store.customers.get("stripe", "default", customer_id)
    assert known.email == ContactPoint(address="a@example.org", consent=False)
