"""The gateway port: who moves money, and who takes a customer's new way to pay in fields of its own.

Charge means: collect this invoice at the system that owns it. A gateway that does not own it takes the sum, and its
owner is told afterwards (`Owner.record_payment`). Only an explicit yes or no is Succeeded or Declined. `Unavailable` is
raised only when the request certainly moved no money; once the byte that moves it was sent and no clear answer came the
outcome is Unknown. No retries here: Temporal owns them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import Field

from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.instruments import Initiator, Instrument, PaymentType
from policies.money import Money


class GatewayCharge(Record):
    """`key` is the idempotency key, carried to the wire. `invoice_id` as its owner names it; `owned_here`: that owner
    is this gateway. `customer_id` as the gateway names the customer. `now` is the case's time. `keep` false: the
    customer lends this way to pay for once; it must not be what later invoices are charged to."""

    key: str
    invoice_id: str
    credential_id: str
    amount: Money
    now: datetime
    customer_id: str = ""
    owned_here: bool = True
    initiator: Initiator = Initiator.MERCHANT
    instrument: Instrument = Instrument()
    keep: bool = True


class SentCharge(GatewayCharge):
    """A charge of which perhaps something was sent. `sent_at`: by our clock (UTC), before the first byte. `reference`:
    the gateway's own id of it, once it was told."""

    sent_at: UtcTime
    reference: str | None = None


class Succeeded(Record):
    kind: Literal["succeeded"] = "succeeded"
    reference: str


class Declined(Record):
    kind: Literal["declined"] = "declined"
    reference: str
    decline: Decline


class Pending(Record):
    """Accepted, the money moves later (direct debit, 3-D Secure under way)."""

    kind: Literal["pending"] = "pending"
    reference: str


class Unknown(Record):
    """No clear answer: money may or may not have moved."""

    kind: Literal["unknown"] = "unknown"
    reason: str


ChargeOutcome = Annotated[Succeeded | Declined | Pending | Unknown, Field(discriminator="kind")]


class NeverArrived(Record):
    """The gateway has no record of the charge."""

    kind: Literal["never_arrived"] = "never_arrived"


LookUpOutcome = Annotated[Succeeded | Declined | Pending | Unknown | NeverArrived, Field(discriminator="kind")]


class StoredMethod(Record):
    """A way to pay that the gateway keeps. `fingerprint`: the same for the same card under any token, None where the
    gateway tells none. `expires`: the last day of its month, as YYYY-MM. `last4`: the last four digits or characters
    of the card's or account's number, never more."""

    credential_id: str
    instrument: Instrument = Instrument()
    fingerprint: str | None = None
    expires: Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}$")] | None = None
    last4: Annotated[str, Field(pattern="^[0-9A-Za-z]{1,4}$")] | None = None
    is_default: bool = False


class SessionRequest(Record):
    """A customer is about to give a way to pay of `payment_type`. `credential_id`: or only confirms this stored one
    (3-D Secure). `return_url`: where the gateway sends the browser back to, over GET. `locale`: a BCP 47 tag. `owed`:
    what will be charged next; nothing is charged by the session."""

    customer_id: str
    return_url: str
    payment_type: PaymentType = PaymentType.CARD
    credential_id: str | None = None
    locale: str = "en"
    owed: Money | None = None


class Origins(Record):
    """What a page must allow so that the gateway's fields work in it (Content-Security-Policy): origins such as
    https://js.stripe.com, by directive."""

    script: tuple[str, ...] = ()
    frame: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    style: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    form: tuple[str, ...] = ()


class HostedFields(Record):
    """What the gateway's fields are opened with inside our page. `kind` names the file that opens them,
    `api/static/fields/<kind>.js`. `scripts`, `styles`: the gateway's own files, in order, from its own origin.
    `options`: what they need, public by nature (a publishable key, a client token). `integrity`: hash by address, of
    files that the gateway keeps unchanged. `resumes`: when the gateway brings the browser back, the fields must be
    shown again, with what it added to the address."""

    kind: str
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    options: dict[str, str] = {}
    origins: Origins = Origins()
    integrity: dict[str, str] = {}
    resumes: bool = False


