"""Firebase Cloud Messaging: a local server that speaks Google's words, among them those of recorded errors."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from activities.channels.contract import Accepted, Channel, Letter, NotSent, SendOutcome, Unclear
from activities.channels.fcm import FcmClient, message_of
from activities.errors import Misconfigured, RateLimited, Unavailable
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.activities.channels.fcm_server import (
    BYTES_MAX,
    FOREIGN,
    GOOD,
    NONSENSE_TOKEN,
    PROJECT,
    UNREGISTERED,
    FcmServer,
    fcm_error,
    fcm_server,
    refusal,
    violation,
)
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, troubled


class OnePhone:
    """The client as a channel whose addresses are tokens, for the contract of channels."""

    name = "push"
    receipts = False

    def __init__(self, client: FcmClient) -> None:
        self._client = client

    async def send(self, letter: Letter) -> SendOutcome:
        return await self._client.send(letter, letter.address)


class FcmStand:
    good_address = GOOD
    refused_address = UNREGISTERED

    def __init__(self, server: FcmServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.channel: Channel = OnePhone(FcmClient(server.account(), session, 5, server.url))

    async def delivered(self) -> list[tuple[str, str, str]]:
        shown = [(m["token"], m["notification"]) for m in self.server.messages]
        return [(token, note["title"], note["body"]) for token, note in shown]

    @asynccontextmanager
    async def troubled_channel(self, trouble: Trouble) -> AsyncIterator[Channel]:
        """The token is granted; the message gets into trouble."""
        if trouble is Trouble.REFUSES:
            async with troubled(trouble) as url:
                yield OnePhone(FcmClient(self.server.account(), self.session, 0.9, url))
            return
        self.server.trouble = trouble
        yield OnePhone(FcmClient(self.server.account(), self.session, 0.9, self.server.url))


@pytest.fixture
async def channels() -> AsyncIterator[FcmStand]:
    async with fcm_server() as server, aiohttp.ClientSession() as session:
        yield FcmStand(server, session)


class TestFcm(ChannelContract):
    pass


async def sent(stand: FcmStand, token: str = GOOD) -> SendOutcome:
    return await stand.channel.send(letter_to(token))


@pytest.mark.parametrize("token", [UNREGISTERED, NONSENSE_TOKEN])
async def test_a_telephone_that_google_does_not_know_is_gone(channels: FcmStand, token: str) -> None:
    outcome = await sent(channels, token)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == "gone"
    assert token not in outcome.reason


async def test_a_token_that_google_names_as_wrong_is_gone(channels: FcmStand) -> None:
    channels.server.answer = refusal(400, "INVALID_ARGUMENT", violation("message.token"))
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == "gone"


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "INVALID_ARGUMENT", violation("message.android.ttl")),
        refusal(400, "INVALID_ARGUMENT", violation("message.data"), message="nothing about a registration token"),
        refusal(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), message="Message too big"),
        refusal(400, "FAILED_PRECONDITION"),
        (400, {"error": "INVALID_ARGUMENT"}),
        (400, {"error": ["odd"]}),
        (400, {}),
        (418, {"error": None}),
        (400, {"error": {"status": 7, "details": "odd"}}),
    ],
)
async def test_a_message_that_is_refused_says_nothing_of_the_telephone(channels: FcmStand, answer: Any) -> None:
    channels.server.answer = answer
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, "UNAUTHENTICATED", fcm_error("THIRD_PARTY_AUTH_ERROR")),
        refusal(400, "INVALID_ARGUMENT", fcm_error("THIRD_PARTY_AUTH_ERROR")),
        refusal(403, "PERMISSION_DENIED"),
        (403, {"error": "a sentence"}),
        (401, {}),
        (404, {"error": "no such path"}),
    ],
)
async def test_a_wrong_account_is_our_fault(channels: FcmStand, answer: Any) -> None:
    channels.server.answer = answer
    with pytest.raises(Misconfigured):
        await sent(channels)


async def test_a_telephone_of_another_project_is_our_fault(channels: FcmStand) -> None:
    with pytest.raises(Misconfigured):
        await sent(channels, FOREIGN)


async def test_a_quota_by_name_is_a_quota_whatever_the_status(channels: FcmStand) -> None:
    channels.server.answer = (400, {"error": "QUOTA_EXCEEDED"})
    with pytest.raises(RateLimited):
        await sent(channels)


async def test_how_long_to_wait_is_googles_word(channels: FcmStand) -> None:
    channels.server.trouble = Trouble.SLOW_DOWN
    with pytest.raises(RateLimited) as limited:
        await sent(channels)
    assert limited.value.retry_after_seconds == 7


async def test_a_bare_word_is_understood(channels: FcmStand) -> None:
    channels.server.answer = (404, {"error": "UNREGISTERED"})
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == "gone"
    channels.server.answer = (400, {"error": "UNAVAILABLE"})
    assert isinstance(await sent(channels), Unclear)


async def test_one_access_token_serves_many_messages(channels: FcmStand) -> None:
    for _ in range(3):
        assert isinstance(await sent(channels), Accepted)
    assert channels.server.asked_for_tokens == 1


async def test_an_access_token_is_renewed_shortly_before_it_ends(channels: FcmStand) -> None:
    now = datetime.now(UTC)
    client = FcmClient(channels.server.account(), channels.session, 5, channels.server.url, lambda: now)
    channels.server.lifetime = 1_000
    await client.send(letter_to(GOOD), GOOD)
    now += timedelta(seconds=800)
    await client.send(letter_to(GOOD), GOOD)
    assert channels.server.asked_for_tokens == 1
    now += timedelta(seconds=100)
    await client.send(letter_to(GOOD), GOOD)
    assert channels.server.asked_for_tokens == 2


async def test_an_access_token_that_is_refused_is_not_used_again(channels: FcmStand) -> None:
    await sent(channels)
    channels.server.revoke()
    with pytest.raises(Misconfigured):
        await sent(channels)
    assert isinstance(await sent(channels), Accepted)


@pytest.mark.parametrize(
    ("grants", "error"),
    [
        ((400, {"error": "invalid_grant"}), Misconfigured),
        ((401, {"error": "invalid_client"}), Misconfigured),
        ((429, {}), Unavailable),
        ((500, {}), Unavailable),
        ((503, {"error": "UNAVAILABLE"}), Unavailable),
        ((200, {"token_type": "Bearer"}), Unavailable),
        ((200, "odd"), Unavailable),
    ],
)
async def test_without_an_access_token_nothing_was_sent(
    channels: FcmStand, grants: Any, error: type[Exception]
) -> None:
    channels.server.grants = grants
    with pytest.raises(error) as raised:
        await sent(channels)
    assert type(raised.value) is error
    assert channels.server.messages == []


@pytest.mark.parametrize("trouble", [Trouble.REFUSES, Trouble.HANGS, Trouble.CLOSES, Trouble.CUTS_SHORT])
async def test_silence_where_tokens_are_granted_is_unavailable(channels: FcmStand, trouble: Trouble) -> None:
    async with troubled(trouble) as url:
        account = channels.server.account(token_uri=f"{url}/token")
        client = FcmClient(account, channels.session, 0.5, channels.server.url)
        with pytest.raises(Unavailable):
            await client.send(letter_to(GOOD), GOOD)


async def test_an_address_of_tokens_that_is_none_is_our_fault(channels: FcmStand) -> None:
    client = FcmClient(channels.server.account(token_uri="nowhere"), channels.session, 0.5, channels.server.url)
    with pytest.raises(Misconfigured):
        await client.send(letter_to(GOOD), GOOD)


@pytest.mark.parametrize(
    "changes",
    [{"private_key": "secret-but-wrong"}, {"private_key": None}, {"project_id": None}, {"client_email": None}],
)
async def test_an_account_that_is_none_is_refused_and_not_repeated(channels: FcmStand, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fcm_service_account") as refused:
        FcmClient(channels.server.account(**changes), channels.session, 5)
    assert "secret-but-wrong" not in str(refused.value)
    with pytest.raises(ValueError, match="fcm_service_account"):
        FcmClient("secret-but-wrong", channels.session, 5)


async def test_the_reference_is_googles_name_of_the_message(channels: FcmStand) -> None:
    outcome = await sent(channels)
    assert isinstance(outcome, Accepted)
    assert outcome.reference == f"projects/{PROJECT}/messages/1"


async def test_the_application_is_told_where_to_go_and_for_how_long(channels: FcmStand) -> None:
    letter = letter_to(GOOD).model_copy(update={"link": "https://pay.example/1", "locale": "ar", "direction": "rtl"})
    now = datetime.now(UTC)
    client = FcmClient(channels.server.account(), channels.session, 5, channels.server.url, lambda: now)
    await client.send(letter, GOOD)
    (message,) = channels.server.messages
    assert message["data"] | {"tag": ""} == {"tag": "", "lang": "ar", "dir": "rtl", "link": "https://pay.example/1"}
    assert message["android"]["ttl"] == "14400s"
    ends = now + timedelta(hours=4)
    assert message["apns"]["headers"]["apns-expiration"] == str(int(ends.timestamp()))


@pytest.mark.parametrize("character", ["a", "😀", '"', "\ud800"])
def test_however_long_a_letter_is_its_message_fits(character: str) -> None:
    """FCM counts what the telephone gets, in UTF-8."""
    many = character * 5_000
    message = message_of(letter_to(GOOD).model_copy(update={"subject": many, "text": many}), "t" * 163, START)
    carried = json.dumps([message["notification"], message["data"]], ensure_ascii=False)
    assert len(carried.encode("utf-8", "replace")) < BYTES_MAX


RECORDED = {
    "fcm.ok__courier.json": (200, Accepted),
    "fcm.INVALID_ARGUMENT__firebase-admin-python.json": (400, NotSent),
    "fcm.INVALID_ARGUMENT.SOME_UNKNOWN_CODE__firebase-admin-python.json": (400, NotSent),
    "fcm.INTERNAL.SOME_UNKNOWN_CODE__firebase-admin-python.json": (500, Unclear),
}


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_answers_are_understood(channels: FcmStand, name: str) -> None:
    folder = os.environ.get("RECOUP_REFERENCE_DATA")
    if not folder or not (path := Path(folder) / "payloads" / "push" / name).exists():
        pytest.skip(f"RECOUP_REFERENCE_DATA names no folder with payloads/push/{name}")
    status, expected = RECORDED[name]
    channels.server.answer = (status, json.loads(path.read_text()))
    outcome = await sent(channels)
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, NotSent) or outcome.withdrawn is None
