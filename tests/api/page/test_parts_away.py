"""While Temporal, the database or the gateway is away the customer reads a kind sentence, and nothing is charged."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from temporalio.client import Client

from activities.errors import Unavailable
from activities.gateways.contract import SessionRequest, UpdateSession
from activities.gateways.sandbox import SandboxGateway
from activities.sandbox_client import SandboxClient
from api.app import make_app
from api.parts import ApiParts
from api.server import runner_of
from api.wake import RelayWaker
from tests.api.page.conftest import link_of
from tests.fixtures.store import DEAD_ADDRESS
from tests.fixtures.town import Town, free_port, serve
from workers.customer_page import make_page
from workers.temporal import connect
from workers.wiring import Wiring


class GatewayAway(SandboxGateway):
    async def update_session(self, request: SessionRequest) -> UpdateSession:
        raise Unavailable("no connection")


@asynccontextmanager
async def another_api(town: Town, temporal: Client | None = None, wiring: Wiring | None = None) -> AsyncIterator[str]:
    """The same page, where something cannot be reached."""
    async with AsyncExitStack() as parts:
        api_parts = ApiParts(
            store=town.store,
            temporal=temporal or town.temporal,
            speakers={},
            webhook_secrets={},
            tokens={},
            waker=RelayWaker(town.store.pool),
            intake=town.wiring.intake,
            tally=town.wiring.tally,
            links=town.settings.links(),
            page=make_page(town.settings, wiring or town.wiring),
        )
        port = free_port()
        await serve(runner_of(make_app(api_parts)), port, parts)
        yield f"http://127.0.0.1:{port}"


async def dead_temporal(town: Town) -> Client:
    return await connect(town.settings.model_copy(update={"temporal_address": DEAD_ADDRESS}), lazy=True)


def on(url: str, link: str) -> str:
    return url + "/pay/" + link.rpartition("/")[2]


async def test_without_temporal_the_page_says_so_kindly(town: Town) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    async with (
        another_api(town, temporal=await dead_temporal(town)) as url,
        town.session.get(on(url, link)) as response,
    ):
        text = await response.text()
        assert (response.status, response.content_type) == (503, "text/html")
        assert response.headers["Retry-After"] == "5"
        assert "Nothing was changed or charged." in text
        assert case.ref.invoice_id not in text


async def test_with_temporal_away_the_application_s_wall_is_told_to_ask_again(town: Town) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    async with another_api(town, temporal=await dead_temporal(town)) as url:
        for rest in ("/summary", "/api"):
            async with town.session.get(on(url, link) + rest) as response:
                assert (response.status, (await response.json())["error"]) == (503, "unavailable")


async def test_a_gateway_that_is_away_is_no_refusal(town: Town) -> None:
    """The fields cannot be opened; nothing was tried, so nothing counts against the customer."""
    case = await town.fails("expired_card")
    link = await link_of(case)
    away = GatewayAway(SandboxClient(town.session, town.settings.sandbox_url))
    wiring = replace(town.wiring, adapters=replace(town.wiring.adapters, gateways={"sandbox": away}))
    async with another_api(town, wiring=wiring) as url:
        checkouts = on(url, link) + "/api/checkouts"
        async with town.session.post(checkouts, json={"way": "card"}) as response:
            assert (response.status, (await response.json())["error"]) == (503, "unavailable")
    assert await case.charges() == []
    customer = case.ref.customer(case.customer_id)
    assert (await town.store.page_tries.recent(customer, datetime.now(UTC))).unsuccessful_in_hour == 0
