"""What PayPal's IPN messages say. A message is a form of one payment, profile or case; `txn_type` tells of what, and
where there is none, `payment_status`.

Names may end in a space, the encoding stands in the field `charset`, dates are Pacific time with the name of the zone,
and messages about a profile have no date of their own. Sources: developer.paypal.com/api/nvp-soap/ipn/IPNIntro and
/ipn/IPNandPDTVariables, read 2026-11-25.
To understand one more type: a function from `_Message`, a row in HANDLERS, a row in the table of the test.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews, customer_news, full_name
from activities.sources.form_reading import form_of
from activities.sources.reading import NO_TIME, Node, Wrong, not_dunning, shown, unknown_type
from policies.declines import classify
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    MandateChanged,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.money import Money

PACIFIC = {"PST": timezone(timedelta(hours=-8)), "PDT": timezone(timedelta(hours=-7))}
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

_DATE = re.compile(r"(\d\d):(\d\d):(\d\d) ([A-Z][a-z]{2}) (\d\d?), (\d{4}) (P[SD]T)", re.ASCII)
_ENCODING = re.compile(
    r"utf-?8|us-ascii|windows-125\d|iso-8859-\d{1,2}|iso-2022-jp|gb2312|gbk|gb18030|big5|shift_jis|euc-(jp|kr)|koi8-r",
    re.ASCII | re.IGNORECASE,
)


def message_of(body: bytes) -> Node:
    """Read once for the name of the encoding, which is ASCII, and then in it. Raises Wrong."""
    encoding = form_of(body, "latin-1").optional_text("charset") or "utf-8"
    if not _ENCODING.fullmatch(encoding):
        raise Wrong("charset", f"charset is {shown(encoding)}, expected the name of an encoding")
    return form_of(body, encoding)


def is_ipn(message: Node) -> bool:
    return "txn_type" in message.fields or "payment_status" in message.fields


def said_by_ipn(message: Node, event_id: str) -> Addressed | Ignored:
    kind = message.optional_text("txn_type")
    if kind in NOT_DUNNING:
        return not_dunning(NOT_DUNNING[kind])
    handler = HANDLERS.get(kind) if kind else _payment
    if handler is None:
        return unknown_type(kind or "")
    return handler(_Message(event_id, message))


@dataclass(frozen=True)
class _Message:
    event_id: str
    form: Node

    def dated(self, name: str) -> datetime | None:
        """None when the message has no such date. Raises Wrong for one that no PayPal server writes."""
        text = self.form.optional_text(name)
        if text is None or text == "N/A":
            return None
        found = _DATE.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            hour, minute, second, month, day, year, zone = found.groups()
            clock = (int(hour), int(minute), int(second))
            moment = datetime(int(year), MONTHS.index(month) + 1, int(day), *clock, tzinfo=PACIFIC[zone])
        except ValueError:
            raise self.form.wrong(name, "a date such as 08:53:14 Apr 10, 2025 PDT") from None
        if not 2000 <= moment.year < 2100:
            raise self.form.wrong(name, "a date between 2000 and 2100")
        return moment.astimezone(UTC)

    def planned(self, name: str) -> datetime | None:
        """A date that only adds to the message."""
        try:
            return self.dated(name)
        except Wrong:
            return None

    @property
    def subscription_id(self) -> str | None:
        return self.form.optional_id("recurring_payment_id") or self.form.optional_id("subscr_id")

    @property
    def invoice_id(self) -> str | None:
        """As in webhooks: the subscription, else the merchant's own number. `rp_invoice_id` is one for all periods."""
        return self.subscription_id or self.form.optional_id("invoice")

    @property
    def is_of_a_subscription(self) -> bool:
        return self.subscription_id is not None

    @property
    def lookup(self) -> Lookup | None:
        """The payment, where the message names no invoice."""
        return None if self.invoice_id else Lookup(payment_id=self.form.id("txn_id"))

    def money(self, *names: str) -> Money | None:
        """The first of the fields that is there."""
        name = next((name for name in names if self.form.optional_text(name)), None)
        if name is None:
            return None
        return self.form.major_money(name, self.form.optional_text("mc_currency") or self.form.text("currency_code"))

    @property
    def outstanding(self) -> Money | None:
        """What a subscription is behind with."""
        balance = self.money("outstanding_balance")
        return balance if balance and balance.amount_minor > 0 else None

    @property
    def payer(self) -> CustomerNews | None:
        form = self.form
        return customer_news(
            form.id_or_none("payer_id"),
            name=full_name(form.optional_text("first_name"), form.optional_text("last_name")),
            email=form.optional_text("payer_email"),
            country=form.optional_text("address_country_code") or form.optional_text("residence_country"),
            postal_code=form.optional_text("address_zip"),
        )


def _payment(message: _Message) -> Addressed | Ignored:
    status = message.form.text("payment_status")
    if status in NOT_PAID:
        return _failed(message)
    if status not in ("Completed", "Processed"):
        return not_dunning(STATUS_SAYS_NOTHING.get(status, f"the payment is {shown(status)}"))
    paid = message.money("mc_gross")
    if paid is None:
        raise message.form.wrong("mc_gross", "what was paid")
    if paid.amount_minor < 0:
        return not_dunning("money that was sent, not received")
    at = message.dated("payment_date")
    return Addressed(
        event=PaymentSucceeded(
            event_id=message.event_id,
            happened_at=at or NO_TIME,
            invoice_id=message.invoice_id or UNRESOLVED,
            customer_id=message.form.id_or_none("payer_id"),
            paid=paid,
            remaining=message.outstanding,
        ),
        lookup=message.lookup,
        customer=message.payer,
        undated=at is None,
        one_payment=message.is_of_a_subscription and not message.form.optional_text("outstanding_balance"),
        running_account=message.is_of_a_subscription,
    )


