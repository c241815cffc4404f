"""From the inbox to the cases: every row ends as delivered, ignored with a reason or dead with a reason (P1)."""

import asyncio
import itertools
import json
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.routes import Routes
from activities.store.database import DATABASE_DOWN
from activities.store.store import Store
from policies.events import IgnoredBecause
from policies.keys import CaseRef
from tests.activities.test_charging import Killed
from tests.fixtures.postgres import execute
from tests.fixtures.store import DEAD_ADDRESS, DEAD_DATABASE, dead_temporal, migrated_store
from tests.fixtures.town import Case, Town
from workers import delivery as delivery_module
from workers import relay as relay_module
from workers.relay import LONGEST_PAUSE, MAX_TRIES, Relay, make_relay
from workers.settings import Settings
from workers.wiring import SPEAKERS, make_adapters, wired

PATIENCE_SECONDS = 15
FAILED_AT = 1764547200


def event(kind: str, about: dict[str, Any], created: int = FAILED_AT) -> dict[str, Any]:
    return {"id": f"evt_{uuid.uuid4().hex[:12]}", "type": kind, "created": created, "data": {"object": about}}


def invoice(invoice_id: str, **changes: Any) -> dict[str, Any]:
    owed = {"amount_due": 2900, "amount_paid": 0, "amount_remaining": 2900, "currency": "eur"}
    return {"id": invoice_id, **owed, "billing_reason": "subscription_cycle", "customer": "cus_1", **changes}


@dataclass
class Post:
    """An inbox of its own, relays over it, and a Temporal on which nobody works off what they start."""

    town: Town
    store: Store
    task_queue: str = field(default_factory=lambda: f"nobody-{uuid.uuid4().hex[:8]}")

    def relay(self, **changes: Any) -> Relay:
        parts: dict[str, Any] = {
            "store": self.store,
            "temporal": self.town.temporal,
            "speakers": SPEAKERS,
            "adapters": self.town.wiring.adapters,
            "task_queue": self.task_queue,
            "batch": 10,
        }
        return make_relay(**{**parts, **changes})

    async def receive(self, told: dict[str, Any] | bytes, source: str = "stripe", tries: int = 0) -> str:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        key = uuid.uuid4().hex if isinstance(told, bytes) else told["id"]
        received = await self.store.inbox.receive(source, "default", key, {}, body, datetime.now(UTC))
        await self.store.pool.execute("update inbox_keys set tries = $2 where id = $1::text::uuid", received.id, tries)
        return received.id

    async def drain(self, relays: int = 1) -> None:
        """Every relay takes and delivers until nothing is due."""

        async def until_empty(one: Relay) -> None:
            while await one.deliver_batch():
                pass

        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(until_empty(self.relay()) for _ in range(relays)))

    async def row(self, row_id: str) -> dict[str, Any]:
        row = await self.store.inbox.row(row_id)
        assert row is not None
        return row

    async def fate(self, told: dict[str, Any] | bytes, source: str = "stripe") -> tuple[str, str | None]:
        row_id = await self.receive(told, source)
        await self.drain()
        row = await self.row(row_id)
        return row["state"], row["reason"]

    async def has_case(self, invoice_id: str, outcome: str | None, subscription_id: str | None = None) -> str:
        """Only the row: no workflow runs for it."""
        case = CaseRef(source="stripe", account="default", invoice_id=invoice_id)
        await self.store.pool.execute(
            """insert into cases (case_id, reopen, source, account, invoice_id, customer_id, subscription_id, segment,
                   policy, policy_sha256, gateway, amount_minor, currency, category, opened_at, closed_at, outcome)
               values ($1, 0, 'stripe', 'default', $2, 'cus_1', $3, 's', 'p', 'h', 'g', 2900, 'EUR', 'unknown', now(),
                   case when $4::text is null then null else now() end, $4)""",
            case.case_id,
            invoice_id,
            subscription_id,
            outcome,
        )
        return case.case_id

    async def is_running(self, invoice_id: str) -> bool:
        handle = self.town.temporal.get_workflow_handle(f"dunning/stripe/default/{invoice_id}")
        try:
            return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise


@pytest.fixture
def post(town: Town, store: Store) -> Post:
    return Post(town, store)


async def world_failure(town: Town, **ask: Any) -> tuple[Case, dict[str, Any]]:
    case = await town.describe()
    return case, await case.fail("generic", deliver=False, **ask)


# Every row has an end


Fate = tuple[str, str | None]
DEAD_BECAUSE = {"unreadable", "gave_up", "unknown_source"}
UNREADABLE: Fate = ("dead", "unreadable")
DELIVERED: Fate = ("delivered", None)


