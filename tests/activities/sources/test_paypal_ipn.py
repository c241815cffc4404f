"""PayPal's IPN messages: nobody signed them, so none is believed by itself; what they say becomes what we say."""

import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.customers import ContactPoint
from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Unproven
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_ipn import HANDLERS, NOT_DUNNING, NOT_PAID, STATUS_SAYS_NOTHING
from activities.sources.reading import NO_TIME
from policies.declines import classify
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    MandateChanged,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.paypal_signing import WEBHOOK_ID, headers_of
from tests.activities.sources.speaking import FUZZ_EXAMPLES, NOW, damaged, recorded

SPEAKER = PayPalSpeaker()
MESSAGES = json.loads((Path(__file__).parent / "fixtures" / "paypal" / "ipn.json").read_bytes())
EUROS = Money(amount_minor=2900, currency="EUR")
SECRETS = ("ipn:RCPMERCHANT", "ipn:billing@recoup.example")


def form(name: str, encoding: str = "utf-8", **fields: object) -> bytes:
    """A fixture with other fields; `...` removes one."""
    changed = {key: value for key, value in {**MESSAGES[name], **fields}.items() if value is not ...}
    return urlencode(changed, encoding=encoding).encode()


def normalise(name: str, **fields: object) -> Any:
    return SPEAKER.normalise(form(name, **fields), "row-1")


def ignored(detail: str) -> Ignored:
    return Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=detail)


# Verifying


def verdict(body: bytes, secrets: tuple[str, ...] = SECRETS, headers: Any = None) -> Any:
    return SPEAKER.verify(headers or {"Content-Type": "application/x-www-form-urlencoded"}, body, secrets, NOW)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_about_us_is_unproven_and_never_more(name: str) -> None:
    assert isinstance(verdict(form(name)), Unproven)


def test_without_a_secret_that_names_its_receiver_no_message_is_taken() -> None:
    for nothing in ((), ("",), ("  ",)):
        assert isinstance(verdict(form("recurring_payment"), nothing), Rejected)
    for secrets in ((WEBHOOK_ID,), (WEBHOOK_ID, "ipn:"), ("ipn: ",)):
        assert "not accepted here" in verdict(form("recurring_payment"), secrets).reason


def test_a_message_about_a_strangers_account_is_refused_even_if_paypal_would_confirm_it() -> None:
    body = form("recurring_payment", receiver_id="STRANGER", receiver_email="stranger@example.com")
    assert verdict(body).reason == "the IPN message is about an account that is not ours"


def test_the_receiver_may_be_named_by_id_or_by_address_in_any_case() -> None:
    by_address = form("recurring_payment", receiver_id=..., receiver_email="Billing@Recoup.example")
    for secret in SECRETS:
        assert isinstance(verdict(form("recurring_payment"), (secret.upper().replace("IPN", "ipn"),)), Unproven)
    assert isinstance(verdict(by_address, ("ipn:billing@recoup.example",)), Unproven)
    assert isinstance(verdict(by_address, ("ipn:RCPMERCHANT",)), Rejected)
    assert isinstance(verdict(form("subscr_cancel"), ("ipn:billing@recoup.example",)), Unproven)


def test_the_receivers_id_alone_decides_where_ours_is_known() -> None:
    body = form("recurring_payment", receiver_id="STRANGER")
    assert verdict(body).reason == "the IPN message is about an account that is not ours"
    body = form("recurring_payment", receiver_id="RCPMERCHANT", receiver_email="old@recoup.example")
    assert isinstance(verdict(body), Unproven)
    assert isinstance(verdict(form("recurring_payment"), ("ipn:billing@recoup.example",)), Unproven)


@pytest.mark.parametrize("kind", ["new_case", "adjustment", "mp_cancel", "recurring_payment", "subscr_cancel", ...])
def test_only_a_message_that_says_nothing_of_paid_money_may_leave_out_its_receiver(kind: object) -> None:
    nobody: dict[str, object] = dict.fromkeys(("receiver_id", "receiver_email", "business"), ...)
    answer = verdict(form("recurring_payment", txn_type=kind, **nobody))
    if kind in ("new_case", "adjustment", "mp_cancel"):
        assert isinstance(answer, Unproven)
    else:
        assert answer == Rejected(reason="the IPN message does not say about whose account it is")


def test_a_message_that_claims_to_be_signed_is_judged_as_a_webhook() -> None:
    body = form("recurring_payment")
    assert isinstance(verdict(body, headers={"Paypal-Auth-Algo": "x"}), Rejected)
    assert isinstance(verdict(body, ("ipn:RCPMERCHANT", WEBHOOK_ID), headers_of(body)), Unproven)


