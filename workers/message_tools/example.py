"""A made-up claim and a made-up reader, so that every sentence of a template has something to say."""

from datetime import UTC, datetime, timedelta

from activities.channels.render import Person
from policies.declines import CustomerAction
from policies.document import TEMPLATES
from policies.money import Money
from policies.steps import OtherClaim, Words

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
CURRENCIES = {"ja": "JPY", "pt": "BRL", "ar": "SAR", "en": "USD"}
"""What is paid with where the language is spoken; elsewhere euros."""

IN_ORDER = (
    *("upcoming_renewal", "card_expiring", "instalment_due", "payment_failed", "confirm_payment", "reminder", "offer"),
    *("warning", "final_notice", "limited", "suspended", "reinstated", "recovered", "closed", "handover"),
)
"""As a customer may meet them."""

assert set(IN_ORDER) == TEMPLATES  # noqa: S101  a template that nobody could look at


def words_of(locale: str, others: int = 0) -> Words:
    currency = CURRENCIES.get(locale.partition("_")[0], "EUR")
    due = Money(amount_minor=2900 if currency != "JPY" else 4800, currency=currency)
    return Words(
        due=due,
        customer_action=CustomerAction.UPDATE_METHOD,
        next_attempt_at=NOW + timedelta(days=3),
        limit_at=NOW + timedelta(days=8),
        limit_takes=("bonus_credits", "add_ons"),
        suspend_at=NOW + timedelta(days=14),
        close_at=NOW + timedelta(days=30),
        benefits_taken=("bonus_credits", "add_ons"),
        reinstatement_conditions=("Pay the open amount by any method you like.",),
        offers=("direct_debit", "bank_transfer", "other_card"),
        because="the policy brings in a person 3 days after the failure",
        others=tuple(OtherClaim(invoice_id=f"INV-{1043 + number}", due=due) for number in range(others)),
        on=NOW + timedelta(days=12),
    )


def reader_of(locale: str) -> Person:
    return Person(
        name="Ada Lovelace",
        locale=locale,
        zone="Europe/Berlin",
        invoice_id="INV-1042",
        segment="premium",
        preferences_url="https://example.com/preferences",
    )
