"""GoCardless' webhooks: theirs signs or checks and ours verifies; what they say becomes what we say.

Fixtures are ours, shaped after GoCardless' published events. With RECOUP_REFERENCE_DATA set, vectors and payloads that
other projects recorded are read from there; they are not part of this repository.
"""

import hashlib
import hmac
import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gocardless_pro import webhooks
from gocardless_pro.errors import InvalidSignatureError
from multidict import CIMultiDict

from activities.sources.contract import UNRESOLVED, Addressed, Lookup, Malformed, Rejected, Verified
from activities.sources.gocardless import HANDLERS, MANDATE_ENDED, NO_TIME, SAYS_NOTHING, GoCardlessSpeaker
from policies.declines import Category, CustomerAction, Decline, Retryable
from policies.events import (
    AnyEvent,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from tests.activities.sources.speaking import (
    NOW,
    Delivery,
    SpeakerContract,
    one_byte_changed,
    recorded,
    reference_data,
    vectors,
)

SPEAKER = GoCardlessSpeaker()
SECRET = "a-secret-made-up-for-tests"
FIXTURES = Path(__file__).parent / "fixtures" / "gocardless"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}


def signed(body: bytes, secret: str = SECRET) -> Delivery:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Delivery(headers={"Webhook-Signature": signature}, body=body, secrets=(secret,))


def batch(*events: Any) -> bytes:
    return json.dumps({"events": list(events), "meta": {"webhook_id": "WB01RECOUP0001"}}, indent=1).encode()


ALL_SHAPES = batch(*SHAPES.values())


class TestGoCardless(SpeakerContract):
    speaker = SPEAKER
    genuine = (
        signed(ALL_SHAPES),
        signed(batch(SHAPES["payment_failed"])),
        signed(json.dumps({"events": SHAPES["mandate_cancelled"]}).encode()),
    )


def shape(name: str, kind: str | None = None, *, links: Any = None, **details: Any) -> Any:
    """A fixture of another type or with other details; `...` removes a detail. `links` take the place of its own."""
    event = deepcopy(SHAPES[name])
    if kind:
        event["resource_type"], event["action"] = kind.split(".")
    if links is not None:
        event["links"] = links
    event["details"] = {key: value for key, value in {**event["details"], **details}.items() if value is not ...}
    return event


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def fact(event: Any) -> Any:
    answer = normalise(event)
    assert isinstance(answer, Addressed), answer
    return answer.event


def reason(answer: Verified | Rejected) -> str:
    assert isinstance(answer, Rejected)
    return answer.reason


# Verifying


def test_what_we_verify_their_own_library_verifies() -> None:
    one = signed(ALL_SHAPES)
    signature = one.headers["Webhook-Signature"]
    assert len(webhooks.parse(one.body, SECRET, signature)) == len(SHAPES)
    with pytest.raises(InvalidSignatureError):
        webhooks.parse(one.body + b" ", SECRET, signature)
    assert "does not belong" in reason(SPEAKER.verify(one.headers, one.body + b" ", [SECRET], NOW))


def test_a_header_that_is_missing_or_given_twice_is_refused_where_their_library_crashes() -> None:
    one = signed(ALL_SHAPES)
    assert "not 0 times" in reason(SPEAKER.verify({}, one.body, [SECRET], NOW))
    twice = CIMultiDict([("Webhook-Signature", one.headers["Webhook-Signature"])] * 2)
    assert "not 2 times" in reason(SPEAKER.verify(twice, one.body, [SECRET], NOW))
    assert "does not belong" in reason(SPEAKER.verify({"webhook-signature": "é\ud800"}, one.body, [SECRET], NOW))


def test_an_access_token_is_no_webhook_secret() -> None:
    assert "access token" in str(SPEAKER.complaint_about("live_abc"))
    assert "access token" in str(SPEAKER.complaint_about("sandbox_abc"))
    assert SPEAKER.complaint_about(" ") == "it is empty"
    assert SPEAKER.complaint_about(SECRET) is None


def test_published_signatures_verify_exactly_when_they_should_and_no_changed_byte_does() -> None:
    published = vectors("gocardless")
    assert len(published) >= 4
    for vector in published:
        body, secrets = vector["body"].encode(), [vector["secret"]]
        holds = isinstance(SPEAKER.verify(vector["headers"], body, secrets, NOW), Verified)
        assert holds is vector["verifies"], vector["note"]
        for changed in one_byte_changed(body) if holds else ():
            assert isinstance(SPEAKER.verify(vector["headers"], changed, secrets, NOW), Rejected)


# Splitting


