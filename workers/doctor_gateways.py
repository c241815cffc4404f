"""What `recoup doctor` says of gateways, owners and routes. All it asks of them is readings that move nothing."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

import aiohttp

from activities.adapters import Adapters
from activities.errors import Misconfigured, OutsideError
from activities.gateways.accounts import SandboxAccount
from activities.routes import Routes
from workers.finding import Finding
from workers.settings import Settings
from workers.wiring import make_adapters

PATIENCE_SECONDS = 5.0
NOBODY = "recoup-doctor"
"""A customer whom no gateway has; each answers that it has none, or no ways to pay of theirs."""


async def examine_gateways(settings: Settings) -> list[Finding]:
    """The sandbox has a finding of its own."""
    settings = _impatient(settings)
    async with aiohttp.ClientSession() as session:
        adapters = make_adapters(settings, session)
        try:
            real = [name for name, one in settings.gateway_accounts().items() if not isinstance(one, SandboxAccount)]
            reached = [_answers(f"gateway {name}", adapters.gateways[name].payment_methods(NOBODY)) for name in real]
            reached += [
                _answers(f"owner {name}", adapters.owners[name].customer(NOBODY)) for name in settings.merchant_owners
            ]
            sending = [f"{source}/{account}" for source, account in settings.places_that_send()]
            idle = _idle(settings, adapters.routes, sending)
            lacking = list(_lacking_on_the_page(settings))
            return [*await asyncio.gather(*reached), *lacking, *examine_routes(adapters, sending, idle)]
        finally:
            adapters.close()


def examine_routes(adapters: Adapters, sending: Iterable[str] = (), idle: Iterable[str] = ()) -> list[Finding]:
    """Whether what is said of owners and routes can come true. `sending`: places whose events we can check."""
    found = [_owner(adapters, place) for place in sorted({*adapters.routes.owners, *sending})]
    found += [_route(adapters, place, name) for place, name in sorted(adapters.routes.named())]
    for name in idle:
        says = f"{name} is set up, and nobody whose webhooks we can check is owned or collected by it"
        way_out = f"give {name} a secret in RECOUP_WEBHOOK_SECRETS, or name it in RECOUP_OWNERS or RECOUP_ROUTES"
        found.append(Finding(what="owners", status="warning", says=says, way_out=way_out))
    return [finding for finding in found if finding]


def _lacking_on_the_page(settings: Settings) -> Iterator[Finding]:
    """Charges go without; customers find no way to give a new card there. Without a key for links there is no page."""
    for name, account in settings.gateways.items():
        if settings.link_keys and account.page_lacks:
            missing = ", ".join(account.page_lacks)
            says = f"customers cannot give a way to pay of {name} on their page: it lacks {missing}"
            yield Finding(
                what="page", status="warning", says=says, way_out=f"set {missing} of {name} in RECOUP_GATEWAYS"
            )


def _owner(adapters: Adapters, place: str) -> Finding | None:
    source, _, account = place.partition("/")
    try:
        adapters.owner_of(source, account)
    except Misconfigured as error:
        way_out = f'say in RECOUP_OWNERS who owns the invoices of "{place}"'
        return Finding(what="owners", status="failed", says=f"{place}: {error}", way_out=way_out)
    return None


def _route(adapters: Adapters, place: str, name: str) -> Finding | None:
    """A gateway that does not own what it collects must take the money of others, and the owner be able to book it."""
    source, _, account = place.partition("/")
    try:
        owner = adapters.routes.owner_of(source, account)
    except Misconfigured as error:
        return Finding(what="routes", status="failed", says=f"{place}: {error}", way_out="name one in RECOUP_OWNERS")
    if owner == name:
        return None
    if not adapters.gateway(name).capabilities.collects_others:
        says = f"{place}: {name} collects its own invoices only, and {owner} owns these"
        return Finding(what="routes", status="failed", says=says, way_out="take it out of RECOUP_ROUTES")
    books = adapters.owners.get(owner)
    if books is None or books.capabilities.books_payments:
        return None
    says = f"{place}: {owner} cannot book what {name} takes; each such payment becomes a task for a person"
    way_out = f"let {owner} collect them itself, or see that somebody works the tasks"
    return Finding(what="routes", status="warning", says=says, way_out=way_out)


async def _answers(what: str, asked: Coroutine[Any, Any, object]) -> Finding:
    """Texts of our errors hold ids, codes and statuses only, never a secret."""
    try:
        await asked
    except Misconfigured as error:
        way_out = "mend its keys and address in RECOUP_GATEWAYS or RECOUP_MERCHANT_OWNERS; docs/gateways has its page"
        return Finding(what=what, status="failed", says=str(error), way_out=way_out)
    except OutsideError as error:
        way_out = "look at its status page and at the way there (proxy, firewall, base_url); charges wait meanwhile"
        return Finding(what=what, status="warning", says=f"not now: {error}", way_out=way_out)
    return Finding(what=what, status="ok", says="it answers, and takes our keys")


def _idle(settings: Settings, routes: Routes, sending: Iterable[str]) -> list[str]:
    """Set up, and named by nobody. A gateway account owns the invoices of the place of its own name, if anything comes
    from there; one that only the ways to pay of customers name is told as idle, though it is not."""
    named = {*routes.owners.values(), *(name for _, name in routes.named())}
    return sorted({*settings.gateways, *settings.merchant_owners} - named - set(sending))


def _impatient(settings: Settings) -> Settings:
    """A doctor who waits for everybody's own time-out is not asked twice."""
    gateways = {name: one.model_copy(update=_shorter(one.timeout_seconds)) for name, one in settings.gateways.items()}
    owners = {
        name: one.model_copy(update=_shorter(one.timeout_seconds)) for name, one in settings.merchant_owners.items()
    }
    return settings.model_copy(update={"gateways": gateways, "merchant_owners": owners})


def _shorter(seconds: float) -> dict[str, float]:
    return {"timeout_seconds": min(seconds, PATIENCE_SECONDS)}
