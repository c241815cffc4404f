"""Forgetting a person: what goes, what stays, and that nobody else is touched."""

from datetime import timedelta
from typing import Any

import pytest

from activities.customers import Customer
from activities.store.dead_letters import Act, By
from activities.store.erasure import Erased, Erasure
from activities.store.inbox import Burial
from activities.store.store import Store
from policies.keys import CaseRef, CustomerRef
from tests.activities.store.spoken import ADA, BOB, HASH_OF_ADDRESS, NOW, Spoken

LATER = NOW + timedelta(days=30)
SECRET = "ada.lovelace@private.example"
ADA_WRITTEN = Customer.model_validate({"name": "Ada", "email": {"address": SECRET}}, strict=False)
OF_ADA = ("stripe", "default", "cus_ada")


@pytest.fixture
def spoken(store: Store) -> Spoken:
    return Spoken(store)


async def erased(spoken: Spoken, whom: CustomerRef = ADA) -> Erased:
    return await Erasure(spoken.store.pool).erase_person(**whom.model_dump(), now=LATER)


def how_many(**counts: int) -> Erased:
    nothing = dict.fromkeys(("texts", "feed_items", "devices", "bodies", "bodies_kept", "open_cases"), 0)
    known = bool(counts.pop("known", 0))
    return Erased.model_validate({"erased_at": LATER, "known": known, **nothing, **counts})


async def said_to(spoken: Spoken, customer: CustomerRef, invoice_id: str) -> str:
    of = await spoken.open(invoice_id, customer)
    key = await spoken.reserve(of, customer=customer)
    await spoken.say(key, text=f"Dear {SECRET}")
    return key


async def text_of(spoken: Spoken, key: str) -> dict[str, Any]:
    (row,) = await spoken.store.pool.fetch("select * from message_texts where key = $1", key)
    return dict(row)


async def received(
    spoken: Spoken, event: str, of: CaseRef | None, state: Any = "delivered", source: str = "stripe"
) -> str:
    """The id of a row whose body holds personal data."""
    inbox = spoken.store.inbox
    row = await inbox.receive(source, "default", event, {"x": SECRET}, f'{{"{event}": "{SECRET}"}}'.encode(), NOW)
    if state != "waiting":
        await inbox.finish(row.id, state, NOW, case_id=of.case_id if of else None)
    return row.id


async def bodies(spoken: Spoken) -> set[str]:
    return {str(row["id"]) for row in await spoken.store.pool.fetch("select id from inbox_bodies")}


async def add_to_feed(spoken: Spoken, customer: CustomerRef) -> None:
    await spoken.store.pool.execute(
        """insert into feed_items (key, source, account, customer_id, case_id, stage, template, subject, text, locale,
            direction, at, created_at)
        values ($4, $1, $2, $3, 'c', 'reminder', 'reminder', 'Hello', 'Dear Ada', 'en', 'ltr', $5, $5)""",
        *customer.model_dump().values(),
        f"feed_{customer.customer_id}",
        NOW,
    )


async def test_a_stranger_is_forgotten_as_well(spoken: Spoken) -> None:
    assert await erased(spoken) == how_many()


async def test_the_record_goes_and_nobody_elses(spoken: Spoken) -> None:
    for whom in (ADA, BOB, ADA.model_copy(update={"account": "other"}), ADA.model_copy(update={"source": "adyen"})):
        await spoken.store.customers.put(whom.source, whom.account, whom.customer_id, ADA_WRITTEN, NOW)
    await spoken.store.customers.hear(*OF_ADA, ADA_WRITTEN, NOW)
    assert await erased(spoken) == how_many(known=1)
    assert not await spoken.store.customers.knows(*OF_ADA)
    assert await spoken.store.pool.fetchval("select count(*) from customers") == 3
    assert await erased(spoken) == how_many()


async def test_words_go_and_the_proof_of_them_stays(spoken: Spoken) -> None:
    mine, theirs = await said_to(spoken, ADA, "in_1"), await said_to(spoken, BOB, "in_2")
    await spoken.hear(mine, "delivered")
    before = await text_of(spoken, mine)
    assert await erased(spoken) == how_many(texts=1, open_cases=1)
    after = await text_of(spoken, mine)
    gone = {"subject": None, "text": None, "html": None, "erased_at": LATER}
    assert after == {**before, **gone}
    assert (after["address_hash"], len(after["body_sha256"])) == (HASH_OF_ADDRESS, 64)
    other = await text_of(spoken, theirs)
    assert (other["text"], other["erased_at"]) == (f"Dear {SECRET}", None)
    references = await spoken.store.pool.fetch("select reference from message_results where reference is not null")
    assert {row["reference"] for row in references} == {f"ref_{mine}", f"ref_{theirs}"}
    assert await spoken.store.pool.fetchval("select count(*) from message_receipts where key = $1", mine) == 1


async def test_what_was_erased_is_not_counted_again(spoken: Spoken) -> None:
    key = await said_to(spoken, ADA, "in_1")
    await erased(spoken)
    at = "select erased_at from message_texts where key = $1"
    first = await spoken.store.pool.fetchval(at, key)
    again = await Erasure(spoken.store.pool).erase_person(*OF_ADA, LATER + timedelta(days=1))
    assert again.texts == 0
    assert await spoken.store.pool.fetchval(at, key) == first


