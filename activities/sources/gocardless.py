"""What GoCardless says, in our words. Decides nothing about a case; leaves finding the cases of a mandate to the relay.

A delivery: `{"events": [{"id", "created_at", "resource_type", "action", "links", "details"}, ...]}`, with events about
different resources in one. An event names resources and a cause; it tells no amount, no currency, no person.
Sources (November 2026): developer.gocardless.com/api-reference/#core-endpoints-events (actions, causes, reason codes),
/getting-started/staying-up-to-date-with-webhooks, /introduction/success-plus (its own retries).
To understand one more type: a function from `_Event`, a row in HANDLERS (or a sentence in SAYS_NOTHING), a row in the
table of the test.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Rejected, Verified
from activities.sources.reading import (
    NO_TIME,
    Node,
    ReadingSpeaker,
    Wrong,
    elements_of,
    key_by_hash,
    not_dunning,
    object_of,
    place_of,
    unknown_type,
    value_of,
)
from activities.sources.signatures import any_matches, header_values, hmac_sha256, usable_secrets
from policies.declines import Decline, Retryable, classify
from policies.events import (
    AnyEvent,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    InvoiceVoided,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.instruments import Network, PaymentType

SIGNATURE_HEADER = "Webhook-Signature"

CODES_BEHIND_A_FILE = {Network.ACH, Network.BECS_NZ, Network.PAD_CA}
"""Schemes whose codes GoCardless writes behind the name of the file that they came in: `ACH_RETURN-R01`."""

BY_THE_MERCHANT = {"payment_cancelled", "instalment_schedule_cancelled", "subscription_cancelled", "plan_cancelled"}
"""Causes of a cancellation that was meant. All others are that the mandate ended, and then the claim is still owed."""

FIRST_PAYMENT = "initial_one_off_payment_failed"

MANDATE_ENDED = classify("gocardless", "mandate_cancelled")

ATTEMPT_MARK, CLAIM_MARK = "recoup_attempt", "recoup_invoice"
"""What our gateway writes into the metadata of a payment that it creates: the attempt's key, and which claim it pays.
A retry's metadata stands on the event `resubmission_requested` alone."""

_ATTEMPT_KEY, _PAYMENT_ID = re.compile("att_[0-9a-f]{40}"), re.compile("PM[0-9A-Z]{1,30}")


def attempt_marked(metadata: Mapping[str, object]) -> str | None:
    """The key of an attempt of ours; anything else under that name is somebody else's."""
    key = metadata.get(ATTEMPT_MARK)
    return key if isinstance(key, str) and _ATTEMPT_KEY.fullmatch(key) else None


def claim_marked(metadata: Mapping[str, object]) -> str | None:
    """The GoCardless payment that this one is paid in place of; None when the claim is another system's."""
    claim = metadata.get(CLAIM_MARK)
    return claim if isinstance(claim, str) and _PAYMENT_ID.fullmatch(claim) else None


class GoCardlessSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in."""

    name = "gocardless"
    kept_headers = (SIGNATURE_HEADER.lower(),)

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """`Webhook-Signature: <hex>`, an HMAC-SHA256 of the body. No time is signed, so a replay is caught by the inbox
        alone."""
        keys = usable_secrets(secrets)
        if not keys:
            return Rejected(reason="no webhook secret is configured for this endpoint")
        values = header_values(headers, SIGNATURE_HEADER)
        if len(values) != 1:
            return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
        if not any_matches((hmac_sha256(key, body).hex() for key in keys), values):
            return Rejected(reason=f"the signature of {SIGNATURE_HEADER} does not belong to this body and our secrets")
        return Verified()

    def complaint_about(self, secret: str) -> str | None:
        if secret.startswith(("live_", "sandbox_")):
            return "it is an access token to the API; write the secret of the webhook endpoint instead"
        return super().complaint_about(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        """Each event by itself, byte for byte. `events` may be one event instead of a list, as in GoCardless' examples;
        a body that is an event is its own item."""
        delivery, text = object_of(body), body.decode()
        if "events" not in delivery.fields:
            return [_item(delivery, body)]
        told = delivery.fields["events"]
        if not isinstance(told, list):
            return [_item(_event_node(told), value_of(text, "events"))]
        if not told:
            raise Wrong("events", "the delivery holds no event")
        bodies = elements_of(text, place_of(text, ("events",)), len(told))
        return [_item(_event_node(event), written) for event, written in zip(told, bodies, strict=True)]

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        told = object_of(body)
        kind = f"{told.text('resource_type')}.{told.text('action')}"
        if kind in SAYS_NOTHING:
            return not_dunning(SAYS_NOTHING[kind])
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        undated = told.fields.get("created_at") is None
        happened_at = NO_TIME if undated else told.moment_of_text("created_at")
        told_of = told.part("resource_metadata").fields
        said = handler(_Event(event_id, happened_at, told.part("links"), told.part("details"), told_of))
        return said.model_copy(update={"undated": undated}) if isinstance(said, Addressed) else said


def _event_node(event: object) -> Node:
    if not isinstance(event, dict) or "events" in event:
        raise Wrong("events", "the delivery holds something that is no event")
    return Node("", event)


def _item(event: Node, written: bytes) -> Item:
    event.text("resource_type")
    event.text("action")
    return Item(event_key=event.id_or_none("id") or key_by_hash(written), body=written)


def decline_told(details: Node) -> Decline | None:
    """By the scheme's code where there is one: the cause `bank_account_closed` may mean that the payer has died."""
    scheme = Network.named(details.optional_text("scheme"))
    cause, code = details.code("cause"), details.code("reason_code")
    if code and scheme in CODES_BEHIND_A_FILE:
        code = code.rpartition("-")[2]
    if not cause and not code:
        return None
    return classify("gocardless", cause, code, network=scheme, payment_type=PaymentType.BANK_DEBIT)


def decline_of_ended(decline: Decline | None) -> Decline:
    """Without a mandate nothing can be collected, however mild the reason for its end sounds."""
    return decline if decline and decline.retryable is not Retryable.YES else MANDATE_ENDED


# From event to fact


@dataclass(frozen=True)
class _Event:
    event_id: str
    happened_at: datetime
    links: Node
    details: Node
    resource_metadata: Mapping[str, object]

    @property
    def cause(self) -> str | None:
        return self.details.code("cause")

    @property
    def decline(self) -> Decline | None:
        return decline_told(self.details)

    @property
    def decline_of_ended_mandate(self) -> Decline:
        return decline_of_ended(self.decline)


def _told(
    event: _Event,
    fact: Callable[..., AnyEvent],
    lookup: Lookup | None = None,
    invoice_id: str = UNRESOLVED,
    **fields: Any,
) -> Addressed:
    told = fact(
        event_id=event.event_id,
        happened_at=event.happened_at,
        invoice_id=invoice_id,
        customer_id=event.links.id_or_none("customer"),
        **fields,
    )
    return Addressed(event=told, lookup=lookup)


def _told_of_payment(event: _Event, fact: Callable[..., AnyEvent], **fields: Any) -> Addressed:
    """GoCardless' payment is the claim: it is retried under the same id. One that our gateway created is an attempt at
    another claim, and says so."""
    payment_id, key = event.links.id("payment"), attempt_marked(event.resource_metadata)
    if key is None:
        return _told(event, fact, invoice_id=payment_id, **fields)
    told = _told(event, fact, invoice_id=claim_marked(event.resource_metadata) or payment_id, **fields)
    return told.model_copy(update={"attempt_key": key, "reference": payment_id})


def _payment_failed(event: _Event) -> Addressed:
    return _not_paid(event, event.decline)


def _not_paid(event: _Event, decline: Decline | None) -> Addressed:
    return _told_of_payment(
        event,
        PaymentFailed,
        subscription_id=event.links.id_or_none("subscription"),
        credential_id=event.links.id_or_none("mandate"),
        retries_itself=event.details.fields.get("will_attempt_retry") is True,
        decline=decline,
    )


def _payment_collected(event: _Event) -> Addressed:
    return _told_of_payment(event, PaymentSucceeded)


