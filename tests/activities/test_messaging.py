"""Messages on real channels with an outbox as witness: at most once, only where there is consent, only while true."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from activities.adapters import Adapters
from activities.channels.render import Renderer
from activities.contracts import EscalateRequest, Messaged, MessageRequest, Stale
from activities.customers import ContactPoint, Customer, SupportContact
from activities.errors import Misconfigured, Unavailable
from activities.messaging import Messaging
from activities.sending import Sender
from activities.store.store import Store
from policies.invoices import InvoiceStatus
from policies.keys import CaseRef, message_key
from policies.money import Money
from policies.said import MessageStatus
from policies.steps import Words
from tests.activities.test_charging import Killed, adapters_at, killed_after, killed_before
from tests.fixtures.sandbox import START, RunningSandbox
from tests.fixtures.store import DEAD_ADDRESS
from tests.fixtures.troubled import Trouble, troubled
from workers.settings import Settings

EVERYWHERE = ("in_app", "email", "sms")
NAME, ADDRESS, PHONE = "Ada Lovelace", "ada.lovelace@customers.example", "+15005550006"
ADA = Customer(
    name=NAME,
    email=ContactPoint(address=ADDRESS),
    sms=ContactPoint(address=PHONE),
    support_contact=SupportContact(name="Sam Support", email="sam.support@example.com"),
)
ACCEPTED = MessageStatus.ACCEPTED


@cache
def renderer() -> Renderer:
    """It reads and checks every template, so once is enough."""
    return Renderer(Settings().merchant)


@dataclass
class Desk:
    sandbox: RunningSandbox
    store: Store
    adapters: Adapters

    @property
    def messaging(self) -> Messaging:
        return Messaging(self.store, self.adapters, Sender(self.store, self.adapters, renderer()))

    async def request(self, customer: Customer = ADA, **changes: Any) -> MessageRequest:
        failed = await self.sandbox.failure("expired_card")
        case = CaseRef(source="stripe", account="default", invoice_id=failed["invoice_id"])
        await self.store.customers.put("stripe", "default", failed["customer_id"], customer, START)
        due = Money(amount_minor=failed["amount_minor"], currency=failed["currency"])
        request = MessageRequest(
            case=case,
            key=message_key(case, 1, "first_notice"),
            customer_id=failed["customer_id"],
            template="payment_failed",
            channels=EVERYWHERE,
            words=Words(due=due),
            now=START,
        )
        return request.model_copy(update=changes)

    async def letters(self, request: MessageRequest) -> list[tuple[str, str]]:
        """Channel and address of all that was really sent."""
        answer = await self.sandbox.get(f"/outbox.json?case={request.case.case_id}")
        return [(letter["channel"], letter["to"]) for letter in answer.body["messages"]]

    async def change(self, request: MessageRequest, change: str) -> None:
        reply = await self.sandbox.post(f"/world/invoices/{request.case.invoice_id}/{change}")
        assert reply.status == 200, reply.text


@pytest.fixture
def desk(sandbox: RunningSandbox, store: Store) -> Desk:
    return Desk(sandbox, store, adapters_at(sandbox.url, sandbox.session))


# At most once


async def test_a_repeated_activity_sends_one_message_and_answers_the_same(desk: Desk) -> None:
    request = await desk.request()
    answers = [await desk.messaging.send_message(request) for _ in range(3)]
    assert answers == [Messaged(status=ACCEPTED, channel="email")] * 3
    assert await desk.letters(request) == [("email", ADDRESS)]


async def test_runs_of_one_activity_at_once_ask_one_channel_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox would forgive a repeated key; a mail server does not."""
    request = await desk.request()
    asked: list[str] = []
    email = desk.adapters.channels["email"]
    real = email.send

    async def counting(letter: Any) -> Any:
        asked.append(letter.key)
        return await real(letter)

    monkeypatch.setattr(email, "send", counting)
    await asyncio.gather(*(desk.messaging.send_message(request) for _ in range(6)))
    assert len(asked) == 1
    assert await desk.letters(request) == [("email", ADDRESS)]


@pytest.mark.parametrize("kill", [killed_before, killed_after], ids=["before the wire", "after the wire"])
async def test_a_message_left_sending_is_never_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kill: Callable[..., None]
) -> None:
    """Nobody knows whether it went out, so it counts as perhaps sent, on no channel again."""
    request = await desk.request()
    with monkeypatch.context() as patch:
        kill(patch, desk.adapters.channels["email"], "send")
        with pytest.raises(Killed):
            await desk.messaging.send_message(request)
    before = await desk.letters(request)
    for _ in range(2):
        answer = await desk.messaging.send_message(request)
        assert answer == Messaged(status=MessageStatus.UNCLEAR, channel="email")
    assert await desk.letters(request) == before


async def test_killed_before_any_channel_was_asked_it_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request = await desk.request()
    with monkeypatch.context() as patch:
        killed_after(patch, desk.store.messages, "reserve")
        with pytest.raises(Killed):
            await desk.messaging.send_message(request)
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="email")


async def test_an_answer_that_never_comes_is_unclear_and_the_next_channel_is_not_tried(
    desk: Desk, sandbox: RunningSandbox
) -> None:
    request = await desk.request()
    async with troubled(Trouble.CLOSES) as url:
        broken = adapters_at(url, sandbox.session)
        desk.adapters = replace(desk.adapters, channels=broken.channels)
        answer = await desk.messaging.send_message(request)
    assert answer == Messaged(status=MessageStatus.UNCLEAR, channel="email")
    assert await desk.messaging.send_message(request) == answer


