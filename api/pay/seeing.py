"""The customer's page, /pay/{token}: what is owed and how it is put right, the gateway's fields, and what came of it.
Works without scripts, but for the fields of a gateway. Nothing changes by looking.
"""

from aiohttp import web

from activities.store.checkouts import Checkout
from api.pay import acting
from api.pay.acting import Visitor
from api.pay.claims import claims_of
from api.pay.entering import Entered
from api.pay.forms import SAID, CheckoutPlace, Place, brought_back
from api.pay.html import redirect_to
from api.pay.rooms import base_of, checkout_of, entered_by, kindly, offered_to, page_for
from api.pay.sentences import outcome
from api.pay.view import total_of
from api.routes import Anything, Call


@kindly
async def show(call: Call[Place, Anything, None]) -> web.StreamResponse:
    entered = await entered_by(call, "view")
    here, said = await offered_to(entered), call.request.query.get("said", "")
    told = {"page": here.shown, "said": said if said in SAID else ""}
    # The way to the preferences is a key as well, and lasts longer than this one.
    hidden = {"preferences": ""} if here.shown.wants_code == "page" else {}
    return page_for(entered, "owed.html.j2", {**told, **hidden})


@kindly
async def show_checkout(call: Call[CheckoutPlace, Anything, None]) -> web.StreamResponse:
    """The gateway's fields; once they were used, what came of it. A gateway that has a page of its own brings the
    browser back here, and what it adds to the address goes into the form that finishes."""
    entered = await entered_by(call, "view", ended_too=True)
    visitor, checkout = entered.visitor, await checkout_of(call, entered)
    if "back" not in call.request.query:
        checkout = await acting.as_it_stands(visitor, checkout)
    if checkout.answers or checkout.not_given or checkout.stopped:
        return await _outcome(entered, checkout)
    if checkout.session is None:
        return redirect_to(base_of(call))
    told = {
        "checkout": checkout,
        "options": checkout.session.fields.options if checkout.session.fields else {},
        "return_url": f"{visitor.parts.public_url.rstrip('/')}{call.request.path}?back=1",
        "amount": _amounts(visitor, checkout),
        "brought": brought_back(call.request.query) if "back" in call.request.query else None,
    }
    return page_for(entered, "checkout.html.j2", told, checkout=checkout)


async def _outcome(entered: Entered, checkout: Checkout) -> web.Response:
    visitor = entered.visitor
    headline, text = outcome(visitor.voice, checkout)
    claims = await claims_of(visitor.parts, visitor.page, visitor.link.customer)
    open_cases = [claim for claim in claims if claim.case.case_id in checkout.cases and claim.state != "settled"]
    waits = any(claim.state == "processing" for claim in open_cases)
    came = bool(checkout.answers) and not waits and not open_cases and checkout.advice is None
    told = {
        "headline": visitor.voice.gettext("Thank you") if came and not checkout.paid else headline,
        "text": visitor.voice.gettext("Your payment has arrived.") if came and not checkout.paid else text,
        "state": "settled" if came or checkout.paid else "processing" if waits else "owed",
        "left": any(claim.state == "owed" for claim in claims),
    }
    return page_for(entered, "outcome.html.j2", told)


def _amounts(visitor: Visitor, checkout: Checkout) -> str:
    one = checkout.plan[0].amount if checkout.plan else checkout.amount or total_of(checkout.owed)
    amounts = [one] if one else checkout.owed
    return " + ".join(visitor.voice.money(amount) for amount in amounts)
