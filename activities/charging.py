"""Moves money: freshness, fraud check, reservation, call and settlement in one activity, so the order cannot be torn.

Touches the source, the fraud check, the ledger and one gateway. Repeating is safe: the ledger answers for what was
settled, the gateway's look-up for what was begun, and only what certainly never arrived is sent, under the same key.
`Unavailable` is tried again by Temporal; `Misconfigured` never.
"""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.adapters import Adapters
from activities.contracts import (
    Attempted,
    ChargeAnswer,
    ChargeRequest,
    ChargingActivities,
    FraudSuspected,
    LookUpRequest,
    RefusedByRule,
    Stale,
)
from activities.errors import Unavailable
from activities.fraud.contract import FraudQuestion, Suspicious
from activities.freshness import invoice_now, is_fresh
from activities.gateways.contract import (
    Declined,
    Gateway,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
)
from activities.store.attempts import LedgerState
from activities.store.store import Store
from policies.declines import Decline
from policies.facts import OPEN_OUTCOMES, Outcome
from policies.network_rules import ProposedAttempt, Refused

SURELY_NOT_UNDER_WAY = timedelta(minutes=15)
"""A request that the gateway has not seen this long after it was sent never arrived."""


class Charging(ChargingActivities):
    def __init__(self, store: Store, adapters: Adapters) -> None:
        self._store = store
        self._adapters = adapters

    @activity.defn
    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        known = await self._store.attempts.state_of(request.key)
        gateway = self._adapters.gateway(request.gateway)
        if known and _is_another_attempt(known, request):
            return await self._remembered(gateway, known, request.now)
        if known and known.outcome:
            return Attempted(outcome=known.outcome, decline=known.decline)
        if known and known.sent:
            earlier = await self._what_became_of_it(gateway, request, known)
            if earlier:
                return earlier
        obstacle = await self._obstacle(request)
        if obstacle is None:
            return await self._send(gateway, request)
        if known and known.sent:
            # Perhaps another run of this activity has sent it just now, and is the obstacle.
            return await self._looked_up(gateway, known, request.now)
        if known:
            # A reservation that is not used any more must not block the credential.
            await self._settle(request.key, NeverArrived(), request.now)
        return obstacle

    @activity.defn
    async def look_up(self, request: LookUpRequest) -> Attempted:
        """What became of an attempt without a clear answer; a final answer settles it in the ledger."""
        found = await self._adapters.gateway(request.gateway).look_up(request.key, request.now)
        if isinstance(found, NeverArrived) and request.now - request.attempted_at < SURELY_NOT_UNDER_WAY:
            found = Unknown(reason="the gateway has not seen it yet; it may still be under way")
        return await self._settle(request.key, found, request.now)

    async def _remembered(self, gateway: Gateway, known: LedgerState, now: datetime) -> Attempted:
        """The attempt that took this key before the history was reset; nothing is sent under a key twice."""
        if known.outcome:
            answer = Attempted(outcome=known.outcome, decline=known.decline)
        else:
            answer = await self._looked_up(gateway, known, now)
        return answer.model_copy(update={"credential_id": known.credential_id, "amount": known.amount})

    async def _looked_up(self, gateway: Gateway, known: LedgerState, now: datetime) -> Attempted:
        """What the gateway says of an attempt that was begun; one it has not seen may be under way for a while."""
        found = await gateway.look_up(known.key, now)
        under_way = known.sent and datetime.now(UTC) - known.reserved_at < SURELY_NOT_UNDER_WAY
        if isinstance(found, NeverArrived) and under_way:
            found = Unknown(reason="the gateway has not seen it yet; it may still be under way")
        return await self._settle(known.key, found, now)

    async def _what_became_of_it(
        self, gateway: Gateway, request: ChargeRequest, known: LedgerState
    ) -> Attempted | None:
        """An earlier run of this activity began the call. None when it certainly never arrived and may be sent."""
        found = await gateway.look_up(request.key, request.now)
        if not isinstance(found, NeverArrived):
            return await self._settle(request.key, found, request.now)
        key_lives = datetime.now(UTC) - known.reserved_at < gateway.capabilities.keys_live_for
        if key_lives:
            return None
        reason = "the gateway no longer recognises the key, so it is not sent again"
        return await self._settle(request.key, Unknown(reason=reason), request.now)

    async def _obstacle(self, request: ChargeRequest) -> ChargeAnswer | None:
        """Whatever forbids the charge now; None when nothing does, and then the attempt is reserved. What others tried
        meanwhile counts before we try (P4)."""
        invoice = await invoice_now(self._adapters, request.case, request.now)
        for seen in invoice.attempts:
            await self._store.attempts.record_seen(request.case, seen)
        if not is_fresh(invoice, request.amount):
            return Stale(invoice=invoice)
        question = FraudQuestion(
            customer_id=request.customer_id,
            credential_id=request.credential_id,
            amount=request.amount,
            now=request.now,
        )
        verdict = await self._adapters.fraud.assess(question)
        if isinstance(verdict, Suspicious):
            return FraudSuspected(signals=verdict.signals)
        ruling = await self._store.attempts.reserve(request.case, request.key, _proposed(request), request.now)
        return RefusedByRule(rule=ruling.rule, free_at=ruling.free_at) if isinstance(ruling, Refused) else None

    async def _send(self, gateway: Gateway, request: ChargeRequest) -> Attempted:
        if not await self._store.attempts.mark_sent(request.key, request.now):
            return await self._settled(request.key)
        outcome = await gateway.charge(
            GatewayCharge(
                key=request.key,
                invoice_id=request.case.invoice_id,
                credential_id=request.credential_id,
                amount=request.amount,
                now=request.now,
            )
        )
        return await self._settle(request.key, outcome, request.now)

    async def _settle(self, key: str, found: LookUpOutcome, now: datetime) -> Attempted:
        outcome, decline, reference = _read(found)
        await self._store.declines.seen(decline, now)
        await self._store.attempts.settle(key, outcome, decline, reference, now)
        if outcome not in OPEN_OUTCOMES:
            # Another run may have settled it first; the ledger's answer is the one that counts.
            return await self._settled(key)
        return Attempted(outcome=outcome, decline=decline)

    async def _settled(self, key: str) -> Attempted:
        settled = await self._store.attempts.state_of(key)
        if settled is None or settled.outcome is None:
            raise Unavailable(f"the ledger lost attempt {key}")
        return Attempted(outcome=settled.outcome, decline=settled.decline)


def _proposed(request: ChargeRequest) -> ProposedAttempt:
    return ProposedAttempt(
        credential_id=request.credential_id,
        amount=request.amount,
        network=request.instrument.network,
        region=request.instrument.country,
        acceptor=request.case.acceptor,
        claim=request.case.case_id,
        initiator=request.initiator,
    )


def _is_another_attempt(known: LedgerState, request: ChargeRequest) -> bool:
    return (known.credential_id, known.amount) != (request.credential_id, request.amount)


def _read(found: LookUpOutcome) -> tuple[Outcome, Decline | None, str | None]:
    match found:
        case Succeeded():
            return Outcome.SUCCEEDED, None, found.reference
        case Declined():
            return Outcome.DECLINED, found.decline, found.reference
        case Pending():
            return Outcome.PENDING, None, found.reference
        case NeverArrived():
            return Outcome.NOT_ACCEPTED, None, None
        case Unknown():
            return Outcome.UNKNOWN, None, None
