"""Text messages by Twilio: its own client against a local server that answers as documented."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from activities.channels.accounts import TwilioProvider
from activities.channels.contract import Accepted, Channel, NotSent, SendOutcome, Unclear
from activities.channels.twilio import TwilioChannel
from activities.errors import Misconfigured, RateLimited, Unavailable
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.activities.channels.twilio_server import (
    ACCOUNT,
    BLOCKED,
    FOREIGN_SENDER,
    FULL_SENDER,
    GOOD,
    INVALID,
    KEY,
    KEY_SECRET,
    NO_MOBILE,
    NO_PERMISSION,
    SERVICE,
    TOKEN,
    UNROUTABLE,
    Answer,
    TwilioServer,
    twilio_error,
    twilio_server,
)
from tests.fixtures.troubled import Trouble, troubled

CALLBACK = "https://recoup.example/webhooks/twilio/default"


def provider(url: str, **others: Any) -> TwilioProvider:
    fields = {"account_sid": ACCOUNT, "auth_token": SecretStr(TOKEN), "sender": "+15005550006", "timeout_seconds": 10}
    return TwilioProvider.model_validate({**fields, "base_url": url, **others})


@contextmanager
def open_channel(url: str, callback: str | None = CALLBACK, **others: Any) -> Iterator[TwilioChannel]:
    channel = TwilioChannel(provider(url, **others), callback)
    try:
        yield channel
    finally:
        channel.close()


class TwilioStand:
    good_address = GOOD
    refused_address = INVALID

    def __init__(self, server: TwilioServer, channel: TwilioChannel) -> None:
        self.server = server
        self.channel: Channel = channel

    async def delivered(self) -> list[tuple[str, str, str]]:
        """A text message has no subject: the letter's stands for it."""
        subject = letter_to(GOOD).subject
        return [(form["To"], subject, form["Body"]) for form in self.server.messages]

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
async def channels() -> AsyncIterator[TwilioStand]:
    async with twilio_server() as server:
        with open_channel(server.url) as channel:
            yield TwilioStand(server, channel)


class TestTwilio(ChannelContract):
    pass


async def sent(stand: TwilioStand, address: str = GOOD) -> SendOutcome:
    return await stand.channel.send(letter_to(address))


async def test_the_form_is_twilios_and_names_where_to_tell_what_became_of_it(channels: TwilioStand) -> None:
    outcome = await channels.channel.send(letter_to(GOOD, "mes_1/é&.sms"))
    assert outcome == Accepted(reference="SM00000000000000000000000000000001")
    assert channels.server.messages == [
        {
            "To": GOOD,
            "From": "+15005550006",
            "Body": letter_to(GOOD).text,
            "ValidityPeriod": "14400",
            "StatusCallback": f"{CALLBACK}?key=mes_1%2F%C3%A9%26.sms",
        }
    ]


async def test_without_a_callback_nothing_is_told_and_the_channel_says_so(channels: TwilioStand) -> None:
    assert channels.channel.receipts
    with open_channel(channels.server.url, None, sender=None, messaging_service_sid=SERVICE) as silent:
        assert not silent.receipts
        assert isinstance(await silent.send(letter_to(GOOD)), Accepted)
    (form,) = channels.server.messages
    assert set(form) == {"To", "Body", "MessagingServiceSid", "ValidityPeriod"}


async def test_an_api_key_signs_in_in_place_of_the_token(channels: TwilioStand) -> None:
    keys: dict[str, Any] = {"auth_token": None, "api_key_sid": KEY, "api_key_secret": SecretStr(KEY_SECRET)}
    with open_channel(channels.server.url, **keys) as channel:
        assert isinstance(await channel.send(letter_to(GOOD)), Accepted)


@pytest.mark.parametrize("lacking", [{"auth_token": None}, {"sender": None}, {"auth_token": None, "api_key_sid": KEY}])
def test_a_provider_that_cannot_send_is_refused_at_once(lacking: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="twilio needs"):
        TwilioChannel(provider("http://127.0.0.1:9", **lacking), None)


@pytest.mark.parametrize(
    ("address", "withdrawn"),
    [(BLOCKED, "opted_out"), (INVALID, "gone"), (NO_MOBILE, "gone"), (UNROUTABLE, None), (NO_PERMISSION, None)],
)
async def test_a_refusal_says_whether_the_number_is_to_be_tried_again(
    channels: TwilioStand, address: str, withdrawn: str | None
) -> None:
    outcome = await sent(channels, address)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == withdrawn
    assert address.strip("+") not in outcome.reason


