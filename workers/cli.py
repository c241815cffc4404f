"""The command line. Imports what a command needs when it runs, so that `--help` answers at once."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workers.cli_customers import customers
from workers.cli_dlq import dlq
from workers.cli_gateways import gateways
from workers.cli_intake import intake
from workers.cli_messages import messages
from workers.cli_policy import policy
from workers.cli_rules import declines, network
from workers.discreet_logs import log_to_stderr

app = typer.Typer(
    name="recoup",
    help="Recovers failed recurring payments: one durable Temporal workflow per failed invoice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(intake)
app.add_typer(dlq)
app.add_typer(policy)
app.add_typer(declines)
app.add_typer(network)
app.add_typer(gateways)
app.add_typer(messages)
app.add_typer(customers)

DataFolder = Annotated[Path | None, typer.Option("--data", help="Where all state lives; default: your data directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Default: last time's, else the usual, else a free one.")
]


@app.command()
def up(
    data: DataFolder = None,
    api_port: Port = None,
    sandbox_port: Port = None,
    temporal_port: Port = None,
    temporal_ui_port: Port = None,
) -> None:
    """Start the whole system on embedded defaults; Ctrl-C stops it, the state stays."""
    from workers.up import run_up

    ports = {"api": api_port, "sandbox": sandbox_port, "temporal": temporal_port, "temporal_ui": temporal_ui_port}
    _run(run_up(data or _default_folder(), ports))


@app.command()
def api() -> None:
    """Start the HTTP API against external services (settings: RECOUP_...)."""
    from workers.servers import run_api

    _serve("api", run_api, _quicker_loop())


@app.command()
def worker() -> None:
    """Start a worker: workflows, activities and a relay (settings: RECOUP_...)."""
    from workers.worker import run_worker

    _serve("worker", run_worker, _quicker_loop())


@app.command()
def sandbox() -> None:
    """Start the sandbox: a stand-in for billing, gateway, channels and access."""
    from workers.servers import run_sandbox

    _serve("sandbox", run_sandbox)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is reachable and what is misconfigured; exit code 1 when something has failed."""
    import json

    from workers.doctor import examine

    findings = _run(examine(_settings()))
    if as_json:
        typer.echo(json.dumps([finding.model_dump() for finding in findings], indent=2))
    else:
        for finding in findings:
            way_out = f"\n           -> {finding.way_out}" if finding.way_out else ""
            typer.echo(f"{finding.status:<8} {finding.what:<26} {finding.says}{way_out}")
    raise typer.Exit(1 if any(finding.status == "failed" for finding in findings) else 0)


@app.command()
def demo(
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the facts as JSON to this file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Default: a new temporary folder.")] = None,
    stories: Annotated[
        list[str] | None, typer.Option("--story", help="Only these; may be given more than once.")
    ] = None,
) -> None:
    """Walk failed invoices through their weeks, with time skipping; exit code 0 when all end as their story says."""
    from workers.demo.run import run_demo

    raise typer.Exit(_run(run_demo(json_file, keep, data, stories or [])))


def _quicker_loop() -> Any:
    """What does nothing but wait for others and answer does a tenth more with it; None where there is none."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _serve(name: str, serve: Any, loop_factory: Any = None) -> None:
    settings = _settings()
    log_to_stderr(settings.log_level, f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s")
    _run(serve(settings), loop_factory)


def _settings() -> Any:
    """Exits with 2 and one sentence per wrong setting."""
    from pydantic import ValidationError

    from workers.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for wrong in error.errors(include_input=False):
            name = "RECOUP_" + "__".join(str(part) for part in wrong["loc"]).upper()
            typer.echo(f"recoup: {name}: {wrong['msg'].removeprefix('Value error, ')}", err=True)
    except Exception as error:
        # pydantic-settings raises its own error when a variable that should hold JSON does not.
        said = re.sub(r'field "(\w+)"', lambda found: f"RECOUP_{found[1].upper()}", str(error))
        typer.echo(f"recoup: {said}: {error.__cause__ or ''}", err=True)
    raise typer.Exit(2)


def _run(what: Any, loop_factory: Any = None) -> Any:
    """A coroutine, to its end."""

    def in_a_loop() -> Any:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_and_leave(what))

    return _tried(in_a_loop)


def _tried(work: Any) -> Any:
    """Known mistakes end in one sentence and exit code 2, Ctrl-C in 130."""
    from activities.store.database import MigrationChanged
    from policies.findings import DocumentError
    from workers.mistakes import Mistake

    try:
        return work()
    except (DocumentError, MigrationChanged, Mistake, OSError) as error:
        # OSError: a file that is not there, a port in use, a server that cannot be reached; the text names it.
        typer.echo(f"recoup: {str(error) or type(error).__name__}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _and_leave(what: Any) -> Any:
    """The last thing in the loop is a pause: see LAST_CALL_PAUSE_SECONDS."""
    from workers.temporal import leave

    try:
        return await what
    finally:
        await leave()


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("recoup"))


def main() -> None:
    app()
    sys.exit(0)