@pytest.mark.parametrize("body", [b"", b"\xff", b"a=b", b'{"txn_type": "recurring_payment"}', b"txn_types=x", b"&&"])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    assert isinstance(verdict(body), Rejected)


# Splitting


def test_a_message_is_one_item_known_by_its_bytes() -> None:
    body = form("recurring_payment")
    (item,) = SPEAKER.split(body)
    assert isinstance(item, Item)
    assert (item.body, item.event_key[:7]) == (body, "sha256:")
    assert SPEAKER.split(item.body) == (item,)
    (other,) = SPEAKER.split(body.replace(b"29.00", b"29.01"))
    assert isinstance(other, Item)
    assert other.event_key != item.event_key


@pytest.mark.parametrize(
    ("charset", "says"), [("rot13", "charset is 'rot13'"), ("utf-16", "charset is"), ("iso-8859-99", "no form in")]
)
def test_an_encoding_that_we_do_not_read_is_named(charset: str, says: str) -> None:
    answer = SPEAKER.split(form("recurring_payment", charset=charset))
    assert isinstance(answer, Malformed)
    assert says in answer.reason


# Normalising


FAILURE = PaymentFailed(
    event_id="row-1",
    happened_at=NO_TIME,
    invoice_id="I-RCPSUB1",
    customer_id="RCPPAYER1",
    subscription_id="I-RCPSUB1",
    amount=EUROS,
    retries_at=datetime(2026, 3, 7, 11, tzinfo=UTC),
)
SUCCESS = PaymentSucceeded(
    event_id="row-1",
    happened_at=datetime(2026, 3, 7, 11, 5, 10, tzinfo=UTC),
    invoice_id="I-RCPSUB1",
    customer_id="RCPPAYER1",
    paid=EUROS,
)

REFUSALS = [
    "recurring_payment_failed",
    "recurring_payment_skipped",
    "recurring_payment_suspended_due_to_max_failed_payment",
    "recurring_payment_outstanding_payment_failed",
]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refused_renewal_has_no_date_of_its_own(kind: str) -> None:
    answer = normalise("recurring_payment_skipped", txn_type=kind)
    assert (answer.event, answer.lookup, answer.undated) == (FAILURE, None, True)


def test_failure_and_later_success_share_their_claim_also_with_webhooks() -> None:
    answer = normalise("recurring_payment")
    assert (answer.event, answer.lookup, answer.undated) == (SUCCESS, None, False)
    assert answer.event.invoice_id == FAILURE.invoice_id


def test_a_refused_subscription_of_the_older_kind_names_its_own_fields() -> None:
    answer = normalise(
        "recurring_payment_skipped",
        txn_type="subscr_failed",
        recurring_payment_id=...,
        subscr_id="I-RCPSUB1",
        amount=...,
        currency_code=...,
        mc_amount3="29.00",
        mc_currency="EUR",
        next_payment_date=...,
        profile_status=...,
        outstanding_balance=...,
        retry_at="03:00:00 Mar 07, 2026 PST",
    )
    assert answer.event == FAILURE


def test_what_a_subscription_is_behind_with_is_owed_and_remains_after_a_payment() -> None:
    behind = Money(amount_minor=8700, currency="EUR")
    assert normalise("recurring_payment_skipped", outstanding_balance="87.00").event.amount == behind
    assert normalise("recurring_payment", outstanding_balance="87.00").event.remaining == behind


@pytest.mark.parametrize(
    ("fields", "one"),
    [
        ({"outstanding_balance": "0.00"}, False),
        ({"outstanding_balance": "87.00"}, False),
        ({"outstanding_balance": ...}, True),
        ({"outstanding_balance": ..., "recurring_payment_id": ..., "invoice": "INV-7"}, False),
    ],
)
def test_a_payment_for_a_subscription_without_its_balance_does_not_say_what_else_is_owed(
    fields: Any, one: bool
) -> None:
    assert normalise("recurring_payment", **fields).one_payment is one


@pytest.mark.parametrize("name", ["recurring_payment", "recurring_payment_skipped"])
def test_a_subscription_is_a_claim_that_goes_on_and_an_invoice_is_not(name: str) -> None:
    assert normalise(name).running_account
    assert not normalise(name, recurring_payment_id=..., invoice="INV-7").running_account


@pytest.mark.parametrize("date", ["N/A", "", "soon", "03:00:00 Mar 07, 2026", ...])
def test_a_next_date_that_is_none_is_no_retry(date: object) -> None:
    assert normalise("recurring_payment_skipped", next_payment_date=date).event.retries_at is None