class UpdateSession(Record):
    """Where a customer gives a new way to pay, so that no card data passes through us. `url`: a page of the gateway;
    `fields`: its fields in our page. One of them is set. `reference` is public: it names the session in `given`."""

    reference: str
    url: str | None = None
    fields: HostedFields | None = None
    expires_at: UtcTime | None = None


class NotGiven(Record):
    """The session ended without a way to pay that can be charged: the customer left it, the bank refused it, or it is
    none of this customer's. `decline`: the bank's or gateway's own reason where it told one."""

    kind: Literal["not_given"] = "not_given"
    why: Literal["unfinished", "refused", "expired", "unknown"]
    decline: Decline | None = None


class Capabilities(Record):
    """What an adapter can do; docs/gateways/README.md prints them side by side.

    `keys_live_for`: how long the gateway recognises an idempotency key; nothing is resent after it. `looks_up`:
    `by_key`, `by_reading` (its records tell the attempt apart by a mark of ours or by invoice and time), or
    `by_repeating`: there is no reading, so the same request is repeated under the same key while the key lives, after
    the invoice was read once more. `owns_invoices`: it is a source as well, and charges its own invoices.
    `part_payments`: less than the invoice can be collected. `settles_later`: an accepted charge is Pending first.
    `changes_method`: an invoice of its own can be charged to another way to pay than before. `update_types`: what a
    session can be opened for; `confirms`: also for a stored credential that its bank wants to be
    confirmed. `pays_once`: a charge with `keep` false leaves later invoices as they are.
    """

    keys_live_for: timedelta
    looks_up: Literal["by_key", "by_reading", "by_repeating"] = "by_key"
    owns_invoices: bool = False
    collects_others: bool = True
    payment_types: tuple[PaymentType, ...] = (PaymentType.CARD,)
    part_payments: bool = True
    settles_later: bool = False
    lists_methods: bool = False
    refreshes_cards: bool = False
    opens_update_sessions: bool = False
    changes_method: bool = True
    update_types: tuple[PaymentType, ...] = ()
    confirms: bool = False
    pays_once: bool = False
    api_version: str = ""

    def without_sessions(self) -> "Capabilities":
        """Of an account that lacks what its fields in a page are opened with."""
        return self.model_copy(update={"opens_update_sessions": False, "update_types": (), "confirms": False})


class Gateway(Protocol):
    """Every method raises Unavailable, RateLimited or Misconfigured, and no other error."""

    name: str
    """Names the table of decline codes as well: `stripe`, `adyen`, ..."""

    capabilities: Capabilities

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        """See the module's first words for what may be raised."""
        ...

    async def look_up(self, sent: SentCharge) -> LookUpOutcome:
        """What became of it; reads only. Unknown where the gateway can say nothing (`looks_up` is `by_repeating`).
        NeverArrived only on the gateway's own word."""
        ...

    async def payment_methods(self, customer_id: str) -> tuple[StoredMethod, ...]:
        """The default first; empty where the gateway keeps none for that customer or cannot list them."""
        ...

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """What the network's account updater made of a stored card after `since`: the renewed card (perhaps under
        another id), None when nothing has changed or the gateway cannot tell."""
        ...

    async def update_session(self, request: SessionRequest) -> UpdateSession:
        """Nothing is charged. Raises Misconfigured for what `update_types` and `confirms` do not name."""
        ...

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        """The way to pay that came of a session, as the gateway keeps it now, asked at the gateway itself: `result` is
        what the browser brought back (a nonce, parameters of the return address) and may be forged, so a session of
        another customer is NotGiven. Repeating is safe."""
        ...

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """Later invoices of the customer (and of the subscription behind `invoice_id`, where the gateway owns it) are
        charged to it. Repeating is safe. Nothing happens where the gateway has no such notion."""
        ...