async def rows_of_kind(post: Post, kind: str) -> dict[str, Fate]:
    """Writes rows of the kind into the inbox; says how each must end."""
    invoice_id = f"in_{uuid.uuid4().hex[:12]}"
    failed = event("invoice.payment_failed", invoice(invoice_id))
    paid = event("invoice.paid", invoice(invoice_id, amount_paid=2900), FAILED_AT + 60)
    match kind:
        case "failed":
            return {await post.receive(failed): DELIVERED}
        case "failed three times":
            again = [failed, *({**failed, "id": f"evt_{uuid.uuid4().hex}"} for _ in range(2))]
            return {await post.receive(one): DELIVERED for one in again}
        case "needs action":
            return {await post.receive(event("invoice.payment_action_required", invoice(invoice_id))): DELIVERED}
        case "unknown type":
            return {await post.receive(event("product.created", {})): ("ignored", "unknown_type")}
        case "first payment":
            first = event("invoice.payment_failed", invoice(invoice_id, billing_reason="subscription_create"))
            return {await post.receive(first): ("ignored", "not_dunning")}
        case "paid without a case":
            return {await post.receive(paid): ("ignored", "not_dunning")}
        case "closed before":
            await post.has_case(invoice_id, "recovered")
            return {await post.receive(one): ("ignored", "late") for one in (failed, paid)}
        case "subscription nobody knows":
            gone = event("customer.subscription.deleted", {"id": f"sub_{invoice_id}"})
            return {await post.receive(gone): ("ignored", "not_dunning")}
        case "payment nobody knows":
            intent = event("payment_intent.payment_failed", {"id": f"pi_{invoice_id}"})
            return {await post.receive(intent): ("ignored", "not_dunning")}
        case "action without a case":
            case = {"source": "stripe", "account": "default", "invoice_id": invoice_id}
            pause = {"kind": "pause", "action_id": "1", "actor": "a", "reason": "r"}
            body = json.dumps({"case": case, "action": pause}).encode()
            return {await post.receive(body, "recoup"): ("ignored", "late")}
        case "unreadable":
            return {await post.receive(event("invoice.payment_failed", invoice("no id"))): UNREADABLE}
        case "not even JSON":
            return {await post.receive(b"\xff\x00"): UNREADABLE}
        case "source that is gone":
            return {await post.receive(b"{}", "nobody", tries=MAX_TRIES - 1): ("dead", "unknown_source")}
        case "poison":
            return {await post.receive(b'{"case": 7}', "recoup", tries=MAX_TRIES - 1): ("dead", "gave_up")}
    raise AssertionError(kind)


KINDS = [
    "failed",
    "failed three times",
    "needs action",
    "unknown type",
    "first payment",
    "paid without a case",
    "closed before",
    "subscription nobody knows",
    "payment nobody knows",
    "action without a case",
    "unreadable",
    "not even JSON",
    "source that is gone",
    "poison",
]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=5, max_size=25), relays=st.integers(1, 4))
async def test_whatever_comes_in_every_row_has_exactly_one_end(post: Post, kinds: list[str], relays: int) -> None:
    expected: dict[str, Fate] = {}
    for kind in kinds:
        expected |= await rows_of_kind(post, kind)
    await post.drain(relays)
    rows = {row_id: await post.row(row_id) for row_id in expected}
    assert {row_id: (row["state"], row["reason"]) for row_id, row in rows.items()} == expected
    for row in rows.values():
        assert row["finished_at"] is not None
        assert row["claimed_until"] is None
        assert (row["case_id"] is not None) == (row["state"] == "delivered")
        assert (row["detail"] is not None) == (row["state"] != "delivered")
        assert row["reason"] is None or row["reason"] in {*IgnoredBecause, *DEAD_BECAUSE}


async def test_all_kinds_at_once_among_four_relays_and_each_row_is_taken_once(post: Post) -> None:
    expected: dict[str, Fate] = {}
    for kind in KINDS * 2:
        if kind not in ("poison", "source that is gone"):
            expected |= await rows_of_kind(post, kind)
    await post.drain(4)
    rows = [await post.row(row_id) for row_id in expected]
    assert {(row["state"], row["reason"]) for row in rows} == set(expected.values())
    assert {row["tries"] for row in rows} == {1}


