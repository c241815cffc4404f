"""Webhook intake over real HTTP: what is answered 2xx is in PostgreSQL, the rest says what was wrong (P1, P9)."""

import asyncio
import json
import logging
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from activities.store import database
from activities.store.database import make_pool
from activities.store.store import Store
from tests.fixtures.sandbox import Reply
from tests.fixtures.store import SECRET, RunningApi, dead_temporal, running_api
from tests.fixtures.town import Town
from workers.relay import make_relay
from workers.sandbox.stripe_events import body_of_event, sign
from workers.wiring import SPEAKERS

HOOK = "/webhooks/stripe/default"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(kind: str = "invoice.payment_failed", **changes: Any) -> dict[str, Any]:
    """A failed renewal of 29.00 EUR in Stripe's shape."""
    unique = uuid.uuid4().hex[:12]
    invoice = {
        "id": f"in_{unique}",
        "object": "invoice",
        "amount_due": 2900,
        "amount_paid": 0,
        "amount_remaining": 2900,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "currency": "eur",
        "customer": f"cus_{unique}",
    }
    envelope = {"id": f"evt_{unique}", "object": "event", "created": 1764547200, "type": kind}
    return {**envelope, "data": {"object": invoice}, **changes}


def signature(body: bytes, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    return {"Stripe-Signature": sign(body, secret, at or datetime.now(UTC))}


async def post(api: RunningApi, told: Any, path: str = HOOK, headers: dict[str, str] | None = None) -> Reply:
    """Signed now, without a bearer token, as Stripe does it."""
    body = told if isinstance(told, bytes) else body_of_event(told)
    return await api.ask("POST", path, body, {**signature(body), **(headers or {})}, token=None)


async def rows_of(store: Store, told: dict[str, Any]) -> list[dict[str, Any]]:
    query = "select * from inbox_keys where event_key = $1 order by received_at"
    return [dict(row) for row in await store.pool.fetch(query, told["id"])]


async def rows_in(store: Store) -> int:
    return int(await store.pool.fetchval("select count(*) from inbox_keys"))


def is_told_off(reply: Reply, status: int, error: str) -> bool:
    """A stable word for programs, a sentence for people, nothing else."""
    return reply.status == status and set(reply.body) == {"error", "detail"} and reply.body["error"] == error


# What is good


async def test_a_signed_event_is_stored_before_the_answer_with_its_bytes_and_headers(
    api: RunningApi, store: Store
) -> None:
    told = event()
    body = json.dumps(told, indent=3).encode() + b"\n \n"
    headers = {**signature(body), "User-Agent": "Stripe/1.0", "Cookie": "secret=1", "Authorization": "Bearer x"}
    reply = await api.ask("POST", HOOK, body, headers, token=None)
    assert reply.status == 200
    assert reply.body == {"received": [{"event": told["id"], "status": "stored", "note": None}]}
    (row,) = await store.pool.fetch("select * from inbox_keys join inbox_bodies b using (id)")
    assert row["body"] == body
    assert row["headers"]["user-agent"] == "Stripe/1.0"
    assert row["headers"]["stripe-signature"] == headers["Stripe-Signature"]
    assert not {"authorization", "cookie", "host"} & set(row["headers"])
    assert (row["source"], row["account"], row["state"], row["conflict"]) == ("stripe", "default", "waiting", False)


async def test_an_account_that_is_left_out_is_the_default_one(api: RunningApi, store: Store) -> None:
    assert (await post(api, event(), "/webhooks/stripe")).status == 200
    assert await store.pool.fetchval("select account from inbox_keys") == "default"


async def test_a_batch_is_split_into_a_row_for_each_event(api: RunningApi, store: Store) -> None:
    several = [event(), event("invoice.voided"), event("product.created")]
    reply = await post(api, json.dumps(several).encode())
    assert [one["event"] for one in reply.body["received"]] == [one["id"] for one in several]
    assert [len(await rows_of(store, one)) for one in several] == [1, 1, 1]


async def test_an_event_that_will_reach_no_case_says_so_at_once(api: RunningApi) -> None:
    receipt = (await post(api, event("product.created"))).body["received"][0]
    assert receipt["status"] == "stored"
    assert "unknown_type" in receipt["note"]
    broken = event(data={"object": {"id": "no id at all", "amount_due": 2900}})
    assert "unreadable: data.object.id" in (await post(api, broken)).body["received"][0]["note"]


async def test_either_secret_holds_while_they_are_rolled(store: Store) -> None:
    rolled = {"stripe/default": ["whsec_new", "whsec_old"]}
    async with running_api(store, await dead_temporal(), webhook_secrets=rolled) as api:
        for secret, status in {"whsec_new": 200, "whsec_old": 200, "whsec_older": 401}.items():
            body = body_of_event(event())
            reply = await api.ask("POST", HOOK, body, signature(body, secret), token=None)
            assert reply.status == status, secret
        body = body_of_event(event())
        both = f"{sign(body, 'whsec_strange', datetime.now(UTC))},v1={sign(body, 'whsec_old', datetime.now(UTC))[-64:]}"
        assert (await api.ask("POST", HOOK, body, {"Stripe-Signature": both}, token=None)).status == 200


# What is not


async def test_a_signature_that_does_not_hold_stores_nothing(api: RunningApi, store: Store) -> None:
    body = body_of_event(event())
    now = datetime.now(UTC)
    wrong = {
        "of another secret": signature(body, "whsec_other"),
        "of another body": signature(body + b" "),
        "stale": signature(body, at=now - timedelta(minutes=6)),
        "from the future": signature(body, at=now + timedelta(minutes=6)),
        "missing": {},
        "empty": {"Stripe-Signature": ""},
        "nonsense": {"Stripe-Signature": "t=now,v1=yes"},
        "of no scheme we know": {"Stripe-Signature": f"t={int(now.timestamp())},v0=00"},
    }
    for why, headers in wrong.items():
        reply = await api.ask("POST", HOOK, body, headers, token=None)
        assert is_told_off(reply, 401, "bad_signature"), (why, reply)
        assert SECRET not in reply.text
    assert await rows_in(store) == 0


async def test_a_delivery_of_a_few_minutes_ago_is_still_good(api: RunningApi) -> None:
    body = body_of_event(event())
    late = signature(body, at=datetime.now(UTC) - timedelta(minutes=4))
    assert (await api.ask("POST", HOOK, body, late, token=None)).status == 200


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"junk",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe",
        b'{"type": "invoice.paid"}',
        b'{"id": "evt_1"}',
        b"[" * 5000,
        b'{"id": {}, "type": "x"}',
        b'{"id": "evt 1\\u0000", "type": "x"}',
    ],
)
async def test_signed_junk_is_malformed_and_not_stored(api: RunningApi, store: Store, junk: bytes) -> None:
    assert is_told_off(await post(api, junk), 400, "malformed")
    assert await rows_in(store) == 0


