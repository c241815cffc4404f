"""`recoup policy`: look at policies before they are let loose. What it does is in `policy_tools`; commands that reach
running cases are in `cli_running.py`."""

from pathlib import Path
from typing import Annotated

import typer

from workers.cli_running import add_commands

policy = typer.Typer(name="policy", help="Check, show, compare and preview policies.", no_args_is_help=True)
add_commands(policy)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Policy = Annotated[str | None, typer.Option("--policy", help="A file or a configured name; default: the one chosen.")]


@policy.command()
def lint(
    files: Annotated[
        list[Path] | None, typer.Argument(help="In order of choice; default: the configured ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Name everything that is wrong, with file, line and column; exit code 1 when something is."""
    import json

    from policies.load import PolicyError
    from workers.cli import _run, _settings
    from workers.wiring import read_policies

    async def findings() -> list[str]:
        try:
            loaded = read_policies(files or _settings().policies)
        except PolicyError as error:
            return str(error).splitlines()
        if not as_json:
            typer.echo(f"{len(loaded)} policies, nothing to mend: {', '.join(each.name for each in loaded)}")
        return []

    wrong = _run(findings())
    if as_json:
        typer.echo(json.dumps({"findings": wrong}, indent=2))
    for line in wrong if not as_json else ():
        typer.echo(line)
    raise typer.Exit(1 if wrong else 0)


@policy.command()
def show(
    name: Annotated[str | None, typer.Argument(help="A file or a configured name; left out: the list.")] = None,
    as_json: AsJson = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors.")] = False,
) -> None:
    """List the configured policies, or print one with every value."""
    import json

    from policies.document import PolicySnapshot
    from policies.load import json_schema
    from workers.cli import _run, _settings
    from workers.policy_tools.named import named_policy
    from workers.policy_tools.show import as_text, summary
    from workers.wiring import read_policies

    async def shown() -> str:
        if schema:
            return json.dumps(json_schema(), indent=2)
        configured = _settings().policies
        if name is None:
            documents = read_policies(configured)
            listed = [PolicySnapshot.of(each).model_dump(mode="json") for each in documents]
            return json.dumps(listed, indent=2) if as_json else "\n".join(summary(each) for each in documents)
        document = named_policy(name, configured)
        return PolicySnapshot.of(document).model_dump_json(indent=2) if as_json else as_text(document)

    typer.echo(_run(shown()))


@policy.command()
def diff(
    old: str,
    new: str,
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 when they differ.")] = False,
) -> None:
    """Compare two policies: field by field, and what it means for a case without funds."""
    from datetime import UTC, datetime

    from workers.cli import _run, _settings
    from workers.policy_tools.named import named_policy
    from workers.policy_tools.preview import Wanted, preview
    from workers.policy_tools.show import Comparison, compare, comparison_as_text

    async def compared() -> Comparison:
        one, other = (named_policy(each, _settings().policies) for each in (old, new))
        monday = datetime(2026, 3, 2, 10, tzinfo=UTC)
        before, after = (preview((each,), Wanted(), monday, named=True).timeline for each in (one, other))
        return compare(one, other, before, after, monday)

    found = _run(compared())
    typer.echo(found.model_dump_json(indent=2) if as_json else comparison_as_text(found))
    raise typer.Exit(1 if exit_code and (found.fields or found.timeline) else 0)


@policy.command("preview")
def preview_case(
    event: Annotated[Path | None, typer.Argument(help="A Stripe webhook of a failed payment, as JSON.")] = None,
    named: Policy = None,
    segment: str = "self_serve",
    gateway: str = "stripe",
    code: Annotated[
        str, typer.Option(help="In the gateway's own words; unknown: one that is in no table.")
    ] = "insufficient_funds",
    amount: str = "29.00",
    currency: str = "EUR",
    country: Annotated[str | None, typer.Option(help="ISO code of the customer's country, such as DE.")] = None,
    network: Annotated[str | None, typer.Option(help="visa, mastercard, ach, sepa ...")] = None,
    plan_interval: str = "month",
    risk: str = "one_off",
    tag: Annotated[list[str] | None, typer.Option(help="May be given more than once.")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA name; default: from the country.")] = None,
    at: Annotated[str | None, typer.Option(help="When the payment failed; default: now.")] = None,
    as_json: AsJson = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Also draw it into this file.")] = None,
) -> None:
    """Show the whole future of a case, should nothing help: which policy, then every step with its date and reason."""
    from policies.instruments import Network
    from policies.risk import RiskLevel
    from workers.cli import _run, _settings
    from workers.policy_tools import picture
    from workers.policy_tools.named import named_policy
    from workers.policy_tools.preview import Preview, Wanted, as_text, preview, wanted_of_event
    from workers.typed_words import at_or_now, known_code, known_country, known_currency, known_zone, one_of
    from workers.wiring import read_policies

    async def foreseen() -> Preview:
        wanted = Wanted(
            segment=segment,
            gateway=one_of("gateway", gateway),
            code=known_code(one_of("gateway", gateway), code),
            amount=amount,
            currency=known_currency(currency),
            country=known_country(country) if country else None,
            network=Network(one_of("network", network or "other")),
            plan_interval=one_of("plan interval", plan_interval),
            risk=RiskLevel(one_of("risk", risk)),
            tags=tuple(tag or ()),
            zone=known_zone(zone) if zone else None,
        )
        wanted = wanted_of_event(event, wanted) if event else wanted
        configured = _settings().policies
        documents = (named_policy(named, configured),) if named else read_policies(configured)
        seen = preview(documents, wanted, at_or_now(at), named=named is not None)
        if svg:
            picture.draw_into(svg, seen)
        return seen

    shown = _run(foreseen())
    typer.echo(shown.model_dump_json(indent=2) if as_json else as_text(shown))
