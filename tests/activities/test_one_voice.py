"""Several failed invoices of one customer on real parts: one conversation, within the rules, and every word is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.contracts import Deferred, Messaged, MessageRequest
from activities.customers import ContactPoint, Customer
from activities.reach import reach_of
from activities.store.store import Store
from policies.document import Contact
from policies.keys import CustomerRef, message_key
from policies.said import MessageStatus
from policies.steps import Purpose
from tests.activities.test_charging import adapters_at
from tests.activities.test_messaging import ADA, ADDRESS, PHONE, Desk
from tests.fixtures.sandbox import START, RunningSandbox

ACCEPTED, COVERED = MessageStatus.ACCEPTED, MessageStatus.COVERED
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SEVERAL = 7


@pytest.fixture
def desk(sandbox: RunningSandbox, store: Store) -> Desk:
    return Desk(sandbox, store, adapters_at(sandbox.url, sandbox.session))


async def open_case(desk: Desk, request: MessageRequest, silent_until: datetime | None = None) -> None:
    """As `open_case` writes it."""
    case = request.case
    await desk.store.pool.execute(
        """insert into cases (case_id, reopen, source, account, invoice_id, customer_id, segment, policy, policy_sha256,
               gateway, amount_minor, currency, category, opened_at, silent_until)
           values ($1, 0, $2, $3, $4, $5, 'self_serve', 'p@1', '', 'sandbox', 2900, 'EUR', 'expired_card', $6, $7)""",
        case.case_id,
        case.source,
        case.account,
        case.invoice_id,
        request.customer_id,
        START,
        silent_until,
    )


async def of_one_customer(desk: Desk, count: int, **changes: Any) -> list[MessageRequest]:
    """The same first words of several cases, all for the customer of the first."""
    requests = [await desk.request(rules=Contact(), name="first_notice", now=NOON, **changes) for _ in range(count)]
    owner = requests[0].customer_id
    same = [each.model_copy(update={"customer_id": owner}) for each in requests]
    for each in same:
        await open_case(desk, each)
    return same


async def texts(desk: Desk, request: MessageRequest) -> list[str]:
    answer = await desk.sandbox.get(f"/outbox.json?case={request.case.case_id}")
    return [letter["text"] for letter in answer.body["messages"]]


async def test_one_message_names_every_open_invoice_and_the_other_cases_are_covered(desk: Desk) -> None:
    first, *others = await of_one_customer(desk, SEVERAL)
    answer = await desk.messaging.send_message(first)
    assert isinstance(answer, Messaged)
    assert answer.status is ACCEPTED
    assert set(answer.covers) == {each.case.case_id for each in others}
    for other in others:
        covered = await desk.messaging.send_message(other)
        assert covered == Messaged(status=COVERED, channel="email", covered_by=first.key)
        assert await texts(desk, other) == []


async def test_an_invoice_that_is_paid_or_silent_is_not_named(desk: Desk) -> None:
    first, paid, silent, quiet_over = await of_one_customer(desk, 4)
    await desk.change(paid, "pay")
    set_silence = "update cases set silent_until = $2 where case_id = $1"
    await desk.store.pool.execute(set_silence, silent.case.case_id, NOON + timedelta(hours=1))
    await desk.store.pool.execute(set_silence, quiet_over.case.case_id, NOON)
    answer = await desk.messaging.send_message(first)
    assert isinstance(answer, Messaged)
    assert answer.covers == (quiet_over.case.case_id,)


async def test_a_closed_case_and_a_strangers_are_not_named(desk: Desk) -> None:
    first, closed = await of_one_customer(desk, 2)
    await desk.store.pool.execute("update cases set outcome = 'recovered' where case_id = $1", closed.case.case_id)
    stranger = await desk.request()
    await open_case(desk, stranger)
    answer = await desk.messaging.send_message(first)
    assert isinstance(answer, Messaged)
    assert answer.covers == ()


async def test_what_another_case_said_less_firmly_keeps_this_one_waiting(desk: Desk) -> None:
    first, second = await of_one_customer(desk, 2)
    await desk.messaging.send_message(first)
    firmer = second.model_copy(update={"template": "final_notice", "now": NOON + timedelta(hours=1)})
    assert await desk.messaging.send_message(firmer) == Deferred(
        because="the gap between two messages to one customer", until=NOON + Contact().gap
    )
    next_day = firmer.model_copy(update={"now": NOON + timedelta(days=1)})
    assert await desk.messaging.send_message(next_day) == Messaged(
        status=ACCEPTED, channel="email", covers=(first.case.case_id,)
    )


async def test_at_night_nothing_is_sent_even_when_the_worker_was_late(desk: Desk) -> None:
    request = await desk.request(rules=Contact(), now=datetime(2026, 3, 2, 3, 0, tzinfo=UTC), channels=("email",))
    answer = await desk.messaging.send_message(request)
    assert answer == Deferred(because="email: quiet hours", until=datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    assert await desk.letters(request) == []


async def test_the_next_channel_is_tried_only_where_it_is_open_at_that_hour(desk: Desk) -> None:
    """A mail goes out at any hour, a text does not, whatever the decision thought when it was made."""
    bounces = ADA.model_copy(update={"email": ContactPoint(address="bounce@customers.example")})
    night = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    request = await desk.request(
        bounces, rules=Contact(), now=night, channels=("email", "sms"), purpose=Purpose.SERVICE, template="suspended"
    )
    answer = await desk.messaging.send_message(request)
    assert answer == Messaged(status=MessageStatus.UNDELIVERED, asked=("email",))
    assert await desk.letters(request) == []


async def test_who_is_held_out_hears_nothing_and_is_counted(desk: Desk) -> None:
    request = await desk.request(held_out=True, variant="holdout")
    assert await desk.messaging.send_message(request) == Messaged(status=MessageStatus.HELD_OUT)
    assert await desk.messaging.send_message(request) == Messaged(status=MessageStatus.HELD_OUT)
    assert await desk.letters(request) == []
    row = await desk.store.pool.fetchrow("select variant from messages where key = $1", request.key)
    assert row["variant"] == "holdout"


async def test_an_address_whose_owner_said_stop_is_never_used_whoever_the_customer_is(desk: Desk) -> None:
    stops = desk.store.channel_stops
    await stops.stop("email", stops.hash_of("email", ADDRESS.upper()), "complained", START)
    request = await desk.request(channels=("email", "sms"))
    assert await desk.messaging.send_message(request) == Messaged(status=ACCEPTED, channel="sms")
    await stops.stop("sms", stops.hash_of("sms", PHONE), "opted_out", START)
    again = await desk.request(channels=("email", "sms"))
    assert await desk.messaging.send_message(again) == Messaged(status=MessageStatus.UNDELIVERED)
    await stops.allow("sms", stops.hash_of("sms", PHONE), START)
    last = await desk.request(channels=("email", "sms"))
    assert await desk.messaging.send_message(last) == Messaged(status=ACCEPTED, channel="sms")


async def test_the_customers_favourite_outranks_the_policy(desk: Desk) -> None:
    """The decision asks in this order; here only what reaches them is left."""
    customer = ADA.model_copy(update={"preferred_channels": ("sms",)})
    request = await desk.request(customer)
    ref = CustomerRef(source="stripe", account="default", customer_id=request.customer_id)
    view = (await reach_of(desk.store, ref)).view()
    assert (view.channels, view.prefers) == (("sms", "email"), 1)
    assert view.reached_by(("email", "in_app", "sms")) == ("sms", "email")


async def test_every_message_is_kept_as_it_was_sent(desk: Desk) -> None:
    request = await desk.request(name="first_notice", channels=("email",))
    await desk.messaging.send_message(request)
    [sent] = await texts(desk, request)
    row = await desk.store.pool.fetchrow("select * from message_texts where key = $1", request.key)
    assert row["text"] == sent
    assert row["address_hash"] == desk.store.channel_stops.hash_of("email", ADDRESS)
    assert ADDRESS not in row["address_hash"]
    assert len(row["body_sha256"]) == 64
    message = await desk.store.pool.fetchrow("select * from messages where key = $1", request.key)
    assert (message["name"], message["template"], message["stage"]) == ("first_notice", "payment_failed", "notice")
    result = await desk.store.pool.fetchrow(
        "select * from message_results where key = $1 order by id desc", request.key
    )
    assert result["reference"].startswith("msg_")


async def test_thanks_are_sent_the_same_day(desk: Desk) -> None:
    first, _ = await of_one_customer(desk, 2)
    await desk.messaging.send_message(first)
    await desk.change(first, "pay")
    thanks = first.model_copy(
        update={
            "key": message_key(first.case, 2, "recovered"),
            "template": "recovered",
            "name": "recovered",
            "purpose": Purpose.THANKS,
            "only_while_unpaid": False,
            "now": NOON + timedelta(minutes=5),
        }
    )
    answer = await desk.messaging.send_message(thanks)
    assert answer == Messaged(status=ACCEPTED, channel="email")


async def test_customers_without_words_in_their_language_hear_english(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    request = await desk.request(Customer(locale="sw", email=ContactPoint(address=ADDRESS)))
    await desk.messaging.send_message(request)
    assert [r.message for r in caplog.records if "no words in" in r.message] == ["no words in sw: English was sent"]
    assert "Your payment" in (await texts(desk, request))[0] or "We tried" in (await texts(desk, request))[0]
