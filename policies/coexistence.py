"""Living with the retries that a source makes itself (Stripe's, GoCardless' and others' own): instead of them, after
them, or in their gaps. Who asks for `replace` switches them off there; docs/gateways says how."""

from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from policies.facts import CaseFacts, Failure
from policies.invoices import InvoiceNow
from policies.situation import Situation

NEWS_TAKES = timedelta(days=1)
"""How long after its own retry a source may take to say how that went; then we no longer wait for it."""


class OwnersRetry(NamedTuple):
    """`at` None: it will try again, and does not say when."""

    at: datetime | None


def owners_retry(facts: CaseFacts) -> OwnersRetry | None:
    """What the source last said of its own next try; None when it makes none."""
    told: Failure | InvoiceNow = facts.invoice
    if facts.failures:
        latest = max(facts.failures, key=attrgetter("happened_at"))
        told = latest if latest.happened_at > facts.invoice.as_of else told
    if told.retries_at is None and not told.retries_itself:
        return None
    return OwnersRetry(told.retries_at)


def why_the_owner_retries(here: Situation) -> str | None:
    """Why we make no retry at all; None when we may, now or at a time that is known."""
    retry = owners_retry(here.facts) if here.around.coexistence == "wait" else None
    if retry is None or retry.at:
        return None
    return "the source tries again itself and does not say when; ours begin when it stops"


def beside_the_owner_s(here: Situation, at: datetime) -> datetime:
    """Moved behind the source's own retry, or to where it is the policy's gap away, and so far from the last one."""
    mode, gap = here.around.coexistence, here.policy.retries.gap
    if mode == "replace":
        return at
    last = max((failure.happened_at for failure in here.facts.failures), default=None)
    if last:
        at = max(at, last + gap)
    retry = owners_retry(here.facts)
    if retry is None or retry.at is None:
        return at
    if mode == "wait":
        return max(at, retry.at + NEWS_TAKES)
    return retry.at + gap if abs(at - retry.at) < gap else at


def notes_on_the_owner_s(here: Situation) -> tuple[str, ...]:
    """What a person should read of it beside the decision."""
    if here.around.coexistence == "replace":
        retry = owners_retry(here.facts)
        return ("the source tries again itself as well; switch that off there",) if retry else ()
    why = why_the_owner_retries(here)
    return (f"charge: {why}",) if why else ()
