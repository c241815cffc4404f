"""The live table: every case in a row, the virtual day above it. Without a terminal, one line per act."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.common import TypedSearchAttributes

from policies.money import Money
from workers.demo.report import DemoReport
from workers.demo.stories import DemoStory
from workflows.search_attributes import ATTEMPTS, NEXT_STEP_AT, STATE

STYLES = {
    "recovered": "bold green",
    "written_off": "red",
    "cancelled": "yellow",
    "disputed": "red",
    "suspended": "red",
    "limited": "yellow",
    "on_hold": "magenta",
    "dispute_open": "magenta",
    "reconciling": "cyan",
}


class Row:
    """What the table shows of one case."""

    def __init__(self, story: DemoStory) -> None:
        self.story = story
        self.state = "opening"
        self.attempts = 0
        self.messages = 0
        self.last = story.says
        self.next = ""

    def learn(self, seen: TypedSearchAttributes) -> None:
        self.state = seen.get(STATE, self.state)
        self.attempts = seen.get(ATTEMPTS, 0)
        next_step_at = seen.get(NEXT_STEP_AT)
        self.next = f"{next_step_at:%d %b %H:%M}" if next_step_at else ""

    def read(self, letters: list[dict[str, Any]]) -> None:
        """`letters` of the case, newest first."""
        self.messages = len(letters)
        self.last = f"{letters[0]['channel']}: {letters[0]['subject']}" if letters else self.story.says

    def close(self, outcome: str, attempts: int, messages: int, because: str) -> None:
        self.state, self.attempts, self.messages, self.last, self.next = outcome, attempts, messages, because, ""


def draw(rows: list[Row], day: float, now: datetime) -> Table:
    table = Table(title=f"day {day:g} · {now:%A %d %B %Y}", title_justify="left", expand=True)
    for heading in ("story", "segment", "owed"):
        table.add_column(heading, no_wrap=True)
    table.add_column("state", no_wrap=True, min_width=12)
    table.add_column("tries", justify="right")
    table.add_column("words", justify="right")
    table.add_column("latest", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("next (UTC)", no_wrap=True, min_width=12)
    for row in rows:
        story, style = row.story, STYLES.get(row.state, "")
        owed = str(Money(amount_minor=story.amount_minor, currency=story.currency))
        state = f"[{style}]{row.state}[/]" if style else row.state
        table.add_row(story.name, story.segment, owed, state, str(row.attempts), str(row.messages), row.last, row.next)
    return table


def print_summary(console: Console, report: DemoReport) -> None:
    summary = report.summary
    money = ", ".join(str(Money(amount_minor=m, currency=c)) for c, m in summary.recovered_minor.items())
    console.print(f"\n[bold]{summary.as_expected} of {summary.cases} cases ended as their story says[/]")
    console.print(f"  recovered      {money}")
    console.print(f"                 {summary.recovered_cases} cases, {summary.recovered_share:.0%} of all")
    console.print(f"  days to it     {summary.median_days_to_recovery:g} (median)")
    console.print(f"  attempts       {summary.attempts}; charged twice: {summary.charged_twice}")
    console.print(f"  messages       {summary.messages}")
    console.print(f"  suspended      {summary.suspended}; given back: {summary.reinstated}")
    console.print(f"  time           {summary.virtual_days:g} virtual days in {summary.wall_seconds} s")
    for case in report.cases:
        if not case.as_expected:
            console.print(f"  [red]{case.story}: {'; '.join(case.complaints)}[/]")
