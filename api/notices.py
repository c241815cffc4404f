"""The merchant's word that a customer should hear of something before it fails: stored, then said by the rules."""

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import AwareDatetime, BeforeValidator, Field

from activities.customers import written_as_a_date
from api.errors import answer, refuse
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from api.telemetry import current_traceparent
from policies.base import WHOLE, Identifier, Record, Request
from policies.events import IgnoredBecause
from policies.keys import CustomerRef
from policies.money import Currency, Money
from policies.notices import Notice, NoticeTemplate

NOTICES_SOURCE = "recoup_notices"

Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_as_a_date)]


class Place(Address):
    source: Identifier
    account: Identifier
    notice_id: Identifier


class Charged(Request):
    """Minor units of the currency."""

    amount_minor: Annotated[int, Field(ge=0), WHOLE]
    currency: Annotated[Currency, Field(json_schema_extra={"format": "currency"})]

    @property
    def money(self) -> Money:
        return Money(amount_minor=self.amount_minor, currency=self.currency)


class Telling(Request):
    """`on`: the day it is about. `due`: what will be charged then. `not_after`: later it is not said any more; left
    out: `on`. `invoice_id`: where there is one; it is read before anything is said."""

    customer_id: Identifier
    template: NoticeTemplate
    on: Moment
    due: Charged | None = None
    not_after: Moment | None = None
    invoice_id: Identifier | None = None


class NoticeTaken(Record):
    notice_id: str
    status: str


async def tell(call: Call[Place, Nothing, Telling]) -> web.Response:
    told, place, now = await call.body(), call.path, datetime.now(UTC)
    not_after = told.not_after or told.on
    if told.due is None and told.template != "card_expiring":
        return refuse(409, "incomplete", f"{told.template} says what will be charged: give due")
    if not_after <= now:
        return refuse(409, "old_news", "not_after: it is old news already; give a later moment, or a later day in on")
    notice = Notice(
        notice_id=place.notice_id,
        customer=CustomerRef(source=place.source, account=place.account, customer_id=told.customer_id),
        template=told.template,
        on=told.on,
        due=told.due.money if told.due else None,
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
            409: refused(
                "the id was used for another notice; it is old news; or it does not say what will be charged",
                *("conflict", "old_news", "incomplete"),
            ),
            503: UNAVAILABLE,
        },
    ),
)
