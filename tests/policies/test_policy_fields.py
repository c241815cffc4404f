"""Every field of a policy changes a decision: a field that nothing reads is a promise that nobody keeps."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from policies.decide import next_step
from policies.declines import Category
from policies.document import Avoid, Caps, Chronic, PolicyDocument, SelfService
from policies.events import CloseOutcome
from policies.facts import AccessLevel, CaseFacts, Payment
from policies.money import Money
from policies.risk import Risk, RiskLevel
from policies.said import Activity, Message, MessageStatus
from policies.steps import AnyStep
from policies.surroundings import CustomerView, GatewayView, Surroundings
from policies.ways_to_pay import WayToPay
from tests.policies.timeline import (
    ANNUAL,
    DUE,
    PREMIUM,
    SELF_SERVE,
    START,
    access,
    at,
    case,
    day,
    everything_told,
    told,
    tried,
)

QUIET = everything_told(SELF_SERVE, day(-9))
LIMITED = access(AccessLevel.LIMITED, day(8))
SUSPENDED = access(AccessLevel.SUSPENDED, day(14))
DOWN = GatewayView(name="stripe/default", down_until=day(9), because="7 of 8 calls failed")
GERMAN = Surroundings(customer=CustomerView(zone="Europe/Berlin", country="DE"))
WITH_ANOTHER_WAY = GERMAN.model_copy(update={"ways": (WayToPay(credential_id="tok_1", gateway="adyen/main"),)})
WHILE_DOWN = WITH_ANOTHER_WAY.model_copy(update={"gateways": (DOWN, GatewayView(name="adyen/main"))})
HALF_DAY = timedelta(hours=12)
UNOFFERED = case(Category.EXPIRED_CARD, messages=QUIET[:-1])
TOLD_OF_ALL = everything_told(ANNUAL, day(-9))
TOLD_OF_SUSPENSION = (*QUIET, told("suspended", day(14)))
CHRONIC = Risk(level=RiskLevel.CHRONIC)


def unclear(name: str, when: datetime) -> Message:
    return told(name, when, MessageStatus.UNCLEAR).model_copy(update={"channel": "email", "asked": ("email", "sms")})


def step_of(facts: CaseFacts, now: datetime, policy: PolicyDocument, around: Surroundings = GERMAN) -> AnyStep:
    return next_step(policy, facts, around, now)


def changed(policy: PolicyDocument, part: str, **fields: Any) -> PolicyDocument:
    return policy.model_copy(update={part: getattr(policy, part).model_copy(update=fields)})


def with_part(part: str, value: Any, policy: PolicyDocument = SELF_SERVE) -> PolicyDocument:
    return policy.model_copy(update={part: value})


def first(policy: PolicyDocument, part: str, **fields: Any) -> PolicyDocument:
    one, *others = getattr(policy, part)
    return policy.model_copy(update={part: (one.model_copy(update=fields), *others)})


def ladder(*days: float) -> tuple[Any, ...]:
    return tuple(tried(n, day(d), f"ladder-{n}") for n, d in enumerate(days, start=1))


def chronic(**fields: Any) -> PolicyDocument:
    return with_part("chronic", Chronic(**fields))


def paid_in_part(minor: int) -> Payment:
    part = Money(amount_minor=minor, currency=DUE.currency)
    return Payment(at=day(15), happened_at=day(15), paid=part, how="source", settles=False)


NO_CHRONIC = SELF_SERVE.model_copy(update={"chronic": None})

# field, the policy with another value, the policy it is compared with, facts, now
Row = tuple[str, PolicyDocument, PolicyDocument, CaseFacts, datetime]


def row(field: str, other: PolicyDocument, facts: CaseFacts, now: datetime, policy: PolicyDocument = SELF_SERVE) -> Row:
    return field, other, policy, facts, now


def retries(facts: CaseFacts, now: datetime, **fields: Any) -> tuple[PolicyDocument, CaseFacts, datetime]:
    return changed(SELF_SERVE, "retries", **fields), facts, now


SILENT = {Category.INSUFFICIENT_FUNDS: HALF_DAY}
WAITING = case(messages=QUIET)
ANNUAL_WAITING = case(messages=TOLD_OF_ALL)

FIELDS: list[Row] = [
    row("retries.immediate", *retries(case(Category.GATEWAY_ERROR), at(0), immediate=())),
    row("retries.ladder", *retries(WAITING, at(0), ladder=(HALF_DAY,))),
    row("retries.gap", *retries(case(messages=QUIET, attempts=ladder(1, 4.5)), day(4.5), gap=timedelta(days=2))),
    row("retries.maximum", *retries(case(messages=QUIET, attempts=ladder(1)), day(1), maximum=1)),
    row("retries.timing", *retries(WAITING, at(0), ladder=(), timing="adaptive", window=timedelta(days=9))),
    row(
        "retries.window",
        changed(ANNUAL, "retries", window=timedelta(days=1)),
        ANNUAL_WAITING,
        at(0),
        ANNUAL,
    ),
    row("retries.spread", *retries(WAITING, at(0), spread=timedelta(hours=9))),
    row("retries.business_days", *retries(case(messages=QUIET, attempts=ladder(1, 3)), day(3), business_days=True)),
    row("retries.avoid", *retries(WAITING, at(0), avoid=Avoid(weekdays=("tue",)))),
    row("priority", with_part("priority", 1), WAITING, at(0)),
    row("contact.opens", changed(SELF_SERVE, "contact", opens=time(12)), case(), at(0)),
    row("contact.closes", changed(SELF_SERVE, "contact", closes=time(9)), case(), at(0)),
    row(
        "contact.gap",
        changed(SELF_SERVE, "contact", gap=timedelta(days=2)),
        case(Category.EXPIRED_CARD, messages=(told("first_notice", day(4)),)),
        day(4),
    ),
    row(
        "contact.caps",
        changed(SELF_SERVE, "contact", caps=Caps(per_day=2), gap=timedelta(hours=1)),
        case(Category.EXPIRED_CARD, messages=(told("first_notice", day(4)),)),
        day(4) + timedelta(hours=2),
        changed(SELF_SERVE, "contact", gap=timedelta(hours=1)),
    ),
    row(
        "contact.receipt_window",
        changed(SELF_SERVE, "contact", receipt_window=timedelta(days=3)),
        case(Category.EXPIRED_CARD, messages=(unclear("first_notice", day(0)),)),
        day(1),
    ),
    row(
        "contact.pause_after_activity",
        changed(SELF_SERVE, "contact", pause_after_activity=timedelta()),
        case(Category.EXPIRED_CARD, activities=(Activity(at=day(4), what="clicked a message"),)),
        day(4),
    ),
    row(
        "close.tell",
        changed(SELF_SERVE, "close", tell=True),
        case(messages=(told("first_notice", day(0)),)),
        day(40),
    ),
    row("contact.silent_window", changed(SELF_SERVE, "contact", silent_window=SILENT), case(), at(0)),
    row(
        "contact.hours",
        PolicyDocument.model_validate(
            {**SELF_SERVE.model_dump(mode="json"), "contact": {"hours": {"email": "13:00-14:00"}}}
        ),
        case(),
        at(0),
    ),
    row("messages", with_part("messages", ()), case(), at(0)),
    row("messages.name", first(SELF_SERVE, "messages", name="hello"), case(), at(0)),
    row("messages.after", first(SELF_SERVE, "messages", after=HALF_DAY), case(), at(0)),
    row("messages.failures", first(SELF_SERVE, "messages", after=None, failures=2), case(), at(0)),
    row("messages.categories", first(SELF_SERVE, "messages", categories=(Category.EXPIRED_CARD,)), case(), at(0)),
    row("messages.template", first(SELF_SERVE, "messages", template="reminder"), case(), at(0)),
    row("messages.channels", first(SELF_SERVE, "messages", channels=("sms",)), case(), at(0)),
    row("offers", with_part("offers", ()), UNOFFERED, day(6)),
    row("offers.after", first(SELF_SERVE, "offers", after=HALF_DAY), UNOFFERED, day(0)),
    row("offers.categories", first(SELF_SERVE, "offers", categories=(Category.DO_NOT_HONOR,)), UNOFFERED, day(6)),
    row("offers.offers", first(SELF_SERVE, "offers", offers=("bank_transfer",)), UNOFFERED, day(6)),
    row("offers.channels", first(SELF_SERVE, "offers", channels=("in_app",)), UNOFFERED, day(6)),
    row(
        "access_channels",
        with_part("access_channels", ("sms",)),
        case(messages=QUIET, access_changes=(LIMITED,), attempts=ladder(1, 3, 6)),
        day(8),
    ),
    row("grace", with_part("grace", timedelta(days=13)), case(Category.EXPIRED_CARD, messages=QUIET), day(0)),
    row("limit", with_part("limit", None), case(Category.EXPIRED_CARD, messages=QUIET), day(0)),
    row("limit.after", changed(SELF_SERVE, "limit", after=HALF_DAY), WAITING, day(0)),
    row("limit.failures", changed(SELF_SERVE, "limit", failures=2), case(messages=QUIET, attempts=ladder(1)), day(1)),
    row(
        "limit.takes",
        changed(SELF_SERVE, "limit", takes=("x",)),
        case(Category.EXPIRED_CARD, messages=QUIET),
        day(0),
    ),
    row(
        "limit.takes_recurring",
        changed(SELF_SERVE, "limit", takes_recurring=("seats",)),
        case(Category.EXPIRED_CARD, messages=QUIET),
        day(0),
    ),
    row("suspend", with_part("suspend", None), WAITING, day(12)),
    row("suspend.after", changed(SELF_SERVE, "suspend", after=HALF_DAY), WAITING, day(0)),
    row(
        "suspend.failures",
        changed(SELF_SERVE, "suspend", failures=2),
        case(messages=QUIET, access_changes=(LIMITED,), attempts=ladder(1)),
        day(9),
    ),
    row(
        "reinstatement.conditions",
        changed(SELF_SERVE, "reinstatement", conditions=("Call us.",)),
        case(messages=QUIET, access_changes=(SUSPENDED,), attempts=ladder(1, 3, 6, 9, 13)),
        day(14),
    ),
    row(
        "reinstatement.paid_percent",
        changed(SELF_SERVE, "reinstatement", paid_percent=50),
        case(
            messages=(*QUIET, told("suspended", day(14))), access_changes=(SUSPENDED,), payments=(paid_in_part(2900),)
        ),
        day(15),
    ),
    row("escalate", with_part("escalate", PREMIUM.escalate), WAITING, day(0)),
    row("escalate.after", changed(PREMIUM, "escalate", after=HALF_DAY), WAITING, day(0), PREMIUM),
    row(
        "escalate.to",
        changed(PREMIUM, "escalate", to="ops"),
        case(Category.EXPIRED_CARD, messages=QUIET),
        day(13),
        PREMIUM,
    ),
    row("chronic", NO_CHRONIC, case(messages=QUIET, attempts=ladder(1, 3, 6, 9), risk=CHRONIC), day(9)),
    row(
        "chronic.maximum",
        chronic(maximum=1),
        case(messages=QUIET, attempts=ladder(1), risk=CHRONIC),
        day(1),
        NO_CHRONIC,
    ),
    row("chronic.limit_after", chronic(limit_after=HALF_DAY), case(messages=QUIET, risk=CHRONIC), day(0), NO_CHRONIC),
    row(
        "chronic.suspend_after",
        chronic(suspend_after=HALF_DAY),
        case(messages=QUIET, risk=CHRONIC),
        day(0),
        NO_CHRONIC,
    ),
    row("chronic.close_after", chronic(close_after=HALF_DAY), case(messages=QUIET, risk=CHRONIC), day(0), NO_CHRONIC),
    row("close.after", changed(SELF_SERVE, "close", after=timedelta(days=20)), WAITING, day(0)),
    row(
        "close.outcome",
        changed(SELF_SERVE, "close", outcome=CloseOutcome.CANCELLED),
        case(None, messages=QUIET),
        day(0),
    ),
    row("name", with_part("name", "other"), case(), at(0)),
    row("version", with_part("version", 2), case(), at(0)),
]


@pytest.mark.parametrize(("field", "other", "policy", "facts", "now"), FIELDS, ids=[each[0] for each in FIELDS])
def test_this_field_of_a_policy_changes_a_decision(
    field: str, other: PolicyDocument, policy: PolicyDocument, facts: CaseFacts, now: datetime
) -> None:
    assert step_of(facts, now, other) != step_of(facts, now, policy), f"{field} is dead: nothing reads it"


ABOUT_OTHER_WAYS: list[tuple[str, Any, CaseFacts, Surroundings]] = [
    ("backup_methods", "never", case(Category.EXPIRED_CARD, messages=QUIET[:-1]), WITH_ANOTHER_WAY),
    ("backup_methods", "in_turn", WAITING, WITH_ANOTHER_WAY),
    ("failover", True, WAITING, WHILE_DOWN),
]


@pytest.mark.parametrize(("field", "value", "facts", "around"), ABOUT_OTHER_WAYS, ids=lambda each: str(each)[:20])
def test_this_field_about_other_ways_to_pay_changes_a_decision(
    field: str, value: Any, facts: CaseFacts, around: Surroundings
) -> None:
    other = changed(SELF_SERVE, "retries", **{field: value})
    assert step_of(facts, at(0), other, around) != step_of(facts, at(0), SELF_SERVE, around)


IN_OTHER_TESTS = {"close.at_source", "messages.variants", "messages.holdout"}
IN_OTHER_TESTS |= {f"page.{field}" for field in SelfService.model_fields}
"""`close.at_source`: no decision reads it; the workflow hands it to the owner of the invoice when the case is written
off, see tests/workflows/test_the_end_at_the_source.py. Trials: see test_messages.py. What customers may do on their
page: see test_self_service.py."""


def test_every_field_of_a_policy_is_in_the_tables_above() -> None:
    """`applies_when` changes which policy is chosen; see test_choose.py."""
    fields = set()
    for name in set(PolicyDocument.model_fields) - {"applies_when"}:
        for shipped in (PREMIUM, SELF_SERVE):
            part = getattr(shipped, name)
            part = part[0] if isinstance(part, tuple) else part
            inner = type(part).model_fields if isinstance(part, BaseModel) else ()
            fields |= {f"{name}.{field}" for field in inner} or {name}
    about_other_ways = {f"retries.{each[0]}" for each in ABOUT_OTHER_WAYS}
    assert fields <= {each[0] for each in FIELDS} | about_other_ways | IN_OTHER_TESTS


AVOIDED = {"weekdays": ("tue",), "hours": "10:00-13:00", "holidays": True, "seasons": ("year_end",)}


@pytest.mark.parametrize(
    ("field", "failed_at"),
    [
        ("weekdays", START),
        ("hours", START),
        ("holidays", START.replace(month=12, day=24)),
        ("seasons", START.replace(month=12, day=22)),
    ],
)
def test_each_thing_to_avoid_moves_the_retry(field: str, failed_at: datetime) -> None:
    facts = case(messages=QUIET).model_copy(update={"failed_at": failed_at})
    value = [AVOIDED[field]] if field == "hours" else AVOIDED[field]
    avoiding = changed(SELF_SERVE, "retries", avoid=Avoid.model_validate({field: value}))
    plain, moved = (step_of(facts, failed_at, policy) for policy in (SELF_SERVE, avoiding))
    assert plain.kind == moved.kind == "charge"
    assert moved.at > plain.at
