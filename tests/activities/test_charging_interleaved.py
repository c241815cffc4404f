"""Any order of charging, dying, looking up, news, repeats and withdrawals: one invoice is paid once (P2).

A state machine drives the real activity on a real ledger against a gateway held in memory, of each kind: with keys,
with none, asked by repeating. It does not own the invoice, and its requests may land long after their run has died. Two
clocks run in step, the case's and ours; the world is asked only whether money moved twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from activities.charging import Charging
from activities.contracts import Attempted, ChargeRequest, LookUpRequest
from activities.customers import Customer
from activities.errors import OutsideError, Unavailable
from activities.gateways.contract import (
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    SentCharge,
    Succeeded,
    Unknown,
)
from activities.gateways.sandbox import SandboxGateway
from activities.routes import Routes
from activities.sources.contract import PaymentElsewhere
from activities.store.database import make_pool
from activities.store.store import Store
from policies.declines import classify
from policies.facts import OPEN_OUTCOMES, Outcome
from policies.invoices import InvoiceNow, InvoiceStatus
from policies.keys import CaseRef, attempt_key
from policies.money import Money
from tests.activities.odd_gateways import KINDS, SECOND
from tests.activities.test_charging import Killed
from tests.fixtures.store import DEAD_ADDRESS
from workers.settings import Settings
from workers.wiring import make_adapters

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
DUE = Money(amount_minor=2900, currency="EUR")
NO_FUNDS = classify("sandbox", "insufficient_funds")


@dataclass
class World:
    """The gateway's books and the owner's. `under_way`: requests whose run has died and which land later, or never."""

    kind: str
    card_is_good: bool = True
    now: timedelta = timedelta()
    books: dict[str, ChargeOutcome] = field(default_factory=dict)
    seen_at: dict[str, timedelta] = field(default_factory=dict)
    under_way: list[tuple[str, timedelta]] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    next_wire: str = "answers"

    def lands(self, key: str) -> ChargeOutcome:
        """With keys the same key is the same charge while it lives; without, every request is another one."""
        lives = KINDS[self.kind].capabilities.keys_live_for
        if key in self.books and self.now - self.seen_at[key] < lives:
            return self.books[key]
        name = f"ch_{key}_{len(self.payments)}"
        outcome = Succeeded(reference=name) if self.card_is_good else Declined(reference=name, decline=NO_FUNDS)
        if self.card_is_good:
            self.payments.append(key)
        if not isinstance(self.books.get(key), Succeeded):
            self.books[key] = outcome
        self.seen_at[key] = self.now
        return outcome


class Remembered(SandboxGateway):
    """Of any kind, in memory."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.capabilities = KINDS[world.kind].capabilities

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        wire, self._world.next_wire = self._world.next_wire, "answers"
        match wire:
            case "refuses":
                raise Unavailable("connection refused")
            case "dies with the request under way":
                self._world.under_way.append((charge.key, self._world.now))
                raise Killed
            case "is silent with the request under way":
                self._world.under_way.append((charge.key, self._world.now))
                return Unknown(reason="no answer")
        return self._world.lands(charge.key)

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        if self.capabilities.looks_up == "by_repeating":
            return Unknown(reason="it cannot be asked")
        return self._world.books.get(sent.key) or NeverArrived()


WIRES = [
    "answers",
    "refuses",
    "dies with the request under way",
    "is silent with the request under way",
]
MOSTLY_GOOD = st.sampled_from([True, True, True, False])
LATEST = timedelta(minutes=14)
"""How long a request can be under way; longer is what `SURELY_NOT_UNDER_WAY` rules out."""


@dataclass
class Owner:
    """Its invoice is paid when it was told so."""

    world: World

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        return InvoiceNow(
            status=InvoiceStatus.PAID if self.world.told else InvoiceStatus.OPEN,
            due=DUE,
            customer_id="cus_1",
            credential_id="card_1",
            gateway="sandbox",
            as_of=now,
        )

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        self.world.told.add(payment.key)

    async def customer(self, customer_id: str) -> Customer | None:
        return None


class NobodyIsSuspicious:
    name = "nobody"

    async def assess(self, question: Any) -> Any:
        from activities.fraud.contract import Clear

        return Clear()


