"""Codes, verified browsers and tries to pay: few, counted across processes, and nobody passes twice at once."""

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

from activities.links import PayLink
from activities.store.page_access import (
    CODE_LASTS,
    SESSION_LASTS,
    CodeExpired,
    CodeReserved,
    PageCodes,
    TooMany,
    TooManyCodes,
    TriesLately,
    Verified,
    Wrong,
    is_one_of,
)
from activities.store.store import Store
from policies.page_tries import DAY, HOUR, Allowed, AskPerson, Wait
from tests.activities.store.spoken import ADA, BOB, NOW

LINK = PayLink.of_letter(ADA, "mes_1.email", NOW)
OTHER_LINK = PayLink.of_letter(ADA, "mes_2.email", NOW)
BROWSER, OTHER_BROWSER = "b" * 64, "c" * 64
RIGHT, WRONG = ["hash-of-the-code"], ["hash-of-another"]
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CASE = "stripe/default/in_1"


@pytest.fixture
async def page(store: Store) -> Store:
    for table in ("page_codes", "page_sessions", "page_tries"):
        await store.pool.execute(f"delete from {table}")
    return store


@pytest.fixture
def codes(page: Store) -> PageCodes:
    return page.page_codes


async def reserved(codes: PageCodes, link: PayLink = LINK, browser: str = BROWSER, at: Any = NOW) -> Any:
    return await codes.reserve(link, browser, "email", RIGHT[0], at)


# Codes


async def test_the_right_code_is_good_once_and_makes_its_browser_known_for_two_hours(codes: PageCodes) -> None:
    assert isinstance(await reserved(codes), CodeReserved)
    assert await codes.verified_until(LINK, BROWSER, NOW) is None
    until = NOW + MINUTE + SESSION_LASTS
    assert await codes.verify(LINK, BROWSER, ["under-a-new-key", *RIGHT], NOW + MINUTE) == Verified(until=until)
    assert await codes.verify(LINK, BROWSER, RIGHT, NOW + MINUTE) == CodeExpired()
    assert await codes.verified_until(LINK, BROWSER, until - SECOND) == until
    assert await codes.verified_until(LINK, BROWSER, until) is None


async def test_a_code_is_for_the_browser_and_the_link_that_asked_for_it(codes: PageCodes) -> None:
    await reserved(codes)
    bobs = LINK.model_copy(update={"customer": BOB})
    for link, browser in ((LINK, OTHER_BROWSER), (OTHER_LINK, BROWSER), (bobs, BROWSER)):
        assert await codes.verify(link, browser, RIGHT, NOW) == CodeExpired()
    assert isinstance(await codes.verify(LINK, BROWSER, RIGHT, NOW), Verified)
    for link, browser in ((LINK, OTHER_BROWSER), (OTHER_LINK, BROWSER)):
        assert await codes.verified_until(link, browser, NOW) is None


async def test_after_ten_minutes_the_right_code_is_as_good_as_none(codes: PageCodes) -> None:
    await reserved(codes)
    assert await codes.verify(LINK, BROWSER, RIGHT, NOW + CODE_LASTS) == CodeExpired()
    assert isinstance(await codes.verify(LINK, BROWSER, RIGHT, NOW + CODE_LASTS - SECOND), Verified)


async def test_after_five_wrong_ones_the_right_code_is_refused(codes: PageCodes) -> None:
    await reserved(codes)
    answers = [await codes.verify(LINK, BROWSER, WRONG, NOW) for _ in range(5)]
    assert answers == [*(Wrong(tries_left=left) for left in (4, 3, 2, 1)), TooMany()]
    assert await codes.verify(LINK, BROWSER, RIGHT, NOW) == TooMany()
    assert await codes.verified_until(LINK, BROWSER, NOW) is None
    await reserved(codes, at=NOW + SECOND)
    assert isinstance(await codes.verify(LINK, BROWSER, RIGHT, NOW + SECOND), Verified)


async def test_of_guesses_at_the_same_time_each_is_counted(codes: PageCodes) -> None:
    await reserved(codes)
    answers = await asyncio.gather(*(codes.verify(LINK, BROWSER, WRONG, NOW) for _ in range(20)))
    assert sorted(a.tries_left for a in answers if isinstance(a, Wrong)) == [1, 2, 3, 4]
    assert answers.count(TooMany()) == 16


async def test_the_right_code_at_the_same_time_is_used_once(codes: PageCodes) -> None:
    await reserved(codes)
    answers = await asyncio.gather(*(codes.verify(LINK, BROWSER, RIGHT, NOW) for _ in range(8)))
    assert sum(isinstance(answer, Verified) for answer in answers) == 1


