"""The channels: every message lands in the outbox, once per key, and as a small text file where a person can look.

An address that contains `bounce` is refused (422): nothing was sent.
"""

import asyncio
import logging
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from policies.base import Identifier, Request
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.faults import Drop, count_dropped_after, draw_fault
from workers.sandbox.http import Line, LineOrNothing, Refused, Text, body_of, hang_up, html, now_of
from workers.sandbox.ids import new_id
from workers.sandbox.outbox_page import outbox_page

CHANNELS = "email|sms|push|in_app|webhook"
PAGE_LENGTH = 500
FAULTS_NAME = "channels"
"""Under which `/world/faults` loses messages, as it loses charges of a gateway."""

log = logging.getLogger(__name__)


class MessageRequest(Request):
    key: Identifier
    case_id: Line
    to: Line
    subject: LineOrNothing
    text: Text


class Channels:
    def __init__(self, pool: DatabasePool, outbox_dir: Path | None) -> None:
        self._pool = pool
        self._outbox_dir = outbox_dir

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"/channels/{{channel:{CHANNELS}}}/messages", self.send),
            web.get("/outbox", self.show),
            web.get("/outbox.json", self.show_json),
        ]

    async def send(self, request: web.Request) -> web.Response:
        letter, now = await body_of(request, MessageRequest), now_of(request)
        if "bounce" in letter.to.lower():
            raise Refused(422, "refused", "to: this address does not exist")
        fault = await draw_fault(self._pool, FAULTS_NAME, letter.key)
        if fault.drop is Drop.BEFORE:
            return hang_up(request)
        await asyncio.sleep(fault.slow_seconds)
        async with self._pool.acquire() as database, database.transaction():
            if fault.drop is Drop.AFTER:
                await count_dropped_after(database, FAULTS_NAME, letter.key)
            row = await _stored_once(database, request.match_info["channel"], letter, now)
        if self._outbox_dir is not None:
            await asyncio.to_thread(_write, self._outbox_dir, row)
        return hang_up(request) if fault.drop is Drop.AFTER else web.json_response({"reference": row["reference"]})

    async def show(self, request: web.Request) -> web.Response:
        case_id = request.query.get("case")
        return html(outbox_page(await self._messages(case_id), case_id))

    async def show_json(self, request: web.Request) -> web.Response:
        messages = await self._messages(request.query.get("case"))
        return web.json_response({"messages": [message_as_json(row) for row in messages]})

    async def _messages(self, case_id: str | None) -> list[Record]:
        """Newest first."""
        return await self._pool.fetch(
            "select * from outbox where $1::text is null or case_id = $1 order by position desc limit $2",
            case_id.replace("\x00", "") if case_id else None,
            PAGE_LENGTH,
        )


def message_as_json(row: Record) -> dict[str, Any]:
    names = "channel key case_id subject reference times".split()
    fields = {name: row[name] for name in names}
    return {**fields, "to": row["recipient"], "text": row["body"], "at": row["at"].isoformat()}


async def _stored_once(database: Database, channel: str, letter: MessageRequest, now: datetime) -> Record:
    # One lock per case: two messages of a case must not draw the same number.
    await database.execute("select pg_advisory_xact_lock(hashtextextended('outbox ' || $1, 0))", letter.case_id)
    # A mail server would send it twice; here it is counted, so that the outbox can convict us.
    known: Record | None = await database.fetchrow(
        "update outbox set times = times + 1 where channel = $1 and key = $2 returning *", channel, letter.key
    )
    if known is not None:
        return known
    row: Record | None = await database.fetchrow(
        """insert into outbox (channel, key, case_id, number, recipient, subject, body, at, reference)
           values ($1, $2, $3, (select count(*) + 1 from outbox where case_id = $3), $4, $5, $6, $7, $8)
           returning *""",
        channel,
        letter.key,
        letter.case_id,
        letter.to,
        letter.subject,
        letter.text,
        now,
        new_id("msg"),
    )
    assert row is not None  # noqa: S101  insert ... returning always returns its row
    return row


def _write(outbox_dir: Path, row: Record) -> None:
    """The table is the record, the file a convenience: a full disk must not make a stored message look unsent."""
    folder = outbox_dir / _safe(row["case_id"], "case")
    name = f"{row['number']:03d}-{row['channel']}-{_safe(row['subject'].lower(), 'message')}.txt"
    header = f"To: {row['recipient']}\nSubject: {row['subject']}\nDate: {row['at'].isoformat()}\nCase: {row['case_id']}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{header}\n\n{row['body']}\n", encoding="utf-8")
    except OSError as error:
        log.warning("message %s is stored, but not written to the outbox folder: %s", row["reference"], error)


def _safe(text: str, fallback: str) -> str:
    """A file name that stays in its folder: no separators, no leading dots."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text.replace("/", "_")).strip("._-")[:80] or fallback
