"""Every call to a gateway counts for its health, and while it is out of order only a probe goes through."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from datetime import datetime

import asyncpg

from activities.errors import Misconfigured, NotFound, OutsideError
from activities.gateways.contract import ChargeOutcome, Declined, Gateway, GatewayCharge, Pending, Succeeded, Unknown
from activities.store.database import DATABASE_DOWN
from activities.store.store import Store
from policies.facts import Outcome
from policies.gateway_health import FIRST_PAUSE, Admitted, Call, GatewayHealth, NotNow, Result, result_of, resume_at
from policies.instruments import Instrument
from policies.keys import CaseRef
from policies.surroundings import GatewayView
from policies.timing import spread_of

LONGEST_SECONDS = 50.0
"""Less than an activity may take (workflows/timing.py), so that its outcome is settled before it is repeated."""

log = logging.getLogger(__name__)


class Watched:
    """`name`: "gateway/account". Times are the case's."""

    def __init__(self, store: Store) -> None:
        self._health = store.gateway_health

    async def admit(
        self, name: str, instrument: Instrument, case: CaseRef, key: str, now: datetime
    ) -> Admitted | NotNow:
        answer = await self._health.admit(name, instrument.country, instrument.issuer, key, now)
        if isinstance(answer, Admitted):
            return answer
        free_at = answer.free_at + spread_of(case.case_id, FIRST_PAUSE)
        return NotNow(because=f"{name} is out of order: {answer.because}", free_at=free_at)

    async def charge(self, name: str, gateway: Gateway, charge: GatewayCharge) -> ChargeOutcome:
        began = time.monotonic()
        try:
            outcome = await _bounded(gateway.charge(charge))
        except (Misconfigured, NotFound):
            # Ours to mend, and no fault of the gateway.
            raise
        except OutsideError:
            await self._record(name, charge, began, result_of(None))
            raise
        await self._record(name, charge, began, _result(outcome))
        return outcome

    async def view(self, name: str, instrument: Instrument, case: CaseRef, now: datetime) -> GatewayView:
        health = await self._health.health(name, instrument.country, instrument.issuer, now)
        again_at = resume_at(health, case.case_id, now)
        return GatewayView(
            name=name,
            down_until=again_at if again_at > now else None,
            probe_due=again_at <= now and health.silences(now),
            because=_because(health),
        )

    async def is_out_of_order(self, name: str, now: datetime) -> bool:
        """The account as a whole, whatever is charged."""
        return (await self._health.health(name, None, None, now)).silences(now)

    async def _record(self, name: str, charge: GatewayCharge, began: float, result: Result) -> None:
        """What became of the money is worth more than what we know of the gateway: that may get lost."""
        call = Call(at=charge.now, took_seconds=time.monotonic() - began, result=result)
        region, issuer = charge.instrument.country, charge.instrument.issuer
        try:
            await self._health.record(name, region, issuer, charge.key, call)
        except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
            log.warning("a call to %s was not counted for its health: %s", name, type(error).__name__)


async def _bounded(answer: Awaitable[ChargeOutcome]) -> ChargeOutcome:
    """An adapter's timeouts hold for each of its requests; together they must not outlast the activity, which would
    be repeated while the first one is still under way."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await answer
    except TimeoutError:
        return Unknown(reason=f"no answer within {LONGEST_SECONDS:.0f} s")


def _result(outcome: ChargeOutcome) -> Result:
    match outcome:
        case Succeeded():
            return result_of(Outcome.SUCCEEDED)
        case Declined():
            return result_of(Outcome.DECLINED, outcome.decline)
        case Pending():
            return result_of(Outcome.PENDING)
        case _:
            return result_of(Outcome.UNKNOWN)


def _because(health: GatewayHealth) -> str:
    if health.since is None and health.last_ended_at:
        return f"it works again since {health.last_ended_at:%H:%M}, and charges come back spread out"
    return health.because
