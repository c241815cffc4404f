"""The merchant's own channel: a local receiver that checks signatures with the published library, and answers oddly."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from activities.channels.accounts import WebhookProvider
from activities.channels.contract import Accepted, Channel, NotSent, SendOutcome, Unclear
from activities.channels.webhook import WebhookChannel
from activities.errors import Misconfigured
from activities.sources.contract import Verified
from activities.sources.signatures import standard_webhook_matches
from policies.keys import CustomerRef
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, answering_everything, in_trouble, troubled

SECRET = "whsec_" + base64.b64encode(b"a key made up for the tests, 32+").decode()
ANOTHER = "whsec_" + base64.b64encode(b"another key made up for these 32").decode()
GOOD, REFUSED = "line:U123", "line:blocked"

TROUBLES: dict[Trouble, tuple[int, Any, dict[str, str]]] = {
    Trouble.BREAKS: (500, {"error": "broken"}, {}),
    Trouble.NOT_ACCEPTED: (503, {"accepted": False}, {}),
    Trouble.OVERLOADED: (503, {}, {}),
    Trouble.GATEWAY_TIMEOUT: (504, {}, {}),
    Trouble.SLOW_DOWN: (429, {}, {"Retry-After": "7"}),
    Trouble.STRANGER: (404, {"error": "not found"}, {}),
}


class Receiver:
    """`answer`: status and body in place of what it would say. `paths`: what was asked, with the query."""

    def __init__(self) -> None:
        self.url = ""
        self.trouble: Trouble | None = None
        self.answer: tuple[int, Any] | None = None
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.messages: list[dict[str, Any]] = []
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw, headers = await request.read(), dict(request.headers)
        self.posts.append((headers, raw))
        self.paths.append(request.path_qs)
        if self.trouble:
            return await in_trouble(self.trouble, request, TROUBLES, b'{"reference": "')
        if self.answer:
            status, body = self.answer
            return web.Response(status=status) if body is None else web.json_response(body, status=status)
        return self._said(raw, headers)

    def _said(self, raw: bytes, headers: dict[str, str]) -> web.Response:
        try:
            message = Webhook(SECRET).verify(raw, headers)
        except WebhookVerificationError:
            return web.json_response({"error": "bad_signature"}, status=401)
        if message["address"] == REFUSED:
            return web.json_response({"error": "blocked"}, status=422)
        self.messages.append(message)
        return web.json_response({"reference": f"line-{len(self.messages)}"})


def channel_to(url: str, session: aiohttp.ClientSession, seconds: float = 10, secret: str = SECRET) -> WebhookChannel:
    return WebhookChannel(WebhookProvider(url=url, secret=SecretStr(secret), timeout_seconds=seconds), session)


class WebhookStand:
    good_address = GOOD
    refused_address = REFUSED

    def __init__(self, receiver: Receiver, session: aiohttp.ClientSession) -> None:
        self.receiver = receiver
        self.session = session
        self.channel: Channel = channel_to(f"{receiver.url}/hook", session)

    async def delivered(self) -> list[tuple[str, str, str]]:
        return [(m["address"], m["subject"], m["text"]) for m in self.receiver.messages]

    @asynccontextmanager
    async def troubled_channel(self, trouble: Trouble) -> AsyncIterator[Channel]:
        if trouble is Trouble.REFUSES:
            async with troubled(trouble) as url:
                yield channel_to(url, self.session, 0.5)
            return
        self.receiver.trouble = trouble
        yield channel_to(self.receiver.url, self.session, 0.5)


@pytest.fixture
async def channels() -> AsyncIterator[WebhookStand]:
    receiver = Receiver()
    async with answering_everything(receiver.handle) as url, aiohttp.ClientSession() as session:
        receiver.url = url
        yield WebhookStand(receiver, session)


class TestWebhook(ChannelContract):
    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble.HANGS,
            Trouble.CLOSES,
            Trouble.CUTS_SHORT,
            Trouble.BREAKS,
            Trouble.OVERLOADED,
            Trouble.GATEWAY_TIMEOUT,
        ],
    )
    async def test_silence_after_sending_is_unclear(self, channels: WebhookStand, trouble: Trouble) -> None:  # type: ignore[override]  # a stand of ours
        """Not NONSENSE: a receiver of webhooks says yes by its status, whatever words come with it."""
        await super().test_silence_after_sending_is_unclear(channels, trouble)


async def sent(stand: WebhookStand) -> SendOutcome:
    return await stand.channel.send(letter_to(GOOD))


async def test_the_body_says_all_that_a_channel_needs(channels: WebhookStand) -> None:
    letter = letter_to(GOOD, "mes_1.webhook").model_copy(
        update={
            "customer": CustomerRef(source="stripe", account="default", customer_id="cus_1"),
            "template": "failed",
            "stage": "notice",
            "locale": "ar",
            "direction": "rtl",
            "link": "https://shop.example/pay/1",
            "unsubscribe": "https://recoup.example/preferences/x",
        }
    )
    assert await channels.channel.send(letter) == Accepted(reference="line-1")
    assert channels.receiver.messages == [
        {
            "type": "message",
            "key": "mes_1.webhook",
            "case_id": letter.case_id,
            "customer": {"source": "stripe", "account": "default", "customer_id": "cus_1"},
            "template": "failed",
            "stage": "notice",
            "locale": "ar",
            "direction": "rtl",
            "address": GOOD,
            "subject": letter.subject,
            "text": letter.text,
            "link": "https://shop.example/pay/1",
            "unsubscribe": "https://recoup.example/preferences/x",
            "at": START.isoformat(),
        }
    ]
    assert channels.receiver.paths == ["/hook"]


async def test_a_repetition_bears_the_same_id(channels: WebhookStand) -> None:
    for _ in range(2):
        await channels.channel.send(letter_to(GOOD, "mes_7"))
    assert [headers["webhook-id"] for headers, _ in channels.receiver.posts] == ["mes_7", "mes_7"]


async def test_our_own_reading_of_the_scheme_verifies_it_by_the_clock_of_the_moment(channels: WebhookStand) -> None:
    """Dated by the clock and not by the case's time, which may be another."""
    channels.receiver.answer = (200, None)
    clock = datetime(2031, 5, 6, 7, 8, 9, 500_000, UTC)
    provider = WebhookProvider(url=channels.receiver.url, secret=SecretStr(SECRET))
    await WebhookChannel(provider, channels.session, lambda: clock).send(letter_to(GOOD))
    ((headers, raw),) = channels.receiver.posts
    verdict = standard_webhook_matches(headers, raw, [SECRET], clock)
    assert isinstance(verdict, Verified), verdict
    assert verdict.signed_at == clock.replace(microsecond=0)
    assert json.loads(raw)["at"] == START.isoformat()


