"""News of an attempt: ours is settled in the ledger and its case told, another's counts for the networks."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.store.attempts import LedgerState, Sending
from activities.store.inbox import InboxRow
from activities.store.store import Store
from policies.declines import classify
from policies.events import PaymentFailed, PaymentSucceeded, SourceEvent
from policies.facts import Outcome
from policies.keys import CaseRef, attempt_key
from policies.money import Money
from policies.network_rules import LedgerEntry, ProposedAttempt
from tests.activities.sources.adyen_shapes import shape
from tests.fixtures.town import Case, Town
from tests.workers.test_delivery import PlainSpeaker
from tests.workers.test_relay import Post
from workers.fates import Delivered, Fate
from workers.relay import make_relay
from workers.wiring import SPEAKERS

NOW = datetime.now(UTC)
EUR = Money(amount_minor=2900, currency="EUR")
NO_FUNDS = classify("adyen", "2")
GATEWAY = "adyen/default"


@pytest.fixture
def post(town: Town, store: Store) -> Post:
    return Post(town, store)


async def begun(store: Store, case_id: str, outcome: Outcome | None = None, reference: str | None = None) -> str:
    """An attempt of ours at Adyen for a case that somebody else owns; its key."""
    case = CaseRef.from_case_id(case_id)
    key = attempt_key(case, 1)
    proposed = ProposedAttempt(credential_id=f"card_{case.invoice_id}", amount=EUR)
    await store.attempts.reserve(case, key, proposed, NOW, Sending(gateway=GATEWAY, customer_id="cus_1"))
    await store.attempts.mark_sent(key, NOW)
    if outcome:
        decline = NO_FUNDS if outcome is Outcome.DECLINED else None
        await store.attempts.settle(key, outcome, decline, reference, NOW)
    return key


def authorisation(key: str | None, success: bool = True, psp: str = "PSP1", **fields: Any) -> dict[str, Any]:
    extra = {"metadata.recoup_attempt": key} if key else {}
    name = "authorisation" if success else "authorisation_refused"
    return {**shape(name, extra=extra), "pspReference": psp, "merchantReference": "in_of_adyen", **fields}


async def heard(post: Post, event: dict[str, Any]) -> dict[str, Any]:
    row_id = await post.receive(json.dumps(event).encode(), "adyen")
    await post.drain()
    return await post.row(row_id)


async def state(store: Store, key: str) -> LedgerState:
    known = await store.attempts.state_of(key)
    assert known is not None
    return known


def new_invoice() -> str:
    return f"in_{uuid.uuid4().hex[:12]}"


# Ours


@pytest.mark.parametrize(("success", "outcome"), [(True, Outcome.SUCCEEDED), (False, Outcome.DECLINED)])
@pytest.mark.parametrize("before", [None, Outcome.UNKNOWN, Outcome.PENDING])
async def test_the_word_of_adyen_with_our_mark_settles_the_attempt_wherever_its_invoice_is_owned(
    post: Post, success: bool, outcome: Outcome, before: Outcome | None
) -> None:
    key = await begun(post.store, f"stripe/default/{new_invoice()}", before)
    row = await heard(post, authorisation(key, success))
    assert (row["state"], row["reason"]) == ("ignored", "late")
    known = await state(post.store, key)
    assert (known.outcome, known.reference) == (outcome, "PSP1")
    assert (known.decline is None) == success
    assert await post.store.cases.open_tasks() == []


async def test_what_is_told_by_adyen_s_own_reference_is_ours_as_well(post: Post) -> None:
    """Without the mark; such as from a gateway that tells what it was told once."""
    key = await begun(post.store, f"stripe/default/{new_invoice()}", Outcome.PENDING, "PSP7")
    assert await post.store.attempts.key_of("adyen", "PSP7") == key
    assert await post.store.attempts.key_of("ady", "PSP7") is None
    assert await post.store.attempts.key_of("braintree", "PSP7") is None
    assert await post.store.attempts.key_of("adyen", "PSP8") is None


async def test_money_of_an_attempt_that_comes_after_its_case_has_ended_is_one_task(post: Post) -> None:
    case_id = await post.has_case(new_invoice(), "written_off")
    key = await begun(post.store, case_id, Outcome.UNKNOWN)
    for _ in range(2):
        await heard(post, authorisation(key))
    [task] = await post.store.cases.open_tasks()
    assert (task.kind, task.case_id) == ("unsettled_attempt", case_id)
    assert "took 29.00 EUR after the case was written_off" in task.summary


async def test_a_refusal_that_comes_after_the_case_has_ended_bothers_nobody(post: Post) -> None:
    key = await begun(post.store, await post.has_case(new_invoice(), "written_off"), Outcome.UNKNOWN)
    await heard(post, authorisation(key, success=False))
    assert (await state(post.store, key)).outcome is Outcome.DECLINED
    assert await post.store.cases.open_tasks() == []


async def test_news_of_a_key_that_nobody_reserved_settles_nothing(post: Post) -> None:
    stranger = attempt_key(CaseRef(source="stripe", account="default", invoice_id=new_invoice()), 9)
    row = await heard(post, authorisation(stranger))
    assert row["state"] == "ignored"
    assert await post.store.attempts.state_of(stranger) is None


async def test_our_own_refusal_counts_once_however_often_and_wherever_it_is_told(post: Post) -> None:
    case = CaseRef(source="stripe", account="default", invoice_id=new_invoice())
    key = await begun(post.store, case.case_id, Outcome.DECLINED, "PSP1")
    for _ in range(3):
        await heard(post, authorisation(key, success=False))
    card = f"card_{case.invoice_id}"
    assert len(await post.store.attempts.of_credential(case, card, NOW + timedelta(days=1))) == 1


# Others'


def failed(invoice_id: str, **said: Any) -> PaymentFailed:
    about = {"credential_id": "card_9", "amount": EUR, "decline": NO_FUNDS, **said}
    return PaymentFailed(event_id="?", happened_at=NOW, invoice_id=invoice_id, **about)


async def told(post: Post, event: SourceEvent, **more: Any) -> None:
    body = json.dumps({"event": event.model_dump(mode="json"), **more}).encode()
    row_id = await post.receive(body)
    relay = post.relay(speakers={"stripe": PlainSpeaker()})
    while await relay.deliver_batch():
        pass
    assert (await post.row(row_id))["state"] == "delivered"


async def entries(post: Post, invoice_id: str, card: str = "card_9") -> list[LedgerEntry]:
    case = CaseRef(source="stripe", account="default", invoice_id=invoice_id)
    return list(await post.store.attempts.of_credential(case, card, NOW + timedelta(days=1)))


async def test_what_the_gateway_tried_itself_counts_once_however_often_it_is_told(post: Post) -> None:
    invoice_id = new_invoice()
    for _ in range(3):
        await told(post, failed(invoice_id), reference="ch_1")
    [entry] = await entries(post, invoice_id)
    assert (entry.actor, entry.outcome, entry.decline) == ("gateway", Outcome.DECLINED, NO_FUNDS)
    await told(post, failed(invoice_id), reference="ch_2")
    assert len(await entries(post, invoice_id)) == 2


@pytest.mark.parametrize("missing", ["credential_id", "amount", "reference"])
async def test_what_does_not_say_which_card_how_much_or_which_try_does_not_count(post: Post, missing: str) -> None:
    """The reading of the invoice tells of it."""
    invoice_id = new_invoice()
    said = {} if missing == "reference" else {missing: None}
    await told(post, failed(invoice_id, **said), **({} if missing == "reference" else {"reference": "ch_1"}))
    assert await entries(post, invoice_id) == []


async def test_a_refusal_without_a_reason_counts_as_one(post: Post) -> None:
    invoice_id = new_invoice()
    await told(post, failed(invoice_id, decline=None), reference="ch_1")
    [entry] = await entries(post, invoice_id)
    assert entry.outcome is Outcome.DECLINED


# The opposite of what was said before


async def deliver(town: Town, case: Case, event: SourceEvent, key: str, reference: str = "re_1") -> Fate:
    """To the running town, at once."""
    body = json.dumps({"event": event.model_dump(mode="json"), "attempt_key": key, "reference": reference})
    relay = make_relay(
        town.store,
        town.temporal,
        {"stripe": PlainSpeaker()},
        town.wiring.adapters,
        task_queue=town.settings.task_queue,
    )
    return await relay._deliveries.fate_of(leased("stripe", body.encode()))


def leased(source: str, body: bytes) -> InboxRow:
    row_id = str(uuid.uuid4())
    return InboxRow(id=row_id, source=source, account="default", received_at=NOW, tries=1, body=body, traceparent=None)


def about(case: Case, kind: type[PaymentSucceeded] | type[PaymentFailed], at: datetime) -> Any:
    return kind(event_id=uuid.uuid4().hex, happened_at=at, invoice_id=case.ref.invoice_id)


async def test_money_of_an_attempt_of_ours_that_was_taken_back_opens_its_case_again(town: Town) -> None:
    """A debit that the bank returned: the attempt's success stands in the ledger, the invoice is open again."""
    case = await town.fails("insufficient_funds")
    assert await case.to_the_end() == "recovered"
    paid = (await case.charges())[-1]
    later = await case.now() + timedelta(seconds=5)
    await town.sandbox("POST", f"/world/invoices/{case.ref.invoice_id}/take-back", {"deliver": False}, later)
    fate = await deliver(town, case, about(case, PaymentFailed, later), paid["idempotency_key"], paid["reference"])
    assert fate == Delivered(case_id=case.ref.case_id)
    assert (await case.until_decided()).case.reopen == 1
    assert (await state(town.store, paid["idempotency_key"])).outcome is Outcome.SUCCEEDED


