"""The stories whose histories are kept: each walks one case on real parts and returns it. To add one: a function here,
then `./dev record NAME`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from policies.document import PolicySnapshot
from policies.events import (
    AgreePlan,
    AskForHelp,
    AttemptSettled,
    CustomerDid,
    FraudWarning,
    Instalment,
    MandateChanged,
    MessageReported,
    MethodChange,
    PaymentMethodChanged,
    PromiseToPay,
    ReportMistake,
    SourceEvent,
    UpdatePaymentMethod,
)
from policies.keys import message_key
from policies.migration import MigrateRequest
from policies.money import Money
from tests.fixtures.town import Case, Town
from workflows.dunning import DunningWorkflow


async def standard_ladder(town: Town) -> Case:
    """Every rung, every message, limited, suspended, written off."""
    case = await town.fails("do_not_honor", amount_minor=1900, currency="USD")
    assert await case.to_the_end() == "written_off"
    return case


async def payday(town: Town) -> Case:
    case = await town.fails("insufficient_funds")
    assert await case.to_the_end() == "recovered"
    return case


async def issuer_down(town: Town) -> Case:
    case = await town.fails("issuer_down")
    assert await case.to_the_end() == "recovered"
    return case


async def reinstated_by_a_new_card(town: Town) -> Case:
    case = await town.fails("lost_card")
    await case.to_day(16)
    await case.gives_card("do_not_honor")
    await case.gives_card()
    assert await case.until_closed() == "recovered"
    return case


async def answer_never_comes(town: Town) -> Case:
    case = await town.fails("answer_never_comes")
    assert await case.to_the_end() == "recovered"
    return case


async def request_lost(town: Town) -> Case:
    case = await town.fails("never_arrives")
    assert await case.to_the_end() == "recovered"
    return case


async def dispute_won_then_paid(town: Town) -> Case:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.world("dispute")
    await case.to_day(12)
    await case.world("win-dispute")
    await case.to_day(14)
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return case


async def paused_resumed_and_closed_by_ops(town: Town) -> Case:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.acts("pause", reason="a look")
    await case.to_day(5)
    await case.acts("resume", reason="looked")
    await case.to_day(9)
    await case.acts("close", outcome="written_off", reason="given up")
    assert await case.until_closed() == "written_off"
    return case


async def enterprise_grace(town: Town) -> Case:
    case = await town.fails("do_not_honor", segment="enterprise", amount_minor=1_200_000)
    await case.to_day(44)
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    return case


async def suspicious(town: Town) -> Case:
    case = await town.fails("fraud_suspect")
    assert await case.to_the_end() == "written_off"
    return case


async def voided(town: Town) -> Case:
    case = await town.fails("insufficient_funds")
    await case.world("void")
    assert await case.until_closed() == "cancelled"
    return case


async def policy_migrated(town: Town) -> Case:
    """Moved to a policy that gives up earlier; the rungs, messages and service of the old one stay done."""
    case = await town.fails("do_not_honor")
    await case.to_day(10)
    held = (await case.handle.query(DunningWorkflow.case_now)).policy
    sooner = held.document.close.model_copy(update={"after": timedelta(days=22)})
    policy = PolicySnapshot.of(held.document.model_copy(update={"version": 2, "close": sooner}))
    asked = MigrateRequest(
        action_id="moved", actor="ops", reason="new terms", expected_sha256=held.sha256, policy=policy
    )
    await case.handle.execute_update(DunningWorkflow.migrate_policy, asked)
    assert await case.to_the_end() == "written_off"
    return case


async def news_of_the_source(town: Town) -> Case:
    """What a source tells besides payments: a way to pay is gone, a mandate ended, fraud is suspected, a new card."""
    case = await town.fails("insufficient_funds")
    await case.to_day(1)
    credential = (await case.status()).facts.credential_id  # type: ignore[union-attr]

    async def tell(name: str, kind: type[SourceEvent], **said: Any) -> None:
        about = {"event_id": name, "happened_at": await case.now(), "invoice_id": case.ref.invoice_id}
        lines = len(await case.timeline())
        await case.handle.signal(kind.model_fields["kind"].default, kind(**about, **said))
        await case.until_news(lines)

    await tell("gone", PaymentMethodChanged, change=MethodChange.REMOVED, credential_id=credential)
    await tell("ended", MandateChanged, mandate_id=credential, active=False)
    await tell("suspected", FraudWarning, signal="made_with_stolen_card")
    await case.to_day(5)
    await tell("new", PaymentMethodChanged, change=MethodChange.ADDED, credential_id=await case.new_card())
    assert await case.until_closed() == "recovered"
    return case


async def taken_back(town: Town) -> Case:
    """Recovered, then the bank returned the money: the second run of the case."""
    case = await town.fails("do_not_honor")
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    later = datetime.now(UTC) + timedelta(seconds=2)
    path = f"/world/invoices/{case.ref.invoice_id}/take-back"
    await town.sandbox("POST", path, {"deliver": True}, later)
    async with asyncio.timeout(20):
        while not await case.is_open():
            await asyncio.sleep(0.05)
    assert (await case.until_decided()).case.reopen == 1
    await case.to_day(4)
    return case


async def still_open(town: Town) -> Case:
    """A case in the middle of its life: new code must go on with it."""
    case = await town.fails("do_not_honor")
    await case.to_day(9.5)
    return case


async def another_way_pays(town: Town) -> Case:
    """The card has expired; the first other card is refused for good, the second one pays."""
    case = await town.fails("expired_card")
    ways = [{"credential_id": await case.new_card(kind), "consent": True} for kind in ("lost", "good")]
    path = f"/customers/stripe/default/{case.customer_id}"
    _, known = await town.api("GET", path)
    await town.api("PUT", path, {**known, "ways_to_pay": ways})
    assert await case.to_the_end() == "recovered"
    return case


async def news_of_an_attempt(town: Town) -> Case:
    """The answer was lost; the gateway's own news comes before the first look-up is due."""
    case = await town.fails("answer_never_comes")
    await case.to_day(1 + 10 / 86_400)
    facts = (await case.status()).facts
    assert facts is not None
    assert facts.open_attempt is not None
    news = AttemptSettled(event_id="told", happened_at=await case.now(), key=facts.open_attempt.key)
    await case.handle.signal("attempt_settled", news)
    assert await case.until_closed() == "recovered"
    return case


