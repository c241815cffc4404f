"""Who comes to the page, by the link in the address: let in, or shown why not and what helps. Nothing changes by it:
mail scanners open every link."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from activities.links import PayLink
from activities.page_words import PageVoice
from activities.store.pay_links import Because
from api.parts import ApiParts, PageParts
from api.pay.acting import Visitor
from api.pay.session import PageSession, session_of

SessionBy = Callable[[web.Request, PayLink, Sequence[str]], PageSession]


def voice_asked_for(page: PageParts, request: web.Request) -> PageVoice:
    """Whose link it was is not known, so the browser's own languages are asked."""
    asked = request.headers.get("Accept-Language", "").split(",")
    return page.speaker.first_of([each.partition(";")[0].strip() for each in asked[:10]])


@dataclass(frozen=True)
class NotLetIn:
    """`why`: a revoked link's reason, or `unknown` (forged), `expired`, `crowded` (too many requests).
    `renewable`: a link of ours in whose place a new one may be sent."""

    why: Because | Literal["unknown", "expired", "crowded"]
    voice: PageVoice
    retry_after: int | None = None
    renewable: PayLink | None = None


@dataclass(frozen=True)
class Entered:
    """`session`: of the browser, for forms of the HTML page."""

    visitor: Visitor
    session: PageSession


async def enter(
    request: web.Request,
    parts: ApiParts,
    page: PageParts,
    token: str,
    kind: Literal["view", "post"],
    ended_too: bool = False,
    session_by: SessionBy = session_of,
) -> Entered | NotLetIn:
    """`ended_too`: also by a link that a payment has ended, to see what became of it. `session_by`: how the browser
    says that it is the same as before."""
    signed = parts.links.read_pay(token) if parts.links else None
    kept = await parts.store.pay_links.find(signed.link_id) if signed else None
    link = signed.of(kept.customer) if signed and kept else None
    if wait := page.guard.seconds_to_wait(kind, parts.limits.caller(request), link):
        return NotLetIn("crowded", voice_asked_for(page, request), math.ceil(wait))
    if link is None or kept is None:
        return NotLetIn("unknown", voice_asked_for(page, request))
    revoked, now = kept.revoked_because, datetime.now(UTC)
    if now >= link.expires_at:
        # A month after it was made a mailbox may be somebody else's: nothing but the offer to send a new one.
        renewable = link if revoked in (None, "newer") else None
        return NotLetIn("expired", voice_asked_for(page, request), renewable=renewable)
    who = link.customer
    customer = await parts.store.customers.get(who.source, who.account, who.customer_id)
    voice = page.speaker.to(customer.locale)
    if revoked and not (ended_too and revoked in ("paid", "closed", "newer")):
        return NotLetIn(revoked, voice, renewable=link if revoked == "newer" else None)
    session = session_by(request, link, page.keys)
    verified = await page.access.is_verified(link, session.session_hash, now)
    objects = request.headers.get("Sec-GPC") == "1"
    visitor = Visitor(
        parts=parts,
        page=page,
        link=link,
        customer=customer,
        voice=voice,
        session_hash=session.session_hash,
        verified=verified,
        learns=customer.learn_active_hours and not objects,
        headers=request.headers,
    )
    return Entered(visitor, session)
