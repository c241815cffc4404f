"""What customers tell on their page besides paying: there is a mistake, and a person is wanted."""

from tests.api.page.conftest import Visit
from tests.fixtures.town import Case, Town

WORDS = "I moved to the small plan in spring, Zanzibar branch"


async def test_a_mistake_holds_the_case_and_a_person_reads_the_words_which_no_history_keeps(
    town: Town, visit: Visit
) -> None:
    case = await town.fails("do_not_honor", segment="self_serve")
    await visit.opens(case)
    await visit.unfolds("There is a mistake")
    await visit.page.get_by_label("What is wrong?").select_option(label="The amount is wrong")
    await visit.page.get_by_label("In your own words").fill(WORDS)
    await visit.shot("mistake")
    await visit.page.get_by_role("button", name="Tell us").click()
    await visit.page.get_by_role("status").get_by_text("Thank you for telling us.").wait_for()
    await visit.until_headline("We are looking into it")
    await visit.shot("mistake-told")
    assert await visit.page.locator("form[action$='/checkout']").count() == 0
    letters = len(await case.letters())
    await case.to_day(12)
    assert (len(await case.charges()), len(await case.letters())) == (0, letters)
    tasks = await _tasks(case)
    assert WORDS in [task["summary"] for task in tasks]
    assert any("there is a mistake: wrong amount" in str(task["summary"]) for task in tasks), tasks
    assert "Zanzibar" not in str((await case.handle.fetch_history()).to_json())


async def test_a_second_click_on_a_told_mistake_makes_no_second_task(town: Town, visit: Visit) -> None:
    case = await town.fails("do_not_honor", segment="self_serve")
    await visit.opens(case)
    await visit.unfolds("There is a mistake")
    await visit.page.get_by_label("In your own words").fill(WORDS)
    await visit.page.get_by_role("button", name="Tell us").dblclick()
    await visit.until_headline("We are looking into it")
    assert [task["summary"] for task in await _tasks(case)].count(WORDS) == 1


async def test_who_asks_for_a_person_is_answered_by_one_and_the_case_goes_on(town: Town, visit: Visit) -> None:
    case = await town.fails("do_not_honor", segment="self_serve")
    await visit.opens(case)
    await visit.unfolds("Talk to a person")
    await visit.page.get_by_label("What is it about?").fill(WORDS)
    await visit.shot("help")
    await visit.page.get_by_role("button", name="Ask for a call or a message").click()
    await visit.page.get_by_role("status").get_by_text("A colleague will get in touch with you.").wait_for()
    await visit.shot("help-asked")
    assert WORDS in [task["summary"] for task in await _tasks(case)]
    assert "Zanzibar" not in str((await case.handle.fetch_history()).to_json())
    await case.to_day(1.5)
    assert len(await case.charges()) == 1, "asking a question pauses nothing"


async def _tasks(case: Case) -> list[dict[str, object]]:
    rows = await case.town.store.pool.fetch("select * from tasks where case_id = $1", case.ref.case_id)
    return [dict(row) for row in rows]
