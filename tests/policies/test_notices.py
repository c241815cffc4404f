from datetime import UTC, datetime

from policies.keys import CustomerRef
from policies.notices import Notice

ON = datetime(2026, 3, 2, tzinfo=UTC)
NOTICE = Notice(
    notice_id="not_1",
    customer=CustomerRef(source="stripe", account="default", customer_id="cus_1"),
    template="card_expiring",
    on=ON,
    not_after=ON,
)


def test_a_notice_is_one_workflow_under_its_own_id() -> None:
    assert NOTICE.workflow_id == "notice/stripe/default/not_1"


def test_its_message_lies_under_the_invoice_it_is_about_else_under_itself() -> None:
    assert NOTICE.about.case_id == "stripe/default/not_1"
    assert NOTICE.model_copy(update={"invoice_id": "in_1"}).about.case_id == "stripe/default/in_1"
