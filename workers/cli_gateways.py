"""`recoup gateways`: whether each gateway works, and what each can do. Asks the database; the API need not run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.gateways import ShownHealth
    from workers.settings import Settings


gateways = typer.Typer(name="gateways", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@gateways.callback()
def state(context: typer.Context, as_json: AsJson = False) -> None:
    """Say how each gateway account, region and issuer is: state, share of failures, approvals, latency, next probe."""
    from workers.cli import _run, _settings

    if context.invoked_subcommand is None:
        typer.echo(_run(_told(_settings(), as_json)))


@gateways.command()
def matrix(
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print it as it stands in docs/gateways.")] = False,
) -> None:
    """Say what each gateway and each owner of invoices can do, side by side; needs no settings and asks nobody."""
    import json

    from workers import gateway_matrix as told

    if as_json:
        typer.echo(json.dumps(told.as_facts(), indent=2))
    elif as_markdown:
        typer.echo(told.as_markdown(), nl=False)
    else:
        typer.echo(f"{_columns(told.gateway_rows())}\n\n{_columns(told.owner_rows())}")


async def _told(settings: "Settings", as_json: bool) -> str:
    import json

    from api.gateways import worst_first
    from workers.opened_store import opened_store

    async with opened_store(settings) as store:
        shown = worst_first(await store.gateway_health.all(datetime.now(UTC)))
    if as_json:
        return json.dumps({"gateways": [each.model_dump(mode="json") for each in shown]}, indent=2)
    return _table(shown)


def _table(shown: "Sequence[ShownHealth]") -> str:
    if not shown:
        return "no gateway was called in the last day"
    heads = ("gateway", "of", "state", "since", "calls", "failed", "approved", "usually", "mean", "next probe", "why")
    return _columns([heads, *(_row(each) for each in shown)])


def _columns(rows: "Sequence[tuple[str, ...]]") -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(one: "ShownHealth") -> tuple[str, ...]:
    figures = one.figures
    scope = f"{one.scope} {one.name}" if one.name else "all"
    cells = (
        f"{one.gateway}/{one.account}",
        scope,
        one.state,
        _moment(one.since),
        str(figures.calls),
        f"{figures.failure_share:.0%}",
        _share(figures.approval_rate),
        _share(figures.usual_approval_rate),
        f"{figures.mean_seconds:.1f} s",
        _moment(one.next_probe_at),
        one.because,
    )
    # Gateways name issuers, and terminals obey control characters.
    return tuple("".join(sign if sign.isprintable() else "\ufffd" for sign in cell) for cell in cells)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
