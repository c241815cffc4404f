"""What a mapping makes of a delivery: batches byte for byte, JSON, forms and XML, and every kind of field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed
from activities.sources.reading import NO_TIME, key_by_hash
from policies.declines import Category
from policies.events import (
    CustomerChanged,
    DisputeClosed,
    FraudWarning,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.mapped.made import PAYBASE, SAMPLES, fact, mapping, rule, speaker
from tests.activities.sources.speaking import FUZZ_EXAMPLES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = int(NOON.timestamp())


def said(text: str, **event: Any) -> Any:
    return speaker(text).normalise(json.dumps(event).encode(), "row-1")


def unreadable(text: str, **event: Any) -> str:
    answer = said(text, **event)
    assert isinstance(answer, Unreadable), answer
    return f"{answer.field}: {answer.reason}"


def read(fields: str, kind: str = "payment_failed", **event: Any) -> Any:
    """The event that one rule with these fields makes."""
    needed = "happened_at: at, invoice_id: invoice"
    answer = said(mapping(rule(f"{needed}, {fields}", kind)), **{"type": "x", "at": AT, "invoice": "i1", **event})
    assert isinstance(answer, Addressed), answer
    return answer.event


def fails(fields: str, kind: str = "payment_failed", **event: Any) -> str:
    needed = "happened_at: at, invoice_id: invoice"
    return unreadable(mapping(rule(f"{needed}, {fields}", kind)), **{"type": "x", "at": AT, "invoice": "i1", **event})


# --- the delivery -----------------------------------------------------------------------------------------------------


def test_a_batch_is_split_into_its_events_as_they_were_written() -> None:
    made = speaker(mapping(top="events: data.events\nid: id"))
    first, second = b'{"id": "a",  "n": 1.50}', b'{ "id":7 }'
    body = b'{"data": {"events": [1]}, "data": {"x": [], "events": [ ' + first + b" ,\n" + second + b"] } }"
    items = made.split(body)
    assert items == (Item(event_key="a", body=first), Item(event_key="7", body=second))
    for item in items:
        assert made.split(item.body) == (item,), "an item is a delivery of one"


def test_a_body_that_is_the_list_itself_is_split_too() -> None:
    made = speaker(mapping(top="events: '@'"))
    items = made.split(b' [{"a": 1},{"a": 2}] ')
    assert isinstance(items, tuple)
    assert [item.body for item in items] == [b'{"a": 1}', b'{"a": 2}']
    assert [item.event_key for item in items] == [key_by_hash(b'{"a": 1}'), key_by_hash(b'{"a": 2}')]
    assert made.split(b'{"a": 1}') == (Item(event_key=key_by_hash(b'{"a": 1}'), body=b'{"a": 1}'),)


@pytest.mark.parametrize(
    ("top", "body", "says"),
    [
        ("", b"[{}]", "not a JSON object"),
        ("", b"1", "not a JSON object"),
        ("", b"{", "the body is not JSON"),
        ("", b"\xff", "the body is not UTF-8"),
        ("events: events", b'{"events": []}', "the list holds no event"),
        ("events: events", b'{"events": [{}, 1]}', "event 2 of the list is no JSON object"),
        ("events: events", b'{"events": [{"events": []}]}', "event 1 of the list holds a list of events itself"),
        ("format: form", b"", "the body is no form"),
        ("format: xml", b"<a>", "the body is not XML"),
    ],
)
def test_what_is_no_delivery_is_refused_with_its_reason(top: str, body: bytes, says: str) -> None:
    answer = speaker(mapping(top=top)).split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason


@pytest.mark.parametrize(
    ("id_", "key"),
    [
        ("ev_1", "ev_1"),
        (12, "12"),
        ("evt/1 2", "evt/1 2"),
        *((odd, None) for odd in (None, "", True, ["a"], "x" * 201, "a\nb", "4111 1111 1111 1111", 1.5)),
    ],
)
def test_an_event_without_a_usable_id_has_a_hash_for_a_key(id_: Any, key: str | None) -> None:
    body = json.dumps({"id": id_}).encode()
    items = speaker(mapping(top="id: id")).split(body)
    assert isinstance(items, tuple)
    assert items[0].event_key == (key or key_by_hash(body))


def test_ids_may_not_cost_more_than_their_events_are_worth() -> None:
    doubling = " | ".join(["[@, @]"] * 12)
    made = speaker(mapping(top=f'events: events\nid: "[@] | {doubling} | to_string(@)"'))
    answer = made.split(json.dumps({"events": [{"a": n} for n in range(1000)]}).encode())
    assert isinstance(answer, Malformed)
    assert "too many steps" in answer.reason


def test_a_form_is_read_by_its_names() -> None:
    text = mapping(
        rule(
            "happened_at: time, invoice_id: inv, amount: {path: '\"mc gross\"', currency: cur, unit: major}",
            when="type",
        ),
        top="format: form\nid: txn",
    )
    made = speaker(text)
    body = b"type=failed&time=1772452800&inv=i%2E1&mc+gross=12.50&cur=usd&txn=t1&txn=t2"
    assert made.split(body) == (Item(event_key="t2", body=body),)
    assert fact(made, body) == PaymentFailed(
        event_id="row-1", happened_at=NOON, invoice_id="i.1", amount=Money(amount_minor=1250, currency="USD")
    )


def test_xml_is_read_from_its_root() -> None:
    text = mapping(
        rule(
            "happened_at: failed.at, invoice_id: failed.invoice.number, customer_id: failed.account_code",
            when="failed.kind == 'card'",
        ),
        top="format: xml\nid: failed.id",
    )
    body = (
        b"<failed><id>7</id><kind>card</kind><at>2026-03-02T12:00:00Z</at>"
        b'<account-code>acc</account-code><invoice><number>i1</number><note nil="true"/></invoice></failed>'
    )
    made = speaker(text)
    assert made.split(body) == (Item(event_key="7", body=body),)
    assert fact(made, body) == PaymentFailed(event_id="row-1", happened_at=NOON, invoice_id="i1", customer_id="acc")
    assert isinstance(made.normalise(b"<other/>", "row-1"), Ignored)


# --- the rules --------------------------------------------------------------------------------------------------------


def test_the_first_rule_that_holds_takes_the_event() -> None:
    text = mapping(
        "  - when: test\n    ignore: a trial\n"
        + rule("happened_at: at, invoice_id: a", when="type == 'x'")
        + rule("happened_at: at, invoice_id: b", when="starts_with(type, 'x')")
    )
    assert said(text, type="x", at=AT, a="1", b="2", test=True).detail == "a trial"
    assert said(text, type="x", at=AT, a="1", b="2", test=False).event.invoice_id == "1"
    assert said(text, type="xy", at=AT, a="1", b="2").event.invoice_id == "2"


def test_what_no_rule_takes_is_an_unknown_type_that_is_named() -> None:
    assert said(mapping(), type="other") == Ignored(
        reason=IgnoredBecause.UNKNOWN_TYPE, detail="no rule of mapping made@1 takes it"
    )
    named = said(mapping(top="type: type"), type="other")
    assert named == Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail="'other' is no type we act on")
    assert said(mapping(top="type: type"), type=7).detail == "no rule of mapping made@1 takes it"


def test_a_condition_that_fails_does_not_hold() -> None:
    assert isinstance(
        said(mapping(rule("happened_at: at, invoice_id: i", when="starts_with(type, 'x')")), type=7), Ignored
    )


def test_nothing_owed_opens_no_case() -> None:
    text = mapping(rule("happened_at: at, invoice_id: i, amount: {path: due, currency: cur, unit: minor}"))
    answer = said(text, type="x", at=AT, i="1", due=0, cur="EUR")
    assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="nothing is owed (amount is 0)")


def test_what_costs_too_much_is_a_dead_letter_and_no_other_rules_matter() -> None:
    doubling = " | ".join(["[@, @]"] * 40)
    text = mapping(rule("happened_at: at, invoice_id: i", when=f'"[@] | {doubling} | to_string(@)"'))
    assert unreadable(text, type="x").startswith("event: the expressions of the mapping take too many steps")


def test_a_rule_s_own_field_wins_over_the_shared_one_and_a_kind_takes_what_it_has() -> None:
    text = mapping(
        rule("invoice_id: own", "invoice_voided") + rule("change: {value: added}", "payment_method_changed", "other"),
        top="fields: {happened_at: at, invoice_id: i, change: {value: removed}, customer_id: c}",
    )
    assert said(text, type="x", at=AT, i="1", own="2", c="c").event == InvoiceVoided(
        event_id="row-1", happened_at=NOON, invoice_id="2", customer_id="c"
    )
    assert said(text, other=1, at=AT, i="1").event.change is MethodChange.ADDED


# --- who and which ----------------------------------------------------------------------------------------------------


def test_without_an_invoice_a_lookup_finds_it() -> None:
    text = mapping(rule("happened_at: at, invoice_id: i, lookup: {payment_id: p, customer_id: c}"))
    found = said(text, type="x", at=AT, p=12, c="c1")
    assert found.event.invoice_id == UNRESOLVED
    assert found.lookup == Lookup(payment_id="12", customer_id="c1")
    named = said(text, type="x", at=AT, p=12, i="i1")
    assert (named.event.invoice_id, named.lookup) == ("i1", None)
    assert unreadable(text, type="x", at=AT) == "invoice_id: invoice_id is missing; the mapping looks at i"


def test_a_lookup_that_is_no_id_is_told() -> None:
    text = mapping(rule("happened_at: at, lookup: {payment_id: p}"))
    assert unreadable(text, type="x", at=AT, p="a b") == "lookup.payment_id: lookup.payment_id is 'a b', expected an id"
    assert unreadable(text, type="x", at=AT) == "invoice_id: invoice_id is missing; the mapping does not have it"


@pytest.mark.parametrize(("value", "id_"), [("in_1", "in_1"), (" in_1 ", "in_1"), (7, "7"), ({"id": "in_2"}, "in_2")])
def test_an_id_may_be_a_text_a_number_or_an_object_that_has_one(value: Any, id_: str) -> None:
    assert read("subscription_id: s", s=value).subscription_id == id_


@pytest.mark.parametrize("value", ["", None])
def test_an_id_that_is_empty_is_none(value: Any) -> None:
    assert read("subscription_id: s", s=value).subscription_id is None


@pytest.mark.parametrize("value", ["a b", "in/1", True, 1.5, ["a"], "4111111111111111", 4111111111111111, "x" * 201])
def test_what_can_be_no_id_is_named_and_no_card_number_passes(value: Any) -> None:
    complaint = fails("subscription_id: s", s=value)
    assert complaint.startswith("subscription_id: subscription_id is ")
    assert complaint.endswith("; the mapping looks at s")
    assert "4111" not in complaint


def test_undated_sources_leave_the_time_to_the_relay() -> None:
    text = mapping(rule("invoice_id: i"), top="undated: true\nfields: {happened_at: at}")
    undated = said(text, type="x", i="1")
    assert (undated.undated, undated.event.happened_at) == (True, NO_TIME)
    dated = said(text, type="x", i="1", at=AT)
    assert (dated.undated, dated.event.happened_at) == (False, NOON)
    dating = mapping(rule("invoice_id: i, happened_at: at"))
    assert unreadable(dating, type="x", i="1") == "happened_at: happened_at is missing; the mapping looks at at"


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "value", "moment"),
    [
        ("t", AT, NOON),
        ("t", str(AT), NOON),
        ("t", AT + 0.5, NOON + timedelta(milliseconds=500)),
        ("t", "2026-03-02T13:00:00+01:00", NOON),
        ("t", "2026-03-02T12:00:00.000+0000", NOON),
        ("t", "2026-03-02 12:00:00", NOON),
        ("{path: t, as: unix_ms}", AT * 1000, NOON),
        ("{path: t, as: unix_ms}", f"{AT}000", NOON),
        ("{path: t, as: iso8601, zone: Europe/Berlin}", "2026-03-02T13:00:00", NOON),
        ("{path: t, as: iso8601, zone: Europe/Berlin}", "2026-03-02T12:00:00Z", NOON),
        ("{path: t, format: '%d.%m.%Y %H:%M', zone: Asia/Tokyo}", "02.03.2026 21:00", NOON),
        ("{path: t, format: '%Y%m%d'}", "20260302", NOON - timedelta(hours=12)),
        ("{path: t, format: '%Y%m%d'}", 20260302, NOON - timedelta(hours=12)),
        ("t", "", None),
        ("t", None, None),
    ],
)
def test_a_time_is_read_as_it_is_written(how: str, value: Any, moment: datetime | None) -> None:
    assert read(f"retries_at: {how}", t=value).retries_at == moment


@pytest.mark.parametrize(
    ("how", "value", "says"),
    [
        ("t", AT * 1000, "expected unix seconds between 2000 and 2100"),
        ("{path: t, as: unix_ms}", AT, "expected unix milliseconds between 2000 and 2100"),
        ("{path: t, as: unix}", "2026-03-02", "expected unix seconds"),
        ("{path: t, as: iso8601}", AT, "expected an ISO 8601 time"),
        ("{path: t, format: '%d.%m.%Y'}", "2026-03-02", "expected a time as %d.%m.%Y"),
        *(
            ("t", odd, "expected")
            for odd in (True, [], {}, "soon", "1999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00")
        ),
    ],
)
def test_a_time_that_is_none_is_named(how: str, value: Any, says: str) -> None:
    complaint = fails(f"retries_at: {how}", t=value)
    assert complaint.startswith("retries_at: retries_at is ")
    assert says in complaint


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "event", "minor"),
    [
        ("path: a, currency: c, unit: minor", {"a": 2900, "c": "eur"}, 2900),
        ("path: a, currency: c, unit: minor", {"a": "2900", "c": "EUR"}, 2900),
        ("path: a, currency: c, unit: major", {"a": "29.00", "c": "EUR"}, 2900),
        ("path: a, currency: c, unit: major", {"a": 29.0, "c": "EUR"}, 2900),
        ("path: a, currency: c, unit: major", {"a": 0.1, "c": "EUR"}, 10),
        ("path: a, currency: c, unit: major", {"a": 29, "c": "JPY"}, 29),
        ("path: a, currency: c, unit: major", {"a": "1.234", "c": "TND"}, 1234),
        ("path: a, currency: {value: EUR}, unit: minor", {"a": 1}, 1),
        ("path: a, currency: {path: c, map: {euro: EUR}}, unit: minor", {"a": 1, "c": "euro"}, 1),
        ("path: a, less: b, currency: c, unit: major", {"a": "200.12", "b": "55.00", "c": "EUR"}, 14512),
        ("path: a, less: b, currency: c, unit: minor", {"a": 5, "b": None, "c": "EUR"}, 5),
        ("path: 'sum(lines[*].a)', currency: c, unit: minor", {"lines": [{"a": 2}, {"a": 3}], "c": "EUR"}, 5),
    ],
)  # fmt: skip
def test_a_sum_is_read_in_either_unit_without_a_float(how: str, event: dict[str, Any], minor: int) -> None:
    amount = read(f"amount: {{{how}}}", **event).amount
    assert amount.amount_minor == minor


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"a": "12.345", "c": "EUR"}, "amount: amount is '12.345', expected an amount of EUR; the mapping looks at a"),
        ({"a": True, "c": "EUR"}, "amount: amount is 'a yes or no', expected an amount of EUR; the mapping looks at a"),
        ({"a": 1, "c": "usdc"}, "amount.currency: 'usdc' is no ISO 4217 currency code; the mapping looks at a"),
        ({"a": 1}, "amount.currency: amount.currency is null, expected a code of ISO 4217; the mapping looks at a"),
        ({"a": 1, "b": 2, "c": "EUR"}, "amount: amount is -100 in minor units, expected no sum below zero; the mappi"),
        ({"a": [1], "c": "EUR"}, "amount: amount is a list, expected an amount of EUR; the mapping looks at a"),
    ],
)
def test_a_sum_that_is_none_is_named(event: dict[str, Any], says: str) -> None:
    assert fails("amount: {path: a, less: b, currency: c, unit: major}", **event).startswith(says)


def test_without_a_sum_there_is_none() -> None:
    for nothing in (None, ""):
        assert read("amount: {path: a, currency: c, unit: major}", a=nothing).amount is None


def test_a_rest_of_nothing_settles_the_claim() -> None:
    fields = (
        "paid: {path: a, currency: {value: EUR}, unit: minor}, "
        "remaining: {path: total, less: a, currency: {value: EUR}, unit: minor}, "
        "out_of_band: {path: way, map: {bank: true}}"
    )
    part = read(fields, "payment_succeeded", a=5, total=12, way="bank")
    assert part == PaymentSucceeded(
        event_id="row-1",
        happened_at=NOON,
        invoice_id="i1",
        paid=Money(amount_minor=5, currency="EUR"),
        remaining=Money(amount_minor=7, currency="EUR"),
        out_of_band=True,
    )
    assert read(fields, "payment_succeeded", a=12, total=12).remaining is None


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "value", "won"),
    [
        ("w", True, True),
        ("w", "False", False),
        ("\"w == 'yes'\"", "yes", True),
        ("\"w == 'yes'\"", None, False),
        ("{path: w, map: {won: true, lost: false}}", "lost", False),
        ("{path: w, map: {won: true}, default: false}", "anything", False),
        ("{path: w, default: true}", None, True),
        ("{path: w, map: {1: true, 0: false}}", 0, False),
        ("{path: w, map: {1: true, 0: false}}", "1", True),
        ("{path: w, map: {true: false}}", True, False),
        ("{path: w, map: {true: false}}", "true", False),
        ("{path: w, map: {'true': false}}", True, False),
        ("{value: true}", None, True),
    ],
)
def test_a_yes_or_no_is_read_through_the_map(how: str, value: Any, won: bool) -> None:
    closed = read(f"dispute_id: {{value: d1}}, won: {how}", "dispute_closed", w=value)
    assert closed == DisputeClosed(event_id="row-1", happened_at=NOON, invoice_id="i1", dispute_id="d1", won=won)


def test_a_yes_or_no_that_is_neither_is_named() -> None:
    complaint = fails("dispute_id: {value: d}, won: {path: w, map: {won: true}}", "dispute_closed", w="maybe")
    assert complaint == "won: won is 'maybe', expected true or false; the mapping looks at w"
    missing = fails("dispute_id: {value: d}, won: w", "dispute_closed")
    assert missing == "won: won is missing; the mapping looks at w"


@pytest.mark.parametrize(("value", "version"), [(3, 3), ("17", 17), (None, 0)])
def test_a_version_is_a_whole_number(value: Any, version: int) -> None:
    assert read("version: v", v=value).version == version


@pytest.mark.parametrize("value", ["1.5", 1.5, True, 2**63, "x"])
def test_a_version_that_is_none_is_named(value: Any) -> None:
    assert "expected a whole number" in fails("version: v", v=value)


def test_changes_of_ways_to_pay_and_mandates_are_told() -> None:
    changed = read(
        "change: {path: c, map: {gone: removed}}, credential_id: card", "payment_method_changed", c="gone", card="k"
    )
    assert changed == PaymentMethodChanged(
        event_id="row-1", happened_at=NOON, invoice_id="i1", change=MethodChange.REMOVED, credential_id="k"
    )
    assert "expected one of added, updated, removed, expired" in fails("change: c", "payment_method_changed", c="lost")
    ended = read(
        "mandate_id: m, active: {value: false}, replaced_by: r, decline: {table: gocardless, code: c}",
        "mandate_changed", m="md1", r="md2", c="mandate_cancelled",
    )  # fmt: skip
    assert isinstance(ended, MandateChanged)
    assert (ended.mandate_id, ended.active, ended.replaced_by) == ("md1", False, "md2")
    assert ended.decline is not None
    assert ended.decline.category is Category.MANDATE_CANCELLED


def test_a_suspicion_keeps_the_source_s_word() -> None:
    assert read("signal: s", "fraud_warning", s="card_tested") == FraudWarning(
        event_id="row-1", happened_at=NOON, invoice_id="i1", signal="card_tested"
    )
    assert fails("signal: s", "fraud_warning", s="two words") == "signal: signal is missing; the mapping looks at s"


# --- declines ---------------------------------------------------------------------------------------------------------


def test_a_code_is_looked_up_in_the_table_and_kept_as_it_was_sent() -> None:
    how = "decline: {table: stripe, code: {path: c, map: {NSF: insufficient_funds}}}"
    told = read(how, c="NSF").decline
    assert (told.category, told.gateway, told.code) == (Category.INSUFFICIENT_FUNDS, "made", "NSF")
    other = read(how, c="lost_card").decline
    assert (other.category, other.gateway, other.code) == (Category.LOST_OR_STOLEN, "made", "lost_card")
    assert read(how).decline is None


def test_without_a_map_the_code_is_the_gateway_s_own() -> None:
    told = read("decline: {table: adyen, code: c}", c=2).decline
    assert (told.gateway, told.code) == ("adyen", "2")
    nowhere = read("decline: {code: c}", c="300").decline
    assert (nowhere.gateway, nowhere.code, nowhere.category) == ("made", "300", Category.UNKNOWN)


def test_network_and_kind_of_payment_choose_the_table_of_the_network_s_code() -> None:
    how = (
        "decline: {network_code: n, network: {path: b, map: {us: ach}}, payment_type: {path: t, map: {DD: bank_debit}}}"
    )
    returned = read(how, n="R02", b="us", t="DD").decline
    assert (returned.category, returned.code, returned.network_code) == (Category.ACCOUNT_CLOSED, "none", "R02")
    assert read(how, n="51", b="VISA").decline.category is Category.INSUFFICIENT_FUNDS
    assert read(how, n="51", b=7, t="barter").decline.category is Category.INSUFFICIENT_FUNDS


def test_advice_is_heard() -> None:
    advised = read("decline: {advice_code: a, network: {value: mastercard}}", a="03").decline
    assert advised.retryable == "no"


def test_a_default_stands_for_codes_that_nobody_named() -> None:
    how = "decline: {table: stripe, code: {path: c, map: {NSF: insufficient_funds}, default: lost_card}}"
    assert read(how, c="ZZZ").decline.category is Category.LOST_OR_STOLEN
    assert read(how, c="ZZZ").decline.code == "ZZZ"
    assert read(how).decline.code == "lost_card"


def test_a_code_of_an_odd_shape_loses_no_failure_and_a_card_number_is_refused() -> None:
    assert read("decline: {code: c}", c="two words").decline is None
    assert "expected a code" in fails("decline: {code: c}", c="4111111111111111")


# --- people -----------------------------------------------------------------------------------------------------------

PERSON = "customer: {name: n, email: e, phone: p, country: c, locale: l, zone: z, segment: s, since: d, tags: t}"


def test_what_is_told_of_a_person_goes_beside_the_event() -> None:
    text = mapping(rule(f"happened_at: at, invoice_id: i, customer_id: who, {PERSON}"))
    answer = said(
        text, type="x", at=AT, i="1", who="c1", n="Ada Example", e="ada@example.com", p="+491701234567", c="DE",
        l="de", z="Europe/Berlin", s="premium", d="2020-01-01", t=["vip", 7],
    )  # fmt: skip
    assert isinstance(answer, Addressed)
    assert "Ada" not in answer.event.model_dump_json()
    assert "example.com" not in answer.event.model_dump_json()
    assert answer.customer is not None
    assert answer.customer.customer_id == "c1"
    told = answer.customer.said
    assert (told.name, told.addresses.get("email"), told.addresses.get("sms")) == (
        "Ada Example",
        "ada@example.com",
        "+491701234567",
    )
    assert (told.country, told.locale, told.zone, told.segment, told.tags) == (
        "DE",
        "de",
        "Europe/Berlin",
        "premium",
        ("vip",),
    )


def test_what_cannot_stand_in_the_directory_is_left_out() -> None:
    text = mapping(rule(f"happened_at: at, invoice_id: i, customer_id: who, {PERSON}"))
    odd = said(text, type="x", at=AT, i="1", who="c1", n="a\nb", e=7, p="0170", c="Germany", d="once", t={"a": 1}, s="")
    assert odd.customer is None
    anonymous = said(text, type="x", at=AT, i="1", n="Ada Example")
    assert anonymous.customer is None


def test_a_change_of_a_customer_is_in_no_case() -> None:
    text = mapping(rule("happened_at: at, customer_id: who, customer: {name: n, tags: t}", "customer_changed"))
    answer = said(text, type="x", at=AT, who="c1", n="Ada Example", t="vip")
    assert answer.event == CustomerChanged(event_id="row-1", happened_at=NOON, invoice_id=UNRESOLVED, customer_id="c1")
    assert answer.lookup is None
    assert (answer.customer.said.name, answer.customer.said.tags) == ("Ada Example", ("vip",))
    assert unreadable(text, type="x", at=AT).startswith("customer_id: customer_id is missing")


# --- whatever comes ---------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_field_holds_the_event_is_a_fact_or_names_what_is_wrong(data: st.DataObject) -> None:
    made = speaker(PAYBASE)
    batch = json.loads(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    event = data.draw(st.sampled_from(batch["events"]))
    here = event
    while isinstance(here, dict) and here:
        name = data.draw(st.sampled_from(sorted(here)))
        if not isinstance(here[name], dict) or data.draw(st.booleans()):
            here[name] = data.draw(ANYTHING)
            break
        here = here[name]
    items = made.split(json.dumps(batch).encode())
    for item in items if isinstance(items, tuple) else ():
        assert made.split(item.body) == (item,)
        answer = made.normalise(item.body, "row-1")
        answer.model_dump_json().encode()
        if isinstance(answer, Unreadable):
            assert answer.field
            assert answer.reason
