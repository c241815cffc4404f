"""What becomes of news: recovered cases open again, news without an invoice finds its cases, customers are heard.

Events come from a source of the tests that speaks our own vocabulary, so that each story shows only what it is about.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from activities.customers import Customer
from activities.sources.contract import Addressed, Item, Rejected, Unproven, Verified
from activities.sources.reading import ReadingSpeaker, object_of
from policies.declines import Category
from policies.events import (
    CustomerChanged,
    Ignored,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SourceEvent,
)
from policies.facts import CaseFacts
from policies.money import Money
from tests.fixtures.town import Case, Town, building_town, new_databases
from tests.workflows.test_intake_to_case import failure, post
from workers.relay import Relay, make_relay

ACCOUNT = "default"


class PlainSpeaker(ReadingSpeaker):
    """The body is an Addressed, in JSON."""

    name = "stripe"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected | Unproven:
        return Verified()

    def _items(self, body: bytes) -> Iterable[Item]:
        yield Item(event_key=uuid.uuid4().hex, body=body)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        said = object_of(body).fields
        return Addressed.model_validate({**said, "event": {**said["event"], "event_id": event_id}})


@pytest.fixture(scope="module")
async def town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    async with building_town(temporal, *await new_databases(database_url)) as built:
        yield built


class Teller:
    """Puts news into the inbox and has it delivered at once; the town's own relay never sees it."""

    def __init__(self, town: Town) -> None:
        self._town = town
        parts = (town.store, town.temporal, {"stripe": PlainSpeaker()}, town.wiring.adapters)
        self._relay: Relay = make_relay(*parts, task_queue=town.settings.task_queue)

    async def tell(self, event: SourceEvent, **more: Any) -> dict[str, Any]:
        """The row when it is finished."""
        body = json.dumps({"event": event.model_dump(mode="json"), **more}).encode()
        inbox = self._town.store.inbox
        received = await inbox.receive(
            "stripe", ACCOUNT, uuid.uuid4().hex, {}, body, datetime.now(UTC), held_for=timedelta(minutes=5)
        )
        (leased,) = [row async for row in self._rows(received.id)]
        await self._relay._deliver(leased)
        row = await inbox.row(received.id)
        assert row is not None
        return row

    async def _rows(self, row_id: str) -> AsyncIterator[Any]:
        from activities.store.inbox import InboxRow

        query = """select k.id::text, source, account, k.received_at, traceparent, tries, body
            from inbox_keys k join inbox_bodies b using (id) where k.id = $1::text::uuid"""
        yield InboxRow.model_validate(dict(await self._town.store.pool.fetchrow(query, row_id)))


@pytest.fixture
def teller(town: Town) -> Teller:
    return Teller(town)


def about(case: Case, **more: Any) -> dict[str, Any]:
    return {"event_id": "?", "happened_at": datetime.now(UTC), "invoice_id": "unresolved", **more}


async def facts_of(case: Case) -> CaseFacts:
    facts = (await case.status()).facts
    assert facts is not None
    return facts


# --- reopening --------------------------------------------------------------------------------------------------------


async def recovered(town: Town) -> Case:
    case = await town.fails("do_not_honor")
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return case


async def taken_back(case: Case) -> dict[str, Any]:
    path = f"/world/invoices/{case.ref.invoice_id}/take-back"
    later = datetime.now(UTC) + timedelta(seconds=2)
    answer = await case.town.sandbox("POST", path, {"deliver": False}, later)
    return dict(answer["event"])


async def test_money_that_is_taken_back_opens_the_case_again(town: Town) -> None:
    case = await recovered(town)
    row = await post(town, await taken_back(case))
    assert row["state"] == "delivered"
    status = await case.until_decided()
    assert status.case.reopen == 1
    assert status.facts is not None
    assert status.facts.attempts == ()
    assert status.facts.failed_at >= case.failed_at
    rows = await town.store.pool.fetch("select reopen, outcome from cases where case_id = $1", case.ref.case_id)
    assert {(r["reopen"], r["outcome"]) for r in rows} == {(0, "recovered"), (1, None)}
    # Sources tell whole seconds: what happens in the second of the first payment would count as older.
    later = datetime.now(UTC) + timedelta(seconds=5)
    await town.sandbox("POST", f"/world/invoices/{case.ref.invoice_id}/pay", {"deliver": True}, later)
    assert await case.until_closed() == "recovered"