def test_events_keep_their_bytes_and_go_by_their_ids() -> None:
    first, second = (
        b'{"id" : "EV1","resource_type":"payments","action":"paid_out"}',
        json.dumps(SHAPES["payment_failed"]),
    )
    items = SPEAKER.split(b'{ "meta": {"events": []}, "events" : [ ' + first + b" ,\n" + second.encode() + b"] }")
    assert isinstance(items, tuple)
    assert [(item.event_key, item.body) for item in items] == [("EV1", first), ("EV01RECOUP0001", second.encode())]


def test_an_event_without_an_id_goes_by_the_hash_of_its_bytes() -> None:
    body = b'{"resource_type":"payments","action":"failed"}'
    items = SPEAKER.split(b'{"events":[' + body + b"]}")
    assert isinstance(items, tuple)
    assert items[0].event_key == f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"events":[]}', b'{"events":[1]}', b'{"events":null}', b'{"events":{"events":[]}}']
)
def test_what_holds_no_event_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


# Understanding


def test_a_refused_debit_opens_a_case_of_the_payment_by_the_code_of_the_scheme() -> None:
    assert normalise(shape("payment_failed")) == Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2026, 2, 27, 5, 40, 31, 117000, UTC),
            invoice_id="PM01RECOUP0001",
            decline=Decline(
                gateway="gocardless",
                code="insufficient_funds",
                network_code="AM04",
                category=Category.INSUFFICIENT_FUNDS,
                retryable=Retryable.YES,
                customer_action=CustomerAction.WAIT_FUNDS,
                decided_by="sepa AM04",
            ),
        )
    )


def test_failure_and_success_of_a_payment_are_about_the_same_claim() -> None:
    assert fact(shape("payment_failed")).invoice_id == fact(shape("payment_confirmed")).invoice_id


def test_money_comes_without_a_sum() -> None:
    for kind in ("payments.confirmed", "payments.paid_out"):
        assert fact(shape("payment_confirmed", kind)) == PaymentSucceeded(
            event_id="row-1", happened_at=datetime(2026, 3, 2, 6, 0, 12, 4000, UTC), invoice_id="PM01RECOUP0001"
        )


@pytest.mark.parametrize(("told", "is_true"), [(True, True), (False, False), (..., False), ("true", False)])
def test_an_event_says_whether_gocardless_retries_by_itself(told: object, is_true: bool) -> None:
    assert fact(shape("payment_failed", will_attempt_retry=told)).retries_itself is is_true


def test_what_an_event_links_beside_the_payment_is_kept() -> None:
    links = {"payment": "PM1", "mandate": "MD1", "subscription": "SB1", "customer": "CU1"}
    failed = fact(shape("payment_failed", links=links))
    assert (failed.credential_id, failed.subscription_id, failed.customer_id) == ("MD1", "SB1", "CU1")


@pytest.mark.parametrize(
    ("scheme", "code", "category"),
    [
        ("ach", "ACH_RETURN-R01", Category.INSUFFICIENT_FUNDS),
        ("bacs", "ARUDD-1", Category.MANDATE_CANCELLED),
        ("becs", "6", Category.INSUFFICIENT_FUNDS),
        ("becs_nz", "DISHONOUR-AG01", Category.MANDATE_CANCELLED),
        ("pad", "PAYMENT_STATUS_REPORT-905", Category.ACCOUNT_CLOSED),
        ("betalingsservice", "PAYMENT_INFORMATION-0237", Category.CUSTOMER_DECLINED),
        ("pay_to", "AC04", Category.ACCOUNT_CLOSED),
    ],
)
def test_every_scheme_is_read_by_its_own_table(scheme: str, code: str, category: Category) -> None:
    assert fact(shape("payment_failed", cause="other", scheme=scheme, reason_code=code)).decline.category is category


def test_a_closed_account_may_mean_that_the_customer_has_died() -> None:
    closed = shape("payment_failed", cause="bank_account_closed", scheme="bacs", reason_code="ARUDD-B")
    died = shape("payment_failed", cause="bank_account_closed", scheme="bacs", reason_code="ARUDD-2")
    assert fact(closed).decline.category is Category.ACCOUNT_CLOSED
    assert fact(died).decline.category is Category.ACCOUNT_HOLDER_DECEASED


def test_a_cause_that_stands_in_no_table_keeps_its_raw_form() -> None:
    denied = fact(
        shape(
            "payment_failed",
            "payments.customer_approval_denied",
            cause="brand_new_cause",
            scheme=...,
            reason_code=...,
        )
    )
    assert (denied.decline.category, denied.decline.code) == (Category.UNKNOWN, "brand_new_cause")


