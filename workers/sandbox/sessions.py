"""Sessions in which a customer gives a way to pay in the sandbox's own fields, or confirms a stored one.

A session is named by its id, which is public: it shows no card, and giving one twice is giving it once. What is typed
arrives here alone and is turned into a way for a card to behave (`numbers.py`); of a number the last four characters
are kept. Nothing is charged.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, StringConstraints, ValidationError
from yarl import URL

from policies.base import Identifier, Request
from policies.instruments import PaymentType
from workers.sandbox import fields_pages as pages
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.fields_words import WORDS, language_of
from workers.sandbox.http import CardToken, Refused, body_of, id_in_path, now_of
from workers.sandbox.ids import new_id
from workers.sandbox.numbers import APPROVED, WALLET, BankDetails, CardDetails, Way, WrongFields, account_of, card_of

LIVES_FOR = timedelta(minutes=30)
NOT_CONFIRMED = "payment_intent_authentication_failure"


def _web_address(text: str) -> str:
    address = URL(text)
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError("must be an address that begins with https:// or http://")
    return text


class SessionRequest(Request):
    """`credential_id`: a stored card that is to be confirmed, nothing is typed. `redirect`: the customer gives it on a
    page of the sandbox and comes back to `return_url`, with `sandbox_session` and `outcome` in its query."""

    customer_id: Identifier
    payment_type: Literal["card", "bank_debit", "wallet"] = "card"
    credential_id: CardToken | None = None
    return_url: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)]
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,35}$")] = "en"
    redirect: bool = False


class WalletDetails(Request):
    """The customer pressed the wallet's button."""


class ChallengeAnswer(Request):
    confirmed: bool


