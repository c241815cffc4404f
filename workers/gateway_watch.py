"""Looks at every gateway once a minute and tells how it is, as metrics and, where it does not work, in the log."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import asyncpg
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from activities.store.database import DATABASE_DOWN
from activities.store.gateway_health import GatewayHealthStore
from policies.gateway_health import GatewayHealth, Kind, State

LOOKED_AT_EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


class GatewayWatch:
    def __init__(self, health: GatewayHealthStore) -> None:
        self._health = health
        self._seen: list[GatewayHealth] = []
        self._publish()

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
        self._seen = [each for each in found if each.scope.kind is not Kind.ISSUER or each.state is not State.HEALTHY]
        for one in self._seen:
            if one.state is not State.HEALTHY:
                where = " ".join(filter(None, one.scope))
                log.warning("gateway %s (%s) is %s: %s", one.gateway, where, one.state.value, one.because)
        return self._seen

    def _publish(self) -> None:
        meter = metrics.get_meter("recoup.gateways")
        meter.create_observable_gauge(
            "recoup_gateway_state", [self._states], description="1 for the state a gateway is in, 0 for the others"
        )
        for name, unit, figure in (
            ("recoup_gateway_calls", "1", "calls"),
            ("recoup_gateway_failure_share", "1", "failure_share"),
            ("recoup_gateway_slow_share", "1", "slow_share"),
            ("recoup_gateway_approval_rate", "1", "approval_rate"),
            ("recoup_gateway_usual_approval_rate", "1", "usual_approval_rate"),
            ("recoup_gateway_mean_seconds", "s", "mean_seconds"),
        ):
            meter.create_observable_gauge(name, [self._figure(figure)], unit=unit)

    def _states(self, _: CallbackOptions) -> Iterable[Observation]:
        for one in self._seen:
            for state in State:
                yield Observation(int(one.state is state), {**_labels(one), "state": state.value})

    def _figure(self, figure: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            for one in self._seen:
                value = getattr(one.figures, figure)
                if value is not None:
                    yield Observation(value, _labels(one))

        return observe


def _labels(one: GatewayHealth) -> dict[str, str]:
    return {"gateway": one.gateway, "scope": one.scope.kind.value, "name": one.scope.name}
