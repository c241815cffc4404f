"""What a refusal means, and what may be done about it: raw codes -> canonical category -> treatment."""

from policies.declines.categories import (
    TREATMENTS,
    VAGUE,
    Category,
    CustomerAction,
    Decline,
    Retryable,
    Treatment,
)
from policies.declines.classify import GATEWAY_TABLES, classify, in_tables, nearest, scheme_code
from policies.declines.codes import EDITION, TABLES, Row, all_rows, plain_code

__all__ = [
    "EDITION",
    "GATEWAY_TABLES",
    "TABLES",
    "TREATMENTS",
    "VAGUE",
    "Category",
    "CustomerAction",
    "Decline",
    "Retryable",
    "Row",
    "Treatment",
    "all_rows",
    "classify",
    "in_tables",
    "nearest",
    "plain_code",
    "scheme_code",
]
