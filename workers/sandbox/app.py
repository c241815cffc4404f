"""Puts the sandbox together. The pool is the sandbox's own database, never Recoup's."""

from collections.abc import AsyncIterator
from html import escape
from pathlib import Path

from aiohttp import web

from workers.sandbox.access import Access
from workers.sandbox.billing import Billing
from workers.sandbox.channels import Channels
from workers.sandbox.database import DatabasePool
from workers.sandbox.faults import Faults
from workers.sandbox.fraud import Fraud
from workers.sandbox.gateway import Gateway
from workers.sandbox.http import html, refusals_as_json
from workers.sandbox.owner import OwnerSide
from workers.sandbox.pages import page
from workers.sandbox.sessions import Sessions
from workers.sandbox.stored_cards import StoredCards
from workers.sandbox.stories import STORIES
from workers.sandbox.telling import Teller
from workers.sandbox.webhooks import WebhookTarget
from workers.sandbox.world import World

SCHEMA = Path(__file__).with_name("schema.sql")


def make_sandbox_app(pool: DatabasePool, outbox_dir: Path | None, webhook: WebhookTarget | None) -> web.Application:
    """`outbox_dir`: messages are also written there as text files. `webhook`: where the world's events are sent.

    The tables are created when the application starts.
    """
    teller = Teller(pool, webhook)
    rooms = (
        Gateway(pool),
        StoredCards(pool),
        Sessions(pool),
        Faults(pool),
        Billing(pool),
        OwnerSide(pool, teller),
        Channels(pool, outbox_dir),
        Access(pool),
        Fraud(pool),
        World(pool, teller),
    )
    app = web.Application(middlewares=[refusals_as_json])
    app.router.add_get("/", _index)
    for room in rooms:
        app.router.add_routes(room.routes())

    async def tables(_: web.Application) -> AsyncIterator[None]:
        await create_tables(pool)
        yield

    app.cleanup_ctx.extend([tables, teller.session])
    return app


async def create_tables(pool: DatabasePool) -> None:
    """Harmless to repeat, also by two processes at once: `if not exists` alone does not survive that race."""
    async with pool.acquire() as database, database.transaction():
        await database.execute("select pg_advisory_xact_lock(hashtextextended('sandbox schema', 0))")
        await database.execute(SCHEMA.read_text(encoding="utf-8"))


async def _index(_: web.Request) -> web.Response:
    stories = "".join(f"<dt>{escape(s.name)}</dt><dd>{escape(s.says)}</dd>" for s in STORIES.values())
    content = (
        "<p>A stand-in for billing, gateway, channels, access and fraud check. No real money, no real messages.</p>"
        '<p><a href="/outbox">Messages sent</a> · <a href="/world/ledger">Charges made</a></p>'
        f"<h2>Stories</h2><dl>{stories}</dl>"
    )
    return html(page("Recoup sandbox", content))