async def test_a_channel_that_is_down_is_tried_again_later(desk: Desk, sandbox: RunningSandbox) -> None:
    request, works = await desk.request(), desk.adapters
    away = adapters_at(f"http://{DEAD_ADDRESS}", sandbox.session)
    desk.adapters = replace(works, channels=away.channels)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await desk.messaging.send_message(request)
    desk.adapters = works
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="email")
    assert await desk.letters(request) == [("email", ADDRESS)]


# Where


async def test_an_explicit_refusal_moves_on_to_the_next_channel(desk: Desk) -> None:
    request = await desk.request(ADA.model_copy(update={"email": ContactPoint(address="bounce@customers.example")}))
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="sms")
    assert await desk.letters(request) == [("sms", PHONE)]


async def test_without_consent_a_channel_is_skipped_even_when_it_comes_first(desk: Desk) -> None:
    silent = ContactPoint(address=ADDRESS, consent=False)
    request = await desk.request(ADA.model_copy(update={"email": silent}), channels=("email", "sms"))
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="sms")
    assert await desk.letters(request) == [("sms", PHONE)]


async def test_a_channel_the_policy_does_not_name_is_not_used(desk: Desk) -> None:
    request = await desk.request(channels=("in_app", "sms"))
    await desk.messaging.send_message(request)
    assert await desk.letters(request) == [("sms", PHONE)]


async def test_whom_nobody_can_reach_is_undelivered_and_stays_so(desk: Desk) -> None:
    nobody = await desk.request(Customer())
    bounces = await desk.request(Customer(email=ContactPoint(address="bounce@customers.example")))
    for request in (nobody, bounces):
        for _ in range(2):
            answer = await desk.messaging.send_message(request)
            assert answer == Messaged(status=MessageStatus.UNDELIVERED)
        assert await desk.letters(request) == []


async def test_a_channel_that_is_not_set_up_is_ours_to_mend(desk: Desk) -> None:
    works = desk.adapters
    desk.adapters = replace(works, channels={})
    with pytest.raises(Misconfigured, match="no channel email"):
        await desk.messaging.send_message(await desk.request())


# Only while true


@pytest.mark.parametrize("change", ["pay", "void", "cancel", "dispute"])
async def test_right_before_sending_the_invoice_is_read(desk: Desk, change: str) -> None:
    request = await desk.request()
    await desk.change(request, change)
    answer = await desk.messaging.send_message(request)
    assert isinstance(answer, Stale)
    assert answer.invoice.status is not InvoiceStatus.OPEN or answer.invoice.dispute_open
    assert await desk.letters(request) == []
    assert await desk.store.messages.state_of(request.key) is None


async def test_a_message_that_names_another_sum_than_is_due_is_not_sent(desk: Desk) -> None:
    request = await desk.request()
    old = request.words.model_copy(update={"due": Money(amount_minor=1, currency="EUR")})
    assert isinstance(await desk.messaging.send_message(request.model_copy(update={"words": old})), Stale)


async def test_words_that_follow_a_payment_are_sent_after_it(desk: Desk) -> None:
    request = await desk.request(template="recovered", only_while_unpaid=False)
    await desk.change(request, "pay")
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="email")


# To a person


def escalation(request: MessageRequest, to: str = "support_contact") -> EscalateRequest:
    return EscalateRequest(
        case=request.case,
        key="tas_1",
        customer_id=request.customer_id,
        to=to,
        words=request.words.model_copy(update={"because": "a large sum"}),
        now=START,
    )


async def test_an_escalation_is_one_task_and_one_message_to_the_support_contact(desk: Desk) -> None:
    request = await desk.request()
    for _ in range(3):
        answer = await desk.messaging.escalate(escalation(request))
        assert answer == Messaged(status=ACCEPTED, channel="email")
    assert await desk.letters(request) == [("email", "sam.support@example.com")]
    (task,) = await desk.store.cases.open_tasks()
    assert (task.kind, task.assignee, task.summary) == ("escalation", "support_contact", "a large sum")


async def test_without_a_support_contact_the_task_alone_is_left(desk: Desk) -> None:
    nobody, ops = await desk.request(Customer()), await desk.request()
    for request, to in ((nobody, "support_contact"), (ops, "ops")):
        answer = await desk.messaging.escalate(escalation(request, to))
        assert answer.status is MessageStatus.UNDELIVERED
        assert await desk.letters(request) == []


# P9


async def test_neither_log_nor_answer_nor_ledger_holds_a_name_or_an_address(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    request = await desk.request(ADA.model_copy(update={"email": ContactPoint(address="bounce+" + ADDRESS)}))
    with caplog.at_level(logging.DEBUG):
        answers = [await desk.messaging.send_message(request), await desk.messaging.escalate(escalation(request))]
    ledger = await desk.store.pool.fetch("select m.*, r.* from messages m join message_results r using (key)")
    for personal in (NAME, ADDRESS, PHONE, "sam.support", "Sam Support"):
        assert personal not in caplog.text
        assert personal not in str(answers)
        assert personal not in str([dict(row) for row in ledger])
