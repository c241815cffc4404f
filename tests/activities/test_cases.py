"""What a case leaves in the ledger when it opens, and what it is chosen by, however little its source tells."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from activities.cases import Casework
from activities.charging import Charging
from activities.contracts import Opened, OpenRequest
from activities.customers import Customer
from activities.errors import Misconfigured
from activities.routes import Routes
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from activities.store.store import Store
from policies.declines import Category, classify
from policies.facts import Outcome
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.keys import CaseRef
from policies.load import load_policies
from policies.money import Money
from policies.network_rules import LedgerEntry
from tests.fixtures.store import DEAD_ADDRESS
from tests.policies.timeline import DOCUMENTS
from workers.settings import Settings
from workers.wiring import make_adapters

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASE = CaseRef(source="terse", account="default", invoice_id="in_1")
DUE = Money(amount_minor=2900, currency="EUR")
NO_FUNDS = classify("terse", None, "R01")

SELF_SERVE_TEXT = (DOCUMENTS / "self_serve.yaml").read_text()
NEW_CUSTOMERS = SELF_SERVE_TEXT.replace("name: self_serve", "name: new\napplies_when: {tenure: {below: 30d}}")
POLICIES = load_policies([("new.yaml", NEW_CUSTOMERS), ("self_serve.yaml", SELF_SERVE_TEXT)])


@dataclass
class TerseOwner:
    """Tells of the invoice what it is made with, and nothing else."""

    capabilities = OwnerCapabilities(books_payments=False, closes_out=(), lists_events=False)
    invoice: InvoiceNow
    since: datetime | None = None

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        return self.invoice

    async def customer(self, customer_id: str) -> Customer | None:
        return Customer(since=self.since)

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        return None

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        raise Misconfigured("it books nothing")

    async def close_out(self, ending: CloseOut) -> None:
        raise Misconfigured("it ends nothing")

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return None


def invoice(**told: Any) -> InvoiceNow:
    known = {"status": InvoiceStatus.OPEN, "due": DUE, "customer_id": "cus_1", "credential_id": "ba_1"}
    return InvoiceNow(**{**known, "gateway": "terse", "as_of": NOW, "last_decline": NO_FUNDS, **told})


async def opened(store: Store, owner: TerseOwner, times: int = 1) -> Opened:
    """The same activity, repeated as Temporal would."""
    async with aiohttp.ClientSession() as session:
        settings = Settings(sandbox_url=f"http://{DEAD_ADDRESS}")
        routes = Routes(
            gateways=frozenset({"sandbox"}), owners={"terse/*": "terse"}, collectors={"terse/*": ("sandbox",)}
        )
        adapters = replace(make_adapters(settings, session), routes=routes, owners={"terse": owner})
        casework = Casework(store, adapters, POLICIES, Charging(store, adapters))
        for _ in range(times):
            answer = await casework.open_case(OpenRequest(case=CASE, now=NOW))
        return answer


async def ledger(store: Store) -> list[LedgerEntry]:
    return list(await store.attempts.of_credential(CASE, "ba_1", NOW))


async def test_of_a_source_that_lists_no_attempts_the_failure_itself_counts_once(store: Store) -> None:
    failed_at = NOW - timedelta(hours=3)
    await opened(store, TerseOwner(invoice(failed_at=failed_at)), times=3)
    [entry] = await ledger(store)
    assert (entry.at, entry.amount, entry.claim) == (failed_at, DUE, CASE.case_id)
    assert (entry.outcome, entry.decline, entry.actor) == (Outcome.DECLINED, NO_FUNDS, "gateway")


async def test_a_failure_without_a_reason_counts_as_one_all_the_same(store: Store) -> None:
    await opened(store, TerseOwner(invoice(failed_at=NOW, last_decline=None)))
    [entry] = await ledger(store)
    assert entry.outcome is Outcome.DECLINED
    assert entry.decline
    assert entry.decline.category is Category.UNKNOWN


async def test_a_source_whose_clock_runs_ahead_leaves_no_attempt_in_the_future(store: Store) -> None:
    await opened(store, TerseOwner(invoice(failed_at=NOW + timedelta(minutes=5))))
    assert [entry.at for entry in await ledger(store)] == [NOW]


async def test_attempts_that_the_source_lists_are_all_there_are(store: Store) -> None:
    listed = SeenAttempt(key="ch_1", credential_id="ba_1", amount=DUE, at=NOW - timedelta(days=1), decline=NO_FUNDS)
    await opened(store, TerseOwner(invoice(failed_at=NOW, attempts=(listed,))))
    assert [entry.at for entry in await ledger(store)] == [listed.at]


async def test_an_invoice_that_never_failed_leaves_nothing(store: Store) -> None:
    await opened(store, TerseOwner(invoice(last_decline=None)))
    assert await ledger(store) == []


@pytest.mark.parametrize(
    ("since", "chosen"),
    [
        (NOW - timedelta(days=3), "new"),
        (NOW, "new"),
        (NOW + timedelta(days=3), "self_serve"),
        (NOW - timedelta(days=90), "self_serve"),
        (None, "self_serve"),
    ],
)
async def test_a_customer_who_begins_in_the_future_has_no_known_tenure(
    store: Store, since: datetime | None, chosen: str
) -> None:
    answer = await opened(store, TerseOwner(invoice(), since))
    assert answer.policy.document.name == chosen
