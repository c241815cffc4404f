"""The decision as a local activity: reads the surroundings, asks `policies.decide`, returns one step.

Touches PostgreSQL, reading only, so repeating is safe. Its answer stands in the history.
"""

from datetime import datetime

from temporalio import activity

from activities.contracts import Decided, DecideRequest, DecidingActivities
from activities.store.store import Store
from policies.decide import next_step
from policies.facts import CaseFacts
from policies.story import shown, summary_of
from policies.surroundings import Surroundings


class Deciding(DecidingActivities):
    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn
    async def decide(self, request: DecideRequest) -> Decided:
        facts = request.facts
        around = await surroundings_of(self._store, facts, request.now)
        step = next_step(request.policy, facts, around, request.now)
        # The same sentence as in the Temporal UI and the timeline (promise P8).
        activity.logger.info("decided: %s", summary_of(step), extra={"case_id": facts.case.case_id})
        return Decided(step=step, shown=shown(facts, request.segment, step, request.now))


async def surroundings_of(store: Store, facts: CaseFacts, now: datetime) -> Surroundings:
    """Whoever asks what a case would do must see what its own decision would see."""
    case = facts.case
    customer = await store.customers.get(case.source, case.account, facts.invoice.customer_id)
    ledger = await store.attempts.of_credential(case, facts.credential_id, now)
    paid_at = await store.history.paid_at(case, facts.invoice.customer_id, now)
    return Surroundings(customer=customer.view().model_copy(update={"paid_at": paid_at}), ledger=ledger)
