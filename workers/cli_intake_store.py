"""`recoup intake report` and `recoup intake replay`: their options. They ask the database; the API need not run."""

from typing import Annotated

import typer

Source = Annotated[str | None, typer.Option("--source", help="Only from this source.")]
Account = Annotated[str | None, typer.Option("--account", help="Only from this merchant account.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_commands(intake: typer.Typer) -> None:
    intake.command()(report)
    intake.command()(replay)


def report(
    source: Source = None,
    account: Account = None,
    since: Annotated[str | None, typer.Option(help="Only from then on, such as 2026-11-24T09:00:00Z.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what each rule of the profiles warned of and held back, and how much of it turned out to be good."""
    from workers.cli import _run, _settings
    from workers.intake_tools.stored import reported

    typer.echo(_run(reported(_settings(), source, account, since, as_json)))


def replay(
    since: Annotated[str, typer.Option(help="What came from then on, such as 2026-11-24T09:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="What came before that; default: now.")] = None,
    source: Source = None,
    account: Account = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have everything that was delivered or ignored delivered once more. What is known already changes nothing."""
    from workers.cli import _run, _settings
    from workers.intake_tools.stored import replayed

    typer.echo(_run(replayed(_settings(), since, until, source, account, yes, as_json)))
