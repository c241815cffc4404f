"""Messages per second rendered and handed to a local mail provider, beside the vendor's own client alone.

The channel functions as they are: a mail in text and HTML from its template, in seven languages in turn where they are
shipped, through SendGrid's client to a server of another process that answers as SendGrid does. The baseline hands the
same bodies over, ready made, with as many threads. Rounds alternate, medians count.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr
from sendgrid import SendGridAPIClient  # type: ignore[import-untyped]  # the SDK has no types

from activities.channels.accounts import SendGridProvider
from activities.channels.contract import Accepted, Letter
from activities.channels.render import LANGUAGES, Renderer
from activities.channels.sendgrid import THREADS, SendGridChannel
from benchmarks.figures import Figure, median
from workers.embedded.ports import choose_port
from workers.embedded.processes import Child, child_environment
from workers.message_tools.example import reader_of, words_of
from workers.settings import Settings
from workers.wiring import make_renderer

ROUNDS, A_ROUND, AT_ONCE = 5, 300, 16
API_KEY = "SG.of-the-benchmark"
UP_WITHIN_SECONDS = 30

Send = Callable[[int], Awaitable[None]]


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as parts:
        url = await _provider(parts, folder)
        provider = SendGridProvider(api_key=SecretStr(API_KEY), sender="billing@shop.example", base_url=url)
        channel = SendGridChannel(provider, "Shop")
        parts.callback(channel.close)
        renderer = make_renderer(Settings())
        threads = parts.enter_context(ThreadPoolExecutor(THREADS))
        alone = SendGridAPIClient(API_KEY, host=url)
        body = {"personalizations": [{"to": [{"email": "ada@example.test"}]}], **_ready_made(renderer)}

        async def ours(number: int) -> None:
            outcome = await channel.send(_letter(renderer, number))
            assert isinstance(outcome, Accepted), outcome

        async def theirs(number: int) -> None:
            post = alone.client.mail.send.post
            answer: Any = await asyncio.get_running_loop().run_in_executor(threads, lambda: post(request_body=body))
            assert answer.status_code == 202

        rates: dict[str, list[float]] = {"ours": [], "theirs": [], "rendered": []}
        for _ in range(ROUNDS):
            rates["ours"].append(await _rate(ours))
            rates["theirs"].append(await _rate(theirs))
            rates["rendered"].append(_rendered(renderer))
        return [
            Figure(
                name="mails rendered and handed over, per second",
                ours=f"{median(rates['ours']):,.0f}/s ({min(rates['ours']):,.0f}..{max(rates['ours']):,.0f})",
                baseline=f"{median(rates['theirs']):,.0f}/s (the client alone)",
                ratio=median(rates["ours"]) / median(rates["theirs"]),
            ),
            Figure(
                name="mails rendered alone, per second",
                ours=f"{median(rates['rendered']):,.0f}/s",
                baseline=f"{median(rates['ours']):,.0f}/s (and handed over)",
                ratio=median(rates["rendered"]) / median(rates["ours"]),
            ),
        ]


def _letter(renderer: Renderer, number: int) -> Letter:
    locale = LANGUAGES[number % len(LANGUAGES)]
    said = renderer.render("reminder", "email", words_of(locale, others=2), reader_of(locale))
    return Letter(
        key=f"mes_{number}.email",
        case_id="bench/bench/in_1",
        address="ada@example.test",
        subject=said.subject,
        text=said.text,
        html=said.html,
        now=datetime.now(UTC),
    )


def _ready_made(renderer: Renderer) -> dict[str, Any]:
    letter = _letter(renderer, 0)
    content = [{"type": "text/plain", "value": letter.text}, {"type": "text/html", "value": letter.html}]
    return {"from": {"email": "billing@shop.example"}, "subject": letter.subject, "content": content}


async def _rate(send: Send) -> float:
    slots, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

    async def one(number: int) -> None:
        async with slots:
            await send(number)

    await asyncio.gather(*(one(number) for number in range(A_ROUND)))
    return A_ROUND / (time.perf_counter() - began)


def _rendered(renderer: Renderer) -> float:
    began = time.perf_counter()
    for number in range(A_ROUND):
        _letter(renderer, number)
    return A_ROUND / (time.perf_counter() - began)


async def _provider(parts: AsyncExitStack, folder: Path) -> str:
    port = choose_port(None, None, 0, set())
    command = [sys.executable, "-m", "benchmarks.mail_provider", str(port)]
    child = Child("mail provider", command, folder / "provider.log", child_environment({}), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()
    url = f"http://127.0.0.1:{port}"
    async with asyncio.timeout(UP_WITHIN_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return url
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
