"""Webhook intake: verify, split, commit, answer. Nothing here calls Temporal: a webhook is accepted while it is down.

2xx means: the raw event is in PostgreSQL. PostgreSQL down: 503, so that the sender tries again.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aiohttp import web

from activities.intake import Taken
from activities.sources.contract import Malformed, Rejected, Speaker, Unproven
from api.errors import SlowBody, UnknownAddress, answer, refuse
from api.limits import Limits
from api.parts import PARTS, ApiParts
from api.telemetry import current_traceparent
from policies.base import Record

KEPT_HEADERS = ("content-type", "user-agent")
BODY_SECONDS = 20
"""A sender that takes longer to send its body is told to try again; nothing waits for it."""


class Receipt(Record):
    received: tuple[Taken, ...]


async def receive_webhook(request: web.Request) -> web.Response:
    """Several accounts of one source have an address each, with secrets and a profile of their own."""
    parts, source, account = request.app[PARTS], *_place(request)
    speaker, secrets = _known(parts, source, account)
    if turned_away := _turned_away(parts.limits, f"{source}/{account}", request):
        return turned_away
    body = await _body(request)
    now = datetime.now(UTC)
    verdict = speaker.verify(request.headers, body, secrets, now)
    if isinstance(verdict, Rejected):
        parts.tally.count(source, account, "bad_signatures", now)
        return refuse(401, "bad_signature", verdict.reason)
    items = speaker.split(body)
    if isinstance(items, Malformed):
        parts.tally.count(source, account, "malformed", now)
        return refuse(400, "malformed", items.reason)
    taken = await parts.intake.receive(
        source,
        account,
        items,
        now,
        _kept(request.headers, speaker),
        current_traceparent(request.headers),
        unproven=isinstance(verdict, Unproven),
    )
    parts.waker.wake()
    if len(taken) == 1 and taken[0].status == "refused":
        return refuse(422, "refused", taken[0].note or "a rule of this account refuses the event")
    if speaker.accepted is not None:
        return web.Response(text=speaker.accepted)
    return answer(200, Receipt(received=taken))


async def answer_challenge(request: web.Request) -> web.Response:
    """Some sources ask, by GET, whether an address is ours before they send to it."""
    parts, source, account = request.app[PARTS], *_place(request)
    speaker, secrets = _known(parts, source, account)
    said = speaker.answer_to_challenge(request.query, secrets)
    if said is None:
        return refuse(405, "method_not_allowed", f"source {source} sends its events by POST", {"Allow": "POST"})
    return web.Response(text=said)


def _place(request: web.Request) -> tuple[str, str]:
    return request.match_info["source"], request.match_info.get("account", "default")


def _known(parts: ApiParts, source: str, account: str) -> tuple[Speaker, Sequence[str]]:
    speaker = parts.speakers.get(source)
    if speaker is None:
        known = ", ".join(sorted(parts.speakers))
        raise UnknownAddress("unknown_source", f"no source {source[:50]!r}; there are: {known}")
    secrets = parts.webhook_secrets.get(f"{source}/{account}")
    if not secrets:
        detail = f"source {source} has no account {account[:50]!r} with a webhook secret"
        raise UnknownAddress("unknown_account", detail)
    return speaker, secrets


def _turned_away(limits: Limits, place: str, request: web.Request) -> web.Response | None:
    if not limits.may_come_from(place, request):
        return refuse(403, "forbidden", f"{place} does not take deliveries from this address")
    wait = limits.seconds_to_wait(place)
    if wait:
        return refuse(429, "too_many", f"{place} sends too much at once", {"Retry-After": str(math.ceil(wait))})
    return None


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise SlowBody from None


def _kept(headers: Mapping[str, str], speaker: Speaker) -> dict[str, str]:
    return {name: _as_text(headers[name]) for name in (*KEPT_HEADERS, *speaker.kept_headers) if name in headers}


def _as_text(header: str) -> str:
    """A header may hold any bytes; PostgreSQL stores text."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "\ufffd")
