"""Looks at every gateway once a minute and tells how it is, as metrics and, where it does not work, in the log."""

import asyncio
import logging
from datetime import UTC, datetime

import asyncpg

from activities.store.database import DATABASE_DOWN
from activities.store.gateway_health import GatewayHealthStore
from policies.gateway_health import GatewayHealth, Kind, State
from workers.health_gauges import HealthGauges

LOOKED_AT_EVERY_SECONDS = 60.0

FIGURES = {
    "calls": ("1", "figures.calls"),
    "failure_share": ("1", "figures.failure_share"),
    "slow_share": ("1", "figures.slow_share"),
    "approval_rate": ("1", "figures.approval_rate"),
    "usual_approval_rate": ("1", "figures.usual_approval_rate"),
    "mean_seconds": ("s", "figures.mean_seconds"),
}

log = logging.getLogger(__name__)


class GatewayWatch:
    def __init__(self, health: GatewayHealthStore) -> None:
        self._health = health
        self.gauges = HealthGauges("gateway", State, _labels, FIGURES)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look(datetime.now(UTC))
            except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                log.warning("the gateways cannot be looked at: %s", type(error).__name__)
            await asyncio.sleep(LOOKED_AT_EVERY_SECONDS)

    async def look(self, now: datetime) -> list[GatewayHealth]:
        """Issuers are many: only those that do not work are told."""
        found = await self._health.all(now)
        seen = [each for each in found if each.scope.kind is not Kind.ISSUER or each.state is not State.HEALTHY]
        self.gauges.seen = seen
        for one in seen:
            if one.state is not State.HEALTHY:
                where = " ".join(filter(None, one.scope))
                log.warning("gateway %s (%s) is %s: %s", one.gateway, where, one.state.value, one.because)
        return seen


def _labels(one: GatewayHealth) -> dict[str, str]:
    return {"gateway": one.gateway, "scope": one.scope.kind.value, "name": one.scope.name}
