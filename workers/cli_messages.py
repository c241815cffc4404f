"""`recoup messages`: what is written to customers. Its options; each command imports what it needs when it runs."""

from pathlib import Path
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


@messages.command()
def preview(
    template: Annotated[str, typer.Option(help="Such as payment_failed.")] = "payment_failed",
    locale: Annotated[str, typer.Option(help="Such as de, pt_BR or ar.")] = "en",
    channel: Annotated[str, typer.Option(help="email, sms, push, in_app or webhook.")] = "email",
    wording: Annotated[str | None, typer.Option(help="Another wording of yours.")] = None,
    others: Annotated[int, typer.Option(help="How many other invoices are open.", min=0, max=20)] = 0,
    html: Annotated[Path | None, typer.Option(help="Write the HTML of the mail there.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write a picture of the mail there; needs Chromium.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one message as it would be sent, with made-up facts, in the merchant's brand."""
    from workers.cli import _settings, _tried
    from workers.message_tools.preview import Ask, shown

    ask = Ask(template, locale, channel, wording, others)
    typer.echo(_tried(lambda: shown(_settings(), ask, as_json, html, png)))


@messages.command()
def lint() -> None:
    """Check every template in every language, and that the wordings which policies name exist."""
    from workers.cli import _settings, _tried
    from workers.message_tools.lint import linted

    typer.echo(_tried(lambda: linted(_settings())))


@messages.command()
def gallery(
    folder: Annotated[Path, typer.Option("--out", help="Folder for one page per language.")] = Path("messages"),
) -> None:
    """Write all messages in all languages as pages to look at."""
    from workers.cli import _settings, _tried
    from workers.message_tools.gallery import write_gallery
    from workers.wiring import make_renderer

    for page in _tried(lambda: write_gallery(make_renderer(_settings()), folder)):
        typer.echo(page)


@messages.command()
def vapid() -> None:
    """Make a new key pair for web push; the private one goes into RECOUP_CHANNELS."""
    from activities.channels.web_push import new_vapid_key

    private, public = new_vapid_key()
    typer.echo(f"vapid_private_key  {private}\npublic key         {public}")