def test_a_suspended_profile_is_not_tried_again() -> None:
    assert normalise("recurring_payment_skipped", profile_status="Suspended").event.retries_at is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("08:53:14 Apr 10, 2025 PDT", datetime(2025, 4, 10, 15, 53, 14, tzinfo=UTC)),
        ("16:03:13 Nov 2, 2016 PST", datetime(2016, 11, 3, 0, 3, 13, tzinfo=UTC)),
    ],
)
def test_dates_are_pacific_time_with_the_name_of_the_zone(text: str, moment: datetime) -> None:
    assert normalise("recurring_payment", payment_date=text).event.happened_at == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-07T03:05:10Z",
        "25:05:10 Mar 07, 2026 PST",
        "03:05:10 Mrz 07, 2026 PST",
        "03:05:10 Feb 30, 2026 PST",
        "03:05:10 Mar 07, 2026 CET",
        "03:05:10 Mar 07, 0001 PST",
        "٠٣:٠٥:١٠ Mar 07, 2026 PST",
    ],
)
def test_a_date_that_no_server_of_theirs_writes_is_unreadable(text: str) -> None:
    answer = normalise("recurring_payment", payment_date=text)
    assert isinstance(answer, Unreadable)
    assert answer.field == "payment_date"


@pytest.mark.parametrize("charset", ["UTF-8", "windows-1252", "Shift_JIS", "gb2312", ...])
def test_the_message_says_in_which_encoding_it_is(charset: Any) -> None:
    name = {"Shift_JIS": "花子", "gb2312": "小明"}.get(charset, "Zoë")
    encoding = "utf-8" if charset is ... else charset
    body = form("recurring_payment", encoding, charset=charset, first_name=name)
    said: Any = SPEAKER.normalise(body, "row-1")
    assert said.customer.said.name == f"{name} Example"


def test_names_may_end_in_a_space_and_yen_have_no_decimals() -> None:
    answer = normalise("recurring_payment", **{"mc_gross": ..., "mc_gross ": " 150", "mc_currency": "JPY"})
    assert answer.event.paid == Money(amount_minor=150, currency="JPY")


PAYMENTS = [
    "recurring_payment",
    "recurring_payment_outstanding_payment",
    "subscr_payment",
    "merch_pmt",
    "express_checkout",
    "web_accept",
    "cart",
    "pro_hosted",
    "virtual_terminal",
]


@pytest.mark.parametrize("kind", [*PAYMENTS, ...])
@pytest.mark.parametrize("status", [*sorted(NOT_PAID), *STATUS_SAYS_NOTHING, "Completed", "Processed", "A-New-One"])
def test_a_payment_is_judged_by_its_status(kind: object, status: str) -> None:
    answer = normalise("recurring_payment", txn_type=kind, payment_status=status)
    if status in NOT_PAID:
        failed = FAILURE.model_copy(update={"happened_at": SUCCESS.happened_at, "retries_at": None})
        assert answer.event == failed
    elif status in ("Completed", "Processed"):
        assert answer.event == SUCCESS
    else:
        assert answer == ignored(STATUS_SAYS_NOTHING.get(status, "the payment is 'A-New-One'"))


def test_a_payment_outside_of_a_subscription_names_the_merchants_invoice_or_is_looked_up() -> None:
    own = normalise("recurring_payment", recurring_payment_id=..., invoice="INV-7")
    assert (own.event.invoice_id, own.lookup) == ("INV-7", None)
    none = normalise("recurring_payment", recurring_payment_id=...)
    assert (none.event.invoice_id, none.lookup) == (UNRESOLVED, Lookup(payment_id="RCPTXN1"))
    under = normalise("recurring_payment", recurring_payment_id=..., payment_status="Denied", mp_id="B-RCPAGREEMENT")
    assert (under.event.credential_id, under.lookup) == ("B-RCPAGREEMENT", Lookup(payment_id="RCPTXN1"))


def test_the_reason_of_a_refusal_is_kept_as_it_was_sent() -> None:
    event = normalise("recurring_payment", payment_status="Failed", reason_code="10486").event
    assert event.decline == classify("paypal", "10486")


def test_nothing_owed_and_money_that_was_sent_are_not_dunning() -> None:
    assert normalise("recurring_payment_skipped", amount="0.00") == ignored("nothing is owed (the amount is 0)")
    assert normalise("recurring_payment", mc_gross="-29.00") == ignored("money that was sent, not received")


