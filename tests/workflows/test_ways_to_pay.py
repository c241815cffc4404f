"""Other ways to pay, a second gateway, a renewed card, a source that retries by itself, and a gateway that is away: on
the real server, with a sandbox whose own ledger says what was charged."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from policies.document import PolicyDocument
from policies.gateway_health import Call, Result
from tests.fixtures.town import Case, Town, building_town, new_databases
from workers.wiring import read_policies

SECOND = "sandbox/second"


def with_failover(document: PolicyDocument) -> PolicyDocument:
    return document.model_copy(update={"retries": document.retries.model_copy(update={"failover": True})})


@pytest.fixture(scope="module")
async def two_gateways(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    """The first owns the invoices; the second only takes money, and its owner has to be told."""
    policies = tuple(with_failover(document) for document in read_policies([]))
    both = {"gateways": {SECOND: {}}, "routes": {"stripe/*": ["sandbox", SECOND]}}
    async with building_town(temporal, *await new_databases(database_url), policies, **both) as town:
        yield town


@pytest.fixture(scope="module")
async def waiting_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    """Ours begin when the source's own retries stop."""
    waiting = {"coexistence": {"stripe/*": "wait"}}
    async with building_town(temporal, *await new_databases(database_url), **waiting) as town:
        yield town


@pytest.fixture(scope="module")
async def town_with_an_outage(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    """Of its own: the others' charges would meet the outage too."""
    async with building_town(temporal, *await new_databases(database_url)) as town:
        yield town


async def agrees_to(case: Case, *ways: dict[str, Any]) -> None:
    """The customer's other ways to pay, as the merchant writes them into the directory."""
    path = f"/customers/stripe/default/{case.customer_id}"
    _, known = await case.town.api("GET", path)
    status, answer = await case.town.api("PUT", path, {**known, "ways_to_pay": list(ways)})
    assert status == 200, answer


# Other ways to pay


async def test_a_card_the_customer_agreed_to_pays_at_the_next_rung_without_asking_them(town: Town) -> None:
    case = await town.fails("expired_card")
    spare = await case.new_card()
    await agrees_to(case, {"credential_id": spare, "consent": True})
    assert await case.to_the_end() == "recovered"
    (charge,) = await case.charges()
    assert (charge["credential_id"], charge["status"]) == (spare, "succeeded")


async def test_a_card_without_consent_is_never_charged(town: Town) -> None:
    case = await town.fails("expired_card")
    await agrees_to(case, {"credential_id": await case.new_card()})
    await case.to_day(20)
    assert await case.charges() == []


async def test_one_card_a_rung_in_the_customer_s_own_order(town: Town) -> None:
    case = await town.fails("expired_card")
    cards = [await case.new_card("lost"), await case.new_card("expired"), await case.new_card()]
    await agrees_to(case, *({"credential_id": card, "consent": True} for card in cards))
    assert await case.to_the_end() == "recovered"
    charges = await case.charges()
    assert [charge["credential_id"] for charge in charges] == cards
    assert len({charge["at"][:10] for charge in charges}) == len(cards), "each has a rung of its own"


async def test_a_card_that_the_network_renewed_is_charged_before_the_customer_is_asked(town: Town) -> None:
    before = await town.fails("expired_card")
    assert before.failed_at
    status = await before.status()
    assert status.facts is not None
    old = status.facts.invoice.credential_id
    renewed = await town.sandbox("POST", f"/world/cards/{old}/renew", {}, before.failed_at)
    case = Case(town, invoice_id=f"in_{uuid.uuid4().hex[:12]}", customer_id=before.customer_id)
    await case.fail("expired_card", credential_id=old)
    assert await case.until_closed() == "recovered"
    (charge,) = await case.charges()
    assert (charge["credential_id"], charge["status"]) == (renewed["credential_id"], "succeeded")
    assert await case.letters() == []


# A second gateway


async def breaks(town: Town, case: Case) -> None:
    """The first gateway fails often enough at the case's time."""
    now = await case.now()
    for number in range(6):
        call = Call(at=now, took_seconds=0.1, result=Result.FAILED)
        await town.store.gateway_health.record("sandbox", None, None, f"att_{number}", call)


async def test_while_the_first_gateway_is_away_the_second_collects_and_the_owner_is_told(two_gateways: Town) -> None:
    town = two_gateways
    case = await town.fails("insufficient_funds")
    spare = await case.new_card()
    await agrees_to(case, {"credential_id": spare, "gateway": SECOND, "consent": True})
    await case.to_day(1 - 20 / 86_400)
    await breaks(town, case)
    assert await case.to_the_end() == "recovered"
    (charge,) = await case.charges()
    assert (charge["gateway"], charge["credential_id"], charge["collects_invoice"]) == ("second", spare, False)
    owned = await town.sandbox("GET", f"/source/invoices/{case.ref.invoice_id}")
    assert owned["status"] == "paid"
    assert owned["due_minor"] == 0


# A source that retries by itself


async def test_a_source_that_retries_by_itself_is_waited_for(waiting_town: Town) -> None:
    town = waiting_town
    case = await town.fails("do_not_honor", segment="self_serve")
    path = f"/world/invoices/{case.ref.invoice_id}"
    its_own = case.failed_at + timedelta(days=3)
    await town.sandbox("POST", f"{path}/retries_at", {"at": its_own.isoformat()})
    await case.to_day(3.2)
    assert await case.charges() == []
    await town.sandbox("POST", f"{path}/owner_retry", {"next_at": None}, await case.now())
    await case.to_day(10)
    ours = [charge for charge in await case.charges() if charge["made_by"] != "owner"]
    assert ours
    assert ours[0]["at"] >= (case.failed_at + timedelta(days=4)).isoformat()


# A gateway that is away


async def test_a_case_whose_gateway_is_away_spends_no_rung_and_says_nothing_until_it_is_back(
    town_with_an_outage: Town,
) -> None:
    town = town_with_an_outage
    case = await town.fails("insufficient_funds")
    await case.to_day(0.5)
    letters = len(await case.letters())
    begins, ends = case.failed_at + timedelta(hours=23), case.failed_at + timedelta(hours=26)
    await town.sandbox("POST", "/world/outages", {"begins_at": begins.isoformat(), "ends_at": ends.isoformat()})
    await case.to_day(24.5 / 24)
    held = await case.status()
    assert held.state == "gateway_down"
    assert held.because.startswith("sandbox is out of order")
    await case.to_day(25.9 / 24)
    assert await case.charges() == []
    assert len(await case.letters()) == letters
    assert (await case.status()).facts is not None
    assert await case.to_the_end() == "recovered"
    charges = await case.charges()
    assert ends.isoformat() <= charges[0]["at"] < (ends + timedelta(hours=2)).isoformat()
    attempts = await case.town.store.pool.fetch("select 1 from attempts where case_id = $1", case.ref.case_id)
    assert len(attempts) == len(charges) + 1, "besides them only the failure that opened the case"