async def gateway_away(town: Town) -> Case:
    """For half an hour, when the first rung is due. Recorded last: whoever comes after meets the same outage."""
    case = await town.fails("insufficient_funds")
    begins, ends = (case.failed_at + timedelta(minutes=minutes) for minutes in (1435, 1465))
    await town.sandbox("POST", "/world/outages", {"begins_at": begins.isoformat(), "ends_at": ends.isoformat()})
    await case.to_day(1.01)
    assert (await case.status()).state == "gateway_down"
    assert await case.to_the_end() == "recovered"
    return case


async def mail_came_back(town: Town) -> Case:
    """The first notice bounced; it goes out inside the application, and the rest by text where mails were meant."""
    case = await town.fails("expired_card")
    await case.to_day(0.4)
    key = message_key(case.ref, 1, "first_notice")
    news = MessageReported(
        event_id="bounced", happened_at=await case.now(), key=key, channel="email", what="undelivered"
    )
    await case.handle.signal("message_reported", news)
    assert await case.to_the_end() == "written_off"
    return case


async def spoken_for(town: Town) -> Case:
    """Another invoice of the customer failed a moment before: this one's notice waits for the gap, and the other's
    reminder names it as well."""
    first = await town.fails("expired_card")
    second = Case(town, invoice_id=f"{first.ref.invoice_id}b", customer_id=first.customer_id)
    await second.fail("expired_card", segment="self_serve")
    await second.until_decided()
    await second.to_day(1.5)
    for case in (first, second):
        await case.to_day(4.9)
    told = [what for _, what in await second.timeline() if what.startswith("message")]
    assert told == ["message first_notice by email, naming 1 more invoices", "message reminder covered"], told
    await second.world("void")
    assert await second.to_the_end() == "cancelled"
    return second


Story = Callable[[Town], Awaitable[Case]]


async def paid_in_instalments(town: Town) -> Case:
    """Three parts; service comes back with the first, and each of the others is told of before it is charged."""
    case = await town.fails("expired_card", amount_minor=3000)
    await case.to_day(15)
    now, card = await case.now(), await case.new_card()
    parts = [Instalment(at=now + timedelta(days=days), amount=euros(1000)) for days in (0, 14, 28)]
    plan = AgreePlan(action_id="plan", credential_id=card, instalments=tuple(parts))
    assert (await case.handle.execute_update(DunningWorkflow.agree_plan, plan)).result == "paid"
    assert await case.to_the_end() == "recovered"
    return case


async def promised_and_kept(town: Town) -> Case:
    case = await town.fails("insufficient_funds")
    await case.to_day(2)
    promise = PromiseToPay(action_id="promise", due_at=await case.now() + timedelta(days=9))
    assert (await case.handle.execute_update(DunningWorkflow.promise_to_pay, promise)).result == "done"
    assert await case.to_the_end() == "recovered"
    return case


async def a_part_once_a_mistake_and_help(town: Town) -> Case:
    """Lent for a part, seen on the page, then the customer says that the rest is wrong, and a colleague resumes."""
    case = await town.fails("lost_card")
    await case.to_day(1)
    did = CustomerDid(event_id="seen", happened_at=await case.now(), what="chose_method", method="card")
    await case.handle.signal(DunningWorkflow.customer_did, did)
    lent = UpdatePaymentMethod(action_id="lent", credential_id=await case.new_card(), keep=False, amount=euros(1000))
    assert (await case.handle.execute_update(DunningWorkflow.update_payment_method, lent)).result == "paid"
    await case.handle.execute_update(DunningWorkflow.ask_for_help, AskForHelp(action_id="help"))
    await case.to_day(3)
    wrong = ReportMistake(action_id="mistake", topic="wrong_amount")
    await case.handle.execute_update(DunningWorkflow.report_mistake, wrong)
    await case.until_state("on_hold")
    await case.to_day(6)
    await case.acts("resume", reason="the amount was right")
    await case.gives_card()
    assert await case.until_closed() == "recovered"
    return case


def euros(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        standard_ladder,
        payday,
        issuer_down,
        reinstated_by_a_new_card,
        answer_never_comes,
        request_lost,
        dispute_won_then_paid,
        paused_resumed_and_closed_by_ops,
        enterprise_grace,
        suspicious,
        voided,
        policy_migrated,
        news_of_the_source,
        taken_back,
        still_open,
        another_way_pays,
        news_of_an_attempt,
        mail_came_back,
        spoken_for,
        gateway_away,
        paid_in_instalments,
        promised_and_kept,
        a_part_once_a_mistake_and_help,
    )
}
