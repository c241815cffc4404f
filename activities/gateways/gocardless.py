"""GoCardless as a gateway: collects its own failed payments again, or other systems' claims on a mandate.

Its own claim is a payment (`PM…`). On the payment's own mandate it is retried; a retry cannot change the mandate, so on
another one (or when the payment was cancelled with its mandate) a new payment is created, which names the claim in its
metadata, and the Owner counts it. No answer says that money moved: an accepted charge is Pending for days.
Keys are documented for creations only, so the events of a payment are read before a retry is asked for. How long a key
lives is not documented; 24 hours are counted on. Sources (November 2026): developer.gocardless.com/api-reference
(payments, mandates, billing requests, errors), gocardless.com/blog/idempotency-keys.
"""

from collections.abc import Sequence
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
    Pending,
    SentCharge,
    StoredMethod,
    Unknown,
    UpdateSession,
)
from activities.gocardless_client import API_VERSION, Fields, GoCardlessClient, NoAnswer, Refused, Shape, read_as, stamp
from activities.gocardless_payments import (
    UNDER_WAY,
    UNPAID,
    BankAccount,
    Mandate,
    Payment,
    Try,
    events_read,
    instrument_of,
    is_owed,
    outcome_of,
    payments_read,
    tries_of,
    waits_for_its_events,
)
from activities.sources.gocardless import ATTEMPT_MARK, CLAIM_MARK
from activities.threads import Threads
from policies.base import Record, UtcTime
from policies.declines import Decline, classify, in_tables
from policies.instruments import Network, PaymentType

USABLE = frozenset({"active", "pending_submission", "submitted", "pending_customer_approval"})
"""Mandates on which payments can be created."""

CLOCKS_DIFFER_BY = timedelta(minutes=10)


class _BillingRequest(Record):
    id: str


class _Flow(Record):
    authorisation_url: str
    expires_at: UtcTime | None = None


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
        api_version=API_VERSION,
    )

    def __init__(self, account: GoCardlessAccount, threads: Threads) -> None:
        self._client = GoCardlessClient(account, threads)

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
        """GoCardless knows no default: the newest mandate first."""
        mandates = await self._mandates({"customer": customer_id, "status": "active"})
        listed = await self._client.listed("customer_bank_accounts", {"customer": customer_id})
        accounts = {account.id: account for account in (_read(BankAccount, each) for each in listed)}
        return tuple(_method(each, accounts.get(each.links.customer_bank_account or "")) for each in mandates)

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """A mandate that moved to another bank account, or was replaced by another mandate."""
        told = await self._client.listed("events", {"mandate": credential_id, "created_at[gte]": stamp(since)})
        changes = [event for event in events_read(told) if event.action in ("transferred", "replaced")]
        if not changes:
            return None
        mandate = await self._client.read("mandates", changes[-1].links.new_mandate or credential_id, Mandate)
        if mandate is None or mandate.status not in USABLE:
            return None
        account_id = mandate.links.customer_bank_account
        account = await self._client.read("customer_bank_accounts", account_id, BankAccount) if account_id else None
        return _method(mandate, account)

    async def update_session(self, customer_id: str, return_url: str) -> UpdateSession:
        """GoCardless' page for a new mandate, in the scheme of the last one; without one the customer chooses."""
        known = await self._mandates({"customer": customer_id})
        scheme = {"scheme": known[0].scheme} if known and known[0].scheme else {}
        asked = {"mandate_request": scheme, "links": {"customer": customer_id}}
        request = _read(_BillingRequest, await self._opened("billing_requests", asked))
        to = {"redirect_uri": return_url, "exit_uri": return_url, "links": {"billing_request": request.id}}
        flow = _read(_Flow, await self._opened("billing_request_flows", to))
        return UpdateSession(reference=request.id, url=flow.authorisation_url, expires_at=flow.expires_at)

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
        decline = await self._why_unusable(charge.credential_id)
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
            return Declined(reference=charge.credential_id, decline=_declined("mandate_replaced"))
        if "mandate_is_inactive" not in refused.reasons:
            raise refused.misconfigured()
        decline = await self._why_unusable(charge.credential_id)
        return Declined(reference=charge.credential_id, decline=decline or _declined("mandate_is_inactive"))

    async def _created_before(self, payment_id: str, key: str) -> ChargeOutcome:
        """The same charge again. Whatever cannot be read now, a payment stands there."""
        try:
            created = await self._client.read("payments", payment_id, Payment)
            told = outcome_of(created, await self._tries(created), key) if created else None
        except (Unavailable, Misconfigured):
            told = None
        return told or Unknown(reason=f"{payment_id} was created under this key before")

    async def _why_unusable(self, mandate_id: str) -> Decline | None:
        """None when the mandate can be used. GoCardless' causes name the states in which it cannot."""
        mandate = await self._client.read("mandates", mandate_id, Mandate)
        if mandate is None:
            raise Misconfigured(f"GoCardless has no mandate {mandate_id}")
        if mandate.status in USABLE:
            return None
        if mandate.links.new_mandate:
            return _declined("mandate_replaced")
        code = f"mandate_{mandate.status}"
        return _declined(code if in_tables(self.name, code) else "mandate_cancelled", mandate.scheme)

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
        for mandate_id in await self._mandate_and_its_successor(sent.credential_id):
            listed = await self._client.listed("payments", {"mandate": mandate_id, "created_at[gte]": since})
            marked = [each for each in payments_read(listed) if each.metadata.get(ATTEMPT_MARK) == sent.key]
            if marked:
                return marked[0]
        return None

    async def _mandate_and_its_successor(self, mandate_id: str) -> tuple[str, ...]:
        """Payments may move to the mandate that replaces theirs."""
        mandate = await self._client.read("mandates", mandate_id, Mandate)
        successor = mandate.links.new_mandate if mandate else None
        return (mandate_id, successor) if successor else (mandate_id,)

    async def _mandates(self, filters: dict[str, str]) -> tuple[Mandate, ...]:
        return tuple(_read(Mandate, each) for each in await self._client.listed("mandates", filters))

    async def _opened(self, resource: str, params: Fields) -> Fields:
        try:
            return await self._client.create(resource, params)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except Refused as refused:
            raise refused.misconfigured() from None


def _not_needed(claim: Payment) -> Unknown:
    """Perhaps it was this very charge, and the event that says so is not written yet: the look-up waits for it."""
    return Unknown(reason=f"{claim.id} is {claim.status}: this request moved no money")


def _declined(code: str, scheme: str | None = None) -> Decline:
    return classify("gocardless", code, network=Network.named(scheme), payment_type=PaymentType.BANK_DEBIT)


def _method(mandate: Mandate, account: BankAccount | None) -> StoredMethod:
    """The bank account is the same under any mandate on it."""
    return StoredMethod(
        credential_id=mandate.id,
        instrument=instrument_of(mandate.scheme, account),
        fingerprint=account.id if account else None,
    )


def _read(shape: type[Shape], fields: Fields) -> Shape:
    """No money hangs on it: what cannot be read is asked for again."""
    try:
        return read_as(shape, fields)
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from None
