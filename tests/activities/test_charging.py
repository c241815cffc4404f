"""Charging on a real gateway whose own ledger convicts us (P2, P3, P4). `Killed` stands for the power going off."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from activities.adapters import Adapters
from activities.charging import SURELY_NOT_UNDER_WAY, Charging
from activities.contracts import Attempted, ChargeRequest, FraudSuspected, LookUpRequest, RefusedByRule, Stale
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.store.store import Store
from policies.declines import Category
from policies.facts import Outcome
from policies.invoices import InvoiceStatus
from policies.keys import CaseRef, attempt_key
from policies.money import Money
from policies.network_rules import Allowed, ProposedAttempt
from tests.fixtures.sandbox import START, RunningSandbox, day
from tests.fixtures.store import DEAD_ADDRESS
from workers.settings import Settings
from workers.wiring import make_adapters
from workflows import timing


class Killed(BaseException):
    """Nothing catches it, as nothing catches a power cut."""


@dataclass
class Till:
    sandbox: RunningSandbox
    store: Store
    adapters: Adapters

    @property
    def charging(self) -> Charging:
        return Charging(self.store, self.adapters)

    async def request(
        self, story: str = "generic", ordinal: int = 1, at: datetime = START, **ask: Any
    ) -> ChargeRequest:
        failed = await self.sandbox.failure(story, **ask)
        case = CaseRef(source="stripe", account="default", invoice_id=failed["invoice_id"])
        return ChargeRequest(
            case=case,
            ordinal=ordinal,
            key=attempt_key(case, ordinal),
            gateway="sandbox",
            customer_id=failed["customer_id"],
            credential_id=failed["credential_id"],
            amount=Money(amount_minor=failed["amount_minor"], currency=failed["currency"]),
            now=at,
        )

    async def charged(self, request: ChargeRequest) -> list[tuple[str, str]]:
        """Key and status of every charge the gateway itself knows of."""
        charges = await self.sandbox.ledger(request.case.invoice_id)
        return [(charge["idempotency_key"], charge["status"]) for charge in charges]

    async def outcome(self, request: ChargeRequest) -> Outcome | None:
        state = await self.store.attempts.state_of(request.key)
        return state.outcome if state else None

    async def may_charge_again(self, request: ChargeRequest) -> bool:
        """Whether another case could use the credential now."""
        other = request.case.model_copy(update={"invoice_id": "in_other"})
        ruling = await self.store.attempts.reserve(
            other, "att_o", ProposedAttempt(credential_id=request.credential_id, amount=request.amount), request.now
        )
        return isinstance(ruling, Allowed)

    async def change(self, request: ChargeRequest, change: str) -> None:
        reply = await self.sandbox.post(f"/world/invoices/{request.case.invoice_id}/{change}", at=request.now)
        assert reply.status == 200, reply.text


def adapters_at(url: str, session: aiohttp.ClientSession) -> Adapters:
    """Of sources only Stripe has an owner."""
    settings = Settings(sandbox_url=url, outside_timeout_seconds=1, owners={"stripe/*": "sandbox"})
    return make_adapters(settings, session)


@pytest.fixture
def till(sandbox: RunningSandbox, store: Store) -> Till:
    return Till(sandbox, store, adapters_at(sandbox.url, sandbox.session))


def killed_before(monkeypatch: pytest.MonkeyPatch, thing: object, method: str) -> None:
    async def cut(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(thing, method, cut)


def killed_after(monkeypatch: pytest.MonkeyPatch, thing: object, method: str) -> None:
    real: Callable[..., Awaitable[Any]] = getattr(thing, method)

    async def cut(*given: Any, **named: Any) -> None:
        await real(*given, **named)
        raise Killed

    monkeypatch.setattr(thing, method, cut)


async def die(till: Till, request: ChargeRequest, monkeypatch: pytest.MonkeyPatch, kill: Callable[..., None]) -> None:
    """One run of the activity that is killed; the next one starts with nothing in memory."""
    with monkeypatch.context() as patch:
        kill(patch)
        with pytest.raises(Killed):
            await till.charging.charge(request)


# One charge


async def test_a_charge_that_goes_through_is_one_line_here_and_there(till: Till) -> None:
    request = await till.request()
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.charged(request) == [(request.key, "succeeded")]
    assert await till.outcome(request) is Outcome.SUCCEEDED


async def test_a_decline_is_told_in_our_words_and_leaves_the_card_free(till: Till) -> None:
    request = await till.request("insufficient_funds")
    answer = await till.charging.charge(request)
    assert isinstance(answer, Attempted)
    assert answer.decline is not None
    assert (answer.outcome, answer.decline.category) == (Outcome.DECLINED, Category.INSUFFICIENT_FUNDS)
    assert await till.may_charge_again(request)


async def test_a_repeated_activity_answers_the_same_and_charges_once(till: Till) -> None:
    for story in ("generic", "insufficient_funds"):
        request = await till.request(story)
        answers = [await till.charging.charge(request) for _ in range(3)]
        later = request.model_copy(update={"now": day(10)})
        answers.append(await till.charging.charge(later))
        assert len({answer.model_dump_json() for answer in answers}) == 1
        assert [key for key, _ in await till.charged(request)] == [request.key]


@pytest.mark.parametrize("story", ["generic", "insufficient_funds"])
async def test_runs_of_one_activity_at_once_charge_once_and_agree(till: Till, story: str) -> None:
    """A worker that lost touch with Temporal goes on while another has taken over."""
    request = await till.request(story)
    answers = await asyncio.gather(*(till.charging.charge(request) for _ in range(8)))
    charged = await till.charged(request)
    assert [key for key, _ in charged] == [request.key]
    attempted = {answer.outcome.value for answer in answers if isinstance(answer, Attempted)}
    assert attempted == {charged[0][1]}
    assert await till.outcome(request) == charged[0][1]


# Killed


async def test_killed_between_reservation_and_sending_it_is_sent_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await till.request()
    await die(till, request, monkeypatch, lambda patch: killed_before(patch, till.store.attempts, "mark_sent"))
    assert await till.charged(request) == []
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.charged(request) == [(request.key, "succeeded")]


async def test_killed_between_the_mark_and_the_wire_it_is_sent_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await till.request()
    await die(till, request, monkeypatch, lambda patch: killed_after(patch, till.store.attempts, "mark_sent"))
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.charged(request) == [(request.key, "succeeded")]


@pytest.mark.parametrize(
    ("story", "outcome"), [("generic", Outcome.SUCCEEDED), ("insufficient_funds", Outcome.DECLINED)]
)
async def test_killed_after_sending_the_look_up_answers(
    till: Till, monkeypatch: pytest.MonkeyPatch, story: str, outcome: Outcome
) -> None:
    request = await till.request(story)
    gateway = till.adapters.gateway("sandbox")
    await die(till, request, monkeypatch, lambda patch: killed_after(patch, gateway, "charge"))
    killed_before(monkeypatch, gateway, "charge")
    answer = await till.charging.charge(request)
    assert isinstance(answer, Attempted)
    assert answer.outcome is outcome
    assert [key for key, _ in await till.charged(request)] == [request.key]


async def test_killed_before_sending_and_paid_meanwhile_nothing_is_sent_and_the_card_is_free(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await till.request()
    await die(till, request, monkeypatch, lambda patch: killed_before(patch, till.store.attempts, "mark_sent"))
    assert not await till.may_charge_again(request)
    await till.change(request, "pay")
    assert isinstance(await till.charging.charge(request), Stale)
    assert await till.charged(request) == []
    assert await till.may_charge_again(request)


async def test_a_slow_run_whose_charge_lands_late_is_not_taken_for_one_that_never_arrived(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run has marked it as sent; its request lands while a second run reads the invoice."""
    request = await till.request()
    await die(till, request, monkeypatch, lambda patch: killed_after(patch, till.store.attempts, "mark_sent"))
    gateway, owner = till.adapters.gateway("sandbox"), till.adapters.owner_of("stripe", "default")
    real = owner.invoice_now

    async def landing_now(invoice_id: str, now: datetime) -> Any:
        body = {
            "idempotency_key": request.key,
            "invoice_id": invoice_id,
            "credential_id": request.credential_id,
            "amount_minor": request.amount.amount_minor,
            "currency": request.amount.currency,
        }
        assert (await till.sandbox.post("/gateway/charges", body)).status == 200
        return await real(invoice_id, now)

    monkeypatch.setattr(owner, "invoice_now", landing_now)
    killed_before(monkeypatch, gateway, "charge")
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.outcome(request) is Outcome.SUCCEEDED


