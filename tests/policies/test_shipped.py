"""What the shipped policies promise, each to its kind of customer.

Bank debits: two re-presentments (Nacha 2.12.4; for SEPA and Bacs our own guard) and three bank days between, as our own
study of 2026-11-22 proposes. Notice before service is taken: from the same study, three days for people, a week for
businesses and annual plans.
"""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from policies.calendars.business_days import is_business_day
from policies.document import PolicyDocument
from policies.instruments import Network
from tests.policies.timeline import ANNUAL, B2B_INVOICE, BANK_DEBIT, ENTERPRISE, LOW_VALUE, PREMIUM, SELF_SERVE

DAY = timedelta(days=1)
WEEK = 7 * DAY
MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize("weekday", range(7))
def test_a_direct_debit_is_presented_again_twice_at_most_and_three_bank_days_apart(weekday: int) -> None:
    failed, retries = MONDAY + weekday * DAY, BANK_DEBIT.retries
    presented = [failed, *[failed + rung for rung in retries.ladder]]
    assert len(retries.ladder) == 2
    assert retries.business_days
    assert retries.ladder[-1] < 180 * DAY
    for earlier, later in pairwise(presented):
        between = [earlier + n * DAY for n in range(1, (later - earlier).days + 1)]
        assert sum(is_business_day(day, "US", rail=Network.ACH) for day in between) >= 3
    again = [MONDAY + (weekday + n) * DAY for n in range(1, retries.gap.days + 1)]
    assert sum(is_business_day(day, "US", rail=Network.ACH) for day in again) >= 3


def test_a_payer_by_direct_debit_is_told_each_time() -> None:
    told = [message.failures for message in BANK_DEBIT.messages]
    assert told == list(range(1, len(BANK_DEBIT.retries.ladder) + 2))


@pytest.mark.parametrize(
    ("document", "notice"),
    [(SELF_SERVE, 3 * DAY), (LOW_VALUE, 3 * DAY), (ANNUAL, WEEK), (B2B_INVOICE, WEEK), (ENTERPRISE, WEEK)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_warning_comes_in_time_before_suspension(document: PolicyDocument, notice: timedelta) -> None:
    assert document.suspend is not None
    warnings = [message.after for message in document.messages if message.template in ("warning", "final_notice")]
    assert any(after and document.suspend.after and after + notice <= document.suspend.after for after in warnings)


@pytest.mark.parametrize(
    ("document", "notice"),
    [(ANNUAL, WEEK), (B2B_INVOICE, WEEK)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_warning_comes_a_week_before_limits_where_much_is_at_stake(
    document: PolicyDocument, notice: timedelta
) -> None:
    assert document.limit is not None
    warnings = [message.after for message in document.messages if message.template in ("warning", "final_notice")]
    assert any(after and document.limit.after and after + notice <= document.limit.after for after in warnings)


def test_contract_customers_have_extended_grace_and_a_named_contact() -> None:
    for document in (ENTERPRISE, PREMIUM):
        assert document.grace > SELF_SERVE.grace
        assert document.escalate is not None
        assert document.escalate.to == "support_contact"


def test_contracts_are_charged_first_in_a_backlog_and_small_sums_last() -> None:
    much_at_stake = {document.priority for document in (PREMIUM, B2B_INVOICE, ANNUAL)}
    assert much_at_stake == {2}
    assert ENTERPRISE.priority < 2 < BANK_DEBIT.priority < SELF_SERVE.priority < LOW_VALUE.priority
