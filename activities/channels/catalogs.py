"""Translations of the templates' sentences, read from `locales/<language>.po`."""

LABELS = (
    "bonus credits",
    "add-ons",
    "priority support",
    "card",
    "another card",
    "direct debit",
    "wallet",
    "bank transfer",
    "monthly plan",
)
"""Names of benefits and ways to pay that our own policies use."""