@pytest.mark.parametrize("kind", ["recurring_payment_profile_cancel", "recurring_payment_expired", "subscr_eot"])
def test_a_subscription_that_ended_has_no_date_of_its_own(kind: str) -> None:
    assert normalise("recurring_payment_skipped", txn_type=kind) == Addressed(
        event=SubscriptionCancelled(event_id="row-1", happened_at=NO_TIME, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id="I-RCPSUB1"),
        undated=True,
    )


def test_only_a_cancelled_subscription_of_the_older_kind_says_when() -> None:
    when = datetime(2026, 7, 1, 16, 30, tzinfo=UTC)
    assert normalise("subscr_cancel") == Addressed(
        event=SubscriptionCancelled(event_id="row-1", happened_at=when, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id="I-RCPSUB1"),
    )
    assert normalise("subscr_cancel", subscr_date=...).undated
    assert normalise("subscr_cancel", txn_type="subscr_eot").undated


def test_a_cancelled_agreement_ends_a_mandate() -> None:
    assert normalise("mp_cancel") == Addressed(
        event=MandateChanged(
            event_id="row-1",
            happened_at=NO_TIME,
            invoice_id=UNRESOLVED,
            mandate_id="B-RCPAGREEMENT",
            active=False,
        ),
        lookup=Lookup(credential_id="B-RCPAGREEMENT"),
        undated=True,
    )


