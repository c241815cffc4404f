"""A case that is made up on the command line or told by a webhook, and its future as text."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from policies.base import Record, UtcTime
from policies.calendars.zones import zone_of
from policies.choose import Subject, choose_policy
from policies.declines import classify
from policies.document import PolicyDocument
from policies.events import ActionRequired, PaymentFailed
from policies.facts import CaseFacts
from policies.instruments import BANK_DEBIT_NETWORKS, Instrument, Network, PaymentType
from policies.money import EXPONENTS, Money
from policies.preview import Foreseen, forecast, made_up_case, made_up_ledger
from policies.risk import Risk, RiskLevel
from policies.surroundings import CustomerView, Surroundings
from workers.mistakes import Mistake
from workers.typed_words import json_of, known_currency, quoted

MOST_MINOR = 10**15
"""More than any invoice; less than the database can hold."""


class Wanted(Record):
    """What the command line says of the case; the defaults are a common one."""

    segment: str = "self_serve"
    gateway: str = "stripe"
    code: str = "insufficient_funds"
    amount: str = "29.00"
    currency: str = "EUR"
    country: str | None = None
    network: Network = Network.OTHER
    plan_interval: str | None = "month"
    risk: RiskLevel = RiskLevel.ONE_OFF
    tags: tuple[str, ...] = ()
    zone: str | None = None


class Preview(Record):
    """`zone`: the customer's, in which the text shows the times."""

    policy: str
    why: str
    zone: str
    at: UtcTime
    timeline: tuple[Foreseen, ...]


def preview(documents: tuple[PolicyDocument, ...], wanted: Wanted, at: datetime, named: bool = False) -> Preview:
    """`named`: the policy was named, so nothing is chosen and the first document is taken."""
    facts, customer = _case(wanted, at), _customer(wanted)
    document = documents[0] if named else choose_policy(documents, _subject(wanted, facts))
    why = "named on the command line" if named else _why(document, documents)
    timeline = forecast(document, facts, Surroundings(customer=customer, ledger=made_up_ledger(facts)), at)
    return Preview(policy=document.edition, why=why, zone=customer.zone, at=at, timeline=timeline)


def as_text(shown: Preview) -> str:
    info = ZoneInfo(shown.zone)
    lines = [f"{shown.policy}: {shown.why}", f"times in {shown.zone}; assumed: every charge is declined again", ""]
    for each in shown.timeline:
        day = (each.at - shown.at).days
        local = each.at.astimezone(info)
        lines.append(f"day {day:>3}  {local:%a %Y-%m-%d %H:%M}  {each.access.value:<9}  {each.kind:<9} {each.what}")
        lines.append(f"{'':>40}  {each.because}")
    return "\n".join(lines)


def wanted_of_event(path: Path, given: Wanted) -> Wanted:
    """A webhook of Stripe's that reports a failed payment: its decline and sum; the rest as given. Raises Mistake."""
    from activities.sources.contract import Addressed
    from activities.sources.stripe import StripeSpeaker

    raw = json_of(path)
    if not isinstance(raw, dict):
        raise Mistake(f"{path} holds no JSON object; give one webhook event")
    told_by = StripeSpeaker().normalise(path.read_bytes(), "preview")
    event = told_by.event if isinstance(told_by, Addressed) else None
    if not isinstance(event, PaymentFailed | ActionRequired):
        said = getattr(told_by, "detail", None) or getattr(told_by, "reason", None) or type(event).__name__
        raise Mistake(f"{path} tells of no failed payment ({said}); give an invoice.payment_failed")
    decline = event.decline if isinstance(event, PaymentFailed) else None
    about = raw.get("data", {}).get("object", {})
    due, currency = about.get("amount_due", about.get("amount")), str(about.get("currency", "")).upper()
    told: dict[str, Any] = {"code": decline.code} if decline else {}
    if isinstance(due, int) and currency in EXPONENTS:
        told |= {"amount": str(Money(amount_minor=due, currency=currency).as_decimal), "currency": currency}
    return given.model_copy(update=told)


def _case(wanted: Wanted, at: datetime) -> CaseFacts:
    kind = PaymentType.BANK_DEBIT if wanted.network in BANK_DEBIT_NETWORKS else PaymentType.CARD
    decline = classify(wanted.gateway, wanted.code, network=wanted.network, payment_type=kind)
    instrument = Instrument(payment_type=kind, network=wanted.network, country=wanted.country)
    risk = Risk(level=wanted.risk)
    return made_up_case(decline, _money(wanted), at, instrument, wanted.plan_interval, risk)


def _money(wanted: Wanted) -> Money:
    currency = known_currency(wanted.currency)
    try:
        minor = Decimal(wanted.amount).scaleb(EXPONENTS[currency])
    except ArithmeticError:
        minor = Decimal(0)
    if not minor.is_finite() or not 0 < minor <= MOST_MINOR or minor != minor.to_integral_value():
        raise Mistake(f"{quoted(wanted.amount)} is no sum of {currency}; write one such as 29.00")
    return Money(amount_minor=int(minor), currency=currency)


def _customer(wanted: Wanted) -> CustomerView:
    guess = zone_of(wanted.country)
    zone = wanted.zone or guess.zone or next(iter(guess.candidates), "UTC")
    zones = () if wanted.zone or guess.zone else guess.candidates
    return CustomerView(segment=wanted.segment, zone=zone, zones=zones, country=wanted.country, tags=wanted.tags)


def _subject(wanted: Wanted, facts: CaseFacts) -> Subject:
    return Subject(
        segment=wanted.segment,
        amount=facts.due,
        plan_interval=wanted.plan_interval,
        country=wanted.country,
        payment_type=facts.instrument.payment_type,
        tags=wanted.tags,
        risk=wanted.risk,
    )


def _why(document: PolicyDocument, documents: tuple[PolicyDocument, ...]) -> str:
    if document is documents[-1]:
        return "the default, since no policy before it applies"
    return f"the first of {len(documents)} policies that applies"
