"""Which credential a rung tries: the one the customer pays with, or another to which they agreed.

One credential a rung, in the customer's own order, and each once before any a second time. Nothing is tried where
fraud is suspected, nor another way to pay where the payer has ordered that this claim is not to be collected.
"""

from collections import Counter
from typing import NamedTuple

from policies.declines import Decline, Retryable
from policies.facts import CaseFacts
from policies.instruments import Instrument
from policies.network_rules import PAYERS_WORD, LedgerEntry
from policies.risk import RiskLevel
from policies.situation import Situation
from policies.surroundings import GatewayView
from policies.ways_to_pay import WayToPay


class Candidate(NamedTuple):
    """`because`: why this one, in half a sentence. `gateway` None: the invoice's own."""

    credential_id: str
    instrument: Instrument
    ledger: tuple[LedgerEntry, ...]
    because: str
    gateway: str | None = None
    gateway_customer_id: str | None = None
    is_backup: bool = False


def candidates(here: Situation) -> list[Candidate]:
    """In the order in which they are to be tried at the next rung; what a network stops for good gives its turn on."""
    if here.decline is None or here.treatment is None or _fraud_is_suspected(here):
        return []
    own = [own_candidate(here)] if _may_retry(here, here.decline) else []
    backups = _backups(here, here.decline) if here.around.ways else []
    if not backups:
        return own
    if here.policy.retries.failover and (down := _down(here)):
        elsewhere = [_elsewhere(backup, down) for backup in backups if backup.gateway != down.name]
        if elsewhere:
            return elsewhere
    tries = _tries(here.facts)
    if here.policy.retries.backup_methods == "in_turn":
        return sorted([*own, *backups], key=lambda each: tries[each.credential_id])
    return [*own, *sorted(backups, key=lambda each: tries[each.credential_id])]


def _fraud_is_suspected(here: Situation) -> bool:
    return bool(here.facts.fraud_flags) or here.facts.risk.level is RiskLevel.SUSPICIOUS


def _may_retry(here: Situation, decline: Decline) -> bool:
    """Only where time may heal the decline."""
    treatment, facts = here.treatment, here.facts
    if treatment is None or decline.retryable is not Retryable.YES:
        return False
    if treatment.tries is not None and here.attempts_made >= treatment.tries:
        return False
    return not _stopped_for_good(facts, facts.credential_id)


def own_candidate(here: Situation) -> Candidate:
    """What the customer pays with, at the gateway that keeps it."""
    gateways, kept = here.around.gateways, here.facts.kept_credential
    return Candidate(
        here.facts.credential_id,
        here.facts.instrument,
        here.around.ledger,
        f"{here.category.value} may heal with time",
        (kept.gateway if kept else None) or (gateways[0].name if gateways else None),
        kept.gateway_customer_id if kept else None,
    )


def _backups(here: Situation, decline: Decline) -> list[Candidate]:
    if here.policy.retries.backup_methods == "never" or decline.category in PAYERS_WORD:
        return []
    return [
        _backup(here, way, number)
        for number, way in enumerate(here.around.ways, start=1)
        if way.credential_id != here.facts.credential_id and _may_be_charged(here.facts, way)
    ]


def _may_be_charged(facts: CaseFacts, way: WayToPay) -> bool:
    """Unless it was refused in this case for more than want of time."""
    refusals = [a.decline for a in facts.attempts if a.credential_id == way.credential_id and a.decline]
    healable = not refusals or refusals[-1].retryable is Retryable.YES
    return healable and not _stopped_for_good(facts, way.credential_id)


def _backup(here: Situation, way: WayToPay, number: int) -> Candidate:
    gateways = here.around.gateways
    return Candidate(
        way.credential_id,
        way.instrument,
        way.ledger,
        f"{here.category.value}, and the customer agreed to another way to pay (their no. {number})",
        way.gateway or (gateways[0].name if gateways else None),
        way.gateway_customer_id,
        is_backup=True,
    )


def _elsewhere(backup: Candidate, down: GatewayView) -> Candidate:
    return backup._replace(because=f"{down.name} is out of order, so another gateway is asked")


def _down(here: Situation) -> GatewayView | None:
    first = here.around.gateways[0] if here.around.gateways else None
    return first if first and first.down_until else None


def _stopped_for_good(facts: CaseFacts, credential_id: str) -> bool:
    return any(r.free_at is None and r.credential_id == credential_id for r in facts.refusals)


def _tries(facts: CaseFacts) -> Counter[str]:
    """The payment that failed was the first try of the credential that the invoice was charged to."""
    return Counter([facts.invoice.credential_id, *(attempt.credential_id for attempt in facts.attempts)])
