"""What ops filter cases by in the Temporal UI. Registered by the program itself (workers/temporal.py).

Codes, money and times only, never a name (P9). SQL visibility stores allow ten keywords; five are used.
"""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from policies.facts import CaseFacts
from policies.steps import AnyStep, Hold
from policies.story import state_of

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


def of_case(facts: CaseFacts, segment: str, step: AnyStep) -> dict[str, SearchAttributeUpdate[Any]]:
    """By name, so that the workflow can upsert what changed and nothing else."""
    updates: list[SearchAttributeUpdate[Any]] = [
        STATE.value_set(state_of(facts, step).value),
        SEGMENT.value_set(segment),
        CATEGORY.value_set(facts.category.value),
        CURRENCY.value_set(facts.due.currency),
        GATEWAY.value_set(facts.invoice.gateway),
        AMOUNT_MINOR.value_set(facts.due.amount_minor),
        ATTEMPTS.value_set(facts.attempts_made),
        NEXT_STEP_AT.value_unset() if isinstance(step, Hold) else NEXT_STEP_AT.value_set(step.at),
    ]
    return {update.key.name: update for update in updates}
