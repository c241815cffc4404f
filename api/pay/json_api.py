"""The customer's page as JSON, for merchants who build one of their own (docs/customer-page.md): the same rules behind
it. The token in the address says for whom; the header `Recoup-Session` says that it is the same browser as before, so
that what is shown after a code stays with it. No cookie is read or set.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field

from activities.errors import OutsideError
from activities.page_access import CodeSent
from activities.store.checkouts import Checkout, Claimed, Way
from activities.store.page_access import CodeExpired, TooMany, TooManyCodes, Verified, Wrong
from api.cross_origin import allowed_to_ask, readable_headers
from api.errors import RETRY_AFTER_SECONDS, answer, refuse
from api.pay import acting
from api.pay.claims import claims_of
from api.pay.entering import Entered, enter
from api.pay.forms import RESULT_LENGTH_MAX, RESULTS_MAX, CheckoutPlace, Once, Place
from api.pay.offering import Choice, NotOffered, Offered, chosen, offered
from api.pay.rooms import Away
from api.pay.sentences import outcome
from api.pay.session import api_session_of
from api.pay.view import PageShown
from api.routes import UNAVAILABLE, Answer, Call, Nothing, Route, refused
from policies.base import WHOLE, Record, Request, ShortText
from policies.declines import CustomerAction
from policies.events import MistakeTopic
from policies.money import Money

log = logging.getLogger(__name__)


class ApiPage(Record):
    """`session`: to be sent back as the header `Recoup-Session`. Who has it is the browser that typed in the code."""

    session: str
    page: PageShown


class FieldsShown(Record):
    """What the gateway's own fields are opened with, and the origins that the page has to allow for them."""

    kind: str
    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    options: dict[str, str]
    integrity: dict[str, str]
    origins: dict[str, tuple[str, ...]]


class CheckoutShown(Record):
    """`state`: `open` (the customer gives a way to pay in `fields`, or at `url`), `paid`, `processing`, `refused` (and
    `advice` says what may help), `stopped` (too many tries; until `retry_at`), or `changed` meanwhile. `headline`,
    `text`: in the customer's language."""

    id: str
    state: Literal["open", "paid", "processing", "refused", "stopped", "changed"]
    headline: str
    text: str
    url: str | None = None
    fields: FieldsShown | None = None
    advice: CustomerAction | None = None
    retry_at: datetime | None = None


class Choosing(Request):
    """`stored`: the name of a stored way. `invoices` left out: all that are owed. `amount` (a part) and `plan` (the
    number of one that is offered) are of one invoice. `keep` false: only this once. `once`: a stored way that is
    chosen twice under it is charged once. `return_url`: where a gateway with a page of its own sends the customer back
    to; its origin must be set up (RECOUP_FEED_ORIGINS), else it is ours."""

    way: Way
    stored: Annotated[str, Field(max_length=40)] | None = None
    invoices: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=100, strict=False)] = ()
    amount: Money | None = None
    plan: Annotated[int, Field(ge=0, le=10), WHOLE] | None = None
    keep: bool = True
    once: Once | None = None
    return_url: Annotated[str, Field(max_length=2000)] | None = None


class Finishing(Request):
    """`result`: what the gateway's fields, or the address it sent the browser back to, brought."""

    result: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=RESULT_LENGTH_MAX)]],
        Field(max_length=RESULTS_MAX),
    ] = {}


class Doing(Request):
    """`once`: one id is one deed, however often it is sent."""

    once: Once


class Promising(Doing):
    on: Annotated[date, Field(strict=False)]


class Mistaking(Doing):
    topic: MistakeTopic
    words: ShortText | None = None


class Asking(Doing):
    words: ShortText | None = None


class CodeWanted(Request):
    channel: Literal["email", "sms"]


class CodeTyped(Request):
    code: Annotated[str, Field(max_length=40)]


class Noted(Record):
    """`agreed`: invoices whose cases took it."""

    agreed: tuple[str, ...]


class CodeAnswer(Record):
    """`sent`, `verified`, `wrong`, `expired`, `too_many`, or `not_sent`."""

    result: Literal["sent", "not_sent", "verified", "wrong", "expired", "too_many"]
    tries_left: int | None = None
    retry_at: datetime | None = None


Handled = Callable[[Call[Any, Any, Any]], Awaitable[web.Response]]


def plainly(handler: Handled) -> Handled:
    """Answers that other origins may read, whatever comes of it."""

    @wraps(handler)
    async def handle(call: Call[Any, Any, Any]) -> web.Response:
        headers = readable_headers(call.request)
        try:
            response = await handler(call)
        except Away as away:
            response = away.response
        except NotOffered as error:
            response = refuse(409, error.word, "it is not offered (any more): read the page again and choose from it")
        except OutsideError as error:
            log.error("a gateway does not serve the page's API: %s: %s", type(error).__name__, error)
            detail = "the gateway cannot be asked now; nothing was charged"
            response = refuse(503, "unavailable", detail, {"Retry-After": RETRY_AFTER_SECONDS})
        response.headers.update(headers)
        return response

    return handle