async def test_one_bad_event_refuses_the_whole_batch(api: RunningApi, store: Store) -> None:
    assert is_told_off(await post(api, json.dumps([event(), {"type": "no id"}]).encode()), 400, "malformed")
    assert await rows_in(store) == 0


async def test_a_body_that_is_too_large_says_how_large_it_may_be(store: Store) -> None:
    async with running_api(store, await dead_temporal(), max_body_bytes=2000) as api:
        reply = await post(api, event(padding="x" * 2000))
        assert is_told_off(reply, 413, "too_large")
        assert "2000 bytes" in reply.body["detail"]
        assert (await post(api, event())).status == 200
    assert await rows_in(store) == 1


async def test_unknown_sources_and_accounts_are_named_and_cut_short(api: RunningApi) -> None:
    reply = await post(api, event(), "/webhooks/nobody/default")
    assert is_told_off(reply, 404, "unknown_source")
    assert "stripe" in reply.body["detail"]
    assert is_told_off(await post(api, event(), "/webhooks/stripe/other"), 404, "unknown_account")
    assert len((await post(api, event(), "/webhooks/stripe/" + "a" * 3000)).text) < 300


async def test_a_body_that_is_not_what_its_headers_promise_is_malformed(api: RunningApi, store: Store) -> None:
    body = body_of_event(event())
    reply = await post(api, body, headers={"Content-Encoding": "gzip"})
    assert is_told_off(reply, 400, "malformed")
    assert await rows_in(store) == 0


# The same again


async def test_duplicates_are_counted_not_stored_again(api: RunningApi, store: Store) -> None:
    told = event()
    said = [(await post(api, told)).body["received"][0]["status"] for _ in range(3)]
    assert said == ["stored", "duplicate", "duplicate"]
    (row,) = await rows_of(store, told)
    assert row["times_received"] == 3
    assert await store.pool.fetchval("select count(*) from inbox_bodies") == 1


async def test_many_deliveries_of_one_event_at_once_are_one_row(api: RunningApi, store: Store) -> None:
    told = event()
    replies = await asyncio.gather(*(post(api, told) for _ in range(12)))
    assert {reply.status for reply in replies} == {200}
    assert [reply.body["received"][0]["status"] for reply in replies].count("stored") == 1
    (row,) = await rows_of(store, told)
    assert row["times_received"] == 12


