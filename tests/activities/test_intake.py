"""The one way in: what a profile says of an event is kept with it, in one commit, and proven wrong when it is."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from activities.customers import Customer
from activities.intake import Intake, Taken
from activities.sources.contract import Item
from activities.store.dead_letters import Act, By
from activities.store.store import Store
from activities.tally import Tally
from policies.intake.impact import Stakes
from policies.intake.load import load_profiles
from policies.intake.profile import Profiles
from tests.api.test_webhooks import event, post
from tests.fixtures.store import dead_temporal, running_api
from workers.wiring import SPEAKERS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def profile(*rules: str) -> Profiles:
    listed = "".join(f"\n      - {{{rule}}}" for rule in rules)
    return load_profiles(f'profiles:\n  - accounts: ["stripe/*"]\n    rules:{listed}\n', "profiles.yaml")


TOO_MUCH = "check: too_much, above: 1000, currency: EUR"
REFUSES, QUARANTINES, WARNS = (f"{TOO_MUCH}, action: {action}" for action in ("refuse", "quarantine", "warn"))
SHADOW = f"{REFUSES}, shadow: true"
CLASH = "check: conflict, action: {}"


class Door:
    """An intake with a profile, and eyes on what it stored."""

    def __init__(self, store: Store, profiles: Profiles, stakes: Stakes | None = None) -> None:
        self.store = store
        self.tally = Tally()
        self.intake = Intake(store, SPEAKERS, self.tally, profiles, stakes)

    async def receive(self, *told: dict[str, Any], now: datetime = NOW) -> tuple[Taken, ...]:
        items = [Item(event_key=one["id"], body=json.dumps(one).encode()) for one in told]
        return await self.intake.receive("stripe", "default", items, now)

    async def row(self, told: dict[str, Any]) -> dict[str, Any]:
        query = "select * from inbox_keys where event_key = $1 order by received_at desc limit 1"
        row = await self.store.pool.fetchrow(query, told["id"])
        assert row is not None
        return dict(row)

    async def findings(self) -> list[tuple[Any, ...]]:
        query = """select rule, action, shadow, field, invoice_id, proven_good_by from intake_findings
            order by row_id, id"""
        return [tuple(row) for row in await self.store.pool.fetch(query)]


def failure(amount: int = 2900, created: int = SECONDS, **changes: Any) -> dict[str, Any]:
    told = event(created=created)
    about = told["data"]["object"]
    about.update({"amount_due": amount, "amount_remaining": amount, **changes})
    return told


def invoice_of(told: dict[str, Any]) -> str:
    return str(told["data"]["object"]["id"])


# --- what a rule does -------------------------------------------------------------------------------------------------


async def test_an_event_that_no_rule_speaks_of_is_stored_and_waits(store: Store) -> None:
    door, told = Door(store, profile(REFUSES)), failure(900)
    (taken,) = await door.receive(told)
    assert (taken.status, taken.note) == ("stored", None)
    assert (await door.row(told))["state"] == "waiting"
    assert await door.findings() == []


async def test_an_event_that_comes_alone_is_refused_to_its_sender_and_kept(store: Store) -> None:
    intake = Intake(store, SPEAKERS, Tally(), profile(REFUSES))
    async with running_api(store, await dead_temporal(), intake=intake) as api:
        told = failure()
        for note in (
            "rule too_much: 29.00 EUR is more than 10.00 EUR",
            "it was refused before, and waits for a person",
        ):
            reply = await post(api, told)
            assert (reply.status, reply.body) == (422, {"error": "refused", "detail": note})
    row = await Door(store, Profiles()).row(told)
    assert (row["state"], row["reason"], row["field"], row["times_received"]) == ("refused", "refused", "amount", 2)
    assert (row["kind"], row["invoice_id"], row["amount_minor"]) == ("payment_failed", invoice_of(told), 2900)
    assert await store.inbox.lease(datetime.now(UTC) + timedelta(days=1), 10) == []


async def test_what_was_released_is_no_longer_refused_when_it_is_sent_again(store: Store) -> None:
    door, told = Door(store, profile(REFUSES)), failure()
    await door.receive(told)
    row = await door.row(told)
    await store.dead_letters.act(Act.RELEASE, [str(row["id"])], By(actor="alice", reason="a big customer"), NOW)
    (taken,) = await door.receive(told)
    assert taken.status == "duplicate"
    assert (await door.row(told))["state"] == "waiting"


async def test_in_a_batch_the_one_that_would_be_refused_is_quarantined_and_the_others_go_on(store: Store) -> None:
    door, good, odd = Door(store, profile(REFUSES)), failure(900), failure()
    taken = await door.receive(good, odd)
    assert [one.status for one in taken] == ["stored", "quarantined"]
    assert taken[1].note == "rule too_much: 29.00 EUR is more than 10.00 EUR"
    row = await door.row(odd)
    assert (row["state"], row["reason"], row["detail"]) == ("dead", "quarantined", taken[1].note)
    assert (await door.row(good))["state"] == "waiting"
    assert await door.findings() == [("too_much", "quarantine", False, "amount", invoice_of(odd), None)]


async def test_a_quarantined_event_is_answered_with_2xx_and_reaches_no_case(store: Store) -> None:
    intake = Intake(store, SPEAKERS, Tally(), profile(QUARANTINES))
    async with running_api(store, await dead_temporal(), intake=intake) as api:
        reply = await post(api, failure())
    assert reply.status == 200
    assert [one["status"] for one in reply.body["received"]] == ["quarantined"]
    assert await store.inbox.lease(datetime.now(UTC) + timedelta(days=1), 10) == []
    assert await store.dead_letters.counts() == {"quarantined": 1}


async def test_a_warning_is_kept_and_the_event_goes_on(store: Store) -> None:
    door, told = Door(store, profile(WARNS)), failure()
    (taken,) = await door.receive(told)
    assert taken.status == "stored"
    assert (await door.row(told))["state"] == "waiting"
    assert await door.findings() == [("too_much", "warn", False, "amount", invoice_of(told), None)]


@pytest.mark.parametrize("action", ["refuse", "quarantine", "warn"])
async def test_a_shadow_is_reported_and_changes_nothing(store: Store, action: str) -> None:
    door, told = Door(store, profile(f"{TOO_MUCH}, action: {action}, shadow: true")), failure()
    (taken,) = await door.receive(told)
    assert (taken.status, taken.note) == ("stored", None)
    row = await door.row(told)
    assert (row["state"], row["reason"], row["detail"], row["stake"]) == ("waiting", None, None, None)
    assert await door.findings() == [("too_much", action, True, "amount", invoice_of(told), None)]
    assert [leased.id for leased in await store.inbox.lease(NOW + timedelta(minutes=1), 10)] == [str(row["id"])]


async def test_the_strictest_rule_decides_and_all_that_spoke_are_kept(store: Store) -> None:
    rules = (WARNS, f"{QUARANTINES}, name: middle", f"{REFUSES}, name: shadow, shadow: true")
    door, told = Door(store, profile(*rules)), failure()
    (taken,) = await door.receive(told)
    assert (taken.status, taken.note) == ("quarantined", "rule middle: 29.00 EUR is more than 10.00 EUR")
    assert [rule for rule, *_ in await door.findings()] == ["too_much", "middle", "shadow"]


async def test_each_account_has_the_profile_that_fits_it_first(store: Store) -> None:
    text = f"""