@pytest.mark.parametrize("case", ["chargeback", "complaint", "bankreturn"])
def test_a_new_case_is_a_dispute(case: str) -> None:
    assert normalise("new_case", case_type=case) == Addressed(
        event=DisputeOpened(
            event_id="row-1",
            happened_at=datetime(2026, 3, 9, 11, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            dispute_id="RCPTXN1",
        ),
        lookup=Lookup(payment_id="RCPTXN1"),
    )
    assert normalise("new_case", case_creation_date=...).undated


def test_two_who_write_to_each_other_are_only_an_inquiry() -> None:
    assert normalise("new_case", case_type="dispute") == ignored(
        "the dispute is only an inquiry: no money was taken back"
    )


@pytest.mark.parametrize(("gross", "won"), [("-29.00", False), ("29.00", True), ("0.00", False), (..., False)])
def test_an_adjustment_closes_the_case_against_us_unless_money_came(gross: object, won: bool) -> None:
    assert normalise("adjustment", mc_gross=gross) == Addressed(
        event=DisputeClosed(
            event_id="row-1",
            happened_at=datetime(2026, 4, 9, 11, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            dispute_id="RCPTXN1",
            won=won,
        ),
        lookup=Lookup(payment_id="RCPTXN1"),
    )


def test_a_case_has_one_id_whichever_message_leaves_it_out() -> None:
    opened, closed = normalise("new_case").event, normalise("adjustment", case_id=..., mc_gross="29.00").event
    assert (opened.dispute_id, closed.dispute_id) == ("RCPTXN1", "RCPTXN1")


def test_who_pays_goes_to_the_directory_and_not_into_the_event() -> None:
    for name in ("recurring_payment", "recurring_payment_skipped"):
        said = normalise(name).customer.said
        assert (said.name, said.email) == ("Ada Example", ContactPoint(address="ada@example.com"))
    assert normalise("recurring_payment").customer.said.country == "DE"
    for name in MESSAGES:
        told = normalise(name).event.model_dump_json().lower()
        assert not any(word in told for word in ("ada", "example", "@", "10115"))


@pytest.mark.parametrize("kind", sorted(word for word in NOT_DUNNING if word))
def test_types_that_say_nothing_are_ignored_with_a_reason(kind: str) -> None:
    assert normalise("recurring_payment", txn_type=kind) == ignored(NOT_DUNNING[kind])


def test_an_unknown_type_is_ignored_by_name() -> None:
    assert normalise("recurring_payment", txn_type="masspay") == Ignored(
        reason=IgnoredBecause.UNKNOWN_TYPE, detail="'masspay' is no type we act on"
    )


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("recurring_payment", {"payment_status": ...}, "payment_status"),
        ("recurring_payment", {"mc_gross": ...}, "mc_gross"),
        ("recurring_payment", {"mc_gross": "much"}, "mc_gross"),
        ("recurring_payment", {"mc_currency": ...}, "currency_code"),
        ("recurring_payment", {"mc_currency": "euro"}, "currency"),
        ("recurring_payment", {"recurring_payment_id": "I 1"}, "recurring_payment_id"),
        ("recurring_payment", {"recurring_payment_id": ..., "txn_id": ...}, "txn_id"),
        ("subscr_cancel", {"subscr_id": ...}, "recurring_payment_id"),
        ("mp_cancel", {"mp_id": ...}, "mp_id"),
        ("new_case", {"txn_id": ...}, "txn_id"),
        ("adjustment", {"parent_txn_id": ...}, "parent_txn_id"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str) -> None:
    answer = normalise(name, **fields)
    assert isinstance(answer, Unreadable)
    assert answer.field == field


def test_every_type_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "paypal.md").read_text(encoding="utf-8")
    words = (*HANDLERS, *NOT_DUNNING, *NOT_PAID, *STATUS_SAYS_NOTHING)
    assert [word for word in words if f"`{word}`" not in page] == []


@settings(max_examples=FUZZ_EXAMPLES, deadline=None)
@given(name=st.sampled_from(sorted(MESSAGES)), kind=st.sampled_from([*HANDLERS, ""]), seed=st.integers(0, 2**32))
def test_no_damage_makes_us_raise(name: str, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    bodies = [damaged(form(name, txn_type=kind), chance)]
    with suppress(ValueError):
        changed = json.loads(damaged(json.dumps({**MESSAGES[name], "txn_type": kind}).encode(), chance))
        bodies.append(urlencode(changed if isinstance(changed, dict) else {}, errors="replace").encode())
    for body in bodies:
        assert isinstance(verdict(body), Rejected | Unproven)
        items = SPEAKER.split(body)
        assert isinstance(items, tuple | Malformed)
        answer = SPEAKER.normalise(body, "row-1")
        assert isinstance(answer, Addressed | Ignored | Unreadable)
        answer.model_dump_json().encode()


# What others recorded


RECORDED: dict[str, tuple[Any, Lookup | None, bool] | Ignored] = {
    # 12:58:38 PST; "payment_status": "Denied", and the merchant's own invoice.
    "ipn.express_checkout__wikimedia-fundraising-smashpig": (
        PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2016, 12, 7, 20, 58, 38, tzinfo=UTC),
            invoice_id="123456.1",
            customer_id="5KWA3RQ6UH40W",
            amount=Money(amount_minor=150, currency="JPY"),
        ),
        None,
        False,
    ),
    # Three payments of 5.00 are outstanding; suspended, so no retry; no date but that of the profile.
    "ipn.recurring_payment_suspended_due_to_max_failed_payment__wikimedia-fundraising-smashpig": (
        PaymentFailed(
            event_id="row-1",
            happened_at=NO_TIME,
            invoice_id="I-WCJA1MBC3CWY",
            customer_id="WK4ADPUHGWN6U",
            subscription_id="I-WCJA1MBC3CWY",
            amount=Money(amount_minor=1500, currency="USD"),
        ),
        None,
        True,
    ),
    # 05:32:08 PDT; money went out, and no case is named.
    "ipn.adjustment__wikimedia-fundraising-smashpig": (
        DisputeClosed(
            event_id="row-1",
            happened_at=datetime(2017, 6, 30, 12, 32, 8, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            dispute_id="2JP12345X654321V",
            won=False,
        ),
        Lookup(payment_id="2JP12345X654321V"),
        False,
    ),
    # 16:03:11 PDT.
    "ipn.subscr_cancel__wikimedia-fundraising-smashpig": (
        SubscriptionCancelled(
            event_id="row-1", happened_at=datetime(2016, 9, 21, 23, 3, 11, tzinfo=UTC), invoice_id=UNRESOLVED
        ),
        Lookup(subscription_id="I-SDAS43366"),
        False,
    ),
    "ipn.recurring_payment__wikimedia-fundraising-smashpig": (
        PaymentSucceeded(
            event_id="row-1",
            happened_at=datetime(2016, 9, 21, 23, 3, 13, tzinfo=UTC),
            invoice_id="12345678",
            customer_id="XXXXXXXXXX",  # so it stands in the recorded delivery: its publisher hid the payer
            paid=Money(amount_minor=150, currency="USD"),
        ),
        None,
        False,
    ),
    "ipn.recurring_payment_profile_created__wikimedia-fundraising-smashpig": ignored(
        "a subscription began; what is charged has its own message"
    ),
    "ipn.Refunded__wikimedia-fundraising-smashpig_2": ignored("a refund"),
}


def test_every_recorded_message_becomes_what_we_read_in_it() -> None:
    bodies = recorded("paypal", "ipn_form_as_json")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        form_of_it = urlencode(json.loads(body)).encode()
        (item,) = SPEAKER.split(form_of_it)
        assert isinstance(item, Item), name
        answer = SPEAKER.normalise(item.body, "row-1")
        said = (answer.event, answer.lookup, answer.undated) if isinstance(answer, Addressed) else answer
        assert said == RECORDED[name], name
