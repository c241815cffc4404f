"""What a template may name: the facts of `Words` as text, in the person's language."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from activities.channels.render.formats import Voice, day_of, money_of
from activities.channels.render.people import NAME_LENGTH_MAX, Merchant, Person, one_line
from policies.money import Money
from policies.steps import Words

VARIABLES = frozenset(
    """channel name invoice_id segment link merchant support due customer_action generic part_paid next_attempt_on
    limit_on limit_takes suspend_on close_on benefits_taken conditions offers because first_paragraph others open_count
    is_open total on preferences_url postal_address""".split()
)
"""All that a template may name: texts, apart from the lists `conditions`, `offers` and `others` (each with `invoice_id`
and `due`), the number `open_count` and the flags `generic`, `part_paid` and `is_open`. What is not known is empty."""

TOLD_IN = "told_in"
"""Where a template finds its translation; not for templates to name."""

WORDING = {"add_ons": "add-ons", "other_card": "another card"}
"""Names of benefits and offers that do not read well with their underscores taken away."""

_NOT_OVERDUE = frozenset({"recovered", "card_expiring", "upcoming_renewal", "instalment_due"})
"""Templates whose own invoice is not among the open ones that they list."""


def link_of(person: Person, merchant: Merchant) -> str:
    """The page where the customer can pay."""
    return person.pay_url or merchant.billing_url.replace("{invoice_id}", quote(person.invoice_id, safe=""))


def told(template: str, channel: str, words: Words, person: Person, merchant: Merchant, voice: Voice) -> dict[str, Any]:
    """Everything in VARIABLES."""

    def day(moment: datetime | None) -> str:
        return day_of(moment, person.zone, voice.locale, short=channel == "sms") if moment else ""

    return {
        TOLD_IN: voice.translation,
        "channel": channel,
        "name": voice.isolated(one_line(person.name or "")[:NAME_LENGTH_MAX].strip()),
        "invoice_id": voice.isolated(one_line(person.invoice_id)),
        "segment": voice.isolated(readable(person.segment)),
        "link": link_of(person, merchant),
        "merchant": voice.isolated(merchant.name),
        "support": voice.isolated(_support(person, merchant)),
        "due": voice.isolated(money_of(words.due, voice.locale)),
        "customer_action": words.customer_action.value,
        "generic": words.generic,
        "part_paid": words.part_paid,
        "next_attempt_on": day(words.next_attempt_at),
        "limit_on": day(words.limit_at),
        "limit_takes": voice.listed(_named(words.limit_takes, voice)),
        "suspend_on": day(words.suspend_at),
        "close_on": day(words.close_at),
        "benefits_taken": voice.listed(_named(words.benefits_taken, voice)),
        "conditions": [voice.translation.gettext(one_line(one)) for one in words.reinstatement_conditions],
        "offers": _named(words.offers, voice),
        "because": voice.isolated(one_line(words.because)),
        "first_paragraph": "",
        "on": day(words.on),
        "preferences_url": one_line(person.preferences_url or ""),
        "postal_address": voice.isolated(merchant.postal_address or ""),
        **_open(template, words, voice),
    }


def _open(template: str, words: Words, voice: Voice) -> dict[str, Any]:
    """How many invoices are open, which, and how much that is when it is all in one currency."""
    is_open = template not in _NOT_OVERDUE and (template != "reinstated" or words.part_paid)
    amounts = [words.due] * is_open + [other.due for other in words.others]
    total = ""
    if len(amounts) > 1 and len({amount.currency for amount in amounts}) == 1:
        whole = Money(amount_minor=sum(amount.amount_minor for amount in amounts), currency=amounts[0].currency)
        total = voice.isolated(money_of(whole, voice.locale))
    return {
        "is_open": is_open,
        "open_count": len(amounts),
        "total": total,
        "others": [
            {
                "invoice_id": voice.isolated(one_line(other.invoice_id)),
                "due": voice.isolated(money_of(other.due, voice.locale)),
            }
            for other in words.others
        ],
    }


def _support(person: Person, merchant: Merchant) -> str:
    contact = one_line(person.support_contact or "")
    if not contact:
        return merchant.support_email
    if "@" in contact:
        return contact
    return f"{contact} ({one_line(person.support_contact_email or merchant.support_email)})"


def readable(word: str) -> str:
    return WORDING.get(word, one_line(word).replace("_", " "))


def _named(words: tuple[str, ...], voice: Voice) -> list[str]:
    return [voice.isolated(voice.translation.gettext(readable(word))) if word else "" for word in words]