@pytest.mark.parametrize("cause", ["payment_cancelled", "instalment_schedule_cancelled", ...])
def test_a_payment_that_the_merchant_cancelled_is_owed_no_more(cause: object) -> None:
    cancelled = shape("payment_failed", "payments.cancelled", cause=cause, scheme=..., reason_code=...)
    assert isinstance(fact(cancelled), InvoiceVoided)


@pytest.mark.parametrize(
    ("cause", "category"),
    [
        ("bank_account_closed", Category.ACCOUNT_CLOSED),
        ("mandate_expired", Category.MANDATE_INVALID),
        ("refer_to_payer", Category.MANDATE_CANCELLED),
        ("mandate_suspended_by_payer", Category.MANDATE_CANCELLED),
    ],
)
def test_a_payment_that_was_cancelled_with_its_mandate_failed_and_cannot_be_retried(
    cause: str, category: Category
) -> None:
    failed = fact(shape("payment_failed", "payments.cancelled", cause=cause, scheme=..., reason_code=...))
    assert isinstance(failed, PaymentFailed)
    assert failed.decline
    assert failed.decline.category is category
    assert failed.decline.retryable is not Retryable.YES


def test_a_payment_that_another_event_cancelled_went_with_its_mandate_though_no_details_say_so() -> None:
    links = {"payment": "PM1", "parent_event": "EV0"}
    failed = fact({**shape("payment_failed", "payments.cancelled", links=links), "details": None})
    assert isinstance(failed, PaymentFailed)
    assert failed.decline == MANDATE_ENDED
    alone = fact({**shape("payment_failed", "payments.cancelled", links={"payment": "PM1"}), "details": None})
    assert isinstance(alone, InvoiceVoided)
    by_us = shape("payment_failed", "payments.cancelled", links=links, cause="payment_cancelled", reason_code=...)
    assert isinstance(fact(by_us), InvoiceVoided)


def test_a_first_payment_that_failed_is_no_dunning() -> None:
    first = normalise(shape("payment_failed", "payments.cancelled", cause="initial_one_off_payment_failed"))
    assert first.detail == "first payment of a new subscription"


def test_a_chargeback_goes_by_its_payment_until_it_is_called_off() -> None:
    opened = fact(shape("payment_failed", "payments.charged_back", cause="refund_requested", reason_code="MD06"))
    closed = fact(shape("payment_confirmed", "payments.chargeback_cancelled"))
    assert isinstance(opened, DisputeOpened)
    assert isinstance(closed, DisputeClosed)
    assert opened.dispute_id == closed.dispute_id == opened.invoice_id == "PM01RECOUP0001"
    assert closed.won


@pytest.mark.parametrize(
    "kind",
    [f"mandates.{end}" for end in ("cancelled", "failed", "expired", "blocked", "consumed", "suspended_by_payer")],
)
def test_a_mandate_that_ended_is_told_to_the_cases_that_are_charged_on_it(kind: str) -> None:
    answer = normalise(shape("mandate_cancelled", kind))
    assert answer.lookup == Lookup(credential_id="MD01RECOUP0001")
    assert (answer.event.invoice_id, answer.event.mandate_id, answer.event.active) == (
        UNRESOLVED,
        "MD01RECOUP0001",
        False,
    )
    assert answer.event.decline.category is Category.ACCOUNT_CLOSED


def test_an_ended_mandate_is_never_retried_however_mild_its_reason() -> None:
    mild = fact(shape("mandate_cancelled", "mandates.failed", cause="refer_to_payer", reason_code=...))
    silent = fact({**shape("mandate_cancelled"), "details": None})
    assert mild.decline.category is silent.decline.category is Category.MANDATE_CANCELLED


@pytest.mark.parametrize("kind", ["mandates.active", "mandates.reinstated", "mandates.transferred"])
def test_a_mandate_that_can_be_used_again_is_tried(kind: str) -> None:
    event = fact(shape("mandate_cancelled", kind, cause="mandate_reinstated"))
    assert (event.active, event.replaced_by, event.decline) == (True, None, None)


def test_a_replaced_mandate_names_the_new_one() -> None:
    links = {"mandate": "MD1", "new_mandate": "MD2"}
    event = fact(shape("mandate_cancelled", "mandates.replaced", links=links))
    assert (event.mandate_id, event.active, event.replaced_by) == ("MD1", True, "MD2")


