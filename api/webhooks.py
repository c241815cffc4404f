"""Webhook intake: verify, split, commit, answer. Nothing here calls Temporal: a webhook is accepted while it is down.

2xx means: the raw event is in PostgreSQL. PostgreSQL down: 503, so that the sender tries again.
"""

from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from activities.sources.contract import Item, Malformed, Rejected, Speaker
from api.errors import answer, refuse
from api.parts import PARTS
from api.telemetry import current_traceparent
from policies.base import Record
from policies.events import Ignored, Unreadable

KEPT_HEADERS = ("content-type", "user-agent", "stripe-signature", "webhook-id", "webhook-timestamp")


class Received(Record):
    """`note` says when the event will not reach a case, and why; the relay records the same."""

    event: str
    status: Literal["stored", "duplicate", "conflict"]
    note: str | None = None


class Receipt(Record):
    received: tuple[Received, ...]


async def receive_webhook(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    source, account = request.match_info["source"], request.match_info.get("account", "default")
    speaker = parts.speakers.get(source)
    if speaker is None:
        return refuse(
            404, "unknown_source", f"no source {source[:50]!r}; there are: {', '.join(sorted(parts.speakers))}"
        )
    secrets = parts.webhook_secrets.get(f"{source}/{account}")
    if not secrets:
        return refuse(404, "unknown_account", f"source {source} has no account {account[:50]!r} with a webhook secret")
    body = await request.read()
    now = datetime.now(UTC)
    verdict = speaker.verify(request.headers, body, secrets, now)
    if isinstance(verdict, Rejected):
        return refuse(401, "bad_signature", verdict.reason)
    items = speaker.split(body)
    if isinstance(items, Malformed):
        return refuse(400, "malformed", items.reason)
    receipt = Receipt(received=tuple([await _store(request, speaker, source, account, item, now) for item in items]))
    parts.waker.wake()
    return answer(200, receipt)


async def _store(
    request: web.Request, speaker: Speaker, source: str, account: str, item: Item, now: datetime
) -> Received:
    kept = {name: _as_text(request.headers[name]) for name in KEPT_HEADERS if name in request.headers}
    stored = await request.app[PARTS].store.inbox.receive(
        source, account, item.event_key, kept, item.body, now, current_traceparent(request.headers)
    )
    status: Literal["stored", "duplicate", "conflict"] = "stored"
    if not stored.first:
        status = "duplicate"
    elif stored.conflict:
        status = "conflict"
    return Received(event=item.event_key, status=status, note=_note(speaker, item, stored.id))


def _as_text(header: str) -> str:
    """A header may hold any bytes; PostgreSQL stores text."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _note(speaker: Speaker, item: Item, event_id: str) -> str | None:
    said = speaker.normalise(item.body, event_id)
    if isinstance(said, Ignored):
        return f"ignored ({said.reason.value}): {said.detail}"
    return f"unreadable: {said.field}: {said.reason}" if isinstance(said, Unreadable) else None