async def test_a_refused_attempt_that_was_paid_after_all_ends_its_case(town: Town) -> None:
    """The gateway tried again by itself, under the attempt that we had made."""
    case = await town.fails("do_not_honor")
    await case.to_day(5)
    refused = (await case.charges())[-1]
    assert refused["status"] == "declined"
    await case.world("pay", deliver=False)
    now = await case.now()
    fate = await deliver(town, case, about(case, PaymentSucceeded, now), refused["idempotency_key"])
    assert fate == Delivered(case_id=case.ref.case_id)
    assert await case.until_closed() == "recovered"


async def test_where_the_gateway_does_not_own_the_invoice_its_owner_is_told_of_such_money_first(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(5)
    refused = (await case.charges())[-1]["idempotency_key"]
    await town.store.pool.execute("update attempts set gateway = 'sandbox/second' where key = $1", refused)
    for _ in range(2):
        await deliver(town, case, about(case, PaymentSucceeded, await case.now()), refused)
    assert await case.until_closed() == "recovered"
    owned = await town.sandbox("GET", f"/source/invoices/{case.ref.invoice_id}")
    assert (owned["status"], owned["due_minor"]) == ("paid", 0)
    assert (await state(town.store, refused)).told


async def test_such_money_after_somebody_else_has_paid_is_one_task(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(5)
    refused = (await case.charges())[-1]["idempotency_key"]
    await town.store.pool.execute("update attempts set gateway = 'sandbox/second' where key = $1", refused)
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    for _ in range(2):
        await deliver(town, case, about(case, PaymentSucceeded, await case.now() + timedelta(seconds=5)), refused)
    tasks = [task for task in await town.store.cases.open_tasks() if task.case_id == case.ref.case_id]
    assert [task.key for task in tasks] == [f"book_payment/{refused}"]


# The case that waits


async def test_a_case_that_waits_for_a_clear_answer_goes_on_at_once_when_adyen_tells_it(town: Town) -> None:
    case = await town.fails("answer_never_comes")
    await case.to_day(1 + 10 / 86_400)
    facts = (await case.status()).facts
    assert facts is not None
    assert facts.open_attempt is not None
    before = await case.now()
    body = json.dumps(authorisation(facts.open_attempt.key)).encode()
    relay = make_relay(town.store, town.temporal, SPEAKERS, town.wiring.adapters)
    assert await relay._deliveries.fate_of(leased("adyen", body)) == Delivered(case_id=case.ref.case_id)
    assert await case.until_closed() == "recovered"
    assert await case.now() - before < timedelta(seconds=40), "before the first look-up was due"
    assert len(await case.charges()) == 1
