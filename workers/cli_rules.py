"""`recoup declines` and `recoup network`: ask the tables and the rules by hand."""

from pathlib import Path
from typing import Annotated

import typer

declines = typer.Typer(name="declines", help="What a refusal means.", no_args_is_help=True)
network = typer.Typer(name="network", help="What the networks allow.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
NetworkName = Annotated[str, typer.Option("--network", help="visa, mastercard, amex, ach, sepa, bacs ...")]
InitiatorName = Annotated[str, typer.Option("--initiator", help="merchant or customer.")]


@declines.command()
def classify(
    code: Annotated[str, typer.Option(help="In the gateway's own words.")],
    gateway: Annotated[str, typer.Option(help="stripe, adyen, braintree, paypal, gocardless, or a scheme.")] = "stripe",
    network_name: NetworkName = "other",
    network_code: Annotated[str | None, typer.Option(help="The scheme's code, such as 51 or R01.")] = None,
    advice: Annotated[str | None, typer.Option(help="Merchant advice code, Visa category or Stripe's advice.")] = None,
    payment_type: str = "card",
    initiator: InitiatorName = "merchant",
    as_json: AsJson = False,
) -> None:
    """Say what a refusal means, and which row of which table decided."""
    import json

    from policies.declines import Decline, in_tables
    from policies.declines import classify as classified
    from policies.instruments import Initiator, Network, PaymentType
    from workers.cli import _run
    from workers.typed_words import not_in_tables, one_of

    async def found() -> Decline:
        return classified(
            one_of("gateway", gateway),
            code,
            network_code,
            advice,
            network=Network(one_of("network", network_name)),
            payment_type=PaymentType(one_of("payment type", payment_type)),
            initiator=Initiator(one_of("initiator", initiator)),
        )

    decline = _run(found())
    said = decline.model_dump(mode="json")
    keys = ("category", "retryable", "customer_action", "fraud_signal", "earliest_retry", "decided_by")
    answer = {key: said[key] for key in keys}
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        answer["earliest_retry"] = (
            f"{decline.earliest_retry} after the attempt" if decline.earliest_retry else "any time"
        )
        typer.echo("\n".join(f"{key:<16} {value}" for key, value in answer.items()))
    if not in_tables(decline.gateway, code):
        typer.echo(f"recoup: {not_in_tables(decline.gateway, code)}", err=True)


@declines.command("list")
def list_codes(
    gateway: Annotated[str | None, typer.Option(help="Only codes of this gateway or scheme.")] = None,
    category: Annotated[str | None, typer.Option(help="Only codes of this category.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the codes of the tables with what each leads to."""
    import json

    from pydantic_core import to_jsonable_python

    from policies.declines import GATEWAY_TABLES, Row, all_rows
    from workers.cli import _run
    from workers.typed_words import one_of

    async def wanted() -> list[Row]:
        tables = GATEWAY_TABLES[one_of("gateway", gateway)] if gateway else None
        only = one_of("category", category) if category else None
        return [row for row in all_rows() if (not tables or row.table in tables) and (not only or row.category == only)]

    rows = _run(wanted())
    if as_json:
        typer.echo(json.dumps(to_jsonable_python([row._asdict() for row in rows]), indent=2))
        return
    for row in rows:
        mark = " (unverified)" if row.unverified else ""
        typer.echo(f"{row.table:<28} {row.code:<40} {row.category:<24} {row.retryable:<22} {row.name}{mark}")


@declines.command()
def unknown(as_json: AsJson = False) -> None:
    """List the codes that came and stand in no table, the most frequent first."""
    import json

    from activities.store.declines import UnknownCode
    from workers.cli import _run, _settings
    from workers.opened_store import opened_store

    async def seen() -> list[UnknownCode]:
        async with opened_store(_settings()) as store:
            return await store.declines.unknown()

    codes = _run(seen())
    if as_json:
        typer.echo(json.dumps([code.model_dump(mode="json") for code in codes], indent=2))
    elif not codes:
        typer.echo("every code that came stands in a table")
    for code in () if as_json else codes:
        beside = " ".join(filter(None, (code.network_code, code.advice_code)))
        typer.echo(
            f"{code.times:>7}  {code.gateway:<14} {code.code:<40} {beside:<10} last {code.last_seen:%Y-%m-%d %H:%M}"
        )


@network.command()
def check(
    credential_history: Annotated[Path, typer.Option(help="JSON list of the attempts on one credential.")],
    at: Annotated[str, typer.Option(help="When the next attempt would be, such as 2026-11-24T09:00:00Z.")],
    network_name: NetworkName = "other",
    region: Annotated[str | None, typer.Option(help="ISO code of the issuer's country.")] = None,
    amount_minor: Annotated[int, typer.Option(min=1, help="In the currency's smallest unit.")] = 2900,
    currency: str = "EUR",
    acceptor: str = "",
    claim: Annotated[str | None, typer.Option(help="Whose invoice it is; re-presentments count per claim.")] = None,
    initiator: InitiatorName = "merchant",
    as_json: AsJson = False,
) -> None:
    """Say whether one more attempt is allowed; exit code 1 when it is refused."""
    from policies.instruments import Initiator, Network
    from policies.money import Money
    from policies.network_rules import Allowed, ProposedAttempt, Refused, may_attempt
    from workers.cli import _run
    from workers.credential_history import read_history
    from workers.typed_words import known_country, known_currency, moment, one_of

    async def asked() -> Allowed | Refused:
        its_network = Network(one_of("network", network_name))
        ledger = read_history(credential_history, its_network)
        proposed = ProposedAttempt(
            credential_id="asked",
            amount=Money(amount_minor=amount_minor, currency=known_currency(currency)),
            network=its_network,
            region=known_country(region) if region else None,
            acceptor=acceptor,
            claim=claim,
            initiator=Initiator(one_of("initiator", initiator)),
        )
        return may_attempt(ledger, proposed, moment(at))

    verdict = _run(asked())
    if as_json:
        typer.echo(verdict.model_dump_json(indent=2))
    elif isinstance(verdict, Allowed):
        typer.echo(f"allowed: {verdict.budget} left")
    else:
        free = f"free again {verdict.free_at:%Y-%m-%d %H:%M} UTC" if verdict.free_at else "never again"
        typer.echo(f"refused: {verdict.rule} ({verdict.rule_id}); {free}")
    raise typer.Exit(0 if isinstance(verdict, Allowed) else 1)
