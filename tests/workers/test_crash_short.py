"""The crash test in its short form, small enough for every run of the tests; `./dev soak` is the full one."""

from pathlib import Path

import pytest

from tests.soak.run import Ask
from tests.soak.soak import soak

ASK = Ask(cases=24, kills=4, dropped=0.1, last_blow_on_day=9)
"""Fewer cases have fewer charges, so more of them are dropped."""


@pytest.mark.timeout(240)
async def test_no_kill_and_no_lost_connection_charges_twice_breaks_a_rule_or_leaves_a_case_open(tmp_path: Path) -> None:
    report = await soak(tmp_path, ASK, lambda _: None)
    told = "\n".join(f"{name}: {figure}" for name, figure in report.figures())
    assert list(report.findings) == [], told
    assert report.kills == ASK.kills, told
    assert report.witness.histories >= ASK.cases, told
    assert report.witness.dropped_before > 0, told
    assert report.witness.dropped_after > 0, told
    print(told)
