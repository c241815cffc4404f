"""Several gateway accounts in one sandbox, cards that are renewed, and a wire that loses a share."""

from typing import Any

import aiohttp
import pytest

from activities.gateways.sandbox import SandboxGateway
from tests.fixtures.sandbox import START, RunningSandbox, day
from workers.sandbox.faults import Drop, drop_of


def charge_of(failure: dict[str, Any], key: str = "att_1", **changes: Any) -> dict[str, Any]:
    names = "invoice_id credential_id amount_minor currency".split()
    return {"idempotency_key": key, **{name: failure[name] for name in names}, **changes}


async def test_a_gateway_that_does_not_collect_leaves_the_invoice_alone(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    charge = charge_of(failure, gateway="second", collects_invoice=False)
    assert (await sandbox.post("/gateway/charges", charge)).body["status"] == "succeeded"
    assert (await sandbox.invoice(failure["invoice_id"]))["status"] == "open"
    (line,) = await sandbox.ledger(failure["invoice_id"])
    assert (line["gateway"], line["collects_invoice"]) == ("second", False)
    for changes in ({"gateway": "third"}, {"collects_invoice": True}):
        assert (await sandbox.post("/gateway/charges", {**charge, **changes})).body["code"] == "key_reused"


async def test_it_takes_no_other_customer_s_card(sandbox: RunningSandbox) -> None:
    mine, theirs = await sandbox.failure("generic"), await sandbox.failure("generic")
    charge = charge_of(mine, credential_id=theirs["credential_id"], collects_invoice=False)
    assert (await sandbox.post("/gateway/charges", charge)).body["code"] == "wrong_customer"


async def test_only_the_gateway_whose_outage_it_is_is_out(sandbox: RunningSandbox) -> None:
    failure = await sandbox.failure("generic")
    outage = {"begins_at": day(0).isoformat(), "ends_at": day(2).isoformat(), "gateway": "second"}
    await sandbox.post("/world/outages", outage)
    assert (await sandbox.post("/gateway/charges", charge_of(failure, gateway="second"))).status == 503
    assert (await sandbox.post("/gateway/charges", charge_of(failure))).status == 200


async def test_a_renewed_card_takes_the_old_one_s_place(sandbox: RunningSandbox) -> None:
    failure, gateway = await sandbox.failure("expired_card"), SandboxGateway(sandbox.client())
    customer, card = failure["customer_id"], failure["credential_id"]
    assert await gateway.refreshed(customer, card, START) is None
    renewed = (await sandbox.post(f"/world/cards/{card}/renew", at=day(1))).body["credential_id"]
    found = await gateway.refreshed(customer, card, START)
    assert found is not None
    assert found.credential_id == renewed
    assert await gateway.refreshed(customer, card, day(1)) is None
    other = await sandbox.post(f"/world/customers/{customer}/cards", {"kind": "good"})
    methods = await gateway.payment_methods(customer)
    assert [(m.credential_id, m.is_default) for m in methods] == [
        (renewed, True),
        (other.body["credential_id"], False),
    ]
    assert (await sandbox.post(f"/world/cards/{card}/renew")).body["code"] == "renewed_already"
    assert (await sandbox.get(f"/gateway/customers/{customer}/cards/{card}/renewed")).status == 400


@pytest.mark.parametrize(("share", "lines", "counted"), [("drop_before", 0, (1, 0)), ("drop_after", 1, (0, 1))])
async def test_what_the_wire_drops_is_counted(
    sandbox: RunningSandbox, share: str, lines: int, counted: tuple[int, int]
) -> None:
    failure = await sandbox.failure("generic")
    await sandbox.post("/world/faults", {share: 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await sandbox.post("/gateway/charges", charge_of(failure))
    assert len(await sandbox.ledger(failure["invoice_id"])) == lines
    (shown,) = (await sandbox.get("/world/faults")).body["gateways"]
    assert (shown["dropped_before"], shown["dropped_after"]) == counted
    await sandbox.post("/world/faults", {})
    assert (await sandbox.post("/gateway/charges", charge_of(failure))).body["status"] == "succeeded"


def test_the_share_is_kept_and_the_same_every_time() -> None:
    drops = [drop_of(1, f"att_{n}", 1, 0.1, 0.2) for n in range(2000)]
    assert drops == [drop_of(1, f"att_{n}", 1, 0.1, 0.2) for n in range(2000)]
    assert 150 < drops.count(Drop.BEFORE) < 250
    assert 330 < drops.count(Drop.AFTER) < 470
    assert drops != [drop_of(1, f"att_{n}", 2, 0.1, 0.2) for n in range(2000)]


@pytest.mark.parametrize(
    "bad", [{"drop_before": 1.1}, {"drop_after": -0.1}, {"slow_seconds": 61}, {"gateway": "a b"}, {"seed": "x"}]
)
async def test_faults_that_cannot_be_are_refused(sandbox: RunningSandbox, bad: dict[str, Any]) -> None:
    reply = await sandbox.post("/world/faults", bad)
    assert (reply.status, reply.body["error"].startswith(f"{next(iter(bad))}: ")) == (400, True)


async def test_more_than_everything_cannot_be_dropped(sandbox: RunningSandbox) -> None:
    reply = await sandbox.post("/world/faults", {"drop_before": 0.6, "drop_after": 0.6})
    assert (reply.status, reply.body["error"].startswith("drop_after: ")) == (400, True)