async def test_another_body_under_a_known_id_is_a_new_row_marked_as_conflict(api: RunningApi, store: Store) -> None:
    told = event()
    await post(api, told)
    reply = await post(api, {**told, "type": "invoice.voided"})
    assert reply.body["received"][0]["status"] == "conflict"
    first, second = await rows_of(store, told)
    assert (first["conflict"], second["conflict"]) == (False, True)
    assert first["id"] != second["id"]


async def test_one_id_of_two_accounts_is_no_conflict(store: Store) -> None:
    secrets = {"stripe/a": [SECRET], "stripe/b": [SECRET]}
    async with running_api(store, await dead_temporal(), webhook_secrets=secrets) as api:
        told = event()
        said = [(await post(api, told, f"/webhooks/stripe/{account}")).body["received"][0] for account in "ab"]
    assert [one["status"] for one in said] == ["stored", "stored"]


# The trace


async def test_the_traceparent_of_the_sender_is_kept_on_the_row_whatever_its_case(
    api: RunningApi, store: Store
) -> None:
    given = {
        "traceparent": TRACEPARENT,
        "Traceparent": TRACEPARENT,
        "TRACEPARENT": TRACEPARENT,
    }
    for name, value in given.items():
        told = event()
        await post(api, told, headers={name: value})
        assert (await rows_of(store, told))[0]["traceparent"] == TRACEPARENT, name
    for nonsense in ("", "00-zz-00-01", TRACEPARENT + "x", "x" * 5000):
        told = event()
        await post(api, told, headers={"traceparent": nonsense})
        assert (await rows_of(store, told))[0]["traceparent"] is None


# What is down


async def test_without_postgresql_the_sender_is_asked_to_come_back(api_without_database: RunningApi) -> None:
    body = body_of_event(event())
    url = api_without_database.url + HOOK
    async with api_without_database.session.post(url, data=body, headers=signature(body)) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["error"] == "unavailable"


