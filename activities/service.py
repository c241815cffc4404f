"""Takes service away and gives it back. Repeating is safe: the access system recognises the key.

Touches the source (freshness, before anything is taken) and the access system.
"""

from temporalio import activity

from activities.access.contract import SetAccess
from activities.adapters import Adapters
from activities.contracts import AccessAnswer, AccessChanged, AccessRequest, ServiceActivities
from activities.freshness import stale
from activities.store.store import Store
from policies.facts import LOST_ACCESS


class Service(ServiceActivities):
    def __init__(self, store: Store, adapters: Adapters) -> None:
        self._store = store
        self._adapters = adapters

    @activity.defn
    async def change_access(self, request: AccessRequest) -> AccessAnswer:
        if request.level in LOST_ACCESS:
            old_news = await stale(self._store, self._adapters, request.case, request.now, request.due)
            if old_news:
                return old_news
        done = await self._adapters.access.set_access(
            SetAccess(
                key=request.key,
                customer_id=request.customer_id,
                level=request.level,
                takes=request.takes,
                now=request.now,
            )
        )
        return AccessChanged(benefits_taken=done.benefits_taken)
