"""The adapters of one deployment, by name. Built once in `workers/wiring.py`, handed to the activities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from activities.access.contract import AccessControl
from activities.channels.contract import Channel
from activities.errors import Misconfigured
from activities.fraud.contract import FraudCheck
from activities.gateways.contract import Gateway
from activities.routes import Routes
from activities.sources.contract import Owner, Prover


@dataclass(frozen=True)
class Adapters:
    """`owners` and `gateways` by the names that `routes` uses. `provers` by source. `closing`: what gives back the
    threads and connections that adapters hold."""

    routes: Routes
    owners: Mapping[str, Owner]
    gateways: Mapping[str, Gateway]
    channels: Mapping[str, Channel]
    fraud: FraudCheck
    access: AccessControl
    provers: Mapping[str, Prover] = field(default_factory=dict)
    closing: tuple[Callable[[], None], ...] = ()

    def close(self) -> None:
        for close in self.closing:
            close()

    def owner_of(self, source: str, account: str) -> Owner:
        name = self.routes.owner_of(source, account)
        if name not in self.owners:
            raise Misconfigured(f"{name} owns no invoices; there are: {', '.join(sorted(self.owners))}")
        return self.owners[name]

    def gateway(self, name: str) -> Gateway:
        if name not in self.gateways:
            raise Misconfigured(f"no gateway {name} is set up; there are: {', '.join(sorted(self.gateways))}")
        return self.gateways[name]