def _payment_cancelled(event: _Event) -> Addressed | Ignored:
    """When the mandate ends, its payments are cancelled: they failed, and are owed as before. Events of the older shape
    have no details; that another event brought this one about says the same."""
    if event.cause == FIRST_PAYMENT:
        return not_dunning("first payment of a new subscription")
    if attempt_marked(event.resource_metadata):
        return _not_paid(event, event.decline)  # an attempt of ours was called off, and the claim is owed as before
    if event.cause and event.cause not in BY_THE_MERCHANT:
        return _not_paid(event, event.decline_of_ended_mandate)
    if not event.details.fields and event.links.optional_text("parent_event"):
        return _not_paid(event, MANDATE_ENDED)
    return _told_of_payment(event, InvoiceVoided)


def _payment_charged_back(event: _Event) -> Addressed:
    """A chargeback has no id of its own; a payment has one at most."""
    return _told_of_payment(event, DisputeOpened, dispute_id=event.links.id("payment"))


def _chargeback_cancelled(event: _Event) -> Addressed:
    return _told_of_payment(event, DisputeClosed, dispute_id=event.links.id("payment"), won=True)


def _mandate_usable(event: _Event) -> Addressed:
    return _mandate(event, active=True, replaced_by=event.links.optional_id("new_mandate"))


def _mandate_ended(event: _Event) -> Addressed:
    return _mandate(event, active=False, decline=event.decline_of_ended_mandate)


def _mandate(event: _Event, **fields: Any) -> Addressed:
    mandate_id = event.links.id("mandate")
    return _told(event, MandateChanged, Lookup(credential_id=mandate_id), mandate_id=mandate_id, **fields)


def _subscription_cancelled(event: _Event) -> Addressed | Ignored:
    if event.cause and event.cause not in BY_THE_MERCHANT:
        return not_dunning(f"the subscription ended with its mandate ({event.cause}): what is owed stays owed")
    return _told(event, SubscriptionCancelled, Lookup(subscription_id=event.links.id("subscription")))


def _authorised_anew(event: _Event) -> Addressed | Ignored:
    """The customer went through a billing request; when a mandate was part of it, this is the new way to pay."""
    mandate_id = event.links.optional_id("mandate_request_mandate")
    if mandate_id is None:
        return not_dunning("the billing request set up no mandate")
    found_by = Lookup(customer_id=event.links.id("customer"))
    return _told(event, PaymentMethodChanged, found_by, change=MethodChange.ADDED, credential_id=mandate_id)


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "payments.failed": _payment_failed,
    "payments.customer_approval_denied": _payment_failed,
    "payments.confirmed": _payment_collected,
    "payments.paid_out": _payment_collected,
    "payments.cancelled": _payment_cancelled,
    "payments.charged_back": _payment_charged_back,
    "payments.chargeback_cancelled": _chargeback_cancelled,
    "mandates.active": _mandate_usable,
    "mandates.reinstated": _mandate_usable,
    "mandates.transferred": _mandate_usable,
    "mandates.replaced": _mandate_usable,
    "mandates.cancelled": _mandate_ended,
    "mandates.failed": _mandate_ended,
    "mandates.expired": _mandate_ended,
    "mandates.blocked": _mandate_ended,
    "mandates.consumed": _mandate_ended,
    "mandates.suspended_by_payer": _mandate_ended,
    "subscriptions.cancelled": _subscription_cancelled,
    "billing_requests.fulfilled": _authorised_anew,
}

_UNDER_WAY = ("created", "submitted", "customer_approval_granted", "resubmission_requested")
_BOOKED = ("late_failure_settled", "chargeback_settled", "surcharge_fee_debited")
_REFUND = ("created", "paid", "failed", "refund_settled", "funds_returned")

SAYS_NOTHING = {
    **{
        f"payments.{action}": "the payment is under way; what becomes of it a later event says" for action in _UNDER_WAY
    },
    **{f"payments.{action}": "how GoCardless books a failure that was told before" for action in _BOOKED},
    **{
        f"mandates.{action}": "the mandate is being set up; active or failed follows"
        for action in (*_UNDER_WAY, "customer_approval_skipped")
    },
    **{f"refunds.{action}": "money that was collected was given back: no debit failed" for action in _REFUND},
    "subscriptions.finished": "the subscription came to its planned end: what is owed stays owed",
    "instalment_schedules.errored": "the payment of it that failed is told by itself",
}
"""Types that bear on payments and change nothing here, and why."""
