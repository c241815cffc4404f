"""Gateways of other kinds on the sandbox's wire, and its ledger as the witness. They own no invoices: a second request
that gets through is a second payment, for nothing at the gateway knows that the invoice is paid."""

from dataclasses import replace
from datetime import timedelta

from activities.adapters import Adapters
from activities.gateways.contract import ChargeOutcome, GatewayCharge, LookUpOutcome, NeverArrived, SentCharge, Unknown
from activities.gateways.sandbox import SandboxGateway
from activities.routes import Routes
from tests.fixtures.sandbox import RunningSandbox

SECOND, THIRD = "sandbox/second", "sandbox/third"


class Keyless(SandboxGateway):
    """Recognises no key: every request is another one. Its records tell what has arrived."""

    capabilities = SandboxGateway.capabilities.model_copy(
        update={"keys_live_for": timedelta(), "looks_up": "by_reading", "owns_invoices": False}
    )
    requests = 0

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        self.requests += 1
        return await super().charge(charge.model_copy(update={"key": f"{charge.key}-{self.requests}"}))

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        for number in range(1, self.requests + 1):
            found = await super().look_up(sent.model_copy(update={"key": f"{sent.key}-{number}"}))
            if not isinstance(found, NeverArrived):
                return found
        return NeverArrived()


class Repeating(SandboxGateway):
    """Nothing can be read there: the same request under the same key is the only look."""

    capabilities = SandboxGateway.capabilities.model_copy(
        update={"keys_live_for": timedelta(days=7), "looks_up": "by_repeating", "owns_invoices": False}
    )

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        return Unknown(reason="it cannot be asked")


class Apart(SandboxGateway):
    """Knows nothing of what others were sent; the sandbox's keys are one space."""

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        return await super().charge(charge.model_copy(update={"key": f"{charge.key}-apart"}))

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        return await super().look_up(sent.model_copy(update={"key": f"{sent.key}-apart"}))


KINDS: dict[str, type[SandboxGateway]] = {"keys": SandboxGateway, "no keys": Keyless, "by repeating": Repeating}


def routed_to(adapters: Adapters, sandbox: RunningSandbox, kind: str, *route: str) -> Adapters:
    """The second gateway is of that kind; the owner of the invoices stays the first. `route`: left out, the second."""
    second = KINDS[kind](sandbox.client(timeout_seconds=1), "second")
    third = Apart(sandbox.client(timeout_seconds=1), "third")
    routes = Routes(
        gateways=frozenset({"sandbox", SECOND, THIRD}),
        owners={"stripe/*": "sandbox"},
        collectors={"*/*": route or (SECOND,)},
    )
    return replace(adapters, routes=routes, gateways={**adapters.gateways, SECOND: second, THIRD: third})
