"""The merchant's word that a customer should hear of something before it fails: stored, then said by the rules."""

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from activities.customers import written_as_a_date
from api.errors import answer, refuse
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from api.telemetry import current_traceparent
from policies.base import Identifier, Record, Request
from policies.events import IgnoredBecause
from policies.keys import CustomerRef
from policies.money import Money
from policies.notices import Notice, NoticeTemplate

NOTICES_SOURCE = "recoup_notices"

Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_as_a_date)]


class Place(Address):
    source: Identifier
    account: Identifier
    notice_id: Identifier


class Telling(Request):
    """`on`: the day it is about. `due`: what will be charged then. `not_after`: later it is not said any more; left
    out: `on`. `invoice_id`: where there is one; it is read before anything is said."""

    customer_id: Identifier
    template: NoticeTemplate
    on: Moment
    due: Money | None = None
    not_after: Moment | None = None
    invoice_id: Identifier | None = None

    @model_validator(mode="after")
    def _says_what_is_charged(self) -> "Telling":
        if self.due is None and self.template != "card_expiring":
            raise ValueError(f"{self.template} says what will be charged: give due")
        return self


class NoticeTaken(Record):
    notice_id: str
    status: str


async def tell(call: Call[Place, Nothing, Telling]) -> web.Response:
    told, place, now = await call.body(), call.path, datetime.now(UTC)
    not_after = told.not_after or told.on
    if not_after <= now:
        return refuse(409, "old_news", "not_after: it is old news already; give a later moment, or a later day in on")
    notice = Notice(
        notice_id=place.notice_id,
        customer=CustomerRef(source=place.source, account=place.account, customer_id=told.customer_id),
        template=told.template,
        on=told.on,
        due=told.due,
        not_after=not_after,
        invoice_id=told.invoice_id,
    )
    stored = await call.parts.store.inbox.receive(
        NOTICES_SOURCE,
        place.account,
        f"{place.source}/{place.account}/{place.notice_id}",
        {},
        notice.model_dump_json().encode(),
        now,
        current_traceparent(call.request.headers),
    )
    if stored.conflict:
        await call.parts.store.inbox.finish(
            stored.id, "ignored", now, IgnoredBecause.DUPLICATE.value, "the notice_id was used for another notice", None
        )
        return refuse(409, "conflict", "the notice_id was used for another notice; choose a new one")
    call.parts.waker.wake()
    return answer(202, NoticeTaken(notice_id=place.notice_id, status="stored" if stored.first else "known"))


ROUTES = (
    Route(
        "PUT",
        "/notices/{source}/{account}/{notice_id}",
        tell,
        "Tell a customer that a card ends, a plan renews or an instalment comes due; one id is one notice",
        {
            202: Answer("it is stored, and is said when the customer may be written to", NoticeTaken),
            409: refused("the id was used for another notice, or it is old news", "conflict", "old_news"),
            503: UNAVAILABLE,
        },
    ),
)
