"""What every handler of the page does first and last: let the visitor in, read the form, answer with a page."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Literal

from aiohttp import web
from temporalio.service import RPCError

from activities.errors import OutsideError
from activities.store.checkouts import Checkout
from activities.store.database import DATABASE_DOWN
from api.errors import RETRY_AFTER_SECONDS, TemporalUnreachable, refuse
from api.forms import fields_of
from api.parts import PageParts
from api.pay.claims import claims_of
from api.pay.entering import Entered, NotLetIn, enter, voice_asked_for
from api.pay.forms import CheckoutPlace
from api.pay.html import QUIET, page_of
from api.pay.offering import Offered, offered
from api.pay.session import session_of
from api.routes import Call

log = logging.getLogger(__name__)

STATUS_OF = {"unknown": 404, "expired": 410, "newer": 410, "erased": 410, "paid": 200, "closed": 410, "crowded": 429}


NO_PAGE = "<!doctype html><title>No page</title><p>No key is set up to sign links with (RECOUP_LINK_KEYS)."
"""Said where there is nothing that could say it in anybody's language."""


class Away(Exception):
    """Answered already: not let in, or sent somewhere else."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


Handled = Callable[[Call[Any, Any, Any]], Awaitable[web.StreamResponse]]


def kindly(handler: Handled) -> Handled:
    """Where a part is down the customer reads a sentence, and that nothing was charged by looking."""

    @wraps(handler)
    async def handle(call: Call[Any, Any, Any]) -> web.StreamResponse:
        if call.parts.page is None:
            return web.Response(status=404, text=NO_PAGE, content_type="text/html", headers=QUIET)
        try:
            return await handler(call)
        except Away as away:
            return away.response
        except OutsideError as error:
            # Its text names settings, ids and codes, never a secret.
            log.error("a gateway does not serve the customer's page: %s: %s", type(error).__name__, error)
            return _trouble(call)
        except (TemporalUnreachable, RPCError, *DATABASE_DOWN) as error:
            why = error.status.name if isinstance(error, RPCError) else type(error).__name__
            log.error("the customer's page cannot be shown: %s", why)
            return _trouble(call)

    return handle


async def entered_by(call: Call[Any, Any, Any], kind: Literal["view", "post"], ended_too: bool = False) -> Entered:
    page = page_parts(call)
    found = await enter(call.request, call.parts, page, call.path.token, kind, ended_too)
    if isinstance(found, Entered):
        return found
    raise Away(not_let_in(call, found))


async def form_of(call: Call[Any, Any, Any], ended_too: bool = False) -> tuple[Entered, dict[str, list[str]]]:
    """A form of our own page, from this very browser."""
    entered = await entered_by(call, "post", ended_too)
    fields = fields_of(await call.body())
    if fields is None:
        raise Away(refuse(400, "malformed", "the body is not the form of this page"))
    if not entered.session.accepts(call.request, fields.get("csrf", [""])[-1]):
        raise Away(page_for(entered, "again.html.j2", {}, status=403))
    return entered, fields


async def offered_to(entered: Entered) -> Offered:
    visitor = entered.visitor
    return await offered(visitor, await claims_of(visitor.parts, visitor.page, visitor.link.customer))


async def checkout_of(call: Call[CheckoutPlace, Any, Any], entered: Entered) -> Checkout:
    visitor = entered.visitor
    found = await visitor.parts.store.checkouts.get(call.path.id, visitor.link)
    if found:
        return found
    raise Away(not_let_in(call, NotLetIn("unknown", visitor.voice)))


def page_parts(call: Call[Any, Any, Any]) -> PageParts:
    page = call.parts.page
    if page is None:
        raise RuntimeError("`kindly` lets nobody in where there is no page")
    return page


def base_of(call: Call[Any, Any, Any]) -> str:
    return f"/pay/{call.path.token}"


def page_for(
    entered: Entered, template: str, told: dict[str, Any], status: int = 200, checkout: Checkout | None = None
) -> web.Response:
    visitor, session = entered.visitor, entered.session
    links, preferences = visitor.parts.links, ""
    if links:
        preferences = links.preferences(visitor.link.customer)
    shared = {
        "base": f"/pay/{links.pay_token(visitor.link)}" if links else "",
        "csrf": session.csrf,
        "once": secrets.token_urlsafe(12),
        "preferences": preferences,
        "support": visitor.customer.support_contact,
    }
    return page_of(visitor.page, visitor.voice, template, {**shared, **told}, status, session.cookie_header, checkout)


def not_let_in(call: Call[Any, Any, Any], found: NotLetIn, sent: bool = False) -> web.Response:
    """`sent`: a new link was asked for just now; the page says no more than that."""
    page, link = page_parts(call), found.renewable
    session = session_of(call.request, link, page.keys) if link else None
    told = {"why": found.why, "csrf": session.csrf if session else "", "base": base_of(call), "sent": sent}
    cookie = session.cookie_header if session else None
    response = page_of(page, found.voice, "ended.html.j2", told, STATUS_OF[found.why], cookie)
    if found.retry_after:
        response.headers["Retry-After"] = str(found.retry_after)
    return response


_TROUBLE = {"why": "trouble", "csrf": "", "base": "", "sent": False}


def _trouble(call: Call[Any, Any, Any]) -> web.Response:
    page = page_parts(call)
    response = page_of(page, voice_asked_for(page, call.request), "ended.html.j2", _TROUBLE, 503)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response