async def test_the_code_that_was_asked_for_last_counts(codes: PageCodes) -> None:
    await codes.reserve(LINK, BROWSER, "email", "hash-of-the-first", NOW)
    await codes.reserve(LINK, BROWSER, "sms", "hash-of-the-second", NOW + SECOND)
    assert await codes.verify(LINK, BROWSER, ["hash-of-the-first"], NOW + MINUTE) == Wrong(tries_left=4)
    assert isinstance(await codes.verify(LINK, BROWSER, ["hash-of-the-second"], NOW + MINUTE), Verified)


async def test_three_codes_an_hour_for_a_customer_whatever_link_or_browser_asks(codes: PageCodes) -> None:
    for minute, (link, browser) in enumerate([(LINK, BROWSER), (OTHER_LINK, BROWSER), (LINK, OTHER_BROWSER)]):
        assert isinstance(await reserved(codes, link, browser, NOW + minute * MINUTE), CodeReserved)
    assert await reserved(codes, at=NOW + 3 * MINUTE) == TooManyCodes(until=NOW + HOUR)
    bobs = PayLink.of_letter(BOB, "mes_3.email", NOW)
    assert isinstance(await reserved(codes, bobs, at=NOW + 3 * MINUTE), CodeReserved)
    assert isinstance(await reserved(codes, at=NOW + HOUR), CodeReserved)


async def test_ten_codes_a_day_however_patient_somebody_is(codes: PageCodes) -> None:
    for number in range(10):
        assert isinstance(await reserved(codes, at=NOW + number * HOUR), CodeReserved)
    assert await reserved(codes, at=NOW + 20 * HOUR) == TooManyCodes(until=NOW + DAY)
    assert isinstance(await reserved(codes, at=NOW + DAY), CodeReserved)


async def test_of_many_requests_at_the_same_time_three_get_a_code(codes: PageCodes) -> None:
    answers = await asyncio.gather(*(reserved(codes) for _ in range(12)))
    assert sum(isinstance(answer, CodeReserved) for answer in answers) == 3


async def test_a_code_that_did_not_go_out_uses_nothing_up(codes: PageCodes) -> None:
    for _ in range(5):
        answer = await reserved(codes)
        await codes.not_sent(answer.code_id)
    assert await codes.verify(LINK, BROWSER, RIGHT, NOW) == CodeExpired()
    assert isinstance(await reserved(codes), CodeReserved)


async def test_what_nothing_asks_for_is_forgotten(codes: PageCodes, page: Store) -> None:
    await reserved(codes)
    await codes.verify(LINK, BROWSER, RIGHT, NOW)
    await codes.forget_old(NOW + HOUR)
    assert await codes.verified_until(LINK, BROWSER, NOW + HOUR)
    await codes.forget_old(NOW + DAY + SECOND)
    for table in ("page_codes", "page_sessions"):
        assert await page.pool.fetchval(f"select count(*) from {table}") == 0


def test_hashes_are_compared_in_constant_time_and_to_the_last() -> None:
    source = inspect.getsource(is_one_of)
    assert "compare_digest" in source
    assert "==" not in source
    assert "return True" not in source
    assert "is_one_of(" in inspect.getsource(PageCodes.verify)
    assert is_one_of("a", ["a"])
    assert is_one_of("a", ["b", "a", "é"])
    assert not is_one_of("a", ["b", ""])
    assert not is_one_of("a", [])


# Tries


async def tried(page: Store, action: str, at: Any, succeeded: bool | None = False, case_id: str = CASE) -> Any:
    verdict = await page.page_tries.reserve(ADA, case_id, action, at)
    if succeeded is not None:
        await page.page_tries.ended(action, succeeded)
    return verdict


async def five_tries(page: Store) -> None:
    for number in range(5):
        assert await tried(page, f"act_{number}", NOW + number * 11 * MINUTE) == Allowed()


async def test_after_each_failure_the_next_try_waits_longer_whatever_case_it_is_for(page: Store) -> None:
    assert await tried(page, "act_1", NOW) == Allowed()
    assert await tried(page, "act_2", NOW, case_id="stripe/default/in_2") == Allowed()
    assert await tried(page, "act_3", NOW, case_id="stripe/default/in_3") == Wait(until=NOW + 30 * SECOND)
    assert await tried(page, "act_3", NOW + 30 * SECOND) == Allowed()
    assert await tried(page, "act_4", NOW + MINUTE) == Wait(until=NOW + 30 * SECOND + 2 * MINUTE)
    assert await page.page_tries.reserve(BOB, CASE, "act_bob", NOW) == Allowed()


