"""Mail scanners open every link, several times: nothing may change by it, in no table of ours and of the sandbox's."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest
from temporalio.client import Client

from tests.api.page.conftest import PHONE, Visit, link_of
from tests.fixtures.town import building_town, new_databases

GETS = ("", "?said=promised", "?in=frame", "/summary", "/checkout/no-such-checkout")
STATIC = ("/pay/static/pay.js", "/pay/static/recoup-pay.js", "/pay/fields/sandbox.js")
POSTS_ONLY = ("/checkout", "/promise", "/mistake", "/help", "/code", "/verify", "/seen")
TIMES = 3


@pytest.mark.parametrize("visit", [PHONE], ids=["phone"], indirect=True)
async def test_looking_changes_nothing(temporal: Client, database_url: str, visit: Visit) -> None:
    ours, sandbox = await new_databases(database_url)
    async with building_town(temporal, ours, sandbox) as town:
        case = await town.fails("expired_card")
        link = await link_of(case)
        await visit.page.goto(link)
        await visit.chooses("Card")
        await visit.fields.get_by_label("Card number").wait_for()
        checkout = urlsplit(visit.page.url).path.rpartition("/checkout/")[2]
        await visit.page.context.close()
        await _until_quiet(ours, sandbox)
        before = [await _contents(dsn) for dsn in (ours, sandbox)]
        history = len((await case.handle.fetch_history()).events)
        addresses = [link + tail for tail in (*GETS, f"/checkout/{checkout}", f"/checkout/{checkout}?back=1&a=b")]
        for address in [*addresses * TIMES, *(town.api_url + path for path in STATIC)]:
            for method in ("GET", "HEAD"):
                async with town.session.request(method, address) as response:
                    assert response.status < 500, address
                    await response.read()
        for tail in POSTS_ONLY:
            async with town.session.get(link + tail) as response:
                assert response.status in (404, 405), tail
        async with town.session.get(f"{link}/stream") as response:
            await response.content.readline()
        await asyncio.sleep(0.5)
        assert [await _contents(dsn) for dsn in (ours, sandbox)] == before
        assert len((await case.handle.fetch_history()).events) == history


async def _until_quiet(*dsns: str) -> None:
    """What the case and the page's script have begun is written down before the scanner comes."""
    last: list[dict[str, list[str]]] = []
    while (now := [await _contents(dsn) for dsn in dsns]) != last:
        last = now
        await asyncio.sleep(1)


async def _contents(dsn: str) -> dict[str, list[str]]:
    """Every row of every table."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        assert tables
        return {
            name: sorted(str(row[0]) for row in await connection.fetch(f'select t::text from "{name}" t'))
            for (name,) in tables
        }
    finally:
        await connection.close()