profiles:
  - accounts: [stripe/eu]
    rules: [{{{QUARANTINES}}}]
  - accounts: [stripe/*]
"""
    intake = Intake(store, SPEAKERS, Tally(), load_profiles(text, "profiles.yaml"))
    body = json.dumps(failure()).encode()
    for account, status in {"eu": "quarantined", "us": "stored"}.items():
        (taken,) = await intake.receive("stripe", account, [Item(event_key="evt_1", body=body)], NOW)
        assert taken.status == status


async def test_without_a_profile_what_is_odd_is_reported_and_nothing_is_held_back(store: Store) -> None:
    door, told = Door(store, Profiles()), failure(created=SECONDS + 7200)
    assert [one.status for one in await door.receive(told)] == ["stored"]
    assert [found[:2] for found in await door.findings()] == [("ahead", "warn")]


async def test_what_says_nothing_for_dunning_is_not_checked(store: Store) -> None:
    door, told = Door(store, profile(REFUSES)), event("invoice.finalized")
    assert [one.status for one in await door.receive(told)] == ["stored"]
    assert await door.findings() == []


async def test_the_same_bytes_again_are_a_duplicate_and_no_second_finding(store: Store) -> None:
    door, told = Door(store, profile(QUARANTINES)), failure()
    assert [one.status for one in (*await door.receive(told), *await door.receive(told))] == [
        "quarantined",
        "duplicate",
    ]
    assert len(await door.findings()) == 1


async def test_what_came_and_what_was_refused_is_counted_apart(store: Store) -> None:
    door = Door(store, profile(REFUSES))
    await door.receive(failure())
    await door.receive(failure(900), failure())
    await door.tally.write(store.sources)
    row = await store.pool.fetchrow("select events, refused from source_hours")
    assert row is not None
    assert tuple(row) == (2, 1)


# --- the same id with another body ------------------------------------------------------------------------------------


async def clash(door: Door, amount: int = 900) -> tuple[dict[str, Any], Taken]:
    """Another body under the id of one that was here."""
    first = failure(900)
    other = {**failure(amount), "id": first["id"]}
    await door.receive(first)
    (taken,) = await door.receive(other, now=NOW + timedelta(minutes=1))
    return other, taken


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("warn", "conflict", "waiting"),
        ("quarantine", "quarantined", "dead"),
        ("refuse", "quarantined", "dead"),
        ("refuse, shadow: true", "conflict", "waiting"),
    ],
)
async def test_another_body_under_a_known_id_is_what_the_rule_of_clashes_says(
    store: Store, action: str, status: str, state: str
) -> None:
    door = Door(store, profile(CLASH.format(action)))
    other, taken = await clash(door)
    assert taken.status == status
    row = await door.row(other)
    assert (row["state"], row["conflict"]) == (state, True)
    did = "warn" if action == "warn" else "quarantine"
    is_shadow = "shadow" in action
    assert await door.findings() == [("conflict", did, is_shadow, "event_id", invoice_of(other), None)]


async def test_a_clash_and_another_rule_are_both_kept(store: Store) -> None:
    door = Door(store, profile(CLASH.format("quarantine"), WARNS))
    _, taken = await clash(door, amount=2900)
    assert (taken.status, taken.note) == (
        "quarantined",
        "rule conflict: the id of this event was here before with other content",
    )
    assert sorted(rule for rule, *_ in await door.findings()) == ["conflict", "too_much"]


async def test_no_relay_is_quick_enough_to_take_a_clash_before_it_is_quarantined(store: Store) -> None:
    door, told = Door(store, profile(CLASH.format("quarantine"))), failure(900)
    await door.receive(told)
    await store.inbox.lease(NOW, 10)
    taken: list[str] = []

    async def relay() -> None:
        while not stopped.is_set():
            taken.extend(row.id for row in await store.inbox.lease(NOW + timedelta(seconds=2), 10))

    stopped = asyncio.Event()
    relaying = asyncio.create_task(relay())
    for amount in range(20):
        other = {**failure(100 + amount), "id": told["id"]}
        assert [one.status for one in await door.receive(other, now=NOW + timedelta(seconds=1))] == ["quarantined"]
    stopped.set()
    await relaying
    assert taken == []


# --- proven good ------------------------------------------------------------------------------------------------------


async def test_a_later_event_of_the_invoice_that_reaches_a_case_proves_the_rule_wrong(store: Store) -> None:
    door, odd = Door(store, profile(QUARANTINES)), failure()
    await door.receive(odd)
    good = failure(900, id=invoice_of(odd))
    await door.receive(good, now=NOW + timedelta(minutes=1))
    other = failure()
    await door.receive(other)
    row = await door.row(good)
    case_id = f"stripe/default/{invoice_of(odd)}"
    await store.inbox.finish(str(row["id"]), "delivered", NOW + timedelta(hours=1), case_id=case_id)
    assert {invoice: proven for *_, invoice, proven in await door.findings()} == {
        invoice_of(odd): "a later event",
        invoice_of(other): None,
    }


async def test_an_event_that_came_before_the_odd_one_proves_nothing_about_it(store: Store) -> None:
    door, good = Door(store, profile(QUARANTINES)), failure(900)
    await door.receive(good)
    await door.receive(failure(id=invoice_of(good)), now=NOW + timedelta(minutes=1))
    case_id = f"stripe/default/{invoice_of(good)}"
    await store.inbox.finish(str((await door.row(good))["id"]), "delivered", NOW + timedelta(hours=1), case_id=case_id)
    assert [proven for *_, proven in await door.findings()] == [None]


async def test_an_event_proves_nothing_about_itself_and_an_ignored_one_about_none(store: Store) -> None:
    door, odd = Door(store, profile(WARNS)), failure()
    await door.receive(odd)
    case_id = f"stripe/default/{invoice_of(odd)}"
    await store.inbox.finish(str((await door.row(odd))["id"]), "delivered", NOW, case_id=case_id)
    again = failure(900, id=invoice_of(odd))
    await door.receive(again)
    await store.inbox.finish(str((await door.row(again))["id"]), "ignored", NOW, "late", case_id=case_id)
    assert [proven for *_, proven in await door.findings()] == [None]


async def test_a_release_by_a_person_is_told_before_what_a_later_event_had_proven(store: Store) -> None:
    door, odd = Door(store, profile(QUARANTINES)), failure()
    await door.receive(odd)
    await store.pool.execute("update intake_findings set proven_good_at = $1, proven_good_by = 'a later event'", NOW)
    letter_id = str((await door.row(odd))["id"])
    await store.dead_letters.act(Act.RELEASE, [letter_id], By(actor="alice", reason="a big customer"), NOW)
    assert [proven for *_, proven in await door.findings()] == ["released by alice"]


async def test_who_releases_it_proves_the_rule_wrong(store: Store) -> None:
    door, odd = Door(store, profile(QUARANTINES, f"{SHADOW}, name: stricter")), failure()
    await door.receive(odd)
    letter_id = str((await door.row(odd))["id"])
    await store.dead_letters.act(Act.RELEASE, [letter_id], By(actor="alice", reason="a big customer"), NOW)
    assert [proven for *_, proven in await door.findings()] == ["released by alice"] * 2


# --- what it weighs ---------------------------------------------------------------------------------------------------


async def test_what_is_held_back_weighs_its_sum_times_the_segment_of_its_customer(store: Store) -> None:
    stakes = Stakes(base="USD", rates={"EUR": Decimal("1.1")}, weights={"premium": 3})
    door, odd = Door(store, profile(QUARANTINES), stakes), failure()
    customer = odd["data"]["object"]["customer"]
    await store.customers.put("stripe", "default", customer, Customer(segment="premium"), NOW)
    await door.receive(odd)
    row = await door.row(odd)
    assert (row["customer_id"], row["amount_minor"], row["currency"], row["stake"]) == (customer, 2900, "EUR", 9570)


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": {"value": 2900, "currency": "EUR"}},
        {"invoice": {"amount_minor": 2900, "currency": "EUR"}},
        {"data": [{"balance": 2900, "currency_code": "eur"}]},
    ],
)
async def test_what_nobody_can_read_weighs_the_first_sum_in_it(store: Store, fields: dict[str, Any]) -> None:
    door, told = Door(store, Profiles()), {"id": f"evt_{uuid4().hex}", "type": "invoice.payment_failed", **fields}
    await door.receive(told)
    leased = {row.id: row for row in await store.inbox.lease(NOW, 100)}
    await door.intake.bury(leased[str((await door.row(told))["id"])], "unreadable", "data: is missing", "data", NOW)
    row = await door.row(told)
    assert (row["amount_minor"], row["currency"]) == (2900, "EUR")


async def test_an_event_that_names_no_invoice_is_about_none_that_is_known(store: Store) -> None:
    door = Door(store, profile("check: ahead, action: quarantine"))
    told = event("charge.dispute.created", created=SECONDS + 7200)
    told["data"]["object"] = {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "status": "needs_response"}
    (taken,) = await door.receive(told)
    assert taken.status == "quarantined"
    row = await door.row(told)
    assert (row["kind"], row["invoice_id"]) == ("dispute_opened", None)
    assert [invoice for *_, invoice, _ in await door.findings()] == [None]


async def test_what_has_neither_id_nor_time_is_another_event_on_another_day(store: Store) -> None:
    intake = Intake(store, SPEAKERS, Tally())
    item = Item(event_key="sha256:1", body=json.dumps(failure()).encode(), nameless=True)
    days = (timedelta(), timedelta(hours=1), timedelta(days=1))
    taken = [(await intake.receive("stripe", "default", [item], NOW + day))[0].status for day in days]
    assert taken == ["stored", "duplicate", "stored"]