class Interleaved(RuleBasedStateMachine):
    """One case. It charges again, under the next key, only when the ledger has answered for the last one."""

    kind: str
    loop: asyncio.AbstractEventLoop
    store: Store
    session: aiohttp.ClientSession
    number = 0
    current: "Interleaved"

    @initialize(good=MOSTLY_GOOD)
    def begin(self, good: bool) -> None:
        Interleaved.number, Interleaved.current = Interleaved.number + 1, self
        self.world = World(self.kind, good)
        self.case = CaseRef(source="stripe", account="default", invoice_id=f"in_{Interleaved.number}")
        self.card = f"card_{Interleaved.number}"
        self.ordinal, self.open, self.tried = 1, False, False
        self.attempted_at = BEGAN
        settings_of_it = Settings(sandbox_url=f"http://{DEAD_ADDRESS}", owners={"stripe/*": "sandbox"})
        routes = Routes(gateways=frozenset({SECOND}), owners={"stripe/*": "sandbox"}, collectors={"*/*": (SECOND,)})
        adapters = replace(
            make_adapters(settings_of_it, self.session),
            routes=routes,
            owners={"sandbox": Owner(self.world)},  # type: ignore[dict-item]  # a part of an owner
            gateways={SECOND: Remembered(self.world)},
            fraud=NobodyIsSuspicious(),
        )
        self.charging = Charging(self.store, adapters)

    @property
    def now(self) -> datetime:
        return BEGAN + self.world.now

    def does(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """None when the run dies or the outside fails: the activity is repeated, or given up by its case."""

        async def run() -> Any:
            try:
                return await act()
            except (Killed, OutsideError):
                return None

        return self.loop.run_until_complete(run())

    def takes(self, answer: Any) -> None:
        if isinstance(answer, Attempted):
            self.open = answer.outcome in OPEN_OUTCOMES
            if not self.open and answer.outcome is not Outcome.SUCCEEDED:
                self.ordinal, self.tried = self.ordinal + 1, False

    @rule(runs=st.lists(st.tuples(st.sampled_from(WIRES), st.sampled_from([0, 20])), min_size=2, max_size=4))
    def an_activity_is_repeated(self, runs: list[tuple[str, int]]) -> None:
        for wire, minutes in runs:
            self.charges(wire)
            if minutes:
                self.time_passes(minutes)

    def charges(self, wire: str) -> None:
        """One run of it; a case with an open attempt charges nothing."""
        if self.open:
            return
        self.world.next_wire = wire
        if not self.tried:
            self.tried, self.attempted_at = True, self.now
        request = ChargeRequest(
            case=self.case,
            ordinal=self.ordinal,
            key=attempt_key(self.case, self.ordinal),
            gateway=SECOND,
            customer_id="cus_1",
            credential_id=self.card,
            amount=DUE,
            now=self.attempted_at,
        )
        self.takes(self.does(lambda: self.charging.charge(request)))

    @rule(wire=st.sampled_from(WIRES))
    def gives_up_and_looks_up(self, wire: str) -> None:
        """Whatever the activity came to, its case asks what became of the attempt."""
        if not self.tried:
            return
        self.world.next_wire = wire
        look = LookUpRequest(
            key=attempt_key(self.case, self.ordinal),
            gateway=SECOND,
            attempted_at=self.attempted_at,
            now=self.now,
        )
        answer = self.does(lambda: self.charging.look_up(look))
        self.open = True
        self.takes(answer)

    @rule()
    def a_request_lands_late(self) -> None:
        if self.world.under_way:
            key, _ = self.world.under_way.pop(0)
            self.world.lands(key)

    @rule()
    def news_comes(self) -> None:
        """What the gateway has in its books it may tell at any time."""
        for key, outcome in self.world.books.items():
            paid = isinstance(outcome, Succeeded)
            said = Outcome.SUCCEEDED if paid else Outcome.DECLINED
            told = self.store.attempts.settle(key, said, None if paid else NO_FUNDS, key, self.now)
            self.loop.run_until_complete(told)

    @rule(minutes=st.sampled_from([1, 20, 60 * 25, 60 * 24 * 8]))
    def time_passes(self, minutes: int) -> None:
        passed = timedelta(minutes=minutes)
        self.world.now += passed
        for key, since in list(self.world.under_way):
            if self.world.now - since > LATEST:
                # It was lost.
                self.world.under_way.remove((key, since))
        aged = "update attempts set reserved_at = reserved_at - $1::interval where case_id = $2"
        sent = (
            "update attempt_results set written_at = written_at - $1::interval where key in (select key from attempts"
        )
        for query in (aged, f"{sent} where case_id = $2)"):
            self.loop.run_until_complete(self.store.pool.execute(query, passed, self.case.case_id))

    def teardown(self) -> None:
        """In the end the case asks once more, charges once more, and whatever was under way lands."""
        if hasattr(self, "world"):
            self.gives_up_and_looks_up("answers")
            self.charges("answers")
            while self.world.under_way:
                self.a_request_lands_late()
            self.nobody_paid_twice()

    @invariant()
    def nobody_paid_twice(self) -> None:
        if hasattr(self, "world"):
            assert len(self.world.payments) <= 1, f"paid by {self.world.payments}"


@pytest.fixture
def driven(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hypothesis drives without an event loop of its own, so the machine has one; and without Temporal, which says how
    long an activity has waited."""
    monkeypatch.setattr("activities.charging._now_of_sending", lambda _: Interleaved.current.now)
    loop = asyncio.new_event_loop()

    async def opened() -> tuple[Store, aiohttp.ClientSession]:
        from activities.store.database import migrate

        pool = await make_pool(fresh_database)
        await migrate(pool)
        return Store(pool), aiohttp.ClientSession()

    Interleaved.loop = loop
    Interleaved.store, Interleaved.session = loop.run_until_complete(opened())
    yield
    loop.run_until_complete(Interleaved.session.close())
    loop.run_until_complete(Interleaved.store.pool.close())
    loop.close()


@pytest.mark.parametrize("kind", list(KINDS))
def test_however_it_is_interleaved_one_invoice_is_paid_once(driven: None, kind: str) -> None:
    machine = type(f"With{kind.title().replace(' ', '')}", (Interleaved,), {"kind": kind})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    within = settings(max_examples=80, stateful_step_count=6, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=within)


SILENT, DIES = "is silent with the request under way", "dies with the request under way"


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    "runs",
    [
        [("refuses", 20), (SILENT, 0)],
        [("refuses", 20), (DIES, 0), ("answers", 0)],
        [(DIES, 1), ("refuses", 1), ("refuses", 0)],
        [(DIES, 20), ("refuses", 0)],
    ],
)
def test_orders_in_which_a_late_request_was_once_overlooked(
    driven: None, kind: str, runs: list[tuple[str, int]]
) -> None:
    """Money must not have moved twice when the last of them has landed."""
    case = type("Scripted", (Interleaved,), {"kind": kind})()
    case.begin(True)
    case.an_activity_is_repeated(runs)
    case.teardown()
