"""Moves money: freshness, fraud check, reservation, call and settlement in one activity, so the order cannot be torn.

Touches the source, the fraud check, the ledger, the health of gateways and one gateway. Repeating is safe: the ledger
answers for what was settled, the gateway's look-up for what was begun, and only what certainly never arrived is sent,
under the same key. `Unavailable` is tried again by Temporal; `Misconfigured` never.
"""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.adapters import Adapters
from activities.contracts import (
    KEEP_TRIES,
    Attempted,
    ChargeAnswer,
    ChargeRequest,
    ChargingActivities,
    FraudSuspected,
    KeepRequest,
    LookUpRequest,
    RefusedByRule,
    Renewed,
    Stale,
)
from activities.errors import Misconfigured, OutsideError, Unavailable
from activities.fraud.contract import FraudQuestion, Suspicious
from activities.freshness import invoice_now, is_fresh
from activities.gateways.contract import (
    Declined,
    Gateway,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    Pending,
    SentCharge,
    Succeeded,
    Unknown,
)
from activities.payments_elsewhere import tell_owner
from activities.store.attempts import LedgerState, Sending
from activities.store.cases import Task
from activities.store.store import Store
from activities.watched import Watched
from policies.declines import CustomerAction, Decline
from policies.facts import OPEN_OUTCOMES, Outcome
from policies.gateway_health import NotNow
from policies.instruments import Initiator
from policies.invoices import InvoiceNow
from policies.keys import CaseRef
from policies.network_rules import ProposedAttempt, Refused

SURELY_NOT_UNDER_WAY = timedelta(minutes=15)
"""A request that the gateway has not seen this long after it was sent never arrived."""

RENEWED_WITHIN = timedelta(days=30)
"""How long ago a network may have replaced a card that is refused now; a billing period."""

_MONEY_COMES = frozenset({Outcome.SUCCEEDED, Outcome.PENDING})
_MAY_BE_UNDER_WAY = Unknown(reason="the gateway has not seen it yet; it may still be under way")