class Sessions:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/gateway/sessions", self.open),
            web.get("/gateway/sessions/{session_id}", self.show),
            *(web.get(f"/gateway/{name}", _file) for name in pages.FILES),
            web.get("/gateway/fields/{session_id}", self.frame),
            web.post("/gateway/fields/{session_id}", self.give),
            web.post("/gateway/fields/{session_id}/challenge", self.answer_challenge),
            web.get("/gateway/pages/{session_id}", self.own_page),
            web.post("/gateway/pages/{session_id}", self.answer_page),
        ]

    async def open(self, request: web.Request) -> web.Response:
        """`reached_at`: the origin that was asked; behind a proxy browsers may know the sandbox by another one, so a
        page's `path` is told beside its `url`."""
        ask, now = await body_of(request, SessionRequest), now_of(request)
        session_id, expires_at = new_id("ses"), now + LIVES_FOR
        async with self._pool.acquire() as database, database.transaction():
            payment_type = await _checked(database, ask)
            await database.execute(
                """insert into gateway_sessions (session_id, customer_id, payment_type, confirms, locale, return_url,
                                                 expires_at) values ($1, $2, $3, $4, $5, $6, $7)""",
                session_id,
                ask.customer_id,
                payment_type,
                ask.credential_id,
                ask.locale,
                ask.return_url if ask.redirect else None,
                expires_at,
            )
        reached_at = str(request.url.origin())
        path = f"/gateway/pages/{session_id}" if ask.redirect else None
        url = None if path is None else reached_at + path
        told = {"session_id": session_id, "expires_at": expires_at.isoformat(), "reached_at": reached_at}
        return web.json_response({**told, "path": path, "url": url})

    async def show(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database:
            session = await _session(database, request)
            card = await database.fetchrow("select * from cards where card_id = $1", session["credential_id"])
        names = "payment_type brand last4 expires fingerprint".split()
        return web.json_response(
            {
                "status": _status(session, now_of(request)),
                "customer_id": session["customer_id"],
                "credential_id": session["credential_id"],
                "code": session["code"],
                **({name: card[name] for name in names} if card else {}),
            }
        )

    async def frame(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database:
            session = await _session(database, request)
        return pages.frame(session, _status(session, now_of(request)), _locale(request, session))

    async def give(self, request: web.Request) -> web.Response:
        """Always 200 with a status: `given`, `challenge`, `wrong` (with `fields`), `refused` or `expired`."""
        now = now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            session = await _session(database, request, lock=True)
            words = WORDS[language_of(_locale(request, session))]
            if (status := _status(session, now)) in ("given", "expired"):
                return _told(status, words)
            if session["confirms"]:
                raise Refused(409, "only_confirms", "this session confirms a stored card; none is given")
            try:
                way = await _typed(request, session, now)
            except WrongFields as wrong:
                fields = {field: words[complaint] for field, complaint in wrong.fields.items()}
                return web.json_response({"status": "wrong", "fields": fields})
            return _told(await _take(database, session, way), words, way.refused)

    async def answer_challenge(self, request: web.Request) -> web.Response:
        answer, now = await body_of(request, ChallengeAnswer), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            session = await _session(database, request, lock=True)
            words = WORDS[language_of(_locale(request, session))]
            if (status := _status(session, now)) in ("given", "expired"):
                return _told(status, words)
            if not session["confirms"] and session["way"] is None:
                raise Refused(409, "no_challenge", "nothing waits to be confirmed")
            if not answer.confirmed:
                await _refuse(database, session, NOT_CONFIRMED)
                return _told("refused", words, NOT_CONFIRMED)
            way = Way.model_validate_json(session["way"]) if session["way"] else None
            await _confirmed(database, session, way)
        return _told("given", words)

    async def own_page(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database:
            session = await _session(database, request)
        status = _status(session, now_of(request))
        if status == "given":
            raise _back(session, "approved")
        return pages.own_page(_sent_there(session), status)

    async def answer_page(self, request: web.Request) -> web.Response:
        approves = (await request.post()).get("answer") == "approve"
        async with self._pool.acquire() as database, database.transaction():
            session = _sent_there(await _session(database, request, lock=True))
            status = _status(session, now_of(request))
            if approves and status not in ("given", "expired"):
                way = None if session["confirms"] else APPROVED[PaymentType(session["payment_type"])]
                await _confirmed(database, session, way)
        raise _back(session, "approved" if approves and status != "expired" else "cancelled")


async def _file(request: web.Request) -> web.Response:
    return pages.static_file(request.path.rpartition("/")[2])


async def _checked(database: Database, ask: SessionRequest) -> str:
    """The type of what will be given. Raises Refused 404."""
    if not await database.fetchval("select true from customers where customer_id = $1", ask.customer_id):
        raise Refused(404, "no_such_customer", f"customer_id: there is no customer {ask.customer_id}")
    if ask.credential_id is None:
        return ask.payment_type
    found: str | None = await database.fetchval(
        "select payment_type from cards where card_id = $1 and customer_id = $2", ask.credential_id, ask.customer_id
    )
    if found is None:
        raise Refused(404, "no_such_card", "credential_id: is no card of this customer")
    return found


_READ = "select *, way::text as way from gateway_sessions where session_id = $1"


async def _session(database: Database, request: web.Request, *, lock: bool = False) -> Record:
    row: Record | None = await database.fetchrow(
        _READ + (" for update" if lock else ""), id_in_path(request, "session_id")
    )
    if row is None:
        raise Refused(404, "no_such_session", "there is no such session")
    return row


def _status(session: Record, now: datetime) -> str:
    """What was given stays given. One that was refused may be tried again until it expires."""
    if session["status"] != "given" and now >= session["expires_at"]:
        return "expired"
    status: str = session["status"]
    return status


def _locale(request: web.Request, session: Record) -> str:
    return str(request.query.get("locale") or session["locale"])


async def _typed(request: web.Request, session: Record, now: datetime) -> Way:
    """Not through `body_of`, which refuses card numbers: this is the one place that takes them. Raises WrongFields, or
    Refused 400, which repeats nothing of what was sent."""
    sent = await request.read()
    try:
        match PaymentType(session["payment_type"]):
            case PaymentType.CARD:
                return card_of(CardDetails.model_validate_json(sent), now)
            case PaymentType.BANK_DEBIT:
                return account_of(BankDetails.model_validate_json(sent))
            case PaymentType.WALLET:
                WalletDetails.model_validate_json(sent)
                return WALLET
    except ValidationError:
        raise Refused(400, "bad_input", "body: is not what the fields of this session send") from None


async def _take(database: Database, session: Record, way: Way) -> str:
    """Returns what became of it."""
    if way.refused is not None:
        await _refuse(database, session, way.refused)
        return "refused"
    if way.challenge:
        await database.execute(
            "update gateway_sessions set status = 'open', code = null, way = $2::text::jsonb where session_id = $1",
            session["session_id"],
            way.model_dump_json(),
        )
        return "challenge"
    await _confirmed(database, session, way)
    return "given"


async def _refuse(database: Database, session: Record, code: str) -> None:
    await database.execute(
        "update gateway_sessions set status = 'refused', code = $2, way = null where session_id = $1",
        session["session_id"],
        code,
    )


async def _confirmed(database: Database, session: Record, way: Way | None) -> None:
    """`way` None: the stored card of the session is confirmed; one that only waited for that is good now."""
    if way is None:
        card_id = session["confirms"]
        await database.execute(
            "update cards set kind = 'good' where card_id = $1 and kind = 'needs_authentication'", card_id
        )
    else:
        card_id = await _keep(database, session["customer_id"], way)
    await database.execute(
        """update gateway_sessions set status = 'given', code = null, way = null, credential_id = $2
           where session_id = $1""",
        session["session_id"],
        card_id,
    )


async def _keep(database: Database, customer_id: str, way: Way) -> str:
    card_id = new_id("card")
    await database.execute(
        """insert into cards (card_id, customer_id, kind, params, payment_type, brand, last4, expires, fingerprint)
           values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9)""",
        card_id,
        customer_id,
        way.kind,
        json.dumps(way.params),
        way.payment_type.value,
        way.brand.value,
        way.last4,
        way.expires,
        _fingerprint(customer_id, way) if way.last4 else None,
    )
    return card_id


def _fingerprint(customer_id: str, way: Way) -> str:
    """The same for the same card of one customer; made of what is kept anyway. In letters, like every id here."""
    digest = hashlib.sha256(f"{customer_id}:{way.brand}:{way.last4}".encode()).hexdigest()
    return "fp_" + "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:20])


def _told(status: str, words: dict[str, str], code: str | None = None) -> web.Response:
    message: dict[str, Any] = {}
    if status == "expired":
        message = {"message": words["expired"]}
    if status == "refused" and code is not None:
        message = {"message": words[code]}
    return web.json_response({"status": status, **message})


def _sent_there(session: Record) -> Record:
    if session["return_url"] is None:
        raise Refused(404, "no_page", "this session is given in fields; open it with redirect true")
    return session


def _back(session: Record, outcome: str) -> web.HTTPSeeOther:
    query = {"sandbox_session": session["session_id"], "outcome": outcome}
    return web.HTTPSeeOther(URL(_sent_there(session)["return_url"]).update_query(query))
