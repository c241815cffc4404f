"""When it is the gateway that fails, the case pauses: nobody is charged, written to or limited for a fault that is not
theirs, and no rung is spent. What follows a payment goes on."""

from datetime import datetime, timedelta

from policies.charges import NextCharge
from policies.due import Due
from policies.situation import Situation
from policies.steps import Hold
from policies.surroundings import GatewayView

PROBE_TAKES = timedelta(minutes=5)
"""While one charge tries whether the gateway works, words and losses of service wait so long for the answer."""


def held_by_gateway(here: Situation, charge: NextCharge | None, chosen: Due) -> Hold | None:
    """Until the case looks again; None when nothing is due before, or another gateway collects meanwhile."""
    view = _needed(here, charge)
    until = _out_of_order_until(view, chosen, here.now) if view else None
    if view is None or until is None:
        return None
    if _was_turned_away(here, chosen):
        until = max(until, chosen.at)
    elif chosen.at >= until:
        return None
    because = f"{view.name} is out of order: {view.because}"
    return Hold(at=here.now, waits_for="gateway", again_at=until, because=because)


def _was_turned_away(here: Situation, chosen: Due) -> bool:
    """A charge that was due, and waits for the gateway alone."""
    frees = [refusal.free_at for refusal in here.facts.refusals if refusal.by_gateway and refusal.free_at]
    return chosen.kind == "charge" and any(free_at >= chosen.at for free_at in frees)


def _needed(here: Situation, charge: NextCharge | None) -> GatewayView | None:
    """The gateway that the next charge needs, else the first one: nobody can mend a payment there either."""
    gateways = here.around.gateways
    asked = charge.gateway if charge else None
    return next((each for each in gateways if each.name == asked), gateways[0] if gateways else None)


def _out_of_order_until(view: GatewayView, chosen: Due, now: datetime) -> datetime | None:
    if view.down_until and view.down_until > now:
        return view.down_until
    return now + PROBE_TAKES if view.probe_due and chosen.kind != "charge" else None
