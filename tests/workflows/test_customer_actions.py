"""What customers and colleagues do to a case, through the API, with the answer they get."""

import asyncio
import uuid

from tests.fixtures.town import Town


async def test_a_new_card_is_charged_at_once_and_the_customer_hears_paid(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.to_day(3)
    status, answer = await case.gives_card()
    assert (status, answer) == (200, {"result": "paid", "because": "29.00 EUR was paid", "advice": None})
    assert await case.until_closed() == "recovered"
    assert len(await case.charges()) == 1


async def test_a_new_card_that_is_refused_says_what_may_help(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.to_day(3)
    status, answer = await case.gives_card("do_not_honor")
    assert (status, answer["result"]) == (200, "refused")
    assert "contact_bank" in answer["because"]
    assert await case.is_open()


async def test_repeating_an_action_charges_once(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.to_day(1)
    card, action_id = await case.new_card("do_not_honor"), uuid.uuid4().hex
    answers = await asyncio.gather(
        *(case.acts("update_payment_method", action_id, credential_id=card) for _ in range(3))
    )
    assert {answer["result"] for _, answer in answers} == {"refused"}
    assert len(await case.charges()) == 1


async def test_pause_stands_still_and_resume_goes_on_where_the_clocks_stopped(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.calendar({0: ["message first_notice"], 1: ["attempt 1"]}, until=2)
    status, _ = await case.acts("pause", reason="the customer is on the phone")
    assert status == 200
    held = await case.status()
    assert held.state == "on_hold"
    assert held.because == "paused by tester: the customer is on the phone"
    await case.to_day(10)
    assert len(await case.charges()) == 1
    status, _ = await case.acts("resume", reason="he pays by card")
    assert status == 200
    # Paused for eight days: what was due on day 3 is due on day 11.
    await case.to_day(11.5)
    assert len(await case.charges()) == 2


async def test_what_cannot_happen_now_is_refused_with_a_reason(town: Town) -> None:
    case = await town.fails("do_not_honor")
    status, answer = await case.acts("resume", reason="why not")
    assert (status, answer["error"]) == (409, "cannot_happen_now")
    assert "neither paused nor held" in answer["detail"]
    assert (await case.acts("pause", reason="a look"))[0] == 200
    status, answer = await case.acts("pause", reason="another look")
    assert status == 409
    assert "already held" in answer["detail"]
    status, answer = await case.acts("close", outcome="recovered", reason="looks paid")
    assert status == 400


async def test_ops_close_a_case_and_say_why(town: Town) -> None:
    case = await town.fails("do_not_honor")
    status, answer = await case.acts("close", outcome="cancelled", reason="customer went out of business")
    assert (status, answer["result"]) == (200, "done")
    assert await case.until_closed() == "cancelled"
    status, closed = await town.api("GET", f"/cases/{case.ref.case_id}")
    assert status == 200
    assert closed["because"] == "tester closed the case: customer went out of business"
    assert (await case.acts("pause", reason="too late"))[0] == 404


async def test_an_action_from_the_temporal_ui_is_one_json_payload(town: Town) -> None:
    """Signals and updates by name with a plain JSON argument, as the UI sends them."""
    case = await town.fails("do_not_honor")
    said = {"action_id": "ui-1", "actor": "ops", "reason": "from the UI"}
    before = len(await case.timeline())
    await case.handle.signal("pause", said)
    await case.until_news(before)
    await case.until_state("on_hold")
    answer = await case.handle.execute_update("resume", {**said, "action_id": "ui-2"})
    assert answer["result"] == "done"
    await case.until_state("retrying")


async def test_everything_stops_during_a_dispute_and_goes_on_when_it_is_won(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.world("dispute")
    assert (await case.status()).state == "dispute_open"
    letters = len(await case.letters())
    await case.to_day(20)
    assert (len(await case.charges()), len(await case.letters())) == (1, letters)
    await case.world("win-dispute")
    # Eighteen days did not count: day 3 of the policy is day 21.
    await case.to_day(21.5)
    assert len(await case.charges()) == 2


async def test_a_lost_dispute_closes_the_case(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.world("dispute")
    await case.world("lose-dispute")
    assert await case.until_closed() == "disputed"


async def test_a_voided_invoice_and_a_cancelled_subscription_end_the_case(town: Town) -> None:
    voided, cancelled = await town.fails("do_not_honor"), await town.fails("do_not_honor")
    await voided.world("void")
    await cancelled.world("cancel")
    assert await voided.until_closed() == "cancelled"
    assert await cancelled.until_closed() == "cancelled"
    assert await voided.charges() == await cancelled.charges() == []


async def test_a_payment_nobody_told_us_of_is_seen_before_the_next_charge(town: Town) -> None:
    case = await town.fails("do_not_honor")
    await case.to_day(2)
    await case.world("pay", deliver=False)
    assert await case.to_the_end() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["declined"]


async def test_a_message_that_bounces_goes_to_the_next_channel_when_that_is_open(town: Town) -> None:
    case = await town.describe(email="bounce@customers.example")
    await case.fail("expired_card")
    await case.until_decided()
    await case.calendar({0: ["message first_notice by in_app"]}, until=4)
    # Two days: no text message is sent on a Sunday, nor before nine.
    await case.to_day(6)
    told = [
        what for _, what in await case.timeline() if what.startswith("message reminder") and "undelivered" not in what
    ]
    assert told == ["message reminder by sms"]
