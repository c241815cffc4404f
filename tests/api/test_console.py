"""The page of all messages: for anybody, with made-up facts, and nothing in it runs."""

import re
from functools import partial

import pytest

from activities.channels.render import LANGUAGES
from activities.store.store import Store
from tests.fixtures.store import RunningApi, dead_temporal, running_api
from workers.message_tools.gallery import gallery_page
from workers.settings import Settings
from workers.wiring import make_renderer


async def test_the_gallery_is_served_and_runs_nothing(store: Store) -> None:
    renderer = make_renderer(Settings())
    gallery = partial(gallery_page, renderer)
    async with running_api(store, await dead_temporal(), gallery=gallery) as api:
        async with api.session.get(f"{api.url}/console/messages/en.html") as answer:
            page = await answer.text()
            assert answer.status == 200
            assert answer.content_type == "text/html"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert set(re.findall(r'hreflang="(\w\w)"', page)) == set(LANGUAGES)
        assert "<script" not in page
        unknown = await api.ask("GET", "/console/messages/sw.html", token=None)
        assert (unknown.status, unknown.body["error"]) == (404, "unknown_language")


@pytest.mark.parametrize("language", ["en", "../x", "EN"])
async def test_where_no_words_are_set_up_there_is_no_page(api: RunningApi, language: str) -> None:
    assert (await api.ask("GET", f"/console/messages/{language}.html", token=None)).status in (400, 401, 404)
