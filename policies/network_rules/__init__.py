"""What networks and schemes allow (promise P4): dated rules as data, one ledger per credential, one question."""

from policies.network_rules.ledger import LedgerEntry, ProposedAttempt
from policies.network_rules.may_attempt import ATTEMPTS_PER_WINDOW, HARD_STOPS, PAYERS_WORD, WINDOW, may_attempt
from policies.network_rules.rules import EDITION, RULES, NetworkRule, rules_at
from policies.network_rules.verdict import Allowed, Refused

__all__ = [
    "ATTEMPTS_PER_WINDOW",
    "EDITION",
    "HARD_STOPS",
    "PAYERS_WORD",
    "RULES",
    "WINDOW",
    "Allowed",
    "LedgerEntry",
    "NetworkRule",
    "ProposedAttempt",
    "Refused",
    "may_attempt",
    "rules_at",
]