async def test_what_is_older_than_the_first_recovery_does_not_reach_the_reopened_case(town: Town) -> None:
    case = await town.describe()
    first = await failure(town, case)
    await post(town, first)
    await case.until_decided()
    await case.world("pay")
    await case.until_closed()
    await post(town, await taken_back(case))
    await case.until_decided()
    heard = (await facts_of(case)).seen
    row = await post(town, {**first, "id": first["id"] + "_late"})
    assert (row["state"], row["reason"]) == ("ignored", "late")
    assert "reopened since" in row["detail"]
    assert (await facts_of(case)).seen == heard


async def test_a_failure_of_an_invoice_that_is_still_paid_does_not_open_it_again(town: Town) -> None:
    case = await recovered(town)
    event = await taken_back(case)
    later = datetime.now(UTC) + timedelta(seconds=3)
    await town.sandbox("POST", f"/world/invoices/{case.ref.invoice_id}/pay", {"deliver": False}, later)
    row = await post(town, event)
    assert (row["state"], row["reason"]) == ("ignored", "late")
    assert not await case.is_open()


async def test_a_case_that_was_given_up_stays_closed_whatever_fails_later(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.acts("close", outcome="written_off", reason="gone")
    assert await case.until_closed() == "written_off"
    later = datetime.now(UTC) + timedelta(seconds=5)
    event = {**await failure(town, await town.describe()), "id": f"evt_{uuid.uuid4().hex}"}
    event["created"] = int(later.timestamp())
    event["data"]["object"]["id"] = case.ref.invoice_id
    row = await post(town, event)
    assert (row["state"], row["reason"]) == ("ignored", "late")
    assert not await case.is_open()


async def test_a_new_debt_of_a_running_account_opens_the_case_again_after_a_write_off(
    town: Town, teller: Teller
) -> None:
    case = await town.fails("do_not_honor")
    await case.acts("close", outcome="written_off", reason="gone")
    assert await case.until_closed() == "written_off"
    later = datetime.now(UTC) + timedelta(seconds=5)
    failed = PaymentFailed(event_id="?", happened_at=later, invoice_id=case.ref.invoice_id)
    assert (await teller.tell(failed))["reason"] == "late"
    assert (await teller.tell(failed, running_account=True))["state"] == "delivered"
    assert (await case.until_decided()).case.reopen == 1


# --- a payment that may be a part -------------------------------------------------------------------------------------


async def test_one_payment_settles_a_case_only_when_the_invoice_owes_nothing_more(town: Town, teller: Teller) -> None:
    case = await town.fails("do_not_honor")
    euro = Money(amount_minor=100, currency="EUR")

    async def paid() -> dict[str, Any]:
        now = datetime.now(UTC) + timedelta(seconds=2)
        event = PaymentSucceeded(event_id="?", happened_at=now, invoice_id=case.ref.invoice_id, paid=euro)
        return await teller.tell(event, one_payment=True)

    assert (await paid())["state"] == "delivered"
    assert not (await facts_of(case)).is_paid
    await case.world("pay", deliver=False)
    assert (await paid())["state"] == "delivered"
    assert await case.until_closed() == "recovered"


async def test_one_payment_of_an_invoice_without_a_case_is_not_remembered_as_its_end(
    town: Town, teller: Teller
) -> None:
    case = await town.describe()
    event = PaymentSucceeded(event_id="?", happened_at=datetime.now(UTC), invoice_id=case.ref.invoice_id)
    assert (await teller.tell(event, one_payment=True))["reason"] == "not_dunning"
    assert await town.store.cases.remembered_invoice(case.ref) is None


# --- news without an invoice ------------------------------------------------------------------------------------------


async def test_a_new_card_at_the_source_is_tried_at_once_in_every_case_of_the_customer(
    town: Town, teller: Teller
) -> None:
    case = await town.fails("expired_card")
    card = await case.new_card("good")
    changed = PaymentMethodChanged(**about(case), change=MethodChange.ADDED, credential_id=card)
    row = await teller.tell(changed, lookup={"customer_id": case.customer_id})
    assert (row["state"], row["case_id"]) == ("delivered", case.ref.case_id)
    assert await case.until_closed() == "recovered"


async def test_where_the_source_does_not_say_which_card_the_invoice_says_it(town: Town, teller: Teller) -> None:
    case = await town.fails("expired_card")
    credential = (await facts_of(case)).credential_id
    changed = PaymentMethodChanged(**about(case), change=MethodChange.EXPIRED)
    await teller.tell(changed, lookup={"customer_id": case.customer_id})
    (told,) = (await facts_of(case)).method_changes
    assert (told.what, told.credential_id) == (MethodChange.EXPIRED, credential)


async def test_the_end_of_a_mandate_reaches_the_cases_that_would_be_charged_on_it(town: Town, teller: Teller) -> None:
    case = await town.fails("insufficient_funds")
    mandate = (await facts_of(case)).credential_id
    ended = MandateChanged(**about(case), mandate_id=mandate, active=False)
    assert (await teller.tell(ended, lookup={"credential_id": mandate}))["case_id"] == case.ref.case_id
    assert (await facts_of(case)).category is Category.MANDATE_CANCELLED
    assert (await case.until_state("awaiting_customer")).facts is not None


async def test_news_of_nobody_who_is_being_recovered_is_not_dunning(town: Town, teller: Teller) -> None:
    case = await town.describe()
    changed = PaymentMethodChanged(**about(case), change=MethodChange.ADDED, credential_id="card_new")
    row = await teller.tell(changed, lookup={"customer_id": case.customer_id})
    assert (row["state"], row["reason"]) == ("ignored", "not_dunning")


# --- customers --------------------------------------------------------------------------------------------------------


async def test_what_sources_tell_of_a_customer_is_kept_newest_first_and_below_what_the_merchant_wrote(
    town: Town, teller: Teller
) -> None:
    customer_id = f"cus_{uuid.uuid4().hex[:8]}"
    now = datetime.now(UTC)

    async def says(at: datetime, **said: Any) -> None:
        event = CustomerChanged(event_id="?", happened_at=at, invoice_id="unresolved", customer_id=customer_id)
        row = await teller.tell(event, customer={"customer_id": customer_id, "said": said})
        assert (row["state"], row["case_id"]) == ("delivered", None)

    await says(now, name="Ada New", country="DE")
    await says(now - timedelta(days=1), name="Ada Old", locale="fr")
    known = await town.store.customers.get("stripe", ACCOUNT, customer_id)
    assert (known.name, known.country, known.locale) == ("Ada New", "DE", "fr")
    await town.store.customers.put("stripe", ACCOUNT, customer_id, Customer(name="Dr Ada", segment="premium"), now)
    await says(now + timedelta(days=1), name="Ada Newest", country="AT")
    known = await town.store.customers.get("stripe", ACCOUNT, customer_id)
    assert (known.name, known.country, known.segment) == ("Dr Ada", "AT", "premium")


async def test_names_and_addresses_of_an_event_are_in_no_history(town: Town, teller: Teller) -> None:
    case = await town.fails("expired_card")
    secret = "ada.lovelace@customers.example"
    said = {"name": "Ada Lovelace", "email": {"address": secret}}
    changed = PaymentMethodChanged(**about(case), change=MethodChange.EXPIRED, credential_id="card_1")
    await teller.tell(
        changed, lookup={"customer_id": case.customer_id}, customer={"customer_id": case.customer_id, "said": said}
    )
    await asyncio.sleep(0.2)
    history = (await case.handle.fetch_history()).to_json()
    assert "Lovelace" not in history
    assert secret not in history


# --- what was not in the event ----------------------------------------------------------------------------------------


async def test_a_case_says_what_its_event_did_not_say_and_was_read_elsewhere(town: Town) -> None:
    case = await town.fails("insufficient_funds")
    facts = await facts_of(case)
    assert {"credential_id", "decline"} <= set(facts.fetched)
    opened = next(line for line in (await case.status()).timeline if line.what.startswith("case opened"))
    assert opened.because.startswith("not in the event, read at its source: ")
    assert "decline" in opened.because
