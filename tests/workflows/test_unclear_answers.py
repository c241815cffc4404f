"""No clear answer is no answer: looked up until it is known, never charged on top (promise P2)."""

from tests.fixtures.town import Town


async def test_money_that_moved_without_an_answer_is_found_and_not_taken_twice(town: Town) -> None:
    case = await town.fails("answer_never_comes")
    await case.calendar({0: ["message first_notice"]}, until=1)
    assert await case.to_the_end() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]
    told = [what for _, what in await case.timeline()]
    assert "attempt 1 of 29.00 EUR: succeeded, known after a look-up" in told


async def test_a_request_that_never_arrived_is_made_again_under_a_new_key(town: Town) -> None:
    case = await town.fails("never_arrives")
    assert await case.to_the_end() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]
    told = [what for _, what in await case.timeline() if what.startswith("attempt")]
    assert told == [
        "attempt 1 of 29.00 EUR: not_accepted, known after a look-up",
        "attempt 2 of 29.00 EUR: succeeded",
    ]


async def test_nothing_is_charged_and_nobody_is_suspended_while_an_answer_is_missing(town: Town) -> None:
    case = await town.fails("answer_never_comes")
    await case.to_day(1)
    async for event in case.handle.fetch_history_events():
        assert not event.HasField("workflow_execution_failed_event_attributes")
    status = await case.status()
    if status.facts and status.facts.open_attempt:
        assert status.state == "reconciling"
        assert status.step is not None
        assert status.step.kind == "reconcile"
