from datetime import UTC, datetime

import pytest

from workers.demo.stories import STORIES


@pytest.mark.parametrize(
    ("story", "began", "acts_on"),
    [
        ("lost_card", datetime(2026, 11, 25, 8, tzinfo=UTC), 16),
        ("lost_card", datetime(2026, 12, 10, 8, tzinfo=UTC), 26),
        ("lost_card", datetime(2026, 12, 19, 8, tzinfo=UTC), 17),
        ("enterprise_late", datetime(2026, 11, 14, 8, tzinfo=UTC), 52),
        ("pays_by_transfer", datetime(2026, 12, 18, 8, tzinfo=UTC), 10),
    ],
)
def test_who_acts_after_a_suspension_acts_later_where_nobody_is_suspended(
    story: str, began: datetime, acts_on: int
) -> None:
    told = next(each for each in STORIES if each.name == story)
    assert [day.day for day in told.days_from(began)] == [acts_on]
