"""A gateway that owns nothing takes the money: the invoice's owner is told, once, and nobody is charged for it again.

The sandbox's owner and its second gateway are the witnesses; only where the owner itself is to fail is it replaced.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from activities.cases import Casework
from activities.contracts import Attempted, ChargeRequest, CloseRequest, LookUpRequest
from activities.errors import Misconfigured, NotFound, OutsideError, Unavailable
from activities.sources.contract import CloseOut, Item, Owner, PaymentElsewhere
from activities.store.cases import Task
from activities.store.store import Store
from policies.events import CloseOutcome
from policies.facts import Outcome
from policies.invoices import InvoiceNow
from tests.activities.odd_gateways import SECOND, routed_to
from tests.activities.test_cases import POLICIES
from tests.activities.test_charging import Till, adapters_at, die, killed_after, killed_before
from tests.fixtures.sandbox import START, RunningSandbox


@dataclass
class Heard:
    """The sandbox's owner, who writes down what it was told, and refuses what it is made to refuse."""

    owner: Owner
    told: list[PaymentElsewhere | CloseOut] = field(default_factory=list)
    refusal: OutsideError | None = None

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        self._hear(payment)
        await self.owner.record_payment(payment)

    async def close_out(self, ending: CloseOut) -> None:
        self._hear(ending)
        await self.owner.close_out(ending)

    def _hear(self, what: PaymentElsewhere | CloseOut) -> None:
        self.told.append(what)
        if self.refusal:
            raise self.refusal

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        return await self.owner.invoice_now(invoice_id, now)

    async def customer(self, customer_id: str) -> Any:
        return await self.owner.customer(customer_id)

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        return await self.owner.invoice_of_payment(payment_id)

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self.owner.events_since(source, since)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.owner, name)


@dataclass
class Desk(Till):
    owner: Heard

    async def asks(self, story: str = "generic") -> ChargeRequest:
        return (await self.request(story)).model_copy(update={"gateway": SECOND})

    async def closes(self, request: ChargeRequest, **more: Any) -> None:
        """The last activity of a case that was written off."""
        said = {"outcome": CloseOutcome.WRITTEN_OFF, "because": "given up", "happened_at": START, "now": START}
        said |= {"attempts": 1, "messages": 0, "timeline": (), "unsettled": None}
        casework = Casework(self.store, self.adapters, POLICIES, self.charging)
        await casework.close_case(CloseRequest.model_validate({"case": request.case, **said, **more}))

    async def tasks(self, kind: str) -> list[Task]:
        return [task for task in await self.store.cases.open_tasks() if task.kind == kind]

    async def is_told(self, request: ChargeRequest) -> bool:
        known = await self.store.attempts.state_of(request.key)
        return known is not None and known.told

    async def status_at_owner(self, request: ChargeRequest) -> tuple[str, int]:
        invoice = await self.sandbox.invoice(request.case.invoice_id)
        return invoice["status"], invoice["due_minor"]


@pytest.fixture
def desk(sandbox: RunningSandbox, store: Store) -> Desk:
    adapters = routed_to(adapters_at(sandbox.url, sandbox.session), sandbox, "keys")
    owner = Heard(adapters.owner_of("stripe", "default"))
    return Desk(sandbox, store, replace(adapters, owners={"sandbox": owner}), owner)


# The owner is told


async def test_the_owner_is_told_of_the_money_once_and_the_invoice_is_paid_there(desk: Desk) -> None:
    request = await desk.asks()
    for _ in range(3):
        assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    await desk.closes(request)
    [told] = desk.owner.told
    [charge] = await desk.sandbox.ledger(request.case.invoice_id)
    assert isinstance(told, PaymentElsewhere)
    assert (told.key, told.amount, told.gateway) == (request.key, request.amount, SECOND)
    assert told.reference == charge["reference"]
    assert (charge["gateway"], charge["collects_invoice"]) == ("second", False)
    assert await desk.status_at_owner(request) == ("paid", 0)


async def test_of_a_decline_the_owner_hears_nothing(desk: Desk) -> None:
    request = await desk.asks("insufficient_funds")
    answer = await desk.charging.charge(request)
    assert isinstance(answer, Attempted)
    assert answer.outcome is Outcome.DECLINED
    assert desk.owner.told == []


async def test_an_owner_that_collects_itself_is_told_nothing(desk: Desk) -> None:
    request = (await desk.asks()).model_copy(update={"gateway": "sandbox"})
    assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    await desk.closes(request)
    assert desk.owner.told == []
    assert await desk.tasks("book_payment") == []


async def test_while_the_owner_is_away_the_activity_is_repeated_and_charges_nobody(desk: Desk) -> None:
    request = await desk.asks()
    desk.owner.refusal = Unavailable("away")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await desk.charging.charge(request)
    assert await desk.outcome(request) is Outcome.SUCCEEDED
    desk.owner.refusal = None
    assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(await desk.charged(request)) == 1
    assert await desk.status_at_owner(request) == ("paid", 0)