def test_a_subscription_that_somebody_cancelled_is_found_by_its_id() -> None:
    answer = normalise(
        shape("mandate_cancelled", "subscriptions.cancelled", links={"subscription": "SB1"}, cause="plan_cancelled")
    )
    assert isinstance(answer.event, SubscriptionCancelled)
    assert answer.lookup == Lookup(subscription_id="SB1")


def test_a_subscription_that_ended_with_its_mandate_leaves_the_claim_owed() -> None:
    answer = normalise(shape("mandate_cancelled", "subscriptions.cancelled", links={"subscription": "SB1"}))
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    assert "what is owed stays owed" in answer.detail


def test_a_customer_who_gave_a_new_mandate_has_a_new_way_to_pay() -> None:
    assert normalise(shape("billing_request_fulfilled")) == Addressed(
        event=PaymentMethodChanged(
            event_id="row-1",
            happened_at=datetime(2026, 3, 1, 20, 1, 44, 310000, UTC),
            invoice_id=UNRESOLVED,
            customer_id="CU01RECOUP0001",
            change=MethodChange.ADDED,
            credential_id="MD01RECOUP0002",
        ),
        lookup=Lookup(customer_id="CU01RECOUP0001"),
    )
    without = normalise(shape("billing_request_fulfilled", links={"billing_request": "BRQ1", "customer": "CU1"}))
    assert without.detail == "the billing request set up no mandate"


def test_an_event_without_a_time_is_dated_by_its_receipt() -> None:
    event = {"id": "EV1", "resource_type": "payments", "action": "failed", "links": {"payment": "PM1"}}
    answer = normalise(event)
    assert answer.undated
    assert not normalise(shape("payment_failed")).undated


@pytest.mark.parametrize("created_at", ["2014-04-08T17:01:06.000+", "yesterday", "", 1771000000, "1999-01-01"])
def test_a_time_stamp_that_is_none_is_named(created_at: object) -> None:
    answer = normalise({**shape("payment_failed"), "created_at": created_at})
    assert isinstance(answer, Unreadable)
    assert answer.field == "created_at"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("payment_failed", "links.payment"),
        ("payment_confirmed", "links.payment"),
        ("mandate_cancelled", "links.mandate"),
    ],
)
def test_an_event_that_links_nothing_names_what_is_missing(name: str, field: str) -> None:
    for links in ({}, {field.partition(".")[2]: "4242424242424242"}):
        answer = normalise(shape(name, links=links))
        assert isinstance(answer, Unreadable)
        assert answer.field == field
        assert "4242" not in answer.reason


def test_no_text_of_an_event_is_passed_on() -> None:
    told = shape("payment_failed", description="Ada Lovelace has no money", bank_account_id="BA-private")
    told["metadata"] = {"email": "ada@example.com"}
    told["resource_metadata"] = {"name": "Ada Lovelace"}
    assert not re.search("Ada|ada@|BA-private", normalise(told).model_dump_json())


def test_every_type_we_act_on_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sources" / "gocardless.md").read_text(encoding="utf-8")
    assert [kind for kind in (*HANDLERS, *SAYS_NOTHING) if f"`{kind}`" not in text] == []


# What others recorded


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def declined(code: str, category: Category, decided_by: str, **more: Any) -> Decline:
    waits = category is Category.INSUFFICIENT_FUNDS
    return Decline(
        gateway="gocardless",
        code=code,
        category=category,
        retryable=Retryable.YES if waits else Retryable.NO,
        customer_action=CustomerAction.WAIT_FUNDS if waits else CustomerAction.UPDATE_METHOD,
        decided_by=decided_by,
        **more,
    )


CANCELLED = declined("mandate_cancelled", Category.MANDATE_CANCELLED, "gocardless mandate_cancelled")
CLOSED: dict[str, Any] = {
    "category": Category.ACCOUNT_CLOSED,
    "decided_by": "bacs ADDACS-B",
    "network_code": "ADDACS-B",
}


def mandate(mandate_id: str, happened_at: str, decline: Decline) -> Addressed:
    event = MandateChanged(
        event_id="row-1",
        happened_at=at(happened_at),
        invoice_id=UNRESOLVED,
        mandate_id=mandate_id,
        active=False,
        decline=decline,
    )
    return Addressed(event=event, lookup=Lookup(credential_id=mandate_id))


def payment(fact: type[AnyEvent], payment_id: str, happened_at: str | None, **fields: Any) -> Addressed:
    moment = at(happened_at) if happened_at else NO_TIME
    event = fact(event_id="row-1", happened_at=moment, invoice_id=payment_id, **fields)
    return Addressed(event=event, undated=happened_at is None)


def ignored(detail: str, because: IgnoredBecause = IgnoredBecause.NOT_DUNNING) -> Ignored:
    return Ignored(reason=because, detail=detail)


