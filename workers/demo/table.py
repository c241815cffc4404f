"""The live table: every case in a row, the virtual day above it. Without a terminal, one line per act."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from policies.money import Money
from workers.demo.report import DemoReport
from workers.demo.stories import DemoStory
from workflows.contracts import CaseStatus

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

    def learn(self, status: CaseStatus) -> None:
        self.state = status.state
        if status.facts:
            self.attempts, self.messages = status.facts.attempts_made, len(status.facts.messages)
        if status.timeline:
            self.last = status.timeline[-1].what
        self.next = f"{status.next_step_at:%d %b %H:%M}" if status.next_step_at else ""

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
