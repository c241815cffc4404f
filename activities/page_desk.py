"""What the customer's page asks of gateways: which ways to pay there are, the fields in which a new one is given, and
what came of them. Charges nothing: that is the case's own matter.

Touches gateways and the table of checkouts. Card data passes by; what comes back is the gateway's own token.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from activities.adapters import Adapters
from activities.deciding import surroundings_of
from activities.errors import Misconfigured, OutsideError
from activities.gateways.contract import Gateway, NotGiven, SessionRequest, StoredMethod
from activities.links import PayLink
from activities.store.checkouts import Checkout, Way
from activities.store.store import Store
from policies.base import Record
from policies.charges import next_charge
from policies.declines import CustomerAction
from policies.document import PolicyDocument
from policies.events import Instalment
from policies.facts import CaseFacts
from policies.instruments import PaymentType
from policies.keys import CaseRef
from policies.money import Money
from policies.situation import Situation
from policies.steps import Words
from policies.words import words_for

GIVEN_AS: dict[str, PaymentType] = {
    "card": PaymentType.CARD,
    "direct_debit": PaymentType.BANK_DEBIT,
    "wallet": PaymentType.WALLET,
}
METHODS_KEPT_SECONDS = 30.0
"""A page that is reloaded does not ask the gateway each time."""
METHODS_KEPT_FOR = 1_000
_NOT_KEPT = {"locale", "credential_id", "once"}


class Till(NamedTuple):
    """A gateway at which something can be given, and the customer as it names them."""

    name: str
    gateway: Gateway
    customer_id: str


class StoredWay(NamedTuple):
    """`name` tells them apart on the page, and says nothing elsewhere."""

    name: str
    till: Till
    method: StoredMethod


class WaysOpen(NamedTuple):
    """What the page offers: `given` by way, in the policy's order; `parts`: whether less than all can be collected;
    `once`: whether a way to pay can be lent."""

    given: dict[Way, Till]
    confirms: Till | None
    parts: bool
    once: bool


class Intention(Record):
    """What the customer has chosen: which way, for which `cases` (by id, with what is owed in each), how much, and
    whether it is kept for later. `credential_id`: the stored one that is only to be confirmed. `once`: of the form it
    came in, so that a form that is sent twice is one intention; None: it cannot be."""

    way: Way
    cases: tuple[str, ...]
    owed: tuple[Money, ...]
    amount: Money | None = None
    plan: tuple[Instalment, ...] = ()
    keep: bool = True
    credential_id: str | None = None
    once: str | None = None
    locale: str = "en"


class PageDesk:
    def __init__(self, store: Store, adapters: Adapters) -> None:
        self._store = store
        self._adapters = adapters
        self._methods: dict[tuple[str, str], tuple[float, tuple[StoredMethod, ...]]] = {}

    async def ways_open(self, case: CaseRef, customer_id: str, policy: PolicyDocument, facts: CaseFacts) -> WaysOpen:
        """Whatever the policy lets customers use and a gateway of the case's route takes. Raises Misconfigured where no
        gateway collects the invoice."""
        tills = await self._tills(case, customer_id)
        takers = [till for till in tills if self._takes_another(till, case)]
        given: dict[Way, Till] = {}
        for way in policy.page.ways:
            till = next((each for each in takers if GIVEN_AS.get(way) in _update_types(each)), None)
            if till and way != "stored":
                given[way] = till
        first = tills[0].gateway.capabilities
        wants = facts.decline.customer_action if facts.decline else CustomerAction.NONE
        confirms = tills[0] if first.confirms and wants is CustomerAction.AUTHENTICATE else None
        return WaysOpen(given, confirms, first.part_payments, policy.page.pay_once and first.pays_once)

    async def stored_ways(self, case: CaseRef, customer_id: str, facts: CaseFacts) -> list[StoredWay]:
        """The default first; not the one that can no longer be used. A gateway that does not answer has none to offer
        now."""
        found: list[StoredWay] = []
        hopeless = facts.decline is not None and facts.decline.customer_action is CustomerAction.UPDATE_METHOD
        for till in await self._tills(case, customer_id):
            if till.gateway.capabilities.lists_methods and self._takes_another(till, case):
                methods = await self._methods_at(till)
                found += [StoredWay(_name_of(till, each), till, each) for each in methods]
        return [way for way in found if not (hopeless and way.method.credential_id == facts.credential_id)]

    async def outlook(self, policy: PolicyDocument, facts: CaseFacts, now: datetime) -> Words:
        """What is due next in the case and when, as a message would say it."""
        around = await surroundings_of(self._store, self._adapters.routes, facts, now)
        here = Situation.of(policy, facts, around, now)
        charge = next_charge(here)
        return words_for(here, next_attempt_at=max(charge.at, now) if charge else None)

    async def begin(
        self, link: PayLink, till: Till, wanted: Intention, return_to: Callable[[str], str], now: datetime
    ) -> Checkout:
        """Opens the gateway's fields. `return_to`: where it brings the browser back to, by the checkout's id. Raises
        OutsideError."""
        checkout = self._checkout(till, wanted, now)
        session = await till.gateway.update_session(
            SessionRequest(
                customer_id=till.customer_id,
                return_url=return_to(checkout.id),
                payment_type=GIVEN_AS.get(wanted.way, PaymentType.CARD),
                credential_id=wanted.credential_id,
                locale=wanted.locale,
                owed=wanted.amount or wanted.owed[0],
            )
        )
        if session.url is not None and not is_safe_to_open(session.url):
            raise Misconfigured(f"{till.name} names a page that is not reached over https")
        checkout = checkout.model_copy(update={"session": session})
        await self._store.checkouts.save(checkout, link)
        return checkout

    async def begin_stored(self, link: PayLink, way: StoredWay, wanted: Intention, now: datetime) -> Checkout:
        """The one that was begun before, where the form is sent again."""
        known = await self._store.checkouts.get(wanted.once, link) if wanted.once else None
        if known:
            return known
        begun = {"given": way.method, **({"id": wanted.once} if wanted.once else {})}
        checkout = self._checkout(way.till, wanted, now).model_copy(update=begun)
        await self._store.checkouts.save(checkout, link)
        return checkout

    async def stopped(
        self, link: PayLink, wanted: Intention, why: Literal["wait", "ask_person"], until: datetime, now: datetime
    ) -> Checkout:
        """No gateway is asked: there were too many tries."""
        nowhere = {"id": secrets.token_urlsafe(18), "made_at": now, "gateway": "", "gateway_customer_id": ""}
        told = {**nowhere, **wanted.model_dump(exclude=_NOT_KEPT), "stopped": why, "stopped_until": until}
        checkout = Checkout.model_validate(told)
        await self._store.checkouts.save(checkout, link)
        return checkout

    async def given(self, checkout: Checkout, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """What came of the fields, asked at the gateway. Raises OutsideError."""
        if isinstance(checkout.given, StoredMethod) or checkout.session is None:
            return checkout.given or NotGiven(why="unknown")
        gateway = self._adapters.gateway(checkout.gateway)
        return await gateway.given(checkout.gateway_customer_id, checkout.session.reference, result)

    def _checkout(self, till: Till, wanted: Intention, now: datetime) -> Checkout:
        return Checkout(
            id=secrets.token_urlsafe(18),
            made_at=now,
            gateway=till.name,
            gateway_customer_id=till.customer_id,
            **wanted.model_dump(exclude=_NOT_KEPT),
        )

    def _takes_another(self, till: Till, case: CaseRef) -> bool:
        able = till.gateway.capabilities
        return able.changes_method or not self._adapters.routes.is_owned_by(case, till.name)

    async def _tills(self, case: CaseRef, customer_id: str) -> list[Till]:
        """The gateways of the case's route, first choice first. One that does not own the invoice may name the customer
        otherwise, as the directory says."""
        customer = await self._store.customers.get(case.source, case.account, customer_id)
        named = {way.gateway: way.gateway_customer_id for way in customer.ways_to_pay if way.gateway_customer_id}
        route = self._adapters.routes.route_of(case)
        return [Till(name, self._adapters.gateway(name), named.get(name) or customer_id) for name in route]

    async def _methods_at(self, till: Till) -> tuple[StoredMethod, ...]:
        kept = self._methods.get((till.name, till.customer_id))
        if kept and time.monotonic() - kept[0] < METHODS_KEPT_SECONDS:
            return kept[1]
        try:
            methods = await till.gateway.payment_methods(till.customer_id)
        except OutsideError:
            return ()
        if len(self._methods) >= METHODS_KEPT_FOR:
            self._methods.clear()
        self._methods[till.name, till.customer_id] = (time.monotonic(), methods)
        return methods


def _update_types(till: Till) -> tuple[PaymentType, ...]:
    able = till.gateway.capabilities
    return able.update_types if able.opens_update_sessions else ()


def _name_of(till: Till, method: StoredMethod) -> str:
    return hashlib.sha256(f"{till.name}\n{till.customer_id}\n{method.credential_id}".encode()).hexdigest()[:16]


def is_safe_to_open(url: str) -> bool:
    """An address that our page may lead a browser to: over https, or on this machine."""
    try:
        split = urlsplit(url)
    except ValueError:
        return False
    at_home = split.scheme == "http" and split.hostname in ("127.0.0.1", "localhost", "::1")
    return url.isprintable() and " " not in url and bool(split.hostname) and (split.scheme == "https" or at_home)
