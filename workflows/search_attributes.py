"""What ops filter cases by in the Temporal UI. Registered by the program itself (workers/temporal.py).

Codes, money and times only, never a name (P9). SQL visibility stores allow ten keywords; five are used.
"""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from policies.story import Shown

STATE = SearchAttributeKey.for_keyword("RecoupState")
SEGMENT = SearchAttributeKey.for_keyword("RecoupSegment")
CATEGORY = SearchAttributeKey.for_keyword("RecoupDeclineCategory")
CURRENCY = SearchAttributeKey.for_keyword("RecoupCurrency")
GATEWAY = SearchAttributeKey.for_keyword("RecoupGateway")
AMOUNT_MINOR = SearchAttributeKey.for_int("RecoupAmountMinor")
ATTEMPTS = SearchAttributeKey.for_int("RecoupAttempts")
NEXT_STEP_AT = SearchAttributeKey.for_datetime("RecoupNextStepAt")

ALL: tuple[SearchAttributeKey[Any], ...] = (
    STATE,
    SEGMENT,
    CATEGORY,
    CURRENCY,
    GATEWAY,
    AMOUNT_MINOR,
    ATTEMPTS,
    NEXT_STEP_AT,
)


def of_case(shown: Shown) -> dict[str, SearchAttributeUpdate[Any]]:
    """By name, so that the workflow can upsert what changed and nothing else."""
    updates: list[SearchAttributeUpdate[Any]] = [
        STATE.value_set(shown.state.value),
        SEGMENT.value_set(shown.segment),
        CATEGORY.value_set(shown.category),
        CURRENCY.value_set(shown.currency),
        GATEWAY.value_set(shown.gateway),
        AMOUNT_MINOR.value_set(shown.amount_minor),
        ATTEMPTS.value_set(shown.attempts),
        NEXT_STEP_AT.value_set(shown.next_step_at) if shown.next_step_at else NEXT_STEP_AT.value_unset(),
    ]
    return {update.key.name: update for update in updates}