def _failed(message: _Message) -> Addressed | Ignored:
    amount = message.outstanding or message.money("mc_gross", "amount", "mc_amount3")
    if amount is not None and amount.amount_minor == 0:
        return not_dunning("nothing is owed (the amount is 0)")
    reason = message.form.code("reason_code")
    at = message.dated("payment_date")
    return Addressed(
        event=PaymentFailed(
            event_id=message.event_id,
            happened_at=at or NO_TIME,
            invoice_id=message.invoice_id or UNRESOLVED,
            customer_id=message.form.id_or_none("payer_id"),
            subscription_id=message.subscription_id,
            credential_id=message.form.id_or_none("mp_id"),
            amount=amount,
            retries_at=_retry(message),
            decline=classify("paypal", reason) if reason else None,
        ),
        lookup=message.lookup,
        customer=message.payer,
        undated=at is None,
        running_account=message.is_of_a_subscription,
    )


def _retry(message: _Message) -> datetime | None:
    """A profile that is not active is not charged again."""
    if message.form.optional_text("profile_status") not in (None, "Active"):
        return None
    return message.planned("retry_at") or message.planned("next_payment_date")


def _ended(message: _Message) -> Addressed:
    """`subscr_date` is the day of the cancellation in `subscr_cancel`, and in no other message."""
    at = message.dated("subscr_date") if message.form.fields["txn_type"] == "subscr_cancel" else None
    subscription_id = message.subscription_id
    if subscription_id is None:
        raise message.form.wrong("recurring_payment_id", "a subscription")
    return Addressed(
        event=SubscriptionCancelled(event_id=message.event_id, happened_at=at or NO_TIME, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id=subscription_id),
        undated=at is None,
    )


def _agreement_ended(message: _Message) -> Addressed:
    agreement = message.form.id("mp_id")
    return Addressed(
        event=MandateChanged(
            event_id=message.event_id,
            happened_at=NO_TIME,
            invoice_id=UNRESOLVED,
            mandate_id=agreement,
            active=False,
        ),
        lookup=Lookup(credential_id=agreement),
        undated=True,
    )


def _case_opened(message: _Message) -> Addressed | Ignored:
    if message.form.optional_text("case_type") == "dispute":
        return not_dunning("the dispute is only an inquiry: no money was taken back")
    payment = message.form.id("txn_id")
    at = message.dated("case_creation_date")
    return Addressed(
        event=DisputeOpened(
            event_id=message.event_id,
            happened_at=at or NO_TIME,
            invoice_id=UNRESOLVED,
            dispute_id=payment,
        ),
        lookup=Lookup(payment_id=payment),
        undated=at is None,
    )


def _case_closed(message: _Message) -> Addressed:
    """The payer is us here. Money that went out closes the case against us. Its case id is left out at times, so
    the payment stands for the dispute."""
    payment = message.form.id("parent_txn_id")
    moved = message.money("mc_gross")
    at = message.dated("payment_date")
    return Addressed(
        event=DisputeClosed(
            event_id=message.event_id,
            happened_at=at or NO_TIME,
            invoice_id=UNRESOLVED,
            dispute_id=payment,
            won=moved is not None and moved.amount_minor > 0,
        ),
        lookup=Lookup(payment_id=payment),
        undated=at is None,
    )


NOT_PAID = frozenset({"Denied", "Failed", "Expired"})

STATUS_SAYS_NOTHING = {
    "Pending": "the payment is still under way; its end has its own message",
    "In-Progress": "the payment is still under way; its end has its own message",
    "Created": "the payment is still under way; its end has its own message",
    "Voided": "an authorisation was given up: no money has moved",
    "Refunded": "a refund",
    "Partially_Refunded": "a refund",
    "Reversed": "money was taken back; its case has its own message (new_case)",
    "Canceled_Reversal": "money that was taken back came again; its case has its own message (adjustment)",
}

HANDLERS: dict[str, Callable[[_Message], Addressed | Ignored]] = {
    "recurring_payment": _payment,
    "recurring_payment_outstanding_payment": _payment,
    "subscr_payment": _payment,
    "merch_pmt": _payment,
    "express_checkout": _payment,
    "web_accept": _payment,
    "cart": _payment,
    "pro_hosted": _payment,
    "virtual_terminal": _payment,
    "recurring_payment_failed": _failed,
    "recurring_payment_skipped": _failed,
    "recurring_payment_suspended_due_to_max_failed_payment": _failed,
    "recurring_payment_outstanding_payment_failed": _failed,
    "subscr_failed": _failed,
    "recurring_payment_profile_cancel": _ended,
    "recurring_payment_expired": _ended,
    "subscr_cancel": _ended,
    "subscr_eot": _ended,
    "mp_cancel": _agreement_ended,
    "new_case": _case_opened,
    "adjustment": _case_closed,
}

NOT_DUNNING: dict[str | None, str] = {
    "recurring_payment_profile_created": "a subscription began; what is charged has its own message",
    "subscr_signup": "a subscription began; what is charged has its own message",
    "subscr_modify": "a subscription was changed",
    "recurring_payment_suspended": "a subscription was suspended; nothing was refused",
    "mp_signup": "a billing agreement was made",
}
"""Types that we know and that say nothing for dunning."""