async def test_the_feed_and_the_devices_go_and_stopped_addresses_stay_stopped(spoken: Spoken) -> None:
    for whom in (ADA, BOB):
        await add_to_feed(spoken, whom)
        await spoken.store.push_devices.add(whom, "fcm", {"token": f"token_{whom.customer_id}"}, NOW)
    await spoken.store.channel_stops.stop("email", HASH_OF_ADDRESS, "opted_out", NOW)
    assert await erased(spoken) == how_many(feed_items=1, devices=1)
    assert await spoken.store.push_devices.of(ADA) == ()
    assert len(await spoken.store.push_devices.of(BOB)) == 1
    left = await spoken.store.pool.fetch("select customer_id from feed_items")
    assert [row["customer_id"] for row in left] == ["cus_bob"]
    assert await spoken.store.pool.fetchval("select count(*) from channel_stops") == 1


async def test_raw_events_of_their_cases_go_from_whatever_source_they_came(spoken: Spoken) -> None:
    mine, theirs = await spoken.open("in_1"), await spoken.open("in_2", BOB)
    await spoken.close(mine)
    for number, state in enumerate(("delivered", "ignored")):
        await received(spoken, f"evt_{number}", mine, state)
    await received(spoken, "evt_gateway", mine, source="adyen")
    kept = await received(spoken, "evt_of_bob", theirs)
    nobodys = await received(spoken, "evt_of_nobody", None, "ignored")
    assert await erased(spoken) == how_many(bodies=3)
    assert await bodies(spoken) == {kept, nobodys}
    assert await spoken.store.pool.fetchval("select count(*) from inbox_keys") == 5, "that they came is still known"


async def test_an_event_that_is_known_to_be_about_them_goes_without_a_case(spoken: Spoken) -> None:
    for number, (source, account) in enumerate((("stripe", "default"), ("adyen", "default"), ("stripe", "other"))):
        row = await spoken.store.inbox.receive(source, account, f"evt_{number}", {}, b"{}", NOW)
        await spoken.store.inbox.finish(row.id, "delivered", NOW)
    await spoken.store.pool.execute("update inbox_keys set customer_id = 'cus_ada'")
    assert await erased(spoken) == how_many(bodies=1)
    assert len(await bodies(spoken)) == 2


async def test_what_somebody_still_has_to_deal_with_is_kept_and_counted(spoken: Spoken) -> None:
    mine, inbox = await spoken.open("in_1"), spoken.store.inbox
    told_no, by_invoice, by_customer = [await received(spoken, f"evt_{n}", mine, "waiting") for n in range(3)]
    await inbox.finish(told_no, "dead", NOW, "gave_up", case_id=mine.case_id)
    await inbox.bury(by_invoice, Burial(reason="quarantined", detail="odd", invoice_id="in_1"), NOW)
    await inbox.bury(by_customer, Burial(state="refused", reason="refused", detail="odd", customer_id="cus_ada"), NOW)
    of_bob = await received(spoken, "evt_bob", None, "waiting")
    await inbox.bury(of_bob, Burial(reason="quarantined", detail="odd", customer_id="cus_bob"), NOW)
    assert await erased(spoken) == how_many(bodies_kept=3, open_cases=1)
    assert len(await bodies(spoken)) == 4
    await spoken.store.dead_letters.act(Act.DISCARD, [by_customer], By(actor="alice", reason="forged"), NOW)
    assert await erased(spoken) == how_many(bodies=1, bodies_kept=2, open_cases=1)


async def test_an_event_without_its_body_is_not_delivered_again(spoken: Spoken) -> None:
    mine, inbox = await spoken.open("in_1"), spoken.store.inbox
    await received(spoken, "evt_1", mine)
    assert await inbox.replay(NOW, LATER, None, None) == 1
    await erased(spoken)
    assert await spoken.store.pool.fetchval("select count(*) from inbox_keys where replay") == 0
    assert await inbox.replay(NOW, LATER, None, None) == 0


async def test_open_cases_are_counted_and_go_on(spoken: Spoken) -> None:
    await spoken.open("in_1")
    await spoken.open("in_2")
    await spoken.close(await spoken.open("in_3"))
    await spoken.open("in_4", BOB)
    assert await Erasure(spoken.store.pool).open_cases(*OF_ADA) == 2
    assert (await erased(spoken)).open_cases == 2
    assert await spoken.store.pool.fetchval("select count(*) from cases where outcome is null") == 3


async def test_no_table_holds_the_person_any_more(spoken: Spoken) -> None:
    """Whatever tables there are, also those that come later."""
    mine = await spoken.open("in_1")
    await spoken.say(await spoken.reserve(mine), text=f"Dear {SECRET}")
    await spoken.store.customers.put(*OF_ADA, ADA_WRITTEN, NOW)
    await received(spoken, "evt_1", mine)
    await add_to_feed(spoken, ADA)
    assert await holders(spoken) >= {"customers", "message_texts", "inbox_bodies", "feed_items"}
    await erased(spoken)
    assert await holders(spoken) == set()


async def holders(spoken: Spoken) -> set[str]:
    """Tables with the person's address or name somewhere."""
    pool, found = spoken.store.pool, set()
    tables = "select tablename from pg_tables where schemaname = 'public'"
    for name in [row["tablename"] for row in await pool.fetch(tables)]:
        rows = [str(dict(row)) for row in await pool.fetch(f'select * from "{name}"')]
        if any(SECRET in row or "Dear Ada" in row for row in rows):
            found.add(name)
    return found
