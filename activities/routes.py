"""Who owns whose invoices, which gateways collect them, and how we live with a source's own retries: by place.

Places are "source/account"; "source/*" serves every account of it, "*/*" everybody; the closest that was said counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from activities.errors import Misconfigured
from policies.instruments import PaymentType
from policies.keys import CaseRef
from policies.surroundings import Coexistence

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Routes:
    """`owners`: by place, the name of who owns the invoices; a gateway ("gateway/account", or `sandbox`) or another
    system. `collectors`: by place, the gateways that collect, first choice first; left out, the owner itself.
    `payment_types`: by gateway, what it collects."""

    gateways: frozenset[str]
    owners: Mapping[str, str]
    collectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coexistence: Mapping[str, Coexistence] = field(default_factory=dict)
    payment_types: Mapping[str, tuple[PaymentType, ...]] = field(default_factory=dict)

    def owner_of(self, source: str, account: str) -> str:
        """A gateway account that is set up under the name of the place owns it, unless something else was said."""
        place = f"{source}/{account}"
        if place not in self.owners and place in self.gateways:
            return place
        owner = _at(self.owners, source, account)
        if owner is None:
            raise Misconfigured(f"no owner is set up for source {source}, account {account}")
        return owner

    def route_of(self, case: CaseRef) -> tuple[str, ...]:
        """Names of the gateways that may collect the invoice. Raises Misconfigured when there is none."""
        route = _at(self.collectors, case.source, case.account)
        if route:
            return route
        owner = self.owner_of(case.source, case.account)
        if owner not in self.gateways:
            raise Misconfigured(
                f"{owner} owns the invoices of {case.acceptor} and moves no money; name a gateway in RECOUP_ROUTES"
            )
        return (owner,)

    def is_owned_by(self, case: CaseRef, gateway: str) -> bool:
        """Whether a charge at that gateway collects the very invoice."""
        return self.owner_of(case.source, case.account) == gateway

    def coexistence_at(self, case: CaseRef) -> Coexistence:
        return _at(self.coexistence, case.source, case.account) or "replace"

    def payment_types_of(self, gateway: str) -> tuple[PaymentType, ...]:
        """By a gateway's name; every kind where it is not known."""
        return self.payment_types.get(gateway, tuple(PaymentType))

    def named(self) -> Iterable[tuple[str, str]]:
        """(setting, gateway) of every gateway that a route names."""
        return ((place, name) for place, names in self.collectors.items() for name in names)


def _at(settings: Mapping[str, Setting], source: str, account: str) -> Setting | None:
    places = (f"{source}/{account}", f"{source}/*", "*/*")
    return next((settings[place] for place in places if place in settings), None)
