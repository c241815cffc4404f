"""What customers do on their page. Every form is answered with a redirect, so that a reload sends nothing twice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web
from pydantic import ValidationError

from activities.page_access import CodeSent
from activities.store.checkouts import Claimed
from activities.store.page_access import CodeExpired, TooMany, Verified, Wrong
from api.forms import fields_of, flat
from api.pay import acting
from api.pay.acting import Visitor
from api.pay.claims import claims_of
from api.pay.entering import Entered, enter
from api.pay.forms import (
    CheckoutPlace,
    CodeForm,
    HelpForm,
    MistakeForm,
    PayForm,
    Place,
    PromiseForm,
    SeenForm,
    SomeForm,
    TypedCode,
    results_of,
)
from api.pay.html import QUIET, redirect_to
from api.pay.offering import Choice, NotOffered, Offered, chosen
from api.pay.rooms import base_of, checkout_of, form_of, kindly, not_let_in, offered_to, page_parts
from api.pay.session import next_session, session_of
from api.routes import Call, Nothing


@kindly
async def begin(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    """A way to pay was chosen. A stored one is charged at once, for the others the gateway's fields are opened."""
    entered, fields = await form_of(call)
    visitor, here = entered.visitor, await offered_to(entered)
    try:
        form = PayForm.model_validate(flat(fields, several=("invoice",)))
        choice = _choice(form, here, visitor)
        picked = chosen(choice, here, visitor.voice.tag)
    except (ValidationError, NotOffered) as error:
        return redirect_to(f"{base_of(call)}?said={error.word if isinstance(error, NotOffered) else 'not_understood'}")
    await acting.noted(visitor, [claim.case for claim in here.owed], "chose_method", choice.way)
    checkout = await acting.began(visitor, *picked, lambda checkout_id: _address(call, checkout_id))
    return redirect_to(f"{base_of(call)}/checkout/{checkout.id}", entered.session.cookie_header)


def _address(call: Call[Place, Nothing, bytes], checkout_id: str) -> str:
    return f"{call.parts.public_url.rstrip('/')}{base_of(call)}/checkout/{checkout_id}?back=1"


@kindly
async def finish(call: Call[CheckoutPlace, Nothing, bytes]) -> web.StreamResponse:
    """What the fields, or the gateway's own page, brought."""
    entered, fields = await form_of(call, ended_too=True)
    visitor, checkout = entered.visitor, await checkout_of(call, entered)
    await acting.pay(visitor, checkout, results_of(fields))
    return redirect_to(f"{base_of(call)}/checkout/{checkout.id}", entered.session.cookie_header)


@kindly
async def promise(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    async def act(visitor: Visitor, here: Offered, form: PromiseForm) -> list[Claimed]:
        return await acting.promise(visitor, here.owed, form.on, form.once)

    return await _say(call, PromiseForm, act, "promised")


@kindly
async def report_mistake(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    async def act(visitor: Visitor, here: Offered, form: MistakeForm) -> list[Claimed]:
        return await acting.report_mistake(visitor, here.open, form.topic, form.words or "", form.once)

    return await _say(call, MistakeForm, act, "told")


@kindly
async def ask_for_help(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    async def act(visitor: Visitor, here: Offered, form: HelpForm) -> list[Claimed]:
        return await acting.ask_for_help(visitor, here.open, form.words or "", form.once)

    return await _say(call, HelpForm, act, "asked")


@kindly
async def send_code(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    entered, fields = await form_of(call)
    visitor, form = entered.visitor, _read(CodeForm, fields)
    said = "not_understood"
    if form:
        access, hashed = visitor.page.access, entered.session.session_hash
        sent = await access.send_code(visitor.link, hashed, form.channel, datetime.now(UTC))
        said = "code_sent" if isinstance(sent, CodeSent) else "code_not_sent"
    return redirect_to(f"{base_of(call)}?said={said}", entered.session.cookie_header)


@kindly
async def type_code(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    entered, fields = await form_of(call)
    visitor, form = entered.visitor, _read(TypedCode, fields)
    verdict, session = None, entered.session
    if form:
        new, now = next_session(call.request, visitor.link, visitor.page.keys), datetime.now(UTC)
        verdict = await visitor.page.access.verify(visitor.link, session.session_hash, form.code, now, new.session_hash)
        session = new if isinstance(verdict, Verified) else session
    said = _SAID_OF_CODE.get(type(verdict), "not_understood")
    return redirect_to(f"{base_of(call)}?said={said}" if said else base_of(call), session.cookie_header)


_SAID_OF_CODE: dict[type, str] = {Verified: "", Wrong: "wrong_code", CodeExpired: "code_old", TooMany: "code_old"}


@kindly
async def renew(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    """A new link in the place of one that has ended, to an address on file; what came of that is not told."""
    page, links = page_parts(call), call.parts.links
    found = await enter(call.request, call.parts, page, call.path.token, "post")
    if isinstance(found, Entered):
        return redirect_to(base_of(call), found.session.cookie_header)
    if found.renewable is None or links is None:
        return not_let_in(call, found)
    fields = fields_of(await call.body()) or {}
    session = session_of(call.request, found.renewable, page.keys)
    is_ours = session.accepts(call.request, fields.get("csrf", [""])[-1])
    if is_ours:
        await page.access.send_link(found.renewable, session.session_hash, links, datetime.now(UTC))
    return not_let_in(call, found, sent=is_ours)


@kindly
async def seen(call: Call[Place, Nothing, bytes]) -> web.StreamResponse:
    """What only a script can tell: nobody is kept waiting for it, and no mail scanner says it."""
    entered, fields = await form_of(call)
    form, visitor = _read(SeenForm, fields), entered.visitor
    if form:
        claims = await claims_of(visitor.parts, visitor.page, visitor.link.customer)
        await acting.noted(visitor, [claim.case for claim in claims], form.what, form.method)
    return web.Response(status=204, headers=QUIET)


async def _say(
    call: Call[Place, Nothing, bytes],
    kind: type[SomeForm],
    act: Callable[[Visitor, Offered, SomeForm], Awaitable[list[Claimed]]],
    said: str,
) -> web.Response:
    """`said`: what the page says once the first of the cases has agreed."""
    entered, fields = await form_of(call)
    form, here = _read(kind, fields), await offered_to(entered)
    if form is None:
        return redirect_to(f"{base_of(call)}?said=not_understood")
    done = await act(entered.visitor, here, form)
    agreed = any(each.answer for each in done)
    return redirect_to(f"{base_of(call)}?said={said if agreed else 'not_offered'}", entered.session.cookie_header)


def _read(form: type[SomeForm], fields: dict[str, list[str]]) -> SomeForm | None:
    try:
        return form.model_validate(flat(fields))
    except ValidationError:
        return None


def _choice(form: PayForm, here: Offered, visitor: Visitor) -> Choice:
    amount = None
    if form.sum == "part":
        currency = here.owed[0].facts.due.currency if here.owed else "EUR"
        amount = visitor.voice.sum_written(form.part, currency)
        if amount is None:
            raise NotOffered("wrong_amount")
    way = "stored" if form.stored else form.way
    if way is None:
        raise NotOffered("unknown_way")
    plan = int(form.sum.removeprefix("plan-")) if form.sum.startswith("plan-") else None
    chosen_way = {"way": way, "stored": form.stored, "invoices": form.invoice, "once": form.once}
    return Choice.model_validate({**chosen_way, "amount": amount, "plan": plan, "keep": not form.lend})
