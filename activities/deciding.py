"""The decision as a local activity: reads the surroundings, asks `policies.decide`, returns one step.

Touches PostgreSQL, reading only, so repeating is safe. Its answer stands in the history.
"""

from datetime import datetime

from temporalio import activity

from activities.contracts import Decided, DecideRequest, DecidingActivities
from activities.customers import StoredWay
from activities.errors import Misconfigured
from activities.reach import reach_of
from activities.routes import Routes
from activities.store.attempts import Card
from activities.store.store import Store
from activities.watched import Watched
from policies.decide import next_step
from policies.facts import CaseFacts
from policies.story import shown, summary_of
from policies.surroundings import GatewayView, Surroundings
from policies.ways_to_pay import WayToPay


class Deciding(DecidingActivities):
    def __init__(self, store: Store, routes: Routes) -> None:
        self._store = store
        self._routes = routes

    @activity.defn
    async def decide(self, request: DecideRequest) -> Decided:
        facts = request.facts
        around = await surroundings_of(self._store, self._routes, facts, request.now)
        step = next_step(request.policy, facts, around, request.now)
        # The same sentence as in the Temporal UI and the timeline (promise P8).
        activity.logger.info("decided: %s", summary_of(step), extra={"case_id": facts.case.case_id})
        return Decided(step=step, shown=shown(facts, request.segment, step, request.now))


async def surroundings_of(store: Store, routes: Routes, facts: CaseFacts, now: datetime) -> Surroundings:
    """Whoever asks what a case would do must see what its own decision would see."""
    case = facts.case
    ref = case.customer(facts.invoice.customer_id)
    reach = await reach_of(store, ref)
    customer = reach.customer
    agreed = [way for way in customer.ways_to_pay if way.consent]
    own = Card(facts.credential_id, facts.instrument.fingerprint)
    cards = [own, *(Card(way.credential_id, way.fingerprint) for way in agreed)]
    ledger, *ledgers = await store.attempts.of_cards(case, cards, now)
    paid_at = await store.history.paid_at(case, facts.invoice.customer_id, now)
    return Surroundings(
        customer=reach.view().model_copy(update={"paid_at": paid_at}),
        contacts=await store.messages.contacts(ref, case.case_id, now),
        ledger=ledger,
        ways=tuple(_way(way).model_copy(update={"ledger": of_it}) for way, of_it in zip(agreed, ledgers, strict=True)),
        gateways=await _gateways(Watched(store), routes, facts, now),
        coexistence=routes.coexistence_at(case),
    )


def _way(stored: StoredWay) -> WayToPay:
    return WayToPay(
        credential_id=stored.credential_id,
        gateway=stored.gateway,
        gateway_customer_id=stored.gateway_customer_id,
        instrument=stored.instrument,
    )


async def _gateways(watched: Watched, routes: Routes, facts: CaseFacts, now: datetime) -> tuple[GatewayView, ...]:
    """Where nothing is set up, the charge itself says so to a person; everything else of the case goes on."""
    try:
        route = routes.route_of(facts.case)
    except Misconfigured:
        return ()
    views = [await watched.view(name, facts.instrument, facts.case, now) for name in route]
    return tuple([view.model_copy(update={"payment_types": routes.payment_types_of(view.name)}) for view in views])
