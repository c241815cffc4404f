"""`recoup intake`: what comes in, and what became of it. What needs no server is here; commands that ask the database
are in `cli_intake_store.py`."""

from pathlib import Path
from typing import Annotated

import typer

from workers.cli_intake_store import add_commands

intake = typer.Typer(name="intake", help="What comes in, and what became of it.", no_args_is_help=True)
add_commands(intake)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Mapping = Annotated[Path, typer.Argument(help="A mapping: how a source without code is read.")]


@intake.command()
def normalize(
    source: Annotated[str | None, typer.Option(help="As in POST /webhooks/{source}; with --mapping its own.")] = None,
    account: Annotated[
        str | None, typer.Option(help="The merchant account; what an event says does not depend on it.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="Read the source by this mapping.")] = None,
    file: Annotated[Path | None, typer.Argument(help="The body of a delivery; - or left out: standard input.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Always so: a line of JSON for each event.")] = True,
) -> None:
    """Print what a delivery says in our words, a line of JSON for each event. Signatures are not checked."""
    from activities.sources.contract import Speaker
    from activities.sources.mapped.speaker import MappedSpeaker
    from workers.cli import _run, _settings
    from workers.intake_tools.normalize import body_of, known_speaker, normalized
    from workers.mappings import read_mapping
    from workers.mistakes import Mistake
    from workers.wiring import speakers_of

    async def speaker() -> Speaker:
        if mapping is None:
            if source is None:
                raise Mistake("whose delivery is it? write --source, such as --source stripe, or --mapping FILE")
            return known_speaker(source, speakers_of(_settings()))
        document = read_mapping(mapping).document
        if source not in (None, document.source):
            raise Mistake(f"{mapping} is for the source {document.source}, not {source}; leave --source out")
        return MappedSpeaker(document)

    async def told() -> None:
        for line in normalized(await speaker(), body_of(file)):
            typer.echo(line)

    _run(told())


@intake.command()
def lint(
    mappings: Annotated[list[Path], typer.Argument(help="Mappings: how sources without code are read.")],
    as_json: AsJson = False,
) -> None:
    """Name everything that is wrong with mappings, with file, line and column; exit code 1 when something is."""
    import json

    from policies.findings import DocumentError
    from workers.cli import _run
    from workers.mappings import mapped_speakers
    from workers.wiring import SPEAKERS

    async def findings() -> list[str]:
        try:
            speakers = mapped_speakers(mappings, SPEAKERS)
        except DocumentError as error:
            return str(error).splitlines()
        if not as_json:
            editions = ", ".join(speaker.document.edition for speaker in speakers.values())
            typer.echo(f"nothing to mend: {editions}")
        return []

    wrong = _run(findings())
    if as_json:
        typer.echo(json.dumps({"findings": wrong}, indent=2))
    for line in wrong if not as_json else ():
        typer.echo(line)
    raise typer.Exit(1 if wrong else 0)


@intake.command("test-mapping")
def try_mapping(
    mapping: Mapping,
    samples: Annotated[list[Path], typer.Argument(help="Bodies as the source sends them: files, or folders of them.")],
    as_json: AsJson = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 also when a rule took no sample, or no rule a sample.")
    ] = False,
) -> None:
    """Say what samples become, and which paths find nothing in any; exit code 1 then, or when one cannot be read."""
    from activities.sources.mapped.tried import tried_on
    from workers.cli import _run
    from workers.intake_tools import trial
    from workers.mappings import read_mapping

    async def tried() -> bool:
        read = read_mapping(mapping)
        found = tried_on(read.document, trial.samples_of(samples))
        typer.echo(trial.as_json(read, found) if as_json else trial.as_text(read, found))
        return trial.is_good(found, strict)

    raise typer.Exit(0 if _run(tried()) else 1)


@intake.command("mapping-schema")
def mapping_schema() -> None:
    """Print the JSON Schema of mappings, for editors."""
    import json

    from activities.sources.mapped.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