async def test_the_sixth_within_an_hour_goes_to_a_person_and_makes_one_task_a_day(page: Store) -> None:
    await five_tries(page)
    ask = AskPerson(until=NOW + HOUR)
    at = NOW + 50 * MINUTE
    answers = [await tried(page, f"act_more_{n}", at + n * SECOND, case_id=f"stripe/default/in_{n}") for n in (1, 2)]
    assert answers == [ask, ask]
    (task,) = await page.cases.open_tasks()
    assert (task.kind, task.assignee, task.case_id) == ("card_testing", "ops", "stripe/default/in_1")
    assert ADA.customer_id not in task.summary
    assert await page.pool.fetchval("select count(*) from page_tries") == 5, "what was refused is no try"
    for number in range(5):
        await tried(page, f"act_later_{number}", NOW + 5 * HOUR + number * 11 * MINUTE)
    assert isinstance(await tried(page, "act_tenth", NOW + 15 * HOUR), AskPerson), "ten a day"
    assert len(await page.cases.open_tasks()) == 2, "15 hours later it is another day"


async def test_two_tabs_cannot_both_take_the_last_try(page: Store) -> None:
    for number in range(4):
        await tried(page, f"act_{number}", NOW + number * 11 * MINUTE)
    at = NOW + 50 * MINUTE
    answers = await asyncio.gather(*(page.page_tries.reserve(ADA, CASE, f"tab_{n}", at) for n in range(8)))
    assert answers.count(Allowed()) == 1
    assert sum(isinstance(answer, AskPerson) for answer in answers) == 7
    assert len(await page.cases.open_tasks()) == 1


async def test_an_action_asks_as_often_as_it_likes_until_it_has_ended(page: Store) -> None:
    answers = await asyncio.gather(*(page.page_tries.reserve(ADA, CASE, "act_1", NOW) for _ in range(8)))
    assert answers == [Allowed()] * 8
    assert await page.pool.fetchval("select count(*) from page_tries") == 1
    await page.page_tries.ended("act_1", False)
    verdicts = [await tried(page, "act_1", NOW) for _ in range(2)]
    assert verdicts == [Allowed(), Wait(until=NOW + 30 * SECOND)], "one name carries nobody past the limit"


async def test_what_would_be_said_is_told_before_the_fields_are_opened_and_nothing_is_written(page: Store) -> None:
    assert await page.page_tries.outlook(ADA, NOW) == Allowed()
    await five_tries(page)
    at = NOW + 50 * MINUTE
    assert await page.page_tries.outlook(ADA, at) == AskPerson(until=NOW + HOUR)
    assert await page.page_tries.outlook(BOB, at) == Allowed()
    assert await page.pool.fetchval("select count(*) from page_tries") == 5
    assert await page.cases.open_tasks() == []


async def test_the_action_of_another_customer_opens_nothing(page: Store) -> None:
    await five_tries(page)
    await page.page_tries.reserve(BOB, CASE, "act_bob", NOW)
    assert isinstance(await page.page_tries.reserve(ADA, CASE, "act_bob", NOW + 50 * MINUTE), AskPerson)


async def test_a_payment_that_came_counts_for_nobody_and_stays_one(page: Store) -> None:
    for number in range(7):
        assert await tried(page, f"act_{number}", NOW, succeeded=True) == Allowed()
    await page.page_tries.ended("act_0", False)
    assert await tried(page, "act_7", NOW) == Allowed()
    await page.page_tries.ended("act_7", True)
    lately = await page.page_tries.recent(ADA, NOW)
    assert lately == TriesLately(unsuccessful_in_hour=0, unsuccessful_in_day=0, succeeded_in_day=8, cases_in_day=1)


async def test_a_try_whose_end_nobody_knows_counts_like_a_failure(page: Store) -> None:
    for number in range(2):
        await tried(page, f"act_{number}", NOW, succeeded=None)
    assert await tried(page, "act_2", NOW) == Wait(until=NOW + 30 * SECOND)


async def test_the_fraud_check_is_told_of_the_last_hour_and_day(page: Store) -> None:
    assert await page.page_tries.recent(ADA, NOW) == TriesLately.model_validate(
        dict.fromkeys(TriesLately.model_fields, 0)
    )
    await tried(page, "act_1", NOW, case_id="stripe/default/in_1")
    await tried(page, "act_2", NOW + 2 * HOUR, case_id="stripe/default/in_2", succeeded=None)
    await tried(page, "act_3", NOW + 2 * HOUR, succeeded=True)
    at = NOW + 2 * HOUR + MINUTE
    assert await page.page_tries.recent(ADA, at) == TriesLately(
        unsuccessful_in_hour=1, unsuccessful_in_day=2, succeeded_in_day=1, cases_in_day=2
    )
    assert (await page.page_tries.recent(BOB, at)).cases_in_day == 0
