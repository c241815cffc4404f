"""GoCardless as a gateway: collects its own failed payments again, or other systems' claims on a mandate.

Its own claim is a payment (`PM…`). On the payment's own mandate it is retried; a retry cannot change the mandate, so on
another one (or when the payment was cancelled with its mandate) a new payment is created, which names the claim in its
metadata, and the Owner counts it. No answer says that money moved: an accepted charge is Pending for days.
Keys are documented for creations only, so the events of a payment are read before a retry is asked for. How long a key
lives is not documented; 24 hours are counted on. Sources (November 2026): developer.gocardless.com/api-reference
(payments, mandates, billing requests, errors), gocardless.com/blog/idempotency-keys.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from activities.errors import Misconfigured, Unavailable
from activities.gateways.accounts import GoCardlessAccount
from activities.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    Declined,
    GatewayCharge,
    LookUpOutcome,
    NeverArrived,
    NotGiven,
    Pending,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Unknown,
    UpdateSession,
)
from activities.gocardless_client import API_VERSION, Fields, GoCardlessClient, NoAnswer, Refused, read_as, stamp
from activities.gocardless_mandates import GoCardlessMandates, declined
from activities.gocardless_payments import (
    UNDER_WAY,
    UNPAID,
    Payment,
    Try,
    events_read,
    is_owed,
    outcome_of,
    payments_read,
    tries_of,
    waits_for_its_events,
)
from activities.sources.gocardless import ATTEMPT_MARK, CLAIM_MARK
from activities.threads import Threads
from policies.instruments import PaymentType

CLOCKS_DIFFER_BY = timedelta(minutes=10)


class GoCardlessGateway:
    name = "gocardless"
    capabilities = Capabilities(
        keys_live_for=timedelta(hours=24),
        looks_up="by_reading",
        owns_invoices=True,
        payment_types=(PaymentType.BANK_DEBIT,),
        part_payments=False,
        settles_later=True,
        lists_methods=True,
        refreshes_cards=True,
        opens_update_sessions=True,
        update_types=(PaymentType.BANK_DEBIT,),
        pays_once=True,
        api_version=API_VERSION,
    )

    def __init__(self, account: GoCardlessAccount, threads: Threads) -> None:
        self._client = GoCardlessClient(account, threads)
        self._mandates = GoCardlessMandates(self._client)

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        if not charge.owned_here:
            return await self._create(charge)
        claim = await self._claim(charge.invoice_id)
        tries = await self._tries(claim)
        told = outcome_of(claim, tries, charge.key)
        if told:
            return told
        if not is_owed(claim, tries):
            return _not_needed(claim)
        if charge.amount != claim.money:
            raise Misconfigured(f"{claim.id} can only be collected whole: {claim.money}, not {charge.amount}")
        if claim.status == "failed" and claim.links.mandate == charge.credential_id:
            return await self._retry(charge)
        return await self._create(charge)

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        claim = await self._claim(sent.invoice_id) if sent.owned_here else None
        tries = await self._tries(claim) if claim else ()
        told = outcome_of(claim, tries, sent.key) if claim else None
        if told:
            return told
        created = await self._created(sent)
        if created:
            return outcome_of(created, await self._tries(created), sent.key) or NeverArrived()
        if claim and waits_for_its_events(claim, tries):
            return Unknown(reason=f"{claim.id} is {claim.status}, and its events do not say yet who asked for it")
        return NeverArrived()

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        return await self._mandates.listed(customer_id)

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        return await self._mandates.refreshed(credential_id, since)

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        return await self._mandates.session(request)

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """What the browser brings back is not needed: the billing request says it all."""
        return await self._mandates.given(customer_id, reference)

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """GoCardless knows no default, and its subscriptions cannot change their mandate."""

    # Charging

    async def _retry(self, charge: GatewayCharge) -> ChargeOutcome:
        mark = {ATTEMPT_MARK: charge.key}
        try:
            told = await self._client.act("payments", "retry", charge.invoice_id, mark, charge.key)
            retried = read_as(Payment, told)
        except NoAnswer as silence:
            return Unknown(reason=str(silence))
        except Refused as refused:
            return await self._not_retried(charge, refused)
        if retried.id != charge.invoice_id or retried.status not in UNDER_WAY:
            return Unknown(reason=f"{retried.id} was retried and is {retried.status}")
        return Pending(reference=retried.id)

    async def _not_retried(self, charge: GatewayCharge, refused: Refused) -> ChargeOutcome:
        """Nothing moved; the word `retry_failed` is the same whatever stood in the way."""
        if refused.kind != "invalid_state":
            raise refused.misconfigured()
        claim = await self._claim(charge.invoice_id)
        if claim.status not in UNPAID:
            return _not_needed(claim)
        decline = await self._mandates.why_unusable(charge.credential_id)
        if decline is None:
            raise Misconfigured(f"GoCardless does not retry {claim.id} on its usable mandate; it does so three times")
        return Declined(reference=claim.id, decline=decline)

    async def _create(self, charge: GatewayCharge) -> ChargeOutcome:
        params: Fields = {
            "amount": charge.amount.amount_minor,
            "currency": charge.amount.currency,
            "links": {"mandate": charge.credential_id},
            "metadata": {ATTEMPT_MARK: charge.key, CLAIM_MARK: charge.invoice_id},
        }
        try:
            created = read_as(Payment, await self._client.create("payments", params, charge.key))
        except NoAnswer as silence:
            return Unknown(reason=str(silence))
        except Refused as refused:
            return await self._not_created(charge, refused)
        return Pending(reference=created.id)

    async def _not_created(self, charge: GatewayCharge, refused: Refused) -> ChargeOutcome:
        if refused.conflicting_id:
            return await self._created_before(refused.conflicting_id, charge.key)
        if "mandate_replaced" in refused.reasons:
            return Declined(reference=charge.credential_id, decline=declined("mandate_replaced"))
        if "mandate_is_inactive" not in refused.reasons:
            raise refused.misconfigured()
        decline = await self._mandates.why_unusable(charge.credential_id)
        return Declined(reference=charge.credential_id, decline=decline or declined("mandate_is_inactive"))

    async def _created_before(self, payment_id: str, key: str) -> ChargeOutcome:
        """The same charge again. Whatever cannot be read now, a payment stands there."""
        try:
            created = await self._client.read("payments", payment_id, Payment)
            told = outcome_of(created, await self._tries(created), key) if created else None
        except (Unavailable, Misconfigured):
            told = None
        return told or Unknown(reason=f"{payment_id} was created under this key before")

    # Reading

    async def _claim(self, payment_id: str) -> Payment:
        claim = await self._client.read("payments", payment_id, Payment)
        if claim is None:
            raise Misconfigured(f"GoCardless has no payment {payment_id}")
        return claim

    async def _tries(self, payment: Payment) -> Sequence[Try]:
        return tries_of(payment, events_read(await self._client.listed("events", {"payment": payment.id})))

    async def _created(self, sent: SentCharge) -> Payment | None:
        """The payment that carries the key; by its id where that was told."""
        if sent.reference and sent.reference != sent.invoice_id:
            told = await self._client.read("payments", sent.reference, Payment)
            if told and told.metadata.get(ATTEMPT_MARK) == sent.key:
                return told
        since = stamp(sent.sent_at - CLOCKS_DIFFER_BY)
        for mandate_id in await self._mandates.with_its_successor(sent.credential_id):
            listed = await self._client.listed("payments", {"mandate": mandate_id, "created_at[gte]": since})
            marked = [each for each in payments_read(listed) if each.metadata.get(ATTEMPT_MARK) == sent.key]
            if marked:
                return marked[0]
        return None


def _not_needed(claim: Payment) -> Unknown:
    """Perhaps it was this very charge, and the event that says so is not written yet: the look-up waits for it."""
    return Unknown(reason=f"{claim.id} is {claim.status}: this request moved no money")
