"""`recoup dlq`: dead letters by hand. Its options; what it does and says is in `dlq_tools.py`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from activities.store.dead_letters import Wanted
    from workers.dlq_tools import Doing

dlq = typer.Typer(name="dlq", help="Dead letters: events that could not become a fact.", no_args_is_help=True)

Source = Annotated[str | None, typer.Option("--source", help="Only from this source.")]
Account = Annotated[str | None, typer.Option("--account", help="Only from this merchant account.")]
Reason = Annotated[str | None, typer.Option("--reason", help="unreadable, gave_up, quarantined, refused ...")]
Rule = Annotated[str | None, typer.Option("--rule", help="Only those that this rule of a profile spoke of.")]
Text = Annotated[str | None, typer.Option("--text", help="Stands in the field or the detail.")]
Kind = Annotated[str | None, typer.Option("--kind", help="payment_failed, dispute_opened ...")]
OlderThan = Annotated[str | None, typer.Option("--older-than", help="Came first so long ago, such as 3d or 6h.")]
NewerThan = Annotated[str | None, typer.Option("--newer-than", help="Came first within so long, such as 3d or 6h.")]
Invoice = Annotated[str | None, typer.Option("--invoice", help="Only about this invoice.")]
Customer = Annotated[str | None, typer.Option("--customer", help="Only about this customer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True)
class Filter:
    """Which dead letters, as the options say."""

    source: str | None
    account: str | None
    reason: str | None
    rule: str | None
    text: str | None
    kind: str | None
    older_than: str | None
    newer_than: str | None
    invoice_id: str | None
    customer_id: str | None

    def wanted(self) -> "Wanted":
        from workers.dlq_tools import wanted_of

        return wanted_of({name: value for name, value in vars(self).items() if value is not None})


@dlq.command("list")
def list_letters(
    source: Source = None,
    account: Account = None,
    reason: Reason = None,
    rule: Rule = None,
    text: Text = None,
    kind: Kind = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    invoice: Invoice = None,
    customer: Customer = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many, the heaviest first.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on where a list ended; it says how.")] = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters by impact: sum at stake, weight of the segment, age."""
    from workers.cli import _run, _settings
    from workers.dlq_tools import listed

    chosen = Filter(source, account, reason, rule, text, kind, older_than, newer_than, invoice, customer)
    typer.echo(_run(listed(_settings(), chosen, limit, after, as_json)))


@dlq.command()
def show(
    letter: Annotated[str, typer.Argument(help="The id of a dead letter.")],
    raw: Annotated[bool, typer.Option("--raw", help="Show card numbers and e-mail addresses of the body.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a dead letter with its headers, its body and what people did to it."""
    from workers.cli import _run, _settings
    from workers.dlq_tools import shown

    typer.echo(_run(shown(_settings(), letter, raw, as_json)))


def _acting(act: str, says: str) -> Any:
    """The command of an act; the three have the same options."""

    def command(
        letters: Annotated[list[str] | None, typer.Argument(help="Ids; left out: those that the options fit.")] = None,
        *,
        why: Annotated[str, typer.Option("--why", help="Kept with your name; no names of customers.")],
        actor: Annotated[str | None, typer.Option(help="Who does it; default: your user name.")] = None,
        every: Annotated[bool, typer.Option("--every", help="Whatever they are.")] = False,
        source: Source = None,
        account: Account = None,
        reason: Reason = None,
        rule: Rule = None,
        text: Text = None,
        kind: Kind = None,
        older_than: OlderThan = None,
        newer_than: NewerThan = None,
        invoice: Invoice = None,
        customer: Customer = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the heaviest.")] = 10_000,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which it would be; do nothing.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
        as_json: AsJson = False,
    ) -> None:
        from workers.cli import _run, _settings
        from workers.dlq_tools import acted

        chosen = Filter(source, account, reason, rule, text, kind, older_than, newer_than, invoice, customer)
        doing = _doing(act, tuple(letters or ()), why, actor, every, limit, dry_run)
        done = _run(acted(_settings(), doing, chosen, yes))
        typer.echo(done.model_dump_json(indent=2) if as_json else done.as_text)
        raise typer.Exit(done.exit_code)

    command.__doc__ = says
    return command


def _doing(
    act: str, letters: tuple[str, ...], why: str, actor: str | None, every: bool, limit: int, dry_run: bool
) -> "Doing":
    from workers.dlq_tools import Doing

    return Doing(act=act, letters=letters, why=why, actor=actor, every=every, limit=limit, dry_run=dry_run)


for _act, _says in {
    "retry": "Try them again, after what was wrong was mended. Exit code 1 when some were left alone.",
    "release": "Let those through that a rule holds back: they are good. Exit code 1 when some were left alone.",
    "discard": "Take them off the list; they stay what they are. Exit code 1 when some were left alone.",
}.items():
    dlq.command(_act)(_acting(_act, _says))
