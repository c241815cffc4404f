"""Somebody with a link tries stolen cards: the page slows down, then asks a person, and every try is judged."""

from typing import Any

import pytest

from activities.fraud.contract import FraudQuestion, FraudVerdict
from activities.fraud.sandbox import SandboxFraudCheck
from tests.api.page.conftest import link_of
from tests.api.page.strangers import STORED, Stranger, wall_link
from tests.fixtures.town import Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")

FIELDS = 'id="recoup-fields"'


async def later(case: Case, minutes: int = 11) -> None:
    """As if the tries so far had been so long ago."""
    change = "update page_tries set at = at - make_interval(mins => $2) where customer_id = $1"
    await case.town.store.pool.execute(change, case.customer_id, minutes)


async def tries_of(case: Case) -> int:
    rows = "select count(*) from page_tries where customer_id = $1"
    return int(await case.town.store.pool.fetchval(rows, case.customer_id))


async def tasks_of(case: Case) -> list[dict[str, Any]]:
    rows = await case.town.store.pool.fetch(
        "select kind, assignee, summary from tasks where case_id = $1 and kind = 'card_testing'", case.ref.case_id
    )
    return [dict(row) for row in rows]


async def fails_once(who: Stranger) -> None:
    """The fields were opened and brought nothing that can be charged."""
    checkout = await who.begins()
    assert FIELDS in (await who.opens(f"/checkout/{checkout}")).text
    assert (await who.sends(f"/checkout/{checkout}", {"result.x": "y"})).status == 303


async def test_after_two_failures_the_fields_stay_shut_for_a_while_on_every_link_and_in_the_json(town: Town) -> None:
    case = await town.fails("expired_card")
    mine, wall = Stranger(town, await link_of(case)), Stranger(town, await wall_link(case))
    opened_before = await mine.begins()
    await fails_once(mine)
    await fails_once(mine)
    for who in (mine, wall):
        page = await who.opens(f"/checkout/{await who.begins()}")
        assert FIELDS not in page.text
        assert town.settings.sandbox_url not in page.text, "no gateway was asked"
    api = await wall.ask("POST", "/api/checkouts", b'{"way": "card"}')
    assert '"state":"stopped"' in api.text
    assert '"fields":null' in api.text
    await mine.sends(f"/checkout/{opened_before}", {"result.x": "y"})
    api = await mine.ask("POST", f"/api/checkouts/{opened_before}", b'{"result": {"x": "y"}}')
    assert '"state":"stopped"' in api.text, "fields that were open already bring nothing through"
    assert await tries_of(case) == 2
    await later(case, 1)
    await fails_once(wall)
    assert await tries_of(case) == 3


async def test_after_five_failures_a_person_looks_and_no_card_or_stored_way_goes_through(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.new_card()
    mine = Stranger(town, await link_of(case))
    await mine.proves()
    for _ in range(5):
        await fails_once(mine)
        await later(case)
    assert await tasks_of(case) == []
    for _ in range(3):
        opened = await mine.opens(f"/checkout/{await mine.begins()}")
        assert FIELDS not in opened.text
    (task,) = await tasks_of(case)
    assert task["assignee"] == "ops"
    assert case.customer_id not in task["summary"]
    name = STORED.findall((await mine.opens()).text)[0]
    stored = await mine.sends("/checkout", {"stored-way": name})
    assert 'data-state="owed"' in (await mine.opens(stored.location.removeprefix(mine.path))).text
    assert await case.charges() == []
    assert await tries_of(case) == 5


async def test_who_goes_on_at_fields_that_are_open_already_makes_a_task_for_a_person_once(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    opened = [await mine.begins() for _ in range(8)]
    for checkout in opened[:5]:
        await mine.sends(f"/checkout/{checkout}", {"result.x": "y"})
        await later(case)
    for checkout in (*opened[5:], opened[0], opened[1]):
        await mine.sends(f"/checkout/{checkout}", {"result.x": "y"})
    (task,) = await tasks_of(case)
    assert task["assignee"] == "ops"
    assert await tries_of(case) == 5


async def test_a_name_that_has_failed_carries_nobody_past_the_limit(town: Town) -> None:
    """One checkout sent again and again counts as often as it is tried."""
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    checkout = await mine.begins()
    for _ in range(6):
        await mine.sends(f"/checkout/{checkout}", {"result.x": "y"})
    assert await tries_of(case) == 2


async def test_the_fraud_check_sees_each_try_with_those_before_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FraudQuestion] = []
    assess = SandboxFraudCheck.assess

    async def noted(self: SandboxFraudCheck, question: FraudQuestion) -> FraudVerdict:
        asked.append(question)
        return await assess(self, question)

    monkeypatch.setattr(SandboxFraudCheck, "assess", noted)
    case = await town.fails("expired_card")
    for _ in range(2):
        await case.new_card("do_not_honor")
    mine = Stranger(town, await link_of(case))
    await mine.proves()
    names = STORED.findall((await mine.opens()).text)
    assert len(names) == 2
    for name in names:
        await mine.sends("/checkout", {"stored-way": name})
        await later(case, 2)
    mine_only = [each for each in asked if each.customer_id == case.customer_id and each.initiator == "customer"]
    assert [each.recent_tries for each in mine_only] == [1, 2]
    assert len({each.credential_id for each in mine_only}) == 2


async def test_a_card_that_looks_like_testing_is_not_charged(town: Town) -> None:
    case = await town.fails("expired_card")
    await case.new_card("fraud_suspect")
    mine = Stranger(town, await link_of(case))
    await mine.proves()
    name = STORED.findall((await mine.opens()).text)[0]
    await mine.sends("/checkout", {"stored-way": name})
    assert await case.charges() == []
