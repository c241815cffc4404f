"""When it is the gateway that fails, the case pauses: nobody is charged, written to or limited for a fault that is not
theirs, and no rung is spent. What follows a payment goes on."""

from datetime import datetime

from policies.charges import NextCharge
from policies.due import Due
from policies.situation import Situation
from policies.steps import Hold
from policies.surroundings import GatewayView


def held_by_gateway(here: Situation, charge: NextCharge | None, chosen: Due) -> Hold | None:
    """Until the case looks again; None when nothing is due before, or another gateway collects meanwhile."""
    down = _out_of_order(here, charge)
    if down is None or down.down_until is None or chosen.at >= down.down_until:
        return None
    because = f"{down.name} is out of order: {down.because}"
    return Hold(at=here.now, waits_for="gateway", again_at=down.down_until, because=because)


def _out_of_order(here: Situation, charge: NextCharge | None) -> GatewayView | None:
    """The gateway that the next charge needs, else the first one: nobody can mend a payment there either."""
    gateways = here.around.gateways
    asked = charge.gateway if charge else None
    view = next((each for each in gateways if each.name == asked), gateways[0] if gateways else None)
    return view if view and _is_later(view.down_until, here.now) else None


def _is_later(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now