class Charging(ChargingActivities):
    def __init__(self, store: Store, adapters: Adapters) -> None:
        self._store = store
        self._adapters = adapters
        self._watched = Watched(store)

    @activity.defn
    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        known = await self._store.attempts.state_of(request.key)
        if known and known.withdrawn:
            known = None
        if known and self._is_another_attempt(known, request):
            return await self._remembered(known, request)
        if known and known.outcome:
            return await self._answered(request.case, known, request.now)
        gateway = self._adapters.gateway(self._gateway_of(request))
        if known and known.sent:
            earlier = await self._what_became_of_it(gateway, request, known)
            if earlier:
                return earlier
        obstacle = await self._obstacle(request)
        if obstacle is None:
            return await self._send(gateway, request)
        if known is None:
            return obstacle
        if not known.sent and await self._store.attempts.withdraw(known, request.now):
            return obstacle
        # Perhaps another run of this activity has sent it just now, and is the obstacle.
        return await self._looked_up(gateway, request.case, known, request.now)

    @activity.defn
    async def look_up(self, request: LookUpRequest) -> Attempted:
        """What became of an attempt without a clear answer; a final answer settles it in the ledger."""
        known = await self._store.attempts.state_of(request.key)
        if known is None or known.case_id is None:
            return Attempted(outcome=Outcome.NOT_ACCEPTED)
        case = CaseRef.from_case_id(known.case_id)
        if known.outcome and known.outcome not in OPEN_OUTCOMES:
            return await self._answered(case, known, request.now)
        if known.outcome is None and not known.sent:
            # Nothing went out, and whoever would still send it finds it settled.
            return await self._settle(case, known.key, NeverArrived(), request.now, known)
        gateway = self._adapters.gateway(known.gateway or request.gateway)
        found = await gateway.look_up(self._sent(case, known, request.now))
        # An activity that waited for its gateway has sent it long after the attempt was decided.
        begun_at = max(request.attempted_at, known.last_sent_now or request.attempted_at)
        if isinstance(found, NeverArrived) and request.now - begun_at < SURELY_NOT_UNDER_WAY:
            found = _MAY_BE_UNDER_WAY
        if isinstance(found, Unknown) and not request.only_reads and self._may_be_repeated(gateway, known):
            found = await self._repeated(gateway, case, known, request.now)
        answer = await self._settle(case, request.key, found, request.now, known)
        return answer.model_copy(update={"keeps": request.keep and answer.outcome in _MONEY_COMES})

    @activity.defn
    async def keep_for_later(self, request: KeepRequest) -> None:
        """After the customer has had their answer. What its gateway refuses is a person's task; `Unavailable` is tried
        again by Temporal, a few times."""
        gateway = self._adapters.gateway(self._gateway_of(request))
        customer_id = request.gateway_customer_id or request.customer_id
        try:
            await gateway.keep_for_later(customer_id, request.credential_id, request.case.invoice_id)
        except OutsideError as error:
            if not isinstance(error, Misconfigured) and not _is_last_try():
                raise
            await self._store.cases.add_task(_to_keep_by_hand(request, error))

    # --- what was begun before ----------------------------------------------------------------------------------------

    async def _remembered(self, known: LedgerState, request: ChargeRequest) -> Attempted:
        """The attempt that took this key before the history was reset; nothing is sent under a key twice."""
        if known.outcome:
            answer = await self._answered(request.case, known, request.now)
        else:
            gateway = self._adapters.gateway(known.gateway or self._gateway_of(request))
            answer = await self._looked_up(gateway, request.case, known, request.now)
        return answer.model_copy(update={"credential_id": known.credential_id, "amount": known.amount})

    async def _looked_up(self, gateway: Gateway, case: CaseRef, known: LedgerState, now: datetime) -> Attempted:
        """What the gateway says of an attempt that was begun; one it has not seen may be under way for a while."""
        found = await gateway.look_up(self._sent(case, known, now))
        if isinstance(found, NeverArrived) and known.sent and not _surely_not_under_way(known):
            found = _MAY_BE_UNDER_WAY
        return await self._settle(case, known.key, found, now, known)

    async def _what_became_of_it(
        self, gateway: Gateway, request: ChargeRequest, known: LedgerState
    ) -> Attempted | None:
        """An earlier run of this activity began the call. None when it may be sent, under the same key."""
        found = await gateway.look_up(self._sent(request.case, known, request.now))
        if isinstance(found, Unknown) and self._may_be_repeated(gateway, known):
            return None
        if not isinstance(found, NeverArrived):
            return await self._settle(request.case, request.key, found, request.now)
        if _key_lives(gateway, known):
            return None
        if not gateway.capabilities.keys_live_for:
            # No key would keep a second request apart from a first one that is late.
            return None if _surely_not_under_way(known) else await self._unclear(request, _MAY_BE_UNDER_WAY)
        return await self._unclear(
            request, Unknown(reason="the gateway no longer recognises the key, so it is not sent again")
        )

    async def _unclear(self, request: ChargeRequest, unknown: Unknown) -> Attempted:
        return await self._settle(request.case, request.key, unknown, request.now)

    def _may_be_repeated(self, gateway: Gateway, known: LedgerState) -> bool:
        """Where nothing can be read, the same request under the same key is the only look there is."""
        return gateway.capabilities.looks_up == "by_repeating" and _key_lives(gateway, known)

    async def _repeated(self, gateway: Gateway, case: CaseRef, known: LedgerState, now: datetime) -> LookUpOutcome:
        """The attempt that was decided and reserved may move money once more only while it would be made anew."""
        invoice = await invoice_now(self._adapters, case, now)
        if not is_fresh(invoice, known.amount):
            return Unknown(reason="the invoice has changed since, so the request is not repeated")
        return await self._watched.charge(known.gateway or gateway.name, gateway, self._sent(case, known, now))

    def _sent(self, case: CaseRef, known: LedgerState, now: datetime) -> SentCharge:
        name = known.gateway or ""
        return SentCharge(
            key=known.key,
            invoice_id=case.invoice_id,
            credential_id=known.credential_id,
            amount=known.amount,
            now=now,
            customer_id=known.gateway_customer_id or "",
            owned_here=not name or self._adapters.routes.is_owned_by(case, name),
            initiator=known.initiator,
            instrument=known.instrument,
            sent_at=known.reserved_at,
            reference=known.reference,
        )

    # --- a new attempt ------------------------------------------------------------------------------------------------

    async def _obstacle(self, request: ChargeRequest) -> ChargeAnswer | None:
        """Whatever forbids the charge now; None when nothing does, and then the attempt is reserved. What others tried
        meanwhile counts before we try (P4)."""
        invoice = await invoice_now(self._adapters, request.case, request.now)
        for seen in invoice.attempts:
            card = invoice.instrument.fingerprint if seen.credential_id == invoice.credential_id else None
            await self._store.attempts.record_seen(request.case, seen, card)
        if not is_fresh(invoice, request.owed or request.amount) or self._retries_otherwise(request, invoice):
            return Stale(invoice=invoice)
        question = FraudQuestion(
            customer_id=request.customer_id,
            credential_id=request.credential_id,
            amount=request.amount,
            now=request.now,
            initiator=request.initiator,
            recent_tries=await self._recent_tries(request),
        )
        verdict = await self._adapters.fraud.assess(question)
        if isinstance(verdict, Suspicious):
            return FraudSuspected(signals=verdict.signals)
        name = self._gateway_of(request)
        admitted = await self._watched.admit(name, request.instrument, request.case, request.key, request.now)
        if isinstance(admitted, NotNow):
            return RefusedByRule(rule=admitted.because, free_at=admitted.free_at, by_gateway=True)
        ruling = await self._store.attempts.reserve(
            request.case, request.key, _proposed(request), request.now, _sending(request, name)
        )
        return RefusedByRule(rule=ruling.rule, free_at=ruling.free_at) if isinstance(ruling, Refused) else None

    def _retries_otherwise(self, request: ChargeRequest, invoice: InvoiceNow) -> bool:
        """Where we live beside the retries of the source, a plan of its own that we did not know of changes ours."""
        known = (request.retries_at, request.retries_itself)
        replaced = self._adapters.routes.coexistence_at(request.case) == "replace"
        return not replaced and (invoice.retries_at, invoice.retries_itself) != known

    async def _send(self, gateway: Gateway, request: ChargeRequest) -> Attempted:
        # No key of the gateway would make one of two requests that are under way at once.
        quiet = () if gateway.capabilities.keys_live_for else (SURELY_NOT_UNDER_WAY,)
        if not await self._store.attempts.mark_sent(request.key, _now_of_sending(request), *quiet):
            return await self._sent_by_another(gateway, request)
        name = self._gateway_of(request)
        charge = GatewayCharge(
            key=request.key,
            invoice_id=request.case.invoice_id,
            credential_id=request.credential_id,
            amount=request.amount,
            now=request.now,
            customer_id=request.gateway_customer_id or request.customer_id,
            owned_here=self._adapters.routes.is_owned_by(request.case, name),
            initiator=request.initiator,
            instrument=request.instrument,
            keep=request.keep,
        )
        try:
            outcome = await self._watched.charge(name, gateway, charge)
        except OutsideError:
            # By the port's contract it certainly moved no money.
            await self._store.attempts.mark_unsent(request.key, request.now)
            raise
        answer = await self._settle(request.case, request.key, outcome, request.now)
        keeps = request.keep and request.initiator is Initiator.CUSTOMER and answer.outcome in _MONEY_COMES
        answer = answer.model_copy(update={"keeps": keeps})
        return await self._with_renewed_card(gateway, request, answer)

    async def _sent_by_another(self, gateway: Gateway, request: ChargeRequest) -> Attempted:
        known = await self._store.attempts.state_of(request.key)
        if known and known.sent and known.outcome is None:
            return await self._looked_up(gateway, request.case, known, request.now)
        return await self._settled(request.case, request.key, request.now)

    async def _recent_tries(self, request: ChargeRequest) -> int:
        if request.initiator is not Initiator.CUSTOMER:
            return 0
        customer = request.case.customer(request.customer_id)
        return (await self._store.page_tries.recent(customer, datetime.now(UTC))).unsuccessful_in_hour

    async def _with_renewed_card(self, gateway: Gateway, request: ChargeRequest, answer: Attempted) -> Attempted:
        """The network is asked for a newer card before the customer is."""
        if not answer.decline:
            return answer
        customer_id = request.gateway_customer_id or request.customer_id
        renewed = await renewed_card(gateway, customer_id, request.credential_id, answer.decline, request.now)
        return answer.model_copy(update={"renewed": renewed}) if renewed else answer

    # --- what became of it --------------------------------------------------------------------------------------------

    async def _settle(
        self, case: CaseRef, key: str, found: LookUpOutcome, now: datetime, known: LedgerState | None = None
    ) -> Attempted:
        """`known`: what the ledger said before the gateway was asked. Another run or a webhook may have settled it
        first; the ledger's answer is the one that counts."""
        if isinstance(found, NeverArrived) and known and not await self._store.attempts.never_arrived(known, now):
            found = _MAY_BE_UNDER_WAY
        outcome, decline, reference = _read(found)
        await self._store.declines.seen(decline, now)
        if not isinstance(found, NeverArrived):
            await self._store.attempts.settle(key, outcome, decline, reference, now)
        return await self._settled(case, key, now)

    async def _settled(self, case: CaseRef, key: str, now: datetime) -> Attempted:
        settled = await self._store.attempts.state_of(key)
        if settled is None or settled.outcome is None:
            raise Unavailable(f"the ledger lost attempt {key}")
        return await self._answered(case, settled, now)

    async def _answered(self, case: CaseRef, known: LedgerState, now: datetime) -> Attempted:
        """An outcome that stands. Money that a gateway took for another's invoice is told to its owner first; should
        that fail, the activity is repeated and comes here again, without charging."""
        if known.outcome is Outcome.SUCCEEDED and not known.told:
            await tell_owner(self._store, self._adapters, case, known, now)
        return Attempted(outcome=known.outcome or Outcome.UNKNOWN, decline=known.decline)

    def _is_another_attempt(self, known: LedgerState, request: ChargeRequest) -> bool:
        """What was begun at one gateway is never begun at another, should the settings name that one by now."""
        if (known.credential_id, known.amount) != (request.credential_id, request.amount):
            return True
        return known.outcome is None and known.gateway not in (None, self._gateway_of(request))

    def _gateway_of(self, request: ChargeRequest | KeepRequest) -> str:
        """A case that was decided on before routes were known names the kind of its gateway only."""
        if "/" in request.gateway or request.gateway in self._adapters.gateways:
            return request.gateway
        return self._adapters.routes.route_of(request.case)[0]


