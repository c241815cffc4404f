"""What a source signed, damaged in every way we can think of, over real HTTP: an answer that says what was wrong, or a
row that comes to exactly one end. Never a 500, never a hang, never half of a delivery (P1).

In this process, without HTTP and the database, each Speaker is put to more of it: `SpeakerContract`.
"""

import asyncio
import dataclasses
import hashlib
import random
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.adapters import Adapters
from activities.intake import Intake
from activities.routes import Routes
from activities.scrubbed import scrubbed
from activities.store.store import Store
from activities.tally import Tally
from policies.intake.profile import Action, Conflict, Missing, Old, Profile, Profiles
from tests.activities.sources.speaking import FUZZ_EXAMPLES, damaged
from tests.api.senders import SENDERS, Gullible, Sender, speakers
from tests.fixtures.store import RunningApi, dead_temporal, running_api
from tests.fixtures.town import Town
from workers.relay import MAX_TRIES, make_relay
from workers.wiring import SPEAKERS

AT_ONCE = 8
PATIENCE_SECONDS = 10
ENDS = {"delivered", "ignored", "dead", "refused"}
TURNED_AWAY = {400, 401, 413}
STRICT = Profile(
    accounts=("*/strict",),
    rules=(
        Missing(check="missing", fields=("decline", "subscription_id"), action=Action.REFUSE),
        Conflict(check="conflict", action=Action.QUARANTINE),
        Old(check="old", older_than=timedelta(days=365), action=Action.QUARANTINE),
    ),
)
Key = tuple[str, str, str]
"""Account, the event's id, the hash of its body."""


def test_every_source_that_is_wired_has_a_sender_here() -> None:
    assert {sender.source for sender in SENDERS.values()} == set(SPEAKERS), "add a line to SENDERS in senders.py"


@dataclass
class Told:
    """What was kept by its answers, `refused` among it; and what was answered otherwise, by status."""

    kept: dict[Key, bytes] = field(default_factory=dict)
    refused: set[Key] = field(default_factory=set)
    taken: int = 0
    turned_away: Counter[int] = field(default_factory=Counter)


@pytest.mark.timeout(300 + FUZZ_EXAMPLES // 10)
@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_whatever_a_source_signs_is_turned_away_or_kept_and_comes_to_one_end(
    name: str, town: Town, store: Store
) -> None:
    sender = SENDERS[name]
    secrets = {f"{sender.source}/{account}": [sender.secret] for account in ("default", "strict")}
    intake = Intake(store, speakers(), Tally(), Profiles(profiles=(STRICT,)))
    async with running_api(
        store, await dead_temporal(), speakers=speakers(), webhook_secrets=secrets, intake=intake
    ) as api:
        told = await send_all(api, sender)
    assert told.taken >= FUZZ_EXAMPLES // 5, f"hardly anything got past the signature: {told.turned_away}"
    await nothing_but_what_was_told(store, told)
    await relayed(store, town, secrets)
    await every_row_has_one_end(store, told)


async def send_all(api: RunningApi, sender: Sender) -> Told:
    told, slots = Told(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await send_one(api, sender, number, told)

    await asyncio.gather(*(one(number) for number in range(FUZZ_EXAMPLES)))
    return told


async def send_one(api: RunningApi, sender: Sender, number: int, told: Told) -> None:
    """`number` says all about the damage, so that what fails can be sent again."""
    chance = random.Random(f"{sender.source} {number}")
    speaker = speakers()[sender.source]
    whole = chance.choice(sender.told)
    if chance.random() < 0.7:  # another event each time; else the same ids with other content
        whole = whole.replace(sender.ids, sender.ids + b"%06d" % number)
    headers, body = sender.sent(damaged(whole, chance) if number % 20 else whole, datetime.now(UTC))
    if headers and chance.random() < 0.1:
        headers = {
            **headers,
            chance.choice(sorted(headers)): chance.choice(["", "x" * 4000, "\xff", "t=1,v1=0", "ü,="]),
        }
    account = chance.choice(["default", "strict"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await api.ask("POST", f"/webhooks/{sender.source}/{account}", body, dict(headers), token=None)
    about = f"{sender.source} {number}: {reply.status} {reply.text[:300]}"
    if reply.status not in (200, 422):
        assert reply.status in TURNED_AWAY, about
        assert {"error", "detail"} == set(reply.body), about
        told.turned_away[reply.status] += 1
        return
    # The damage may be a card number, which is starred before anything is kept.
    items = speaker.split(scrubbed(body))
    assert isinstance(items, tuple), about
    keys = {(account, item.event_key, hashlib.sha256(item.body).hexdigest()): item.body for item in items}
    told.taken += 1
    told.kept |= keys
    told.refused |= set(keys) if reply.status == 422 else set()


def _as_it_was_told(row: Any) -> tuple[str, str, str]:
    """Without the day that nameless events are kept under, and without the signature of what is not proven yet."""
    name = re.sub(r"@\d{4}-\d\d-\d\d$", "", row["event_key"])
    return row["account"], name, hashlib.sha256(row["body"]).hexdigest()


async def nothing_but_what_was_told(store: Store, told: Told) -> None:
    rows = await store.pool.fetch(
        "select account, event_key, state, b.body from inbox_keys left join inbox_bodies b using (id)"
    )
    stored = {_as_it_was_told(row): row["body"] for row in rows}
    assert stored == told.kept
    refused = {_as_it_was_told(row) for row in rows if row["state"] == "refused"}
    assert refused == told.refused
    assert await store.pool.fetchval("select count(*) from inbox_bodies") == len(rows)


async def relayed(store: Store, town: Town, secrets: dict[str, list[str]]) -> None:
    """By two relays at once. What they cannot find or ask for is given up at last."""
    owner = town.wiring.adapters.owner_of("stripe", "default")
    adapters: Adapters = dataclasses.replace(
        town.wiring.adapters,
        routes=Routes(gateways=frozenset({"sandbox"}), owners={"*/*": "sandbox"}),
        owners={"sandbox": owner},
        provers={"paypal": Gullible()},
    )
    relays = [
        make_relay(
            *(store, town.temporal, speakers(), adapters),
            task_queue=f"nobody-{uuid.uuid4().hex[:8]}",
            webhook_secrets=secrets,
        )
        for _ in range(2)
    ]

    async def until_empty() -> None:
        async with asyncio.timeout(60 + FUZZ_EXAMPLES // 20):
            while any(await asyncio.gather(*(relay.deliver_batch() for relay in relays))):
                pass

    await until_empty()
    again = "update inbox_keys set tries = $1, next_try_at = now() where state = 'waiting'"
    await store.pool.execute(again, MAX_TRIES)
    await until_empty()


async def every_row_has_one_end(store: Store, told: Told) -> None:
    rows = await store.pool.fetch("select * from inbox_keys")
    assert len(rows) == len(told.kept)
    for row in rows:
        assert row["state"] in ENDS, dict(row)
        assert row["finished_at"] is not None, dict(row)
        assert row["state"] == "delivered" or row["reason"], dict(row)
        assert row["claimed_until"] is None, dict(row)
