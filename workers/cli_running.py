"""`recoup policy impact` and `recoup policy migrate`: their options and words. What they do is in `policy_tools`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workers.confirmation import confirmation

if TYPE_CHECKING:
    from activities.store.cases import Selection
    from policies.document import PolicySnapshot
    from workers.policy_tools.impact import ImpactReport
    from workers.policy_tools.migrate import MigrateReport, Told
    from workers.settings import Settings

New = Annotated[str, typer.Argument(metavar="NEW", help="A policy file, or the name of a configured policy.")]
Held = Annotated[
    str | None,
    typer.Option("--from", metavar="NAME[@VERSION]", help="Cases under this policy; default: under one of NEW's name."),
]
Every = Annotated[bool, typer.Option("--every", help="Cases under any policy.")]
Segment = Annotated[str | None, typer.Option("--segment", help="Only cases of customers of this segment.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only so many, in the order of their ids.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True)
class Which:
    """Which running cases, as the options say."""

    held: str | None
    every: bool
    segment: str | None

    def of(self, new: "PolicySnapshot") -> "Selection":
        from workers.policy_tools.running_cases import selection

        return selection(new, self.held, self.segment, self.every)


def add_commands(policy: typer.Typer) -> None:
    policy.command()(impact)
    policy.command()(migrate)


def impact(
    new: New,
    held: Held = None,
    every: Every = False,
    segment: Segment = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Say which running cases another policy would change, and how. Changes nothing."""
    from workers.cli import _run, _settings
    from workers.policy_tools.impact_text import as_text

    report = _run(_look(_settings(), new, Which(held, every, segment), limit))
    typer.echo(report.model_dump_json(indent=2) if as_json else as_text(report))


def migrate(
    new: New,
    reason: Annotated[str, typer.Option(help="Why; stands in the history of every case, so no names.")],
    actor: Annotated[str, typer.Option(help="Who moves them.")],
    held: Held = None,
    every: Every = False,
    segment: Segment = None,
    limit: Limit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; move nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move running cases to another policy; refused cases stay. Exit code 1 when some could not be reached."""
    from workers.cli import _run, _settings
    from workers.policy_tools.migrate import as_text, told

    async def moved(settings: "Settings") -> "MigrateReport":
        return await _move(settings, new, told(actor, reason), Which(held, every, segment), limit, dry_run, yes)

    report = _run(moved(_settings()))
    typer.echo(report.model_dump_json(indent=2) if as_json else as_text(report))
    raise typer.Exit(report.exit_code)


async def _look(settings: "Settings", named: str, which: Which, limit: int | None) -> "ImpactReport":
    from workers.policy_tools import impact
    from workers.policy_tools.running_cases import reached

    new = _snapshot(settings, named)
    chosen = which.of(new)
    async with reached(settings) as reach:
        return await impact.impact(reach, new, chosen, datetime.now(UTC), limit)


async def _move(
    settings: "Settings", named: str, by: "Told", which: Which, limit: int | None, dry_run: bool, yes: bool
) -> "MigrateReport":
    from workers.policy_tools import migrate
    from workers.policy_tools.running_cases import reached

    new = _snapshot(settings, named)
    chosen, confirm = which.of(new), _confirmation(new.document.edition, yes or dry_run)
    async with reached(settings) as reach:
        return await migrate.migrate(reach, new, chosen, by, limit, dry_run, confirm)


def _snapshot(settings: "Settings", named: str) -> "PolicySnapshot":
    from policies.document import PolicySnapshot
    from workers.policy_tools.named import named_policy

    return PolicySnapshot.of(named_policy(named, settings.policies))


def _confirmation(edition: str, yes: bool) -> Callable[[int], bool]:
    return confirmation(f"Move {{number}} running cases to {edition}?", "recoup policy impact", yes)
