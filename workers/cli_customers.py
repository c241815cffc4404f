"""`recoup customers`: people's data by hand. Talks to the database; the API need not run."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from activities.store.erasure import Erased
    from policies.keys import CustomerRef
    from workers.settings import Settings

customers = typer.Typer(name="customers", help="People's data.", no_args_is_help=True)


@customers.callback()
def _group() -> None:
    """Keeps its commands' names also while there is one."""


@customers.command()
def erase(
    source: Annotated[str, typer.Argument(help="The source that names the customer, such as stripe.")],
    account: Annotated[str, typer.Argument(help="The merchant account there.")],
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id there.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Forget a person: record, words, feed, devices, raw events. Proof of what was sent stays. Exit code 1 when events
    about them are still to be dealt with, or when the answer was no."""
    from workers.cli import _run, _settings

    erased = _run(_erased(_settings(), source, account, customer_id, yes))
    if erased is None:
        typer.echo("nothing was erased", err=True)
        raise typer.Exit(1)
    typer.echo(erased.model_dump_json(indent=2) if as_json else _told(erased))
    raise typer.Exit(1 if erased.bodies_kept else 0)


async def _erased(settings: "Settings", source: str, account: str, customer_id: str, yes: bool) -> "Erased | None":
    from datetime import UTC, datetime

    from activities.store.erasure import Erasure
    from workers.confirmation import confirmation
    from workers.opened_store import opened_store

    whom = _whom(source, account, customer_id).model_dump()
    question = "Forget {}/{}/{} for good? {{number}} of their cases are open.".format(*whom.values())
    confirm = confirmation(question, None, yes)
    async with opened_store(settings) as store:
        erasure = Erasure(store.pool)
        if not confirm(await erasure.open_cases(**whom)):
            return None
        return await erasure.erase_person(**whom, now=datetime.now(UTC))


def _whom(source: str, account: str, customer_id: str) -> "CustomerRef":
    """Raises Mistake."""
    from pydantic import ValidationError

    from api.errors import first_complaint
    from policies.keys import CustomerRef
    from workers.mistakes import Mistake

    try:
        return CustomerRef(source=source, account=account, customer_id=customer_id)
    except ValidationError as error:
        raise Mistake(first_complaint(error)) from None


def _told(erased: "Erased") -> str:
    lines = [
        "their record" if erased.known else "no record: there was none",
        f"the words of {erased.texts} messages (that and when they were sent stays)",
        f"{erased.feed_items} messages of the feed, {erased.devices} devices",
        f"the bytes of {erased.bodies} events",
    ]
    told = ["erased:", *(f"  {line}" for line in lines)]
    if erased.bodies_kept:
        told.append(
            f"{erased.bodies_kept} events about them wait or are dead letters and were kept: deal with them"
            " (`recoup dlq list --customer ID`), then erase again"
        )
    if erased.open_cases:
        told.append(
            f"{erased.open_cases} of their cases are open; they find no address any more and make tasks instead"
        )
    return "\n".join(told)