@pytest.mark.parametrize(
    ("status", "body", "reference"),
    [
        (200, None, "mes_1"),
        (204, None, "mes_1"),
        (202, {}, "mes_1"),
        (200, "OK", "mes_1"),
        (200, {"reference": 7}, "mes_1"),
        (200, {"reference": ""}, "mes_1"),
        (200, {"reference": "x" * 300}, "mes_1"),
        (200, {"reference": "a\nb"}, "mes_1"),
        (201, {"reference": "line-9"}, "line-9"),
    ],
)
async def test_a_success_is_a_yes_by_its_status(channels: WebhookStand, status: int, body: Any, reference: str) -> None:
    channels.receiver.answer = (status, body)
    assert await sent(channels) == Accepted(reference=reference)


@pytest.mark.parametrize(
    ("status", "body", "withdrawn"),
    [
        (422, {"error": "blocked"}, None),
        (400, None, None),
        (413, None, None),
        (410, {"error": "unlinked"}, "gone"),
        (403, {"error": "opted_out"}, "opted_out"),
    ],
)
async def test_a_refusal_says_whether_the_address_is_to_be_tried_again(
    channels: WebhookStand, status: int, body: Any, withdrawn: str | None
) -> None:
    channels.receiver.answer = (status, body)
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == withdrawn
    assert str(status) in outcome.reason


async def test_a_reason_is_one_word_so_that_no_address_is_kept(channels: WebhookStand) -> None:
    channels.receiver.answer = (422, {"error": "ada@example.test is blocked"})
    outcome = await sent(channels)
    assert isinstance(outcome, NotSent)
    assert outcome.reason == "the merchant's webhook refused: 422"
    channels.receiver.answer = (422, {"error": "blocked"})
    assert "blocked" in str(await sent(channels))


@pytest.mark.parametrize(
    ("status", "body"), [(401, None), (404, None), (403, None), (403, {"error": "no"}), (405, None), (415, None)]
)
async def test_an_address_that_does_not_take_it_is_our_fault(channels: WebhookStand, status: int, body: Any) -> None:
    channels.receiver.answer = (status, body)
    with pytest.raises(Misconfigured):
        await sent(channels)


@pytest.mark.parametrize("status", [409, 301, 307, 408])
async def test_what_is_neither_yes_nor_no_is_unclear_and_asked_once(channels: WebhookStand, status: int) -> None:
    channels.receiver.answer = (status, None)
    assert isinstance(await sent(channels), Unclear)
    assert len(channels.receiver.posts) == 1


async def test_another_secret_is_refused_by_the_receiver(channels: WebhookStand) -> None:
    channel = channel_to(channels.receiver.url, channels.session, secret=ANOTHER)
    with pytest.raises(Misconfigured):
        await channel.send(letter_to(GOOD))
    assert channels.receiver.messages == []


@pytest.mark.parametrize("path", ["", "/", "/hook/", "/a%2Fb/c?tenant=1&x=%20", "?tenant=1"])
async def test_the_address_is_asked_to_the_letter(channels: WebhookStand, path: str) -> None:
    await channel_to(channels.receiver.url + path, channels.session).send(letter_to(GOOD))
    assert channels.receiver.paths == [path if path.startswith("/") else f"/{path}"]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_????", "whsec_c2hvcnQ="])
async def test_a_secret_that_is_none_is_refused_at_once_and_not_repeated(channels: WebhookStand, secret: str) -> None:
    with pytest.raises(ValueError, match="cannot be used") as raised:
        channel_to(channels.receiver.url, channels.session, secret=secret)
    assert len(secret) < 8 or secret not in str(raised.value)


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://shop.example/x", "https://", "https:///hook"])
async def test_an_address_that_is_none_is_refused_at_once(channels: WebhookStand, url: str) -> None:
    with pytest.raises(ValueError, match="no http address"):
        channel_to(url, channels.session)