async def renewed_card(
    gateway: Gateway, customer_id: str, credential_id: str, decline: Decline, now: datetime
) -> Renewed | None:
    """What the account updater made of a card that was refused; None as well when it cannot be asked now, for the
    customer can be."""
    if not gateway.capabilities.refreshes_cards or decline.customer_action is not CustomerAction.UPDATE_METHOD:
        return None
    try:
        found = await gateway.refreshed(customer_id, credential_id, now - RENEWED_WITHIN)
    except OutsideError:
        return None
    return Renewed(credential_id=found.credential_id, instrument=found.instrument) if found else None


def _is_last_try() -> bool:
    return activity.in_activity() and activity.info().attempt >= KEEP_TRIES


def _to_keep_by_hand(request: KeepRequest, error: OutsideError) -> Task:
    summary = f"make {request.credential_id} what later invoices are charged to; it failed: {error}"
    return Task(
        key=f"keep.{request.key}",
        case_id=request.case.case_id,
        kind="keep_for_later",
        assignee="ops",
        summary=summary[:500],
        created_at=request.now,
    )


def _proposed(request: ChargeRequest) -> ProposedAttempt:
    return ProposedAttempt(
        credential_id=request.credential_id,
        amount=request.amount,
        network=request.instrument.network,
        region=request.instrument.country,
        acceptor=request.case.acceptor,
        claim=request.case.case_id,
        initiator=request.initiator,
        fingerprint=request.instrument.fingerprint,
    )


def _sending(request: ChargeRequest, gateway: str) -> Sending:
    customer_id = request.gateway_customer_id or request.customer_id
    return Sending(gateway=gateway, customer_id=customer_id, instrument=request.instrument)


def _key_lives(gateway: Gateway, known: LedgerState) -> bool:
    return datetime.now(UTC) - known.reserved_at < gateway.capabilities.keys_live_for


def _surely_not_under_way(known: LedgerState) -> bool:
    """Counted from the last call that was begun, not from the reservation: that may be much older."""
    return datetime.now(UTC) - (known.last_sent_at or known.reserved_at) >= SURELY_NOT_UNDER_WAY


def _now_of_sending(request: ChargeRequest) -> datetime:
    """The case's time: that of the decision, and as long as the activity has waited and been repeated since."""
    if not activity.in_activity():
        return request.now
    info = activity.info()
    return request.now + max(info.started_time - info.scheduled_time, timedelta())


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
