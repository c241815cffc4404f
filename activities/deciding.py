"""The decision as a local activity: reads the surroundings, asks `policies.decide`, returns one step.

Touches PostgreSQL, reading only, so repeating is safe. Its answer stands in the history.
"""

from temporalio import activity

from activities.contracts import DecideRequest, DecidingActivities
from activities.store.store import Store
from policies.decide import Surroundings, next_step
from policies.facts import CaseFacts
from policies.steps import Step
from policies.story import summary_of


class Deciding(DecidingActivities):
    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn
    async def decide(self, request: DecideRequest) -> Step:
        surroundings = await self._surroundings(request.facts, request)
        step = next_step(request.policy, request.facts, surroundings, request.now)
        # The same sentence as in the Temporal UI and the timeline (promise P8).
        activity.logger.info("decided: %s", summary_of(step), extra={"case_id": request.facts.case.case_id})
        return step

    async def _surroundings(self, facts: CaseFacts, request: DecideRequest) -> Surroundings:
        case, store = facts.case, self._store
        customer = await store.customers.get(case.source, case.account, facts.invoice.customer_id)
        open_cases = await store.cases.open_cases_of_customer(case.source, case.account, facts.invoice.customer_id)
        return Surroundings(
            customer=customer.view(),
            ledger=await store.attempts.of_credential(case, facts.credential_id, request.now),
            other_open_cases=max(open_cases - 1, 0),
        )