async def test_a_database_that_swallows_packets_is_given_up_on_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and never says a word. Senders hang up after ten seconds or more."""
    assert database.CONNECT_SECONDS <= 8
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = await make_pool(f"postgresql://recoup@127.0.0.1:{port}/recoup?sslmode=disable")
    async with running_api(Store(pool), await dead_temporal()) as api:
        async with asyncio.timeout(3):
            assert (await post(api, event())).status == 503
    pool.terminate()
    server.close()
    await server.wait_closed()


async def test_a_half_stored_batch_is_completed_by_the_next_delivery(own_api: RunningApi, own_store: Store) -> None:
    """The database fails on the second event; the sender is told to come back, and nothing is there twice."""
    several = [event(), event(data={"object": {"id": "in_poison"}}), event()]
    await own_store.pool.execute("""
        create function fail() returns trigger language plpgsql as $$
        begin
            if convert_from(new.body, 'utf8') like '%in_poison%' then
                raise exception sqlstate '53100' using message = 'disk full';
            end if;
            return new;
        end $$;
        create trigger fails before insert on inbox_bodies for each row execute function fail();
    """)
    reply = await post(own_api, json.dumps(several).encode())
    assert is_told_off(reply, 503, "unavailable")
    assert [len(await rows_of(own_store, one)) for one in several] == [1, 0, 1]
    await own_store.pool.execute("drop trigger fails on inbox_bodies")
    reply = await post(own_api, json.dumps(several).encode())
    assert [one["status"] for one in reply.body["received"]] == ["duplicate", "stored", "duplicate"]
    orphans = "select count(*) from inbox_keys k full join inbox_bodies b using (id) where k.id is null or b.id is null"
    assert await own_store.pool.fetchval(orphans) == 0


@pytest.mark.parametrize("sqlstate", ["57P01", "57P02", "57P03", "53100", "53300", "25006", "08006"])
async def test_a_server_that_stops_is_full_or_only_reads_is_unavailable(
    own_api: RunningApi, own_store: Store, sqlstate: str
) -> None:
    await own_store.pool.execute(f"""
        create function fail() returns trigger language plpgsql as $$
        begin raise exception sqlstate '{sqlstate}' using message = 'not now'; end $$;
        create trigger fails before insert on inbox_keys for each row execute function fail();
    """)
    assert is_told_off(await post(own_api, event()), 503, "unavailable")


async def test_a_webhook_is_accepted_while_temporal_is_down_and_delivered_later(
    town: Town, store: Store, temporal: Client
) -> None:
    down = await dead_temporal()
    case = await town.describe()
    told = (await case.fail("already_paid", deliver=False))["event"]
    async with running_api(store, down) as api:
        assert (await post(api, told)).status == 200
    without = make_relay(store, down, SPEAKERS, town.wiring.adapters, town.settings.task_queue)
    asked_at = datetime.now(UTC)
    assert await without.deliver_batch() == 1
    (row,) = await rows_of(store, told)
    assert (row["state"], row["claimed_until"]) == ("waiting", None)
    assert row["next_try_at"] > asked_at
    assert "connect" in row["detail"]
    await store.pool.execute("update inbox_keys set next_try_at = now()")
    live = make_relay(store, temporal, SPEAKERS, town.wiring.adapters, town.settings.task_queue)
    assert await live.deliver_batch() == 1
    (row,) = await rows_of(store, told)
    assert (row["state"], row["case_id"], row["tries"]) == ("delivered", case.ref.case_id, 2)
    assert await case.until_closed() == "recovered"


async def test_an_unknown_type_is_taken_and_recorded_as_ignored(town: Town, store: Store) -> None:
    told = event("product.created")
    async with running_api(store, town.temporal) as api:
        assert (await post(api, told)).status == 200
    relay = make_relay(store, town.temporal, SPEAKERS, town.wiring.adapters, town.settings.task_queue)
    await relay.deliver_batch()
    (row,) = await rows_of(store, told)
    assert (row["state"], row["reason"]) == ("ignored", "unknown_type")


# Strangers


@pytest.mark.parametrize("header", ["Authorization", "User-Agent", "baggage", "tracestate", "traceparent", "X-Other"])
async def test_header_bytes_that_are_no_text_harm_nothing(api: RunningApi, store: Store, header: str) -> None:
    """aiohttp's client sends no such header, so the request is written by hand."""
    body = body_of_event(event())
    lines = [
        f"POST {HOOK} HTTP/1.1".encode(),
        b"Host: x",
        header.encode() + b": Bearer \xff\xfe=\x80",
        b"Stripe-Signature: " + signature(body)["Stripe-Signature"].encode(),
        f"Content-Length: {len(body)}".encode(),
        b"Connection: close",
    ]
    assert b" 200 " in await raw(api, b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert await rows_in(store) == 1


async def raw(api: RunningApi, request: bytes) -> bytes:
    """The first line of the answer."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()
    return line


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["..", "%00", "%ff", "%2f%2e%2e", "a" * 4000, "'; drop table inbox_keys; --", "${jndi:x}", "\u202e"]
    ),
)
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@FEW
@given(source=HOSTILE, account=HOSTILE, header=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
async def test_no_path_and_no_header_is_an_unexpected_error(
    api: RunningApi, source: str, account: str, header: str
) -> None:
    headers = {"Stripe-Signature": header, "traceparent": header, "baggage": header}
    for path in (f"/webhooks/{source}/{account}", f"/webhooks/{source}", f"/customers/{source}/{account}/x"):
        for method in ("POST", "PUT", "GET"):
            reply = await api.ask(method, path.replace("#", "%23").replace("?", "%3f"), b"{}", headers)
            assert reply.status < 500, (method, path, reply.text)
            if reply.status >= 400:
                assert {"error", "detail"} <= set(reply.body), (method, path, reply.text)


@FEW
@given(body=st.binary(max_size=200))
async def test_no_signed_body_is_an_unexpected_error(api: RunningApi, body: bytes) -> None:
    assert (await post(api, body)).status in (200, 400)


async def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_no_values(
    own_api: RunningApi, own_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await own_store.pool.execute("drop table inbox_bodies")
    told = event(customer_email="ada.lovelace@example.com")
    with caplog.at_level(logging.DEBUG):
        reply = await post(own_api, told, headers={"Authorization": "Bearer tok-123"})
    assert is_told_off(reply, 500, "internal")
    assert "Traceback" not in reply.text
    assert "inbox" not in reply.text
    assert "ada.lovelace" not in caplog.text
    for secret in (SECRET, "tok-123"):
        assert secret not in caplog.text


async def test_more_events_than_can_be_answered_in_time_are_malformed(api: RunningApi, store: Store) -> None:
    many = [event() for _ in range(1001)]
    reply = await post(api, json.dumps(many).encode())
    assert is_told_off(reply, 400, "malformed")
    assert "1001 events" in reply.body["detail"]
    assert await rows_in(store) == 0
