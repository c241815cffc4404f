"""A case has slept for days, everything was stopped and started again, and the page still reaches it at once."""

from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from tests.api.page.conftest import PHONE, Visit, link_of
from tests.fixtures.town import Case, building_town, new_databases
from workers.wiring import read_policies
from workers.worker import activities_of, working


@pytest.mark.parametrize("visit", [PHONE], ids=["phone"], indirect=True)
async def test_a_payment_wakes_a_case_on_a_worker_that_has_just_started(
    temporal: Client, database_url: str, visit: Visit
) -> None:
    databases = await new_databases(database_url)
    async with building_town(temporal, *databases) as before:
        slept = await before.fails("expired_card")
        assert await slept.to_day(5)
        link, queue = await link_of(slept), before.settings.task_queue
    async with building_town(temporal, *databases) as after:
        # Cases stay on the queue on which they were begun.
        settings = after.settings.model_copy(update={"task_queue": queue})
        async with working(temporal, activities_of(after.wiring, read_policies([]), settings), settings):
            case = Case(after, slept.ref.invoice_id, slept.customer_id)
            await visit.page.goto(after.api_url + urlsplit(link).path)
            await visit.pays_by_card()
            await visit.until_headline("Thank you")
            assert await case.until_closed() == "recovered"
            assert [charge["status"] for charge in await case.charges()] == ["succeeded"]