BEING_SET_UP = ignored("the mandate is being set up; active or failed follows")

RECORDED: dict[str, tuple[Addressed | Ignored, ...]] = {
    "batch_mixed__gocardless-pro-python": (
        ignored("'subscriptions.created' is no type we act on", IgnoredBecause.UNKNOWN_TYPE),
        BEING_SET_UP,
    ),
    "mandates.cancelled__gocardless-events": (
        mandate("MD123", "2014-04-08T17:01:06Z", declined("bank_account_closed", **CLOSED)),
    ),
    "mandates.cancelled__gocardless-events_2": (mandate("MD456", "2014-04-08T17:03:12Z", CANCELLED),),
    "mandates.cancelled__lago-api": (mandate("index_ID_123", "2026-02-03T10:53:48.287Z", CANCELLED),),
    # `bank_account_disabled` stands in no table; the code of the scheme says what it means.
    "mandates.cancelled__payfanout": (
        mandate("MD123", "2014-08-04T12:00:00Z", declined("bank_account_disabled", **CLOSED)),
    ),
    "mandates.created__lago-api": (BEING_SET_UP,),
    # The bank closed the account, so GoCardless cancelled the payment: it is still owed.
    "payments.cancelled__gocardless-events": (
        payment(PaymentFailed, "PM456", "2014-04-08T17:01:06Z", decline=declined("mandate_cancelled", **CLOSED)),
    ),
    "payments.confirmed__uk-artfulrobot-civicrm-gocardless": (payment(PaymentSucceeded, "PAYMENT_ID_3", None),),
    "payments.failed__gocardless-events": (
        payment(
            PaymentFailed,
            "PM123",
            "2014-04-08T17:01:06Z",
            decline=declined("insufficient_funds", Category.INSUFFICIENT_FUNDS, "sepa AM04", network_code="AM04"),
        ),
    ),
    "payments.failed__uk-artfulrobot-civicrm-gocardless_2": (payment(PaymentFailed, "PAYMENT_ID_2", None),),
    "payments.paid_out__lago-api": (payment(PaymentSucceeded, "PM0068WBTXDQ0Q", "2022-10-29T16:26:50.380Z"),),
    "refunds.paid__lago-api": (ignored("money that was collected was given back: no debit failed"),),
}


def test_every_recorded_delivery_becomes_what_we_read_in_it() -> None:
    bodies = recorded("gocardless")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        items = SPEAKER.split(body)
        assert isinstance(items, tuple), name
        assert tuple(SPEAKER.normalise(item.body, "row-1") for item in items) == RECORDED[name], name


def catalogue() -> dict[str, list[Any]]:
    """Every action of every resource, with its causes and reason codes, as GoCardless' documentation has them."""
    folder = reference_data() / "payloads" / "gocardless" / "_reference"
    found: dict[str, list[Any]] = json.loads((folder / "event_catalogue__gocardless-events.json").read_bytes())
    return found


def test_every_action_of_payments_mandates_and_refunds_is_understood_or_named_as_saying_nothing() -> None:
    actions = {
        f"{resource}.{row['action']}"
        for resource in ("payments", "mandates", "refunds")
        for row in catalogue()[resource]
    }
    assert actions - HANDLERS.keys() - SAYS_NOTHING.keys() == set()


def test_whatever_the_cause_and_the_code_an_event_of_the_catalogue_is_understood() -> None:
    for resource in ("payments", "mandates", "subscriptions"):
        links = {"payment": "PM1", "mandate": "MD1", "subscription": "SB1"}
        for row in catalogue()[resource]:
            for details in row["details"]:
                event = shape("payment_failed", f"{resource}.{row['action']}", links=links)
                answer = normalise({**event, "details": details})
                assert isinstance(answer, Addressed | Ignored), (row["action"], details)


DECEASED = re.compile(r"ACH_RETURN-R\d\d|ARUDD-\d|MD07|PAYMENT_STATUS_REPORT-910")


def test_every_payment_that_the_catalogue_says_failed_by_a_death_is_never_dunned() -> None:
    rows = [row for row in catalogue()["payments"] if row["action"] == "failed"]
    told = [d for d in rows[0]["details"] if "deceased" in d["description"] and DECEASED.search(d["reason_code"])]
    assert len(told) >= 5
    for details in told:
        for code in DECEASED.findall(details["reason_code"]):
            event = {**shape("payment_failed"), "details": {**details, "reason_code": code}}
            assert fact(event).decline.category is Category.ACCOUNT_HOLDER_DECEASED, details
