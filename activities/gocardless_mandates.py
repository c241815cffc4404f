"""A customer's mandates at GoCardless: listed, moved to another, newly given at GoCardless' own page.

A billing request asks for a mandate, and its flow is the page where the customer gives it; GoCardless fulfils the
request itself when the page was gone through. `given` reads the request and the mandate that came of it. A mandate that
the bank has still to confirm can be charged already, and GoCardless holds the payment until then.
Sources: developer.gocardless.com/api-reference (billing requests, billing request flows, mandates) and
getting-started/billing-requests/creating-a-dd-mandate, read 2026-11-25; gocardless_pro 3.22.
"""

import re
from datetime import datetime

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod, UpdateSession
from activities.gocardless_client import Fields, GoCardlessClient, NoAnswer, Refused, Shape, read_as, stamp
from activities.gocardless_payments import BankAccount, Mandate, events_read, instrument_of
from policies.base import Record, UtcTime
from policies.declines import Decline, classify, in_tables
from policies.instruments import Network, PaymentType

USABLE = frozenset({"active", "pending_submission", "submitted", "pending_customer_approval"})
"""Mandates on which payments can be created."""

UNDER_WAY = frozenset({"pending", "ready_to_fulfil", "fulfilling"})
LANGUAGES = frozenset("da de en es fr it nb nl pt sl sv".split())
"""Of GoCardless' pages; for others it chooses by the customer's country."""

_REQUEST = re.compile("BRQ[0-9A-Za-z]{1,60}")


class _Links(Record):
    customer: str | None = None
    mandate_request_mandate: str | None = None


class _BillingRequest(Record):
    id: str
    status: str = ""
    links: _Links = _Links()


class _Flow(Record):
    authorisation_url: str
    expires_at: UtcTime | None = None


class GoCardlessMandates:
    def __init__(self, client: GoCardlessClient) -> None:
        self._client = client

    async def listed(self, customer_id: str) -> tuple[StoredMethod, ...]:
        """GoCardless knows no default: the newest mandate first."""
        mandates = await self._of({"customer": customer_id, "status": "active"})
        listed = await self._client.listed("customer_bank_accounts", {"customer": customer_id})
        accounts = {account.id: account for account in (_read(BankAccount, each) for each in listed)}
        return tuple(_method(each, accounts.get(each.links.customer_bank_account or "")) for each in mandates)

    async def refreshed(self, credential_id: str, since: datetime) -> StoredMethod | None:
        """A mandate that moved to another bank account, or was replaced by another mandate."""
        told = await self._client.listed("events", {"mandate": credential_id, "created_at[gte]": stamp(since)})
        changes = [event for event in events_read(told) if event.action in ("transferred", "replaced")]
        if not changes:
            return None
        mandate = await self._client.read("mandates", changes[-1].links.new_mandate or credential_id, Mandate)
        return None if mandate is None or mandate.status not in USABLE else await self._with_account(mandate)

    async def session(self, request: SessionRequest) -> UpdateSession:
        """GoCardless' page for a new mandate, in the scheme of the last one; without one the customer chooses."""
        if request.payment_type is not PaymentType.BANK_DEBIT or request.credential_id is not None:
            raise Misconfigured("at GoCardless' page a customer gives a new mandate, and nothing else")
        known = await self._of({"customer": request.customer_id})
        scheme = {"scheme": known[0].scheme} if known and known[0].scheme else {}
        asked = {"mandate_request": scheme, "links": {"customer": request.customer_id}}
        made = _read(_BillingRequest, await self._opened("billing_requests", asked))
        language = request.locale.partition("-")[0].lower()
        to = {
            "redirect_uri": request.return_url,
            "exit_uri": request.return_url,
            **({"language": language} if language in LANGUAGES else {}),
            "links": {"billing_request": made.id},
        }
        flow = _read(_Flow, await self._opened("billing_request_flows", to))
        return UpdateSession(reference=made.id, url=flow.authorisation_url, expires_at=flow.expires_at)

    async def given(self, customer_id: str, reference: str) -> StoredMethod | NotGiven:
        """The request's own customer counts, whatever the browser brought back."""
        if not _REQUEST.fullmatch(reference):
            return NotGiven(why="unknown")
        request = await self._client.read("billing_requests", reference, _BillingRequest)
        if request is None or request.links.customer != customer_id:
            return NotGiven(why="unknown")
        if request.status in UNDER_WAY:
            return NotGiven(why="unfinished")
        if request.status == "cancelled":
            return NotGiven(why="expired")
        mandate_id = request.links.mandate_request_mandate
        mandate = await self._client.read("mandates", mandate_id, Mandate) if mandate_id else None
        if mandate is None or mandate.links.customer != customer_id:
            return NotGiven(why="unknown")
        if mandate.status not in USABLE:
            return NotGiven(why="refused", decline=why_unusable(mandate))
        return await self._with_account(mandate)

    async def why_unusable(self, mandate_id: str) -> Decline | None:
        """None when the mandate can be used."""
        mandate = await self._client.read("mandates", mandate_id, Mandate)
        if mandate is None:
            raise Misconfigured(f"GoCardless has no mandate {mandate_id}")
        return None if mandate.status in USABLE else why_unusable(mandate)

    async def with_its_successor(self, mandate_id: str) -> tuple[str, ...]:
        """Payments may move to the mandate that replaces theirs."""
        mandate = await self._client.read("mandates", mandate_id, Mandate)
        successor = mandate.links.new_mandate if mandate else None
        return (mandate_id, successor) if successor else (mandate_id,)

    async def _with_account(self, mandate: Mandate) -> StoredMethod:
        account_id = mandate.links.customer_bank_account
        account = await self._client.read("customer_bank_accounts", account_id, BankAccount) if account_id else None
        return _method(mandate, account)

    async def _of(self, filters: dict[str, str]) -> tuple[Mandate, ...]:
        return tuple(_read(Mandate, each) for each in await self._client.listed("mandates", filters))

    async def _opened(self, resource: str, params: Fields) -> Fields:
        try:
            return await self._client.create(resource, params)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except Refused as refused:
            raise refused.misconfigured() from None


def why_unusable(mandate: Mandate) -> Decline:
    """GoCardless' causes name the states in which a mandate cannot be used."""
    if mandate.links.new_mandate:
        return declined("mandate_replaced")
    code = f"mandate_{mandate.status}"
    return declined(code if in_tables("gocardless", code) else "mandate_cancelled", mandate.scheme)


def declined(code: str, scheme: str | None = None) -> Decline:
    return classify("gocardless", code, network=Network.named(scheme), payment_type=PaymentType.BANK_DEBIT)


def _method(mandate: Mandate, account: BankAccount | None) -> StoredMethod:
    """The bank account is the same under any mandate on it."""
    return StoredMethod(
        credential_id=mandate.id,
        instrument=instrument_of(mandate.scheme, account),
        fingerprint=account.id if account else None,
        last4=account.last4 if account else None,
    )


def _read(shape: type[Shape], fields: Fields) -> Shape:
    """No money hangs on it: what cannot be read is asked for again."""
    try:
        return read_as(shape, fields)
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from None
