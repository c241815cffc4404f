"""Runs the demo: start the stack, let payments fail, walk the days, let people act, compare with the stories."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live

from policies.events import CloseOutcome
from policies.facts import AccessLevel
from workers.demo.clock import Clock
from workers.demo.report import CaseReport, DemoReport, summarise
from workers.demo.stories import LAST_DAY, STORIES, DemoStory
from workers.demo.table import Row, draw, print_summary
from workers.demo.world import DemoWorld
from workers.embedded.stack import Stack, running_stack
from workers.mistakes import Mistake
from workers.shutdown import stop_on_signals
from workers.temporal import connect
from workers.up import say, what_runs

NEWS_WITHIN_SECONDS = 90
"""A worker that was killed is missed for as long as a lease lasts; a case that is stuck shows by then."""


class UnknownStory(Mistake):
    """A story was asked for that there is not."""


async def run_demo(json_file: Path | None, keep: bool, data: Path | None, names: Sequence[str]) -> int:
    """0 when every case ended as its story says, else 1. Raises UnknownStory and what `running_stack` raises."""
    stories, console = _chosen(names), Console()
    folder = data or Path(tempfile.mkdtemp(prefix="recoup-"))
    ports: dict[str, int | None] = {}
    try:
        async with running_stack(folder, ports, say) as stack:
            report = await walk(stack, stories, console)
            print_summary(console, report)
            if json_file:
                json_file.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
            if keep:
                stop = stop_on_signals()
                console.print(what_runs(stack), soft_wrap=True)
                await stop.wait()
            else:
                closer = "  look closer    ./dev demo --keep leaves the Temporal UI, API and outbox running\n"
                console.print(closer, soft_wrap=True)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if report.summary.as_expected == report.summary.cases else 1


async def walk(stack: Stack, stories: Sequence[DemoStory], console: Console) -> DemoReport:
    """The stories told on a running stack; used by the crash test as well."""
    client = await connect(stack.settings())
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        began = time.monotonic()
        walker = Walker(stories, DemoWorld(stack, session, f"{int(time.time()):x}"), Clock(client, datetime.now(UTC)))
        await walker.fail_all()
        await walk_and_show(walker, console)
        return await walker.report(time.monotonic() - began)


async def walk_and_show(walker: "Walker", console: Console) -> None:
    """A live table on a terminal; elsewhere only the summary is worth printing."""
    if not console.is_terminal:
        await walker.walk(None)
        return
    with Live(console=console, auto_refresh=False) as live:
        await walker.walk(lambda day: live.update(draw(walker.rows, day, walker.clock.now), refresh=True))


class Walker:
    def __init__(self, stories: Sequence[DemoStory], world: DemoWorld, clock: Clock) -> None:
        self._stories = {world.case_of(story).workflow_id: story for story in stories}
        self._rows = {workflow_id: Row(story) for workflow_id, story in self._stories.items()}
        self._days = {workflow_id: story.days_from(clock.started) for workflow_id, story in self._stories.items()}
        self._open = set(self._stories)
        self._world = world
        self.clock = clock

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    async def fail_all(self) -> None:
        await asyncio.gather(*(self._world.fail(story) for story in self._stories.values()))
        await asyncio.gather(*(self._until_at_rest(workflow_id, 0) for workflow_id in self._stories))

    async def walk(self, show: Callable[[float], None] | None) -> None:
        """Day by day, and whenever somebody acts; ends early when every case has ended. `show` gets the day."""
        for day in self._moments():
            await self._close_rows(await self.clock.advance(sorted(self._open), day))
            await asyncio.gather(*(self._act_on(workflow_id, day) for workflow_id in sorted(self._open)))
            if show:
                await self._look_around()
                show(day)
            if not self._open:
                return

    async def report(self, wall_seconds: float) -> DemoReport:
        cases = await asyncio.gather(*(self._report_on(w, s) for w, s in self._stories.items()))
        twice = await asyncio.gather(*(self._charged_twice(story) for story in self._stories.values()))
        return DemoReport(cases=tuple(cases), summary=summarise(tuple(cases), sum(twice), wall_seconds))

    def _moments(self) -> list[float]:
        acts = {due.day for days in self._days.values() for due in days}
        return sorted(acts | {float(day) for day in range(1, LAST_DAY + 1)})

    async def _act_on(self, workflow_id: str, day: float) -> None:
        story = self._stories[workflow_id]
        for due in self._days[workflow_id]:
            if due.day == day and await self.clock.is_open(workflow_id):
                before = await self._until_at_rest(workflow_id, 0)
                await self._world.act(story, due.act, self.clock.time_of(workflow_id))
                await self._until_at_rest(workflow_id, before)

    async def _until_at_rest(self, workflow_id: str, events_before: int) -> int:
        """The case has taken note when its history grew and nothing is left to do now; returns the history's length."""
        async with asyncio.timeout(NEWS_WITHIN_SECONDS):
            while True:
                events = await self.clock.at_rest(workflow_id)
                if events is not None and events > events_before:
                    return events
                await asyncio.sleep(0.05)

    async def _look_around(self) -> None:
        async for seen in self.clock.seen_from_outside():
            if seen.workflow_id in self._open:
                self._rows[seen.workflow_id].learn(seen.attributes)
        for workflow_id, letters in (await self._world.letters()).items():
            if workflow_id in self._open:
                self._rows[workflow_id].read(letters)

    async def _close_rows(self, ended: set[str]) -> None:
        for workflow_id in ended:
            closed = await self._world.closed_case(self._stories[workflow_id])
            row = self._rows[workflow_id]
            row.close(closed["outcome"], closed["attempts"], closed["messages"], closed["because"])
            self._open.discard(workflow_id)

    async def _report_on(self, workflow_id: str, story: DemoStory) -> CaseReport:
        closed = await self._world.closed_case(story)
        charges, access = await self._world.charges(story), await self._world.access_levels(story)
        outcome = CloseOutcome(closed["outcome"]) if closed.get("outcome") else None
        complaints = _complaints(story, outcome, len(charges), access)
        days = 0.0
        if outcome:
            lasted = datetime.fromisoformat(closed["closed_at"]) - datetime.fromisoformat(closed["opened_at"])
            days = round(lasted.total_seconds() / 86400, 1)
        return CaseReport(
            case_id=self._world.case_of(story).case_id,
            workflow_id=workflow_id,
            story=story.name,
            segment=story.segment,
            expected=story.expected,
            outcome=outcome,
            as_expected=not complaints,
            complaints=complaints,
            amount_minor=story.amount_minor,
            currency=story.currency,
            attempts=closed.get("attempts") or 0,
            messages=closed.get("messages") or 0,
            virtual_days=days,
            charges=len(charges),
            access=access,
        )

    async def _charged_twice(self, story: DemoStory) -> bool:
        succeeded = [charge for charge in await self._world.charges(story) if charge["status"] == "succeeded"]
        return len(succeeded) > 1


def _complaints(
    story: DemoStory, outcome: CloseOutcome | None, charges: int, access: tuple[str, ...]
) -> tuple[str, ...]:
    """What did not go as the story says."""
    found = []
    if outcome is not story.expected:
        found.append(f"ended as {outcome.value if outcome else 'still open'}, expected {story.expected.value}")
    if charges > story.charges_at_most:
        found.append(f"{charges} charges at the gateway, at most {story.charges_at_most} expected")
    furthest = next((level for level in ("suspended", "limited") if level in access), None)
    wanted = story.reaches.value if story.reaches else None
    if furthest != wanted:
        found.append(f"access came to {furthest or 'no change'}, expected {wanted or 'no change'}")
    if story.reaches and story.expected is CloseOutcome.RECOVERED and access[-1:] != (AccessLevel.FULL.value,):
        found.append("service was not given back")
    return tuple(found)


def _chosen(names: Sequence[str]) -> list[DemoStory]:
    known = {story.name: story for story in STORIES}
    for name in names:
        if name not in known:
            raise UnknownStory(f"there is no story {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(STORIES)
