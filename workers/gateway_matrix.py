"""What each gateway and each owner can do, side by side, from their own records of it.

Imports every vendor's client, so only the command that prints it imports this.
"""

from collections.abc import Sequence
from datetime import timedelta

from activities.gateways.adyen import AdyenGateway
from activities.gateways.braintree import BraintreeGateway
from activities.gateways.contract import Capabilities
from activities.gateways.gocardless import GoCardlessGateway
from activities.gateways.paypal import PayPalGateway
from activities.gateways.sandbox import SandboxGateway
from activities.gateways.stripe import StripeGateway
from activities.sources.braintree_owner import BraintreeOwner
from activities.sources.contract import OwnerCapabilities
from activities.sources.gocardless_owner import GoCardlessOwner
from activities.sources.merchant_owner import MerchantOwner
from activities.sources.paypal_owner import PayPalOwner
from activities.sources.sandbox import SandboxOwner
from activities.sources.stripe_owner import StripeOwner

GATEWAYS: dict[str, Capabilities] = {
    gateway.name: gateway.capabilities
    for gateway in (
        StripeGateway,
        AdyenGateway,
        BraintreeGateway,
        PayPalGateway,
        GoCardlessGateway,
        SandboxGateway,
    )
}
OWNERS: dict[str, OwnerCapabilities] = {
    owner.name: owner.capabilities
    for owner in (StripeOwner, BraintreeOwner, PayPalOwner, GoCardlessOwner, MerchantOwner, SandboxOwner)
}

Rows = list[tuple[str, ...]]

BEGINS, ENDS = "<!-- recoup gateways matrix: begin -->", "<!-- recoup gateways matrix: end -->"
"""Between these it stands in docs/gateways/README.md."""

_LOOKS_UP = {"by_key": "by key", "by_reading": "by reading", "by_repeating": "none: repeats the request"}


def gateway_rows() -> Rows:
    """Heads first."""
    told = GATEWAYS.values()
    return [
        ("gateway", *GATEWAYS),
        ("API version", *(one.api_version for one in told)),
        ("charges invoices it owns", *(_yes(one.owns_invoices) for one in told)),
        ("charges invoices of others", *(_yes(one.collects_others) for one in told)),
        ("ways to pay", *(", ".join(kind.value.replace("_", " ") for kind in one.payment_types) for one in told)),
        ("part of an invoice", *(_yes(one.part_payments) for one in told)),
        ("settles days later", *("always" if one.settles_later else "at times" for one in told)),
        ("keeps idempotency keys", *(_length(one.keys_live_for) for one in told)),
        ("look-up of an attempt", *(_LOOKS_UP[one.looks_up] for one in told)),
        ("lists stored ways to pay", *(_yes(one.lists_methods) for one in told)),
        ("tells renewed cards", *(_yes(one.refreshes_cards) for one in told)),
        ("takes a new way to pay", *(_yes(one.opens_update_sessions) for one in told)),
    ]


def owner_rows() -> Rows:
    """Heads first."""
    told = OWNERS.values()
    return [
        ("owner", *OWNERS),
        ("books money taken elsewhere", *(_yes(one.books_payments) for one in told)),
        ("writes an invoice off", *(_yes("mark_uncollectible" in one.closes_out) for one in told)),
        ("cancels the subscription", *(_yes("cancel_subscription" in one.closes_out) for one in told)),
        ("lists what it told", *(_yes(one.lists_events) for one in told)),
    ]


def as_markdown() -> str:
    return f"{_table(gateway_rows())}\n\n{_table(owner_rows())}\n"


def as_facts() -> dict[str, dict[str, dict[str, object]]]:
    return {
        "gateways": {name: one.model_dump(mode="json") for name, one in GATEWAYS.items()},
        "owners": {name: one.model_dump(mode="json") for name, one in OWNERS.items()},
    }


def _table(rows: Sequence[Sequence[str]]) -> str:
    heads, *lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([heads, "|---" * len(rows[0]) + "|", *lines])


def _yes(can: bool) -> str:
    return "yes" if can else "no"


def _length(lives: timedelta) -> str:
    hours = int(lives.total_seconds() // 3600)
    if hours == 0:
        return "none"
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
