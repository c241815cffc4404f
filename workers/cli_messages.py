"""`recoup messages`: what is written to customers. Its options; each command imports what it needs when it runs."""

from typing import Annotated

import typer

messages = typer.Typer(
    name="messages", help="What is written to customers, and what it is worth.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@messages.callback()
def _group() -> None:
    """Keeps its commands' names also while there is one."""


@messages.command()
def experiments(
    message: Annotated[str | None, typer.Option("--message", help="Only the message of this name.")] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Only in the policy of this name.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was due from then, such as 2026-11-24T09:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only what was due before that.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what each variant and each holdout of a message came to, in closed cases, beside the ordinary message."""
    from workers.cli import _run, _settings
    from workers.experiment_figures import figures

    typer.echo(_run(figures(_settings(), message, policy, since, until, as_json)))
