from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
import pytest

from activities.channels.contract import Channel
from activities.channels.sandbox import SandboxChannel
from activities.sandbox_client import SandboxClient
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.fixtures.sandbox import RunningSandbox
from tests.fixtures.troubled import Trouble, troubled

Name = Literal["email", "sms", "in_app"]


class SandboxStand:
    good_address = "ada@example.test"
    refused_address = "bounce@example.test"

    def __init__(self, sandbox: RunningSandbox, name: Name) -> None:
        self.sandbox = sandbox
        self.name: Name = name
        self.channel: Channel = SandboxChannel(name, sandbox.client())

    async def delivered(self) -> list[tuple[str, str, str]]:
        messages = (await self.sandbox.get("/outbox.json")).body["messages"]
        return [(m["to"], m["subject"], m["text"]) for m in reversed(messages) if m["channel"] == self.name]

    @asynccontextmanager
    async def troubled_channel(self, trouble: Trouble) -> AsyncIterator[Channel]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxChannel(self.name, SandboxClient(session, url, timeout_seconds=0.5))


@pytest.fixture(params=["email", "sms", "in_app"])
def channels(sandbox: RunningSandbox, request: pytest.FixtureRequest) -> SandboxStand:
    return SandboxStand(sandbox, request.param)


class TestSandboxChannel(ChannelContract):
    async def test_the_same_message_twice_is_sent_once(self, channels: SandboxStand) -> None:
        letter = letter_to(channels.good_address)
        first = await channels.channel.send(letter)
        assert await channels.channel.send(letter) == first
        assert len(await channels.delivered()) == 1
