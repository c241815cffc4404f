"""The page as JSON: what other origins may do there, and where a gateway may bring a customer back to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from api.pay.guard import RATES, Rates
from tests.api.page.conftest import link_of
from tests.api.page.strangers import Stranger
from tests.fixtures.town import Town, building_town, new_databases

pytestmark = pytest.mark.usefixtures("unhurried")

APP = "https://app.example.com"


@pytest.fixture(scope="module")
async def shop_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    async with building_town(temporal, *await new_databases(database_url), feed_origins=[APP]) as built:
        yield built


def choosing(return_url: str) -> bytes:
    escaped = return_url.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'{{"way": "card", "return_url": "{escaped}"}}'.encode()


async def test_a_gateway_brings_nobody_back_to_a_page_that_is_not_set_up(shop_town: Town) -> None:
    mine = Stranger(shop_town, await link_of(await shop_town.fails("expired_card")))
    refused = [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://app.example.com:8443/",
        "https://app.example.com\\@evil.example/",
        "https://app.example.com\\.evil.example/",
        "https://APP.example.com@evil.example",
        "http://app.example.com/",
        "//app.example.com/",
        "/pay/x",
        "javascript:alert(1)//https://app.example.com/",
        "https://app.example.com/\nX: y",
        "https://app.example.com/\t",
        "https://[app.example.com/",
        "",
    ]
    for url in refused:
        answer = await mine.ask("POST", "/api/checkouts", choosing(url))
        assert (answer.status, "unknown_return_url" in answer.text) == (409, True), url
    good = await mine.ask("POST", "/api/checkouts", choosing(f"{APP}/paid?a=b#c"))
    assert good.status == 201


async def test_other_origins_are_told_nothing_unless_they_are_set_up_and_never_with_cookies(shop_town: Town) -> None:
    mine = Stranger(shop_town, await link_of(await shop_town.fails("expired_card")))
    paths = ("/api", "/api/checkouts", "/summary", "/stream")
    for origin in (
        "https://evil.example",
        "https://app.example.com.evil.example",
        "null",
        "http://app.example.com",
        "",
    ):
        for path in paths:
            allowed = await mine.ask("OPTIONS", path, headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in allowed.headers, (origin, path)
        assert "Access-Control-Allow-Origin" not in (await mine.opens("/api", {"Origin": origin})).headers
    for path in paths:
        allowed = await mine.ask("OPTIONS", path, headers={"Origin": APP})
        assert allowed.headers["Access-Control-Allow-Origin"] == APP
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        assert allowed.headers["Vary"] == "Origin"


async def test_too_many_requests_are_told_to_wait_in_json(shop_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Stranger(shop_town, await link_of(await shop_town.fails("expired_card")))
    plenty: dict[str, Any] = {"customer": 6_000, "address": 6_000}
    monkeypatch.setitem(RATES, "post", Rates(link=3, **plenty))
    answers = [await mine.ask("POST", "/api/verify", b'{"code": "000000"}') for _ in range(6)]
    assert [answer.status for answer in answers[:3]] == [200] * 3
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert '"too_many_requests"' in answers[-1].text


async def test_bodies_that_are_not_what_they_should_be_change_nothing(shop_town: Town) -> None:
    case = await shop_town.fails("expired_card")
    mine = Stranger(shop_town, await link_of(case))
    odd = [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"way": 1}',
        b'{"way": "card", "x": 1}',
        b'{"way": "card", "plan": true}',
    ]
    odd += [b'{"way": "card", "amount": {"amount_minor": "x", "currency": "EUR"}}', b"[" * 100_000]
    for path in ("/api/checkouts", "/api/promise", "/api/mistake", "/api/help", "/api/code", "/api/verify"):
        for body in odd:
            answer = await mine.ask("POST", path, body)
            assert answer.status == 400, (path, body[:40])
            assert "Traceback" not in answer.text
    for table in ("page_checkouts", "page_codes", "page_tries"):
        rows = f"select count(*) from {table} where customer_id = $1"
        assert await shop_town.store.pool.fetchval(rows, case.customer_id) == 0