async def test_killed_after_it_was_told_it_is_told_again_and_booked_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await desk.asks()
    await die(desk, request, monkeypatch, lambda patch: killed_after(patch, desk.owner, "record_payment"))
    assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(desk.owner.told) == 2
    assert len(await desk.charged(request)) == 1
    assert await desk.status_at_owner(request) == ("paid", 0)


async def test_killed_between_settling_and_telling_the_owner_still_hears_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await desk.asks()
    await die(desk, request, monkeypatch, lambda patch: killed_before(patch, desk.owner, "record_payment"))
    assert await desk.outcome(request) is Outcome.SUCCEEDED
    assert not await desk.is_told(request)
    look = LookUpRequest(key=request.key, gateway=SECOND, attempted_at=START, now=START)
    assert await desk.charging.look_up(look) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(desk.owner.told) == 1
    assert await desk.is_told(request)


@pytest.mark.parametrize("refusal", [Misconfigured("it books nothing"), NotFound("no such invoice")])
async def test_what_the_owner_cannot_book_is_one_task_and_the_charge_stands(desk: Desk, refusal: OutsideError) -> None:
    request = await desk.asks()
    desk.owner.refusal = refusal
    for _ in range(2):
        assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    [task] = await desk.tasks("book_payment")
    assert (task.case_id, task.assignee) == (request.case.case_id, "ops")
    assert str(request.amount) in task.summary
    assert SECOND in task.summary
    assert len(desk.owner.told) == 1


async def test_an_invoice_that_was_paid_otherwise_meanwhile_makes_a_task_of_the_second_payment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await desk.asks()
    await die(desk, request, monkeypatch, lambda patch: killed_before(patch, desk.owner, "record_payment"))
    await desk.change(request, "pay")
    assert await desk.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert len(await desk.tasks("book_payment")) == 1


# Before the case ends


async def test_the_end_of_a_case_tells_what_was_untold(desk: Desk) -> None:
    request = await desk.asks()
    desk.owner.refusal = Unavailable("away for days")
    with pytest.raises(Unavailable):
        await desk.charging.charge(request)
    with pytest.raises(Unavailable):
        await desk.closes(request)
    desk.owner.refusal = None
    await desk.closes(request)
    await desk.closes(request)
    assert await desk.status_at_owner(request) == ("paid", 0)
    assert await desk.is_told(request)
    assert await desk.store.attempts.untold(request.case) == []
    assert len(desk.owner.told) == 3


async def test_money_found_by_the_last_look_up_is_told_as_well_and_is_a_task(desk: Desk) -> None:
    request = await desk.asks("answer_never_comes")
    assert await desk.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    look = LookUpRequest(key=request.key, gateway=SECOND, attempted_at=START, now=START)
    await desk.closes(request, unsettled=look)
    assert await desk.status_at_owner(request) == ("paid", 0)
    [task] = await desk.tasks("unsettled_attempt")
    assert "took the money after all" in task.summary


async def test_the_end_of_a_case_moves_no_money_where_a_look_up_would(desk: Desk, sandbox: RunningSandbox) -> None:
    """The request was lost on the way. Repeating it is how that gateway is asked; not for a claim that was given up."""
    repeating = routed_to(desk.adapters, sandbox, "by repeating")
    at_desk = Desk(sandbox, desk.store, replace(repeating, owners={"sandbox": desk.owner}), desk.owner)
    request = await at_desk.asks("never_arrives")
    assert await at_desk.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    look = LookUpRequest(key=request.key, gateway=SECOND, attempted_at=START, now=START)
    await at_desk.closes(request, unsettled=look)
    assert await at_desk.charged(request) == []
    [task] = await at_desk.tasks("unsettled_attempt")
    assert "check the gateway" in task.summary


# How the claim ends at its source


@pytest.mark.parametrize(
    ("how", "status"), [("mark_uncollectible", "uncollectible"), ("cancel_subscription", "cancelled")]
)
async def test_the_claim_ends_at_its_source_as_asked_however_often(desk: Desk, how: str, status: str) -> None:
    request = await desk.asks()
    for _ in range(2):
        await desk.closes(request, at_source=how)
    assert (await desk.status_at_owner(request))[0] == status
    assert await desk.tasks("end_at_source") == []


@pytest.mark.parametrize("refusal", [Misconfigured("it ends nothing"), NotFound("no such invoice")])
async def test_an_end_that_its_source_refuses_is_one_task_and_the_case_ends(desk: Desk, refusal: OutsideError) -> None:
    request = await desk.asks()
    desk.owner.refusal = refusal
    for _ in range(2):
        await desk.closes(request, at_source="mark_uncollectible")
    [task] = await desk.tasks("end_at_source")
    assert task.summary == f"mark uncollectible at the source by hand; it refused: {refusal}"


async def test_a_source_that_is_away_is_asked_to_end_it_later(desk: Desk) -> None:
    request = await desk.asks()
    desk.owner.refusal = Unavailable("away")
    with pytest.raises(Unavailable):
        await desk.closes(request, at_source="mark_uncollectible")
    assert await desk.tasks("end_at_source") == []
