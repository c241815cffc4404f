"""Webhook intake: verify, split, commit, answer. Nothing here calls Temporal: a webhook is accepted while it is down.

2xx means: the event is in PostgreSQL, byte for byte but for card numbers. PostgreSQL down: 503, so that the sender
tries again.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aiohttp import web

from activities.intake import Taken
from activities.scrubbed import holds_card_number, scrubbed
from activities.sources.contract import REQUESTED_ADDRESS, Malformed, Rejected, Speaker, Unproven
from api.errors import UnknownAddress, answer, refuse
from api.limits import Limits
from api.parts import ApiParts
from api.routes import UNAVAILABLE, Address, Answer, Anything, Call, Route, refused
from api.telemetry import current_traceparent
from policies.base import Identifier, Record
from policies.card_numbers import looks_like_card_number, without_card_numbers

KEPT_HEADERS = ("content-type", "user-agent")


class Place(Address):
    source: Identifier
    account: Identifier = "default"


EVENTS_MAX = 1000
"""Four times what the largest batches of a source hold; more could not be answered in time."""


class Receipt(Record):
    received: tuple[Taken, ...]


async def receive_webhook(call: Call[Place, Anything, bytes]) -> web.Response:
    """Several accounts of one source have an address each, with secrets and a profile of their own."""
    request, parts, source, account = call.request, call.parts, call.path.source, call.path.account
    speaker, secrets = _known(parts, source, account)
    if turned_away := _turned_away(parts.limits, f"{source}/{account}", request):
        return turned_away
    body = await call.body()
    now = datetime.now(UTC)
    headers = request.headers.copy()
    headers[REQUESTED_ADDRESS] = parts.public_url.rstrip("/") + request.path_qs
    verdict = speaker.verify(headers, body, secrets, now)
    if isinstance(verdict, Rejected):
        parts.tally.count(source, account, "bad_signatures", now)
        return refuse(401, "bad_signature", verdict.reason)
    # What is not proven yet may be a stranger's: it uses up nothing of what the source may send.
    if not isinstance(verdict, Unproven) and (wait := parts.limits.seconds_to_wait(f"{source}/{account}")):
        return _too_many(f"{source}/{account} sends", wait)
    kept = _kept(request.headers, speaker)
    if isinstance(verdict, Unproven):
        # To prove it all its bytes are needed, and those with a card number must not be kept.
        if holds_card_number(body) or any(looks_like_card_number(value) for value in kept.values()):
            parts.tally.count(source, account, "malformed", now)
            return refuse(400, "card_number", "the delivery holds what looks like a card number; send none")
    else:
        body = scrubbed(body)
        kept = {name: without_card_numbers(value) for name, value in kept.items()}
    items = speaker.split(body)
    if isinstance(items, tuple) and len(items) > EVENTS_MAX:
        items = Malformed(reason=f"the delivery holds {len(items)} events; at most {EVENTS_MAX} are taken at a time")
    if isinstance(items, Malformed):
        parts.tally.count(source, account, "malformed", now)
        return refuse(400, "malformed", items.reason)
    taken = await parts.intake.receive(
        source,
        account,
        items,
        now,
        kept,
        current_traceparent(request.headers),
        unproven=isinstance(verdict, Unproven),
    )
    parts.waker.wake()
    if len(taken) == 1 and taken[0].status == "refused":
        return refuse(422, "refused", taken[0].note or "a rule of this account refuses the event")
    if (wanted := speaker.answer_to(body)) is not None:
        return web.Response(text=wanted, content_type=speaker.answers_in)
    return answer(200, Receipt(received=taken))


async def answer_challenge(call: Call[Place, Anything, None]) -> web.Response:
    """Some sources ask, by GET, whether an address is ours before they send to it."""
    source, account = call.path.source, call.path.account
    speaker, secrets = _known(call.parts, source, account)
    said = speaker.answer_to_challenge(call.request.query, secrets)
    if said is None:
        return refuse(405, "method_not_allowed", f"source {source} sends its events by POST", {"Allow": "POST"})
    return web.Response(text=said)


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
    wait = limits.seconds_a_caller_waits(place, request)
    return _too_many(f"this address sends {place}", wait) if wait else None


def _too_many(who: str, wait: float) -> web.Response:
    return refuse(429, "too_many", f"{who} too much at once", {"Retry-After": str(math.ceil(wait))})


def _kept(headers: Mapping[str, str], speaker: Speaker) -> dict[str, str]:
    return {name: _as_text(headers[name]) for name in (*KEPT_HEADERS, *speaker.kept_headers) if name in headers}


def _as_text(header: str) -> str:
    """A header may hold any bytes; PostgreSQL stores text."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "\ufffd")


_KNOWN = refused("nothing is set up to receive there", "unknown_source", "unknown_account")
_RECEIVED = {
    200: Answer("every event is stored; some senders get the text that they want to read instead", Receipt),
    400: refused(
        "the body is not what the source sends, or not what its headers promise; or it holds a card number",
        *("malformed", "invalid", "card_number"),
    ),
    401: refused("the signature does not hold", "bad_signature"),
    403: refused("the account takes no deliveries from that address", "forbidden"),
    404: _KNOWN,
    422: refused("a rule of the account refuses the event", "refused"),
    429: refused("the account or this address sends too much; `Retry-After` says when to try again", "too_many"),
    503: UNAVAILABLE,
}
_ASKED = {
    200: Answer("what the source wants to read"),
    404: _KNOWN,
    405: refused("this source asks nothing, or not so", "method_not_allowed"),
}
_RECEIVE, _ASK = "Take a signed delivery of a source", "Answer a source that asks whether the address is ours"

ROUTES = tuple(
    route
    for address in ("/webhooks/{source}", "/webhooks/{source}/{account}")
    for route in (
        Route("POST", address, receive_webhook, _RECEIVE, _RECEIVED, is_open=True),
        Route("GET", address, answer_challenge, _ASK, _ASKED, is_open=True),
    )
)