@pytest.mark.parametrize(
    "answer",
    [(400, "no object", {}), (400, {"code": "odd"}, {}), (413, {}, {}), twilio_error(400, 21617)],
)
async def test_any_other_refusal_says_nothing_of_the_number(channels: TwilioStand, answer: Answer) -> None:
    channels.server.answer = answer
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None


@pytest.mark.parametrize(
    "answer",
    [
        twilio_error(401, 20003),
        twilio_error(403, 20003),
        (401, {}, {}),
        (403, {}, {}),
        (405, {}, {}),
        twilio_error(404, 20404),
        twilio_error(400, 21603),
        twilio_error(400, 21609),
        twilio_error(400, 21701),
    ],
)
async def test_what_is_set_up_wrongly_is_our_fault(channels: TwilioStand, answer: Answer) -> None:
    channels.server.answer = answer
    with pytest.raises(Misconfigured):
        await sent(channels)


@pytest.mark.parametrize("others", [{"sender": FOREIGN_SENDER}, {"auth_token": SecretStr("another")}])
async def test_a_wrong_sender_or_token_is_our_fault(channels: TwilioStand, others: dict[str, Any]) -> None:
    with open_channel(channels.server.url, **others) as channel, pytest.raises(Misconfigured) as raised:
        await channel.send(letter_to(GOOD))
    assert "another" not in str(raised.value)


@pytest.mark.parametrize("others", [{"base_url": "nowhere"}, {"auth_token": SecretStr("–key–")}])
async def test_an_address_or_a_key_that_is_none_is_our_fault(channels: TwilioStand, others: dict[str, Any]) -> None:
    url = others.pop("base_url", channels.server.url)
    with open_channel(url, **others) as channel, pytest.raises(Misconfigured):
        await channel.send(letter_to(GOOD))
    assert channels.server.heads == []


async def test_a_sender_whose_queue_is_full_is_tried_again(channels: TwilioStand) -> None:
    with open_channel(channels.server.url, sender=FULL_SENDER) as channel, pytest.raises(RateLimited):
        await channel.send(letter_to(GOOD))


async def test_how_long_to_wait_is_twilios_word(channels: TwilioStand) -> None:
    channels.server.trouble = Trouble.SLOW_DOWN
    with pytest.raises(RateLimited) as raised:
        await sent(channels)
    assert raised.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    "answer",
    [
        (201, [], {}),
        (201, {}, {}),
        (201, {"sid": None}, {}),
        (201, {"sid": 7}, {}),
        (200, "OK", {}),
        (408, {}, {}),
        (307, {}, {"Location": "/elsewhere"}),
        (302, {}, {"Location": "/elsewhere"}),
    ],
)
async def test_an_answer_that_is_no_clear_yes_is_unclear_and_asked_once(channels: TwilioStand, answer: Answer) -> None:
    channels.server.answer = answer
    assert isinstance(await sent(channels), Unclear)
    assert len(channels.server.heads) == 1


async def test_a_message_that_failed_in_the_very_answer_is_not_sent(channels: TwilioStand) -> None:
    channels.server.answer = (201, {"sid": "SM1", "status": "failed", "error_code": 21610}, {})
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == "opted_out"


@pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.CUTS_SHORT, Trouble.BREAKS])
async def test_what_got_no_answer_is_sent_once(channels: TwilioStand, trouble: Trouble) -> None:
    async with channels.troubled_channel(trouble) as channel:
        await channel.send(letter_to(GOOD))
    assert len(channels.server.heads) == 1


async def test_the_address_stands_in_no_log(channels: TwilioStand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await sent(channels)
    await sent(channels, BLOCKED)
    said = caplog.text
    assert not [secret for secret in (GOOD, GOOD.strip("+"), BLOCKED.strip("+"), TOKEN) if secret in said]


async def test_the_process_s_environment_changes_nothing(
    channels: TwilioStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would take a region from it, and `requests` a proxy."""
    async with troubled(Trouble.REFUSES) as nowhere:
        monkeypatch.setenv("TWILIO_REGION", "au1")
        monkeypatch.setenv("HTTP_PROXY", nowhere)
        with open_channel(channels.server.url) as channel:
            assert isinstance(await channel.send(letter_to(GOOD)), Accepted)


async def test_a_closed_channel_can_be_closed_again(channels: TwilioStand) -> None:
    channel = TwilioChannel(provider(channels.server.url), None)
    channel.close()
    channel.close()


async def test_nobody_there_is_unavailable_and_names_no_address(channels: TwilioStand) -> None:
    async with channels.troubled_channel(Trouble.REFUSES) as channel:
        with pytest.raises(Unavailable) as raised:
            await channel.send(letter_to(GOOD))
    assert GOOD.strip("+") not in str(raised.value)