@plainly
async def read_page(call: Call[Place, Nothing, None]) -> web.Response:
    entered = await _entered(call, "view")
    return answer(200, ApiPage(session=entered.session.value, page=(await _offered(entered)).shown))


@plainly
async def begin(call: Call[Place, Nothing, Choosing]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    visitor, here = entered.visitor, await _offered(entered)
    choice = Choice.model_validate(asked.model_dump(exclude={"return_url"}))
    picked = chosen(choice, here, visitor.voice.tag)
    return_to = _return_to(call, asked.return_url)
    await acting.noted(visitor, [claim.case for claim in here.owed], "chose_method", asked.way)
    return answer(201, _shown(entered, await acting.began(visitor, *picked, return_to)))


@plainly
async def read_checkout(call: Call[CheckoutPlace, Nothing, None]) -> web.Response:
    entered = await _entered(call, "view", ended_too=True)
    checkout = await acting.as_it_stands(entered.visitor, await _checkout(entered, call.path.id))
    return answer(200, _shown(entered, checkout))


@plainly
async def finish(call: Call[CheckoutPlace, Nothing, Finishing]) -> web.Response:
    entered, asked = await _entered(call, "post", ended_too=True), await call.body()
    checkout = await _checkout(entered, call.path.id)
    return answer(200, _shown(entered, await acting.pay(entered.visitor, checkout, asked.result)))


@plainly
async def promise(call: Call[Place, Nothing, Promising]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    here = await _offered(entered)
    return _noted(await acting.promise(entered.visitor, here.owed, asked.on, asked.once))


@plainly
async def report_mistake(call: Call[Place, Nothing, Mistaking]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    here = await _offered(entered)
    return _noted(await acting.report_mistake(entered.visitor, here.open, asked.topic, asked.words or "", asked.once))


@plainly
async def ask_for_help(call: Call[Place, Nothing, Asking]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    here = await _offered(entered)
    return _noted(await acting.ask_for_help(entered.visitor, here.open, asked.words or "", asked.once))


@plainly
async def send_code(call: Call[Place, Nothing, CodeWanted]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    access, hashed = entered.visitor.page.access, entered.session.session_hash
    sent = await access.send_code(entered.visitor.link, hashed, asked.channel, datetime.now(UTC))
    match sent:
        case CodeSent():
            return answer(200, CodeAnswer(result="sent"))
        case TooManyCodes():
            return answer(200, CodeAnswer(result="too_many", retry_at=sent.until))
        case _:
            return answer(200, CodeAnswer(result="not_sent"))


@plainly
async def type_code(call: Call[Place, Nothing, CodeTyped]) -> web.Response:
    entered, asked = await _entered(call, "post"), await call.body()
    access, hashed = entered.visitor.page.access, entered.session.session_hash
    verdict = await access.verify(entered.visitor.link, hashed, asked.code, datetime.now(UTC))
    match verdict:
        case Verified():
            return answer(200, CodeAnswer(result="verified"))
        case Wrong():
            return answer(200, CodeAnswer(result="wrong", tries_left=verdict.tries_left))
        case CodeExpired():
            return answer(200, CodeAnswer(result="expired"))
        case TooMany():
            return answer(200, CodeAnswer(result="too_many"))


async def allow_page(call: Call[Place, Nothing, None]) -> web.Response:
    return allowed_to_ask(call.request)


async def allow_checkout_page(call: Call[CheckoutPlace, Nothing, None]) -> web.Response:
    return allowed_to_ask(call.request)


async def _entered(call: Call[Any, Any, Any], kind: Literal["view", "post"], ended_too: bool = False) -> Entered:
    parts = call.parts
    if parts.page is None:
        raise Away(refuse(404, "no_page", "no key is set up to sign links with (RECOUP_LINK_KEYS)"))
    found = await enter(call.request, parts, parts.page, call.path.token, kind, ended_too, api_session_of)
    if isinstance(found, Entered):
        return found
    if found.retry_after:
        detail = "too many requests by this token or address; try again later"
        raise Away(refuse(429, "too_many_requests", detail, {"Retry-After": str(found.retry_after)}))
    if found.why in ("paid", "closed"):
        raise Away(refuse(404, f"ended_{found.why}", "nothing is owed any more, so this token opens nothing"))
    raise Away(refuse(404, "unknown_token", "the token is no token, or too old; ask your back end for a new one"))


async def _offered(entered: Entered) -> Offered:
    visitor = entered.visitor
    return await offered(visitor, await claims_of(visitor.parts, visitor.page, visitor.link.customer))


async def _checkout(entered: Entered, checkout_id: str) -> Checkout:
    found = await entered.visitor.parts.store.checkouts.get(checkout_id, entered.visitor.link)
    if found is None:
        raise Away(refuse(404, "unknown_checkout", "this token has begun no such checkout"))
    return found


def _return_to(call: Call[Any, Any, Any], return_url: str | None) -> Callable[[str], str]:
    """Only to pages of the merchant's own origins, or anybody could be sent anywhere in their name."""
    parts = call.parts
    if return_url is None:
        base = f"{parts.public_url.rstrip('/')}/pay/{call.path.token}/checkout/"
        return lambda checkout_id: f"{base}{checkout_id}?back=1"
    try:
        split = urlsplit(return_url)
    except ValueError:
        raise NotOffered("unknown_return_url") from None
    if f"{split.scheme}://{split.netloc}" not in parts.feed_origins or not return_url.isprintable():
        raise NotOffered("unknown_return_url")
    kept = return_url.partition("#")[0]
    joint = "&" if split.query else "?"
    return lambda checkout_id: f"{kept}{joint}checkout={checkout_id}"


def _shown(entered: Entered, checkout: Checkout) -> CheckoutShown:
    headline, text = outcome(entered.visitor.voice, checkout)
    session, state = checkout.session, _state_of(checkout)
    is_open = state == "open" and session is not None
    fields = session.fields if is_open and session else None
    return CheckoutShown(
        id=checkout.id,
        state=state,
        headline="" if state == "open" else headline,
        text="" if state == "open" else text,
        url=session.url if is_open and session else None,
        fields=FieldsShown.model_validate(fields.model_dump()) if fields else None,
        advice=checkout.advice,
        retry_at=checkout.stopped_until if checkout.stopped else None,
    )


def _state_of(checkout: Checkout) -> Literal["open", "paid", "processing", "refused", "stopped", "changed"]:
    if checkout.stopped:
        return "stopped"
    if not checkout.is_over:
        return "open"
    if checkout.paid:
        return "paid"
    if checkout.advice is not None:
        return "refused"
    waits = any(each.answer and each.answer.result == "processing" for each in checkout.answers)
    return "processing" if waits else "changed"


def _noted(done: Sequence[Claimed]) -> web.Response:
    agreed = tuple(each.case_id.rpartition("/")[2] for each in done if each.answer)
    if not agreed:
        raise NotOffered("not_offered")
    return answer(200, Noted(agreed=agreed))


_ADDRESS = "/pay/{token}/api"
_CHECKOUT = f"{_ADDRESS}/checkouts/{{id}}"
_UNKNOWN = refused(
    "the token opens nothing (any more)", "unknown_token", "ended_paid", "ended_closed", "unknown_checkout", "no_page"
)
_CROWDED = refused("too many requests; `Retry-After` says when to try again", "too_many_requests")
_WORDS = ("not_offered", "only_all", "wrong_amount", "unknown_way", "unknown_invoice", "unknown_plan", "only_kept")
_NOT_NOW = refused("it is not offered (any more)", *_WORDS, "unknown_return_url")
_ALWAYS = {404: _UNKNOWN, 429: _CROWDED, 503: UNAVAILABLE}
_PAGE = {200: Answer("the page", ApiPage), **_ALWAYS}
_BEGUN = {201: Answer("begun, or already answered for a stored way", CheckoutShown), 409: _NOT_NOW, **_ALWAYS}
_SEEN = {200: Answer("how it stands", CheckoutShown), **_ALWAYS}
_DONE = {200: Answer("the cases took it", Noted), 409: _NOT_NOW, **_ALWAYS}
_CODE = {200: Answer("what came of it", CodeAnswer), **_ALWAYS}
_ALLOWED = {200: Answer("the headers say whether it may")}
_MAY_IT = "Whether a page of another origin may ask"

ROUTES = (
    Route("GET", _ADDRESS, read_page, "The customer's page as JSON", _PAGE, is_open=True),
    Route("POST", f"{_ADDRESS}/checkouts", begin, "Choose a way to pay", _BEGUN, is_open=True),
    Route("GET", _CHECKOUT, read_checkout, "How a try to pay stands", _SEEN, is_open=True),
    Route("POST", _CHECKOUT, finish, "What the gateway's fields brought", _SEEN, is_open=True),
    Route("POST", f"{_ADDRESS}/promise", promise, "Name a day on which all may be charged", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/mistake", report_mistake, "Say that the claim is wrong", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/help", ask_for_help, "Ask for a person", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/code", send_code, "Send a code to an address on file", _CODE, is_open=True),
    Route("POST", f"{_ADDRESS}/verify", type_code, "Type the code in", _CODE, is_open=True),
    *(
        Route("OPTIONS", f"{_ADDRESS}{rest}", allow_page, _MAY_IT, _ALLOWED, is_open=True)
        for rest in ("", "/checkouts", "/promise", "/mistake", "/help", "/code", "/verify")
    ),
    Route("OPTIONS", _CHECKOUT, allow_checkout_page, _MAY_IT, _ALLOWED, is_open=True),
)
