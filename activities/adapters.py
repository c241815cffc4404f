"""The adapters of one deployment, by name. Built once in `workers/wiring.py`, handed to the activities."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.access.contract import AccessControl
from activities.channels.contract import Channel
from activities.errors import Misconfigured
from activities.fraud.contract import FraudCheck
from activities.gateways.contract import Gateway
from activities.sources.contract import Owner, Prover


@dataclass(frozen=True)
class Adapters:
    """`owners` by "source/account"; "source/*" serves every account of it, "*/*" everybody. `provers` by source."""

    owners: Mapping[str, Owner]
    gateways: Mapping[str, Gateway]
    channels: Mapping[str, Channel]
    fraud: FraudCheck
    access: AccessControl
    provers: Mapping[str, Prover] = field(default_factory=dict)

    def owner_of(self, source: str, account: str) -> Owner:
        places = (f"{source}/{account}", f"{source}/*", "*/*")
        owner = next((self.owners[place] for place in places if place in self.owners), None)
        if owner is None:
            raise Misconfigured(f"no owner is set up for source {source}, account {account}")
        return owner

    def gateway(self, name: str) -> Gateway:
        if name not in self.gateways:
            raise Misconfigured(f"no gateway {name} is set up; there are: {', '.join(sorted(self.gateways))}")
        return self.gateways[name]
