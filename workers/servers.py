"""`recoup api` and `recoup sandbox`: HTTP servers that run until SIGTERM or SIGINT."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache, partial

from aiohttp import web

from activities.channels.accounts import PushProvider
from activities.channels.render import LANGUAGES
from activities.channels.web_push import public_key_of
from activities.store.database import DATABASE_DOWN, Pool, make_pool, migrate
from api.app import make_app
from api.limits import Limits
from api.parts import ApiParts
from api.server import runner_of
from api.wake import RelayWaker
from workers.customer_page import make_page
from workers.message_tools.gallery import gallery_page
from workers.mistakes import Mistake
from workers.sandbox.app import make_sandbox_app
from workers.sandbox.webhooks import WebhookTarget
from workers.settings import Settings
from workers.shutdown import stop_on_signals
from workers.telemetry import telemetry
from workers.temporal import connect
from workers.wiring import wired

log = logging.getLogger(__name__)


class SandboxNotSetUp(Mistake):
    """A setting that the sandbox needs is missing."""


async def run_api(settings: Settings) -> None:
    stop = stop_on_signals()
    async with serving_api(settings):
        await stop.wait()


async def run_sandbox(settings: Settings) -> None:
    """Raises SandboxNotSetUp."""
    stop = stop_on_signals()
    async with serving_sandbox(settings):
        await stop.wait()


@asynccontextmanager
async def serving_api(settings: Settings) -> AsyncIterator[None]:
    with telemetry(settings, "api") as interceptors:
        async with wired(settings) as wiring:
            await _migrate_if_up(wiring.store.pool)
            parts = ApiParts(
                store=wiring.store,
                temporal=await connect(settings, lazy=True, interceptors=interceptors),
                speakers=wiring.speakers,
                webhook_secrets=settings.secrets_by_account(),
                tokens=settings.actors_by_token(),
                waker=RelayWaker(wiring.store.pool),
                intake=wiring.intake,
                tally=wiring.tally,
                limits=Limits(settings.webhook_rates, settings.webhook_networks, settings.trusted_proxies),
                max_body_bytes=settings.max_body_bytes,
                links=settings.links(),
                public_url=settings.public_url,
                feed_origins=tuple(settings.feed_origins),
                vapid_public_key=_vapid_public_key(settings),
                gallery=lru_cache(len(LANGUAGES))(partial(gallery_page, wiring.renderer)),
                page=make_page(settings, wiring),
            )
            async with _serving(make_app(parts), settings.api_host, settings.api_port):
                yield


def _vapid_public_key(settings: Settings) -> str | None:
    push = settings.channels.push
    return public_key_of(push.vapid_private_key.get_secret_value()) if isinstance(push, PushProvider) else None


@asynccontextmanager
async def serving_sandbox(settings: Settings) -> AsyncIterator[None]:
    """Raises SandboxNotSetUp."""
    if settings.sandbox_database_url is None:
        raise SandboxNotSetUp("set RECOUP_SANDBOX_DATABASE_URL: the sandbox keeps its tables apart from ours")
    pool = await make_pool(settings.sandbox_database_url.get_secret_value(), settings.database_pool)
    try:
        app = make_sandbox_app(pool, settings.sandbox_outbox, _webhook_target(settings))
        async with _serving(app, settings.sandbox_host, settings.sandbox_port):
            yield
    finally:
        await pool.close()


def _webhook_target(settings: Settings) -> WebhookTarget | None:
    """The sandbox signs as the account that its address names."""
    if settings.sandbox_webhook_url is None:
        return None
    place = settings.sandbox_webhook_url.partition("/webhooks/")[2]
    secrets = settings.secrets_by_account().get(place)
    if not secrets:
        raise SandboxNotSetUp(f"RECOUP_WEBHOOK_SECRETS has no secret for {place!r}, to which the sandbox would send")
    return WebhookTarget(url=settings.sandbox_webhook_url, secret=secrets[0])


@asynccontextmanager
async def _serving(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    runner = runner_of(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        log.info("listening on %s:%s", host, port)
        yield
    finally:
        await runner.cleanup()


async def _migrate_if_up(pool: Pool) -> None:
    """With the database down the API starts all the same and answers 503; a worker migrates later."""
    try:
        await migrate(pool)
    except DATABASE_DOWN as error:
        log.warning("the database cannot be reached yet (%s); webhooks get 503 until it is", type(error).__name__)