async def test_two_relays_may_hold_the_failure_and_its_end_in_either_order(post: Post) -> None:
    """Whichever is faster: the case hears both, or it is never opened."""
    ends = set()
    for _ in range(6):
        invoice_id = f"in_{uuid.uuid4().hex[:12]}"
        failed = event("invoice.payment_failed", invoice(invoice_id))
        row_ids = [await post.receive(one) for one in (failed, event("invoice.voided", invoice(invoice_id)))]
        await asyncio.gather(*(post.relay(batch=1).deliver_batch() for _ in range(2)))
        rows = [await post.row(row_id) for row_id in row_ids]
        end = tuple(row["reason"] or row["state"] for row in rows)
        assert await post.is_running(invoice_id) == (rows[0]["state"] == "delivered"), end
        ends.add(end)
    assert ends <= {("delivered", "delivered"), ("superseded", "not_dunning"), ("delivered", "not_dunning")}


async def test_a_relay_that_died_is_taken_over_from_and_the_case_hears_it_once(town: Town, post: Post) -> None:
    """It told the case and died before it could write that down."""
    case = await town.describe()
    told = (await case.fail("do_not_honor", deliver=False))["event"]
    row_id = await post.receive(told)
    with pytest.MonkeyPatch.context() as patch:

        async def cut(*_: Any, **__: Any) -> None:
            raise Killed

        patch.setattr(post.store.inbox, "finish", cut)
        with pytest.raises(Killed):
            await post.relay(task_queue=town.settings.task_queue).deliver_batch()
    assert (await post.row(row_id))["state"] == "waiting"
    assert await post.relay().deliver_batch() == 0
    await post.store.pool.execute("update inbox_keys set claimed_until = now() - interval '1 second'")
    assert await post.relay(task_queue=town.settings.task_queue).deliver_batch() == 1
    row = await post.row(row_id)
    assert (row["state"], row["tries"]) == ("delivered", 2)
    facts = (await case.until_decided()).facts
    assert facts is not None
    assert len(facts.failures) == 1


# What cannot be delivered now, or ever