async def test_a_run_that_comes_back_after_another_one_has_settled_sends_nothing(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await till.request()
    real = till.store.attempts.mark_sent

    async def overtaken(key: str, at: datetime, *_: Any) -> bool:
        await till.store.attempts.settle(key, Outcome.NOT_ACCEPTED, None, None, at)
        return await real(key, at)

    monkeypatch.setattr(till.store.attempts, "mark_sent", overtaken)
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.NOT_ACCEPTED)
    assert await till.charged(request) == []


async def test_after_the_key_has_expired_nothing_is_sent_again(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    request = await till.request()
    await die(till, request, monkeypatch, lambda patch: killed_after(patch, till.store.attempts, "mark_sent"))
    lives = till.adapters.gateway("sandbox").capabilities.keys_live_for
    await till.store.pool.execute("update attempts set reserved_at = $1", datetime.now(UTC) - lives)
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    assert await till.charged(request) == []
    assert not await till.may_charge_again(request)


# No answer


async def test_money_that_moved_without_an_answer_is_unknown_then_found(till: Till) -> None:
    request = await till.request("answer_never_comes")
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    assert not await till.may_charge_again(request)
    look = LookUpRequest(key=request.key, gateway="sandbox", attempted_at=request.now, now=request.now)
    assert await till.charging.look_up(look) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.charging.look_up(look) == Attempted(outcome=Outcome.SUCCEEDED)
    assert await till.charged(request) == [(request.key, "succeeded")]


async def test_what_was_lost_on_the_way_is_unknown_until_it_surely_never_arrived(till: Till) -> None:
    request = await till.request("never_arrives")
    assert await till.charging.charge(request) == Attempted(outcome=Outcome.UNKNOWN)
    almost = request.now + SURELY_NOT_UNDER_WAY - timedelta(seconds=1)
    for now, outcome in ((almost, Outcome.UNKNOWN), (request.now + SURELY_NOT_UNDER_WAY, Outcome.NOT_ACCEPTED)):
        look = LookUpRequest(key=request.key, gateway="sandbox", attempted_at=request.now, now=now)
        assert await till.charging.look_up(look) == Attempted(outcome=outcome)
    assert await till.charged(request) == []
    assert await till.may_charge_again(request)


async def test_a_gateway_that_certainly_did_not_accept_is_tried_again_under_the_same_key(till: Till) -> None:
    request = await till.request()
    await till.sandbox.post("/world/outages", {"begins_at": START.isoformat(), "ends_at": day(1).isoformat()})
    for _ in range(2):
        with pytest.raises(Unavailable):
            await till.charging.charge(request)
    assert await till.charging.charge(request.model_copy(update={"now": day(1)})) == Attempted(
        outcome=Outcome.SUCCEEDED
    )
    assert await till.charged(request) == [(request.key, "succeeded")]


# What forbids it


@pytest.mark.parametrize(("change", "status"), [("pay", "paid"), ("void", "void"), ("cancel", "cancelled")])
async def test_an_invoice_that_is_no_longer_open_is_stale(till: Till, change: str, status: str) -> None:
    request = await till.request()
    await till.change(request, change)
    answer = await till.charging.charge(request)
    assert isinstance(answer, Stale)
    assert answer.invoice.status is InvoiceStatus(status)
    assert await till.charged(request) == []
    assert await till.store.attempts.state_of(request.key) is None


async def test_a_disputed_invoice_is_stale(till: Till) -> None:
    request = await till.request()
    await till.change(request, "dispute")
    answer = await till.charging.charge(request)
    assert isinstance(answer, Stale)
    assert answer.invoice.dispute_open


async def test_a_partial_payment_changes_what_is_due_and_so_the_step(till: Till) -> None:
    request = await till.request()
    half = request.model_copy(update={"key": "att_half", "amount": Money(amount_minor=50_00, currency="EUR")})
    body = {
        "idempotency_key": "by_staff",
        "invoice_id": request.case.invoice_id,
        "credential_id": request.credential_id,
        "amount_minor": half.amount.amount_minor,
        "currency": "EUR",
    }
    assert (await till.sandbox.post("/gateway/charges", body)).status == 200
    answer = await till.charging.charge(request)
    assert isinstance(answer, Stale)
    assert answer.invoice.due.amount_minor == request.amount.amount_minor - 50_00
    rest = request.model_copy(update={"amount": answer.invoice.due})
    assert await till.charging.charge(rest) == Attempted(outcome=Outcome.SUCCEEDED)


async def test_a_suspicious_card_is_not_charged_and_nothing_is_reserved(till: Till) -> None:
    request = await till.request("fraud_suspect")
    answer = await till.charging.charge(request)
    assert isinstance(answer, FraudSuspected)
    assert answer.signals
    assert await till.charged(request) == []
    assert await till.may_charge_again(request)


async def test_what_others_tried_counts_so_a_lost_card_is_not_even_tried_by_us(till: Till) -> None:
    """The owner's own first attempt, seen when the invoice is read, stops ours."""
    request = await till.request("lost_card")
    answer = await till.charging.charge(request)
    assert isinstance(answer, RefusedByRule)
    assert "hard stop" in answer.rule
    assert await till.charged(request) == []


async def test_of_many_cases_on_one_card_no_two_charge_at_once(till: Till) -> None:
    first = await till.request()
    cards: dict[str, Any] = {"customer_id": first.customer_id, "credential_id": first.credential_id}
    requests = [first, *[await till.request(**cards) for _ in range(5)]]
    answers = await asyncio.gather(*(till.charging.charge(request) for request in requests))
    paid = [answer for answer in answers if isinstance(answer, Attempted)]
    assert paid
    assert all(isinstance(answer, Attempted | RefusedByRule) for answer in answers)
    charges = [await till.charged(request) for request in requests]
    assert sum(len(charge) for charge in charges) == len(paid)


# Ours to mend


async def test_what_is_ours_to_mend_is_never_tried_again(till: Till) -> None:
    request = await till.request()
    wrong = [
        (request.model_copy(update={"gateway": "nobody/default"}), Misconfigured),
        (request.model_copy(update={"case": request.case.model_copy(update={"source": "paypal"})}), Misconfigured),
        (request.model_copy(update={"case": request.case.model_copy(update={"invoice_id": "in_gone"})}), NotFound),
        (request.model_copy(update={"credential_id": "card_gone"}), Misconfigured),
    ]
    for one, error in wrong:
        with pytest.raises(error) as caught:
            await till.charging.charge(one)
        assert type(caught.value).__name__ in timing.NEVER_RETRIED
        assert timing.OUTSIDE_RETRY.non_retryable_error_types == timing.NEVER_RETRIED
    assert await till.charged(request) == []


async def test_what_is_down_is_tried_again(till: Till, sandbox: RunningSandbox, store: Store) -> None:
    request = await till.request()
    away = Charging(store, adapters_at(f"http://{DEAD_ADDRESS}", sandbox.session))
    with pytest.raises(Unavailable) as caught:
        await away.charge(request)
    assert type(caught.value).__name__ not in timing.NEVER_RETRIED
    assert await store.attempts.state_of(request.key) is None
