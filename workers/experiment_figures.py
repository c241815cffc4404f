"""What `recoup messages experiments` says."""

import json
from collections.abc import Sequence
from io import StringIO
from itertools import groupby
from operator import attrgetter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from activities.store.experiments import Experiments
from policies.experiments import ENOUGH_CASES, Arm, Interval, Share, report
from workers.mistakes import Mistake
from workers.opened_store import opened_store
from workers.settings import Settings
from workers.typed_words import moment, quoted

HEADS = ("arm", "cases", "recovered", "95 % interval", "beside ordinary, points", "verdict", "complained", "opted out")
NO_TRIAL = "no closed case has heard a message that is tried"
WIDTH = 140


async def figures(
    settings: Settings, message: str | None, policy: str | None, since: str | None, until: str | None, as_json: bool
) -> str:
    began, ended = moment(since) if since else None, moment(until) if until else None
    if began and ended and began >= ended:
        raise Mistake(f"--since {quoted(str(since))} is not before --until; no message was due in that time")
    async with opened_store(settings) as store:
        arms = report(await Experiments(store.pool).tallies(message, policy, began, ended))
    if as_json:
        return json.dumps({"arms": [arm.model_dump(mode="json") for arm in arms]}, indent=2)
    return as_text(arms)


def as_text(arms: Sequence[Arm]) -> str:
    """A table for each message."""
    if not arms:
        return NO_TRIAL
    written = StringIO()
    paper = Console(file=written, width=WIDTH, color_system=None)
    for (policy, message), rows in groupby(arms, key=attrgetter("policy", "message")):
        table = Table(*HEADS, title=f"{message} (policy {policy})", title_justify="left", title_style="")
        for arm in rows:
            table.add_row(*(Text(cell) for cell in _cells(arm)))
        paper.print(table)
    paper.print(f"A verdict needs {ENOUGH_CASES} closed cases in both arms, and an interval that leaves zero out.")
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _cells(arm: Arm) -> tuple[str, ...]:
    recovered = arm.recovered
    return (
        arm.arm,
        str(arm.cases),
        _counted(recovered),
        f"{recovered.rate.low:.1%} to {recovered.rate.high:.1%}",
        _points(recovered.difference),
        recovered.verdict or "-",
        _with_verdict(arm.complained),
        _with_verdict(arm.opted_out),
    )


def _counted(share: Share) -> str:
    return f"{share.count} ({share.rate.value:.1%})"


def _points(difference: Interval | None) -> str:
    """Percentage points."""
    if difference is None:
        return "-"
    value, low, high = (f"{100 * each:+.1f}" for each in (difference.value, difference.low, difference.high))
    return f"{value} ({low} to {high})"


def _with_verdict(share: Share) -> str:
    return f"{_counted(share)}, {share.verdict}" if share.verdict in ("more", "less") else _counted(share)