async def test_a_poison_row_ends_as_a_dead_letter_and_blocks_nobody(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "ada.lovelace@customers.example"
    poison = await post.receive(json.dumps({"case": secret, "action": secret}).encode(), "recoup")
    good = []
    with caplog.at_level(logging.DEBUG):
        for _ in range(MAX_TRIES):
            good.append(await post.receive(event("product.created", {})))
            await post.store.pool.execute("update inbox_keys set next_try_at = now() where state = 'waiting'")
            assert await post.relay().deliver_batch() == 2
    row = await post.row(poison)
    assert (row["state"], row["reason"], row["tries"]) == ("dead", "gave_up", MAX_TRIES)
    assert "gave up after 50 tries" in row["detail"]
    assert {(await post.row(row_id))["state"] for row_id in good} == {"ignored"}
    assert secret not in caplog.text
    assert secret not in row["detail"]


async def test_the_pauses_grow_and_stay_within_reason(post: Post) -> None:
    pauses = []
    poison = await post.receive(b"junk", "recoup")
    for _ in range(12):
        before = datetime.now(UTC)
        await post.relay().deliver_batch()
        row = await post.row(poison)
        pauses.append(row["next_try_at"] - before)
        await post.store.pool.execute("update inbox_keys set next_try_at = now()")
    assert timedelta(seconds=1) < pauses[0] < timedelta(seconds=4)
    assert all(later >= sooner - timedelta(seconds=1) for sooner, later in itertools.pairwise(pauses))
    assert pauses[-1] <= LONGEST_PAUSE + timedelta(seconds=1)


async def test_an_outage_however_long_makes_no_dead_letter(
    post: Post, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is down while it is asked whose payment it is; Temporal does not answer in time."""
    intent = await post.receive(event("payment_intent.payment_failed", {"id": "pi_1"}), tries=MAX_TRIES * 3)
    failed = event("invoice.payment_failed", invoice(f"in_{uuid.uuid4().hex}"))
    opening = await post.receive(failed, tries=MAX_TRIES * 3)
    monkeypatch.setattr(delivery_module, "RPC_PATIENCE", timedelta(microseconds=1))
    away = make_adapters(Settings(sandbox_url=f"http://{DEAD_ADDRESS}", outside_timeout_seconds=1), town.session)
    await post.relay(adapters=away).deliver_batch()
    for row_id in (intent, opening):
        row = await post.row(row_id)
        assert row["state"] == "waiting", row
        assert row["detail"]
    monkeypatch.undo()
    await post.store.pool.execute("update inbox_keys set next_try_at = now()")
    await post.drain()
    assert (await post.row(opening))["state"] == "delivered"
    assert (await post.row(intent))["reason"] == "not_dunning"


async def test_what_is_ours_to_mend_waits_and_says_why(post: Post) -> None:
    adapters = replace(post.town.wiring.adapters, routes=Routes(gateways=frozenset(), owners={}))
    row_id = await post.receive(event("payment_intent.payment_failed", {"id": "pi_1"}))
    await post.relay(adapters=adapters).deliver_batch()
    row = await post.row(row_id)
    assert row["state"] == "waiting"
    assert "no owner is set up for source stripe" in row["detail"]


async def test_a_database_that_is_down_is_waited_for_and_the_relay_ends_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 0.1)
    async with wired(Settings(database_url=SecretStr(DEAD_DATABASE))) as wiring:
        stop = asyncio.Event()
        relay = make_relay(wiring.store, await dead_temporal(), SPEAKERS, wiring.adapters)
        running = asyncio.create_task(relay.run(stop))
        await asyncio.sleep(0.2)
        assert not running.done()
        stop.set()
        async with asyncio.timeout(5):
            await running


async def test_a_running_relay_survives_the_loss_of_its_connections(
    post: Post, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 0.1)
    async with migrated_store(fresh_database) as store:
        own = Post(post.town, store)
        stop = asyncio.Event()
        running = asyncio.create_task(own.relay().run(stop))
        others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
        others += "and pid <> pg_backend_pid()"
        for _ in range(2):
            await asyncio.sleep(0.1)
            await execute(fresh_database, others)
        row_id = await _received_in_the_end(own)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await own.row(row_id))["state"] == "waiting":
                await asyncio.sleep(0.05)
        stop.set()
        await running


async def _received_in_the_end(post: Post) -> str:
    """The pool may hand out one more dead connection."""
    for _ in range(10):
        try:
            return await post.receive(event("product.created", {}))
        except (*DATABASE_DOWN, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
    raise AssertionError("the database did not come back")


# Which case


async def test_a_payment_that_names_no_invoice_opens_the_case_of_the_invoice_it_pays(town: Town, post: Post) -> None:
    case, failed = await world_failure(town)
    other, _ = await world_failure(town)
    intent = event("payment_intent.payment_failed", {"id": failed["payment_id"], "customer": case.customer_id})
    row_id = await post.receive(intent)
    await post.drain()
    row = await post.row(row_id)
    assert (row["state"], row["case_id"]) == ("delivered", case.ref.case_id)
    assert await post.is_running(case.ref.invoice_id)
    assert not await post.is_running(other.ref.invoice_id)


@pytest.mark.parametrize("why", [{"first_payment": True}, {"collected_manually": True}])
async def test_a_payment_of_an_invoice_that_is_not_dunning_opens_nothing(
    town: Town, post: Post, why: dict[str, bool]
) -> None:
    """The event does not say what kind of invoice it pays; the owner does."""
    case, failed = await world_failure(town, **why)
    intent = event("payment_intent.payment_failed", {"id": failed["payment_id"]})
    assert await post.fate(intent) == ("ignored", "not_dunning")
    assert not await post.is_running(case.ref.invoice_id)


async def test_a_payment_of_an_invoice_that_is_paid_by_now_opens_nothing(town: Town, post: Post) -> None:
    case, failed = await world_failure(town)
    await town.sandbox("POST", f"/world/invoices/{case.ref.invoice_id}/pay", {"deliver": False})
    intent = event("payment_intent.payment_failed", {"id": failed["payment_id"]})
    assert await post.fate(intent) == ("ignored", "not_dunning")


async def test_a_dispute_finds_its_case_by_the_payment(town: Town, post: Post) -> None:
    case = await town.fails("do_not_honor")
    answer = await case.world("dispute", deliver=False)
    row_id = await post.receive(answer["event"])
    await post.drain()
    row = await post.row(row_id)
    assert (row["state"], row["case_id"]) == ("delivered", case.ref.case_id)
    assert (await case.until_state("dispute_open")).facts is not None


async def test_a_cancelled_subscription_ends_every_open_case_of_it(town: Town, post: Post) -> None:
    """One of two has no workflow any more: the row is delivered all the same, whichever is asked last."""
    for gone_first in (True, False):
        alive, subscription = f"in_{uuid.uuid4().hex[:12]}", f"sub_{uuid.uuid4().hex[:12]}"
        await post.receive(event("invoice.payment_failed", invoice(alive)))
        await post.drain()
        gone = f"in_{uuid.uuid4().hex[:12]}"
        for one in (gone, alive) if gone_first else (alive, gone):
            await post.has_case(one, None, subscription)
        cancelled = event("customer.subscription.deleted", {"id": subscription}, FAILED_AT + 60)
        row_id = await post.receive(cancelled)
        await post.drain()
        row = await post.row(row_id)
        assert (row["state"], row["case_id"]) == ("delivered", f"stripe/default/{alive}")


async def test_a_failure_that_is_not_newer_than_the_payment_is_superseded(post: Post) -> None:
    for status in ("invoice.paid", "invoice.voided"):
        invoice_id = f"in_{uuid.uuid4().hex[:12]}"
        settled = event(status, invoice(invoice_id), FAILED_AT + 60)
        assert await post.fate(settled) == ("ignored", "not_dunning")
        for created, fate in {
            FAILED_AT: ("ignored", "superseded"),
            FAILED_AT + 60: ("ignored", "superseded"),
            FAILED_AT + 61: ("delivered", None),
        }.items():
            failed = event("invoice.payment_failed", invoice(invoice_id), created)
            assert await post.fate(failed) == fate, (status, created)


async def test_an_older_word_of_the_source_does_not_replace_a_newer_one(post: Post) -> None:
    invoice_id = f"in_{uuid.uuid4().hex[:12]}"
    for kind, created in (("invoice.paid", FAILED_AT + 60), ("invoice.voided", FAILED_AT + 30)):
        await post.fate(event(kind, invoice(invoice_id), created))
    failed = event("invoice.payment_failed", invoice(invoice_id), FAILED_AT + 45)
    assert await post.fate(failed) == ("ignored", "superseded")


@pytest.mark.parametrize("outcome", ["written_off", "cancelled"])
async def test_money_after_we_gave_up_is_one_task_however_often_it_is_told(post: Post, outcome: str) -> None:
    invoice_id = f"in_{uuid.uuid4().hex[:12]}"
    case_id = await post.has_case(invoice_id, outcome)
    row_id = await post.receive(event("invoice.paid", invoice(invoice_id, amount_paid=2900)))
    await post.drain()
    await post.store.pool.execute("update inbox_keys set state = 'waiting' where id = $1::text::uuid", row_id)
    await post.drain()
    (task,) = await post.store.cases.open_tasks()
    assert (task.kind, task.case_id) == ("late_payment", case_id)
    assert outcome in task.summary


async def test_a_recovered_case_makes_no_task_of_its_own_payment(post: Post) -> None:
    invoice_id = f"in_{uuid.uuid4().hex[:12]}"
    await post.has_case(invoice_id, "recovered")
    assert await post.fate(event("invoice.paid", invoice(invoice_id))) == ("ignored", "late")
    assert await post.store.cases.open_tasks() == []


async def test_counts_tell_an_operator_how_the_rows_ended(post: Post) -> None:
    ends: Counter[str] = Counter()
    for kind in KINDS:
        fates = await rows_of_kind(post, kind)
        ends.update("/".join(filter(None, fate)) for fate in fates.values())
    await post.drain(2)
    assert await post.store.inbox.counts() == dict(ends)


async def test_a_source_that_is_not_set_up_here_may_be_set_up_there(post: Post) -> None:
    """A rolling start: one worker knows the source already, this one does not yet."""
    row_id = await post.receive(b"{}", "brand-new")
    await post.relay().deliver_batch()
    row = await post.row(row_id)
    assert (row["state"], row["tries"]) == ("waiting", 1)
    assert row["detail"] == "UnknownSource: no source brand-new is set up here"


@pytest.mark.parametrize("odd", ["A\x00B", "A\ud800B", "A\nB"])
async def test_what_a_stranger_wrote_into_a_field_never_keeps_its_row_from_ending(post: Post, odd: str) -> None:
    told = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "recoup.customer_changed",
        "time": "2026-03-02T10:00:00Z",
    }
    told["data"] = {"customer_id": "cus_1", "customer": {"id": "cus_1", "name": odd}}  # type: ignore[assignment]
    row_id = await post.receive(json.dumps(told).encode(), "generic")
    await post.drain()
    assert (await post.row(row_id))["state"] in ("dead", "delivered")


async def test_nothing_is_called_forged_where_nobody_can_prove_it(post: Post) -> None:
    """This worker has no secret of the account: another one may."""
    received = await post.store.inbox.receive(
        "paypal", "default", "WH-1", {"paypal-transmission-id": "1"}, b"{}", datetime.now(UTC), unproven=True
    )
    await post.relay().deliver_batch()
    row = await post.row(received.id)
    assert row["state"] == "waiting"
    assert row["detail"].startswith("Misconfigured: no secret of paypal/default")
