"""Every check, and every field of it, changes what becomes of an event."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from policies.declines import classify
from policies.events import ActionRequired, AnyEvent, InvoiceVoided, PaymentFailed, PaymentSucceeded
from policies.intake.checks import Finding, amount_of, findings_of, limited, strictest
from policies.intake.profile import Action, Profile, Rule
from policies.money import Money

CAME = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
EUROS = Money(amount_minor=2900, currency="EUR")
_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def rule(check: str, **fields: Any) -> Rule:
    return _RULE.validate_python({"check": check, "action": "refuse", **fields})


def failed(**changes: Any) -> PaymentFailed:
    """A failure that no check has anything to say of."""
    whole = {
        "event_id": "evt_1",
        "happened_at": CAME,
        "invoice_id": "in_1",
        "customer_id": "cus_1",
        "subscription_id": "sub_1",
        "credential_id": "card_1",
        "amount": EUROS,
        "decline": classify("stripe", "insufficient_funds"),
    }
    return PaymentFailed.model_validate({**whole, **changes})


def asks_to_confirm(**changes: Any) -> ActionRequired:
    return ActionRequired(event_id="evt_1", happened_at=CAME, invoice_id="in_1", amount=EUROS, **changes)


def paid(**changes: Any) -> PaymentSucceeded:
    return PaymentSucceeded(event_id="evt_1", happened_at=CAME, invoice_id="in_1", **{"paid": EUROS, **changes})


VOIDED = InvoiceVoided(event_id="evt_1", happened_at=CAME, invoice_id="in_1")
STRANGE = classify("stripe", "a_code_of_next_year")


def said(event: AnyEvent, *rules: Rule, is_conflict: bool = False) -> tuple[Finding, ...]:
    return findings_of(Profile(accounts=("*/*",), rules=rules), event, CAME, is_conflict)


@pytest.mark.parametrize(
    ("given", "event", "field", "detail"),
    [
        (rule("ahead"), failed(happened_at=CAME + HOUR), None, ""),
        (rule("ahead"), failed(happened_at=CAME + 2 * HOUR), "happened_at", "happened 2 hours after it came"),
        (rule("ahead", by="3h"), failed(happened_at=CAME + 2 * HOUR), None, ""),
        (rule("ahead", by="30m"), failed(happened_at=CAME + HOUR), "happened_at", "happened 1 hours after it came"),
        (rule("old", older_than="4d"), failed(happened_at=CAME - 96 * HOUR), None, ""),
        (
            rule("old", older_than="3d"),
            failed(happened_at=CAME - 96 * HOUR),
            "happened_at",
            "happened 4 days before it came",
        ),
        (rule("other_currency", expected=["EUR"]), failed(), None, ""),
        (
            rule("other_currency", expected=["USD", "GBP"]),
            failed(),
            "amount",
            "EUR is not expected here, but USD, GBP",
        ),
        (rule("other_currency", expected=["USD"]), paid(), "amount", "EUR is not expected here, but USD"),
        (rule("other_currency", expected=["USD"]), failed(amount=None), None, ""),
        (rule("other_currency", expected=["USD"]), VOIDED, None, ""),
        (rule("too_much", above=2900, currency="EUR"), failed(), None, ""),
        (rule("too_much", above=2899, currency="EUR"), failed(), "amount", "29.00 EUR is more than 28.99 EUR"),
        (rule("too_much", above=2899, currency="USD"), failed(), None, ""),
        (rule("too_much", above=1, currency="EUR"), failed(amount=None), None, ""),
        (rule("unknown_decline"), failed(), None, ""),
        (
            rule("unknown_decline"),
            failed(decline=STRANGE),
            "decline",
            "the code a_code_of_next_year of stripe stands in no table",
        ),
        (rule("unknown_decline"), failed(decline=None), None, ""),
        (rule("unknown_decline"), asks_to_confirm(), None, ""),
        (rule("conflict"), failed(), None, ""),
    ],
)
def test_a_check_speaks_of_what_it_is_for_and_of_nothing_else(
    given: Rule, event: AnyEvent, field: str | None, detail: str
) -> None:
    expected = [(field, detail)] if field else []
    assert [(finding.field, finding.detail) for finding in said(event, given)] == expected


@pytest.mark.parametrize("name", ["customer_id", "subscription_id", "credential_id", "amount", "decline"])
def test_what_an_opening_event_must_have_is_named_when_it_is_missing(name: str) -> None:
    wanted = rule("missing", fields=[name])
    assert said(failed(), wanted) == ()
    (finding,) = said(failed(**{name: None}), wanted)
    assert (finding.field, finding.detail) == (name, f"{name} is missing")
    others = {"customer_id", "subscription_id", "credential_id", "amount", "decline"} - {name}
    assert said(failed(**{name: None}), rule("missing", fields=sorted(others))) == ()


def test_only_what_opens_a_case_can_lack_something_and_a_confirmation_has_no_decline() -> None:
    everything = rule("missing", fields=["customer_id", "decline"])
    assert said(paid(), everything) == ()
    assert [finding.field for finding in said(asks_to_confirm(), everything)] == ["customer_id"]


def test_another_body_under_a_known_id_is_a_conflict() -> None:
    (finding,) = said(failed(), rule("conflict"), is_conflict=True)
    assert (finding.rule, finding.field) == ("conflict", "event_id")


def test_a_finding_carries_the_name_the_action_and_whether_it_is_a_shadow() -> None:
    (plain,) = said(failed(amount=None), rule("missing", fields=["amount"], action="warn"))
    assert (plain.rule, plain.action, plain.shadow) == ("missing", Action.WARN, False)
    (named,) = said(failed(amount=None), rule("missing", fields=["amount"], name="no_sum", shadow=True))
    assert (named.rule, named.action, named.shadow) == ("no_sum", Action.REFUSE, True)


@pytest.mark.parametrize(
    ("actions", "decides"),
    [
        ([], None),
        (["warn"], "warn"),
        (["warn", "quarantine"], "quarantine"),
        (["refuse", "quarantine", "warn"], "refuse"),
    ],
)
def test_the_strictest_rule_decides(actions: list[str], decides: str | None) -> None:
    rules = [rule("conflict", action=action, name=action) for action in actions]
    decisive = strictest(said(failed(), *rules, is_conflict=True))
    assert (decisive.rule if decisive else None) == decides


def test_a_shadow_decides_nothing() -> None:
    found = said(failed(), rule("conflict", shadow=True), is_conflict=True)
    assert len(found) == 1
    assert strictest(found) is None
    beside = said(failed(), rule("conflict", shadow=True), rule("conflict", action="warn", name="w"), is_conflict=True)
    decisive = strictest(beside)
    assert decisive is not None
    assert decisive.rule == "w"


def test_where_nobody_can_be_told_no_a_refusal_becomes_a_quarantine_and_milder_things_stay() -> None:
    rules = [rule("conflict", action=action, name=action) for action in Action]
    found = said(failed(), *rules, is_conflict=True)
    assert [finding.action for finding in limited(found, Action.QUARANTINE)] == ["warn", "quarantine", "quarantine"]
    assert limited(found, Action.REFUSE) == found


@pytest.mark.parametrize(
    ("event", "amount"), [(failed(), EUROS), (paid(), EUROS), (paid(paid=None), None), (VOIDED, None)]
)
def test_the_sum_that_an_event_is_about(event: AnyEvent, amount: Money | None) -> None:
    assert amount_of(event) == amount
