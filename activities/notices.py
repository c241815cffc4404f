"""Sends notices: the same rules, the same ledger, the same at most once as the messages of cases.

Touches the customer directory, the contact ledger, the channels, and the source where a notice is about an invoice.
"""

from collections.abc import Sequence

from temporalio import activity

from activities.adapters import Adapters
from activities.contracts import Deferred, Messaged, NoticeActivities, NoticeAnswer, NoticeRequest
from activities.freshness import invoice_now, is_open
from activities.messaging import person_of
from activities.reach import Reach, reach_of
from activities.sending import Draft, Sender
from activities.store.messages import Planned
from activities.store.store import Store
from policies.contact_rules import CoveredBy, PutOff, Verdict, Wish, judge
from policies.document import STAGES, Contact
from policies.keys import message_key
from policies.money import Money
from policies.notices import Notice
from policies.said import MessageStatus
from policies.steps import Words
from policies.surroundings import Contacted

CHANNELS = ("email", "push", "in_app", "webhook", "sms")
"""Of a notice: no policy says it. The cheapest and quietest that everybody has first; what it costs money last."""


class Notices(NoticeActivities):
    def __init__(self, store: Store, adapters: Adapters, sender: Sender, rules: Contact | None = None) -> None:
        self._store = store
        self._adapters = adapters
        self._sender = sender
        self._rules = rules or Contact()

    @activity.defn
    async def send_notice(self, request: NoticeRequest) -> NoticeAnswer:
        notice = request.notice
        key = message_key(notice.about, 0, f"{notice.template} {notice.notice_id}")
        if known := await self._sender.already(key):
            return known
        if request.now > notice.not_after:
            return Deferred(because="it is old news by now")
        if notice.invoice_id and not is_open(await invoice_now(self._adapters, notice.about, request.now)):
            return Deferred(because="the invoice is not open any more")
        reach = await reach_of(self._store, notice.customer)
        planned = Planned(
            key=key,
            case=notice.about,
            customer_id=notice.customer.customer_id,
            name=notice.template,
            template=notice.template,
            stage=STAGES[notice.template],
            at=request.now,
        )
        verdict = await self._store.messages.reserve(planned, lambda ledger: self._judged(request, reach, ledger))
        match verdict:
            case PutOff():
                return Deferred(because=verdict.because, until=verdict.until)
            case CoveredBy():
                return Messaged(status=MessageStatus.COVERED, covered_by=verdict.contact.key)
        draft = Draft(planned, _words(notice), person_of(reach.customer, notice.about))
        return await self._sender.send(draft, reach.in_order(verdict.channels))

    def _judged(self, request: NoticeRequest, reach: Reach, ledger: Sequence[Contacted]) -> Verdict:
        notice, view = request.notice, reach.view()
        wish = Wish(case_id=notice.about.case_id, template=notice.template, channels=view.reached_by(CHANNELS))
        return judge(self._rules, ledger, view, wish, request.now)


def _words(notice: Notice) -> Words:
    return Words(due=notice.due or Money(amount_minor=0, currency="EUR"), on=notice.on)
