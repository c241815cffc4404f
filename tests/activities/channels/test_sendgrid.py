"""E-mail by SendGrid: its own client against a local server that answers as documented."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from activities.channels.accounts import SendGridProvider
from activities.channels.contract import Accepted, Attachment, Channel, NotSent, Unclear
from activities.channels.sendgrid import HOSTS, SendGridChannel
from activities.errors import Misconfigured, RateLimited
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.activities.channels.sendgrid_server import (
    API_KEY,
    REFUSED,
    Answer,
    SendGridServer,
    sendgrid_error,
    sendgrid_server,
)
from tests.fixtures.troubled import Trouble, troubled

GOOD = "ada@example.test"


def provider(url: str, **others: Any) -> SendGridProvider:
    fields = {"api_key": SecretStr(API_KEY), "sender": "billing@shop.example", "timeout_seconds": 10, "base_url": url}
    return SendGridProvider.model_validate({**fields, **others})


@contextmanager
def open_channel(url: str, **others: Any) -> Iterator[SendGridChannel]:
    channel = SendGridChannel(provider(url, **others), "Shop & Söhne")
    try:
        yield channel
    finally:
        channel.close()


class SendGridStand:
    good_address = GOOD
    refused_address = REFUSED

    def __init__(self, server: SendGridServer, channel: SendGridChannel) -> None:
        self.server = server
        self.channel: Channel = channel

    async def delivered(self) -> list[tuple[str, str, str]]:
        return [
            (mail["personalizations"][0]["to"][0]["email"], mail["subject"], mail["content"][0]["value"])
            for mail in self.server.mails
        ]

    @asynccontextmanager
    async def troubled_channel(self, trouble: Trouble) -> AsyncIterator[Channel]:
        if trouble is Trouble.REFUSES:
            async with troubled(trouble) as url:
                with open_channel(url, timeout_seconds=0.5) as channel:
                    yield channel
            return
        self.server.trouble = trouble
        with open_channel(self.server.url, timeout_seconds=0.5) as channel:
            yield channel


@pytest.fixture
async def channels() -> AsyncIterator[SendGridStand]:
    async with sendgrid_server() as server:
        with open_channel(server.url) as channel:
            yield SendGridStand(server, channel)


class TestSendGrid(ChannelContract):
    pass


async def test_the_mail_has_text_and_html_our_key_and_a_way_to_end_these_mails(channels: SendGridStand) -> None:
    letter = letter_to(GOOD, "mes_1.email").model_copy(
        update={"html": "<p>Hello</p>", "unsubscribe": "https://api.example/u"}
    )
    assert await channels.channel.send(letter) == Accepted(reference="msg-1")
    [mail] = channels.server.mails
    assert mail["from"] == {"name": "Shop & Söhne", "email": "billing@shop.example"}
    assert [part["type"] for part in mail["content"]] == ["text/plain", "text/html"]
    assert mail["custom_args"] == {"recoup_key": "mes_1.email"}
    assert mail["headers"]["List-Unsubscribe"] == "<https://api.example/u>"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["tracking_settings"]["open_tracking"] == {"enable": False}
    assert mail["tracking_settings"]["click_tracking"]["enable"] is False


async def test_opens_and_clicks_are_counted_where_that_is_wanted(channels: SendGridStand) -> None:
    with open_channel(channels.server.url, track=True) as channel:
        await channel.send(letter_to(GOOD))
    assert channels.server.mails[0]["tracking_settings"]["open_tracking"] == {"enable": True}


async def test_a_file_goes_with_it(channels: SendGridStand) -> None:
    story = Attachment(name="case.txt", content_type="text/plain", text="it failed – twice")
    await channels.channel.send(letter_to(GOOD).model_copy(update={"attachments": (story,)}))
    [attached] = channels.server.mails[0]["attachments"]
    assert (attached["filename"], attached["type"]) == ("case.txt", "text/plain")


@pytest.mark.parametrize("address", ["", "ada", "a@b\r\nBcc: eve@example.test", "ada@example.test, eve@example.test"])
async def test_what_is_no_address_is_not_sent(channels: SendGridStand, address: str) -> None:
    assert await channels.channel.send(letter_to(address)) == NotSent(reason="it is no e-mail address")
    assert channels.server.mails == []


@pytest.mark.parametrize(
    "answer",
    [
        sendgrid_error(401),
        sendgrid_error(403, "from"),
        sendgrid_error(404),
        sendgrid_error(400, "from.email"),
        sendgrid_error(400, "content.0.value"),
        sendgrid_error(400, "personalizations.0.custom_args"),
    ],
)
async def test_what_is_set_up_wrongly_is_our_fault(channels: SendGridStand, answer: Answer) -> None:
    channels.server.answer = answer
    with pytest.raises(Misconfigured):
        await channels.channel.send(letter_to(GOOD))


@pytest.mark.parametrize("answer", [(413, {}, {}), (400, "no object", {}), (400, {"errors": [7]}, {})])
async def test_any_other_no_is_not_sent(channels: SendGridStand, answer: Answer) -> None:
    channels.server.answer = answer
    assert isinstance(await channels.channel.send(letter_to(GOOD)), NotSent)


@pytest.mark.parametrize("answer", [(200, {}, {"X-Message-Id": "x"}), (202, None, {}), (302, {}, {})])
async def test_only_the_documented_yes_is_a_yes(channels: SendGridStand, answer: Answer) -> None:
    channels.server.answer = answer
    assert isinstance(await channels.channel.send(letter_to(GOOD)), Unclear)


async def test_how_long_to_wait_is_sendgrids_word(channels: SendGridStand) -> None:
    channels.server.trouble = Trouble.SLOW_DOWN
    with pytest.raises(RateLimited) as raised:
        await channels.channel.send(letter_to(GOOD))
    assert raised.value.retry_after_seconds == 7


async def test_a_wrong_key_is_our_fault_and_stays_untold(channels: SendGridStand) -> None:
    with (
        open_channel(channels.server.url, api_key=SecretStr("SG.another")) as channel,
        pytest.raises(Misconfigured) as raised,
    ):
        await channel.send(letter_to(GOOD))
    assert "SG.another" not in str(raised.value)


def test_data_may_stay_in_europe() -> None:
    assert HOSTS == {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
