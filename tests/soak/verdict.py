"""What must hold after any number of kills and lost connections. Pure: the witnesses in, findings out; none acquits."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from policies.declines import classify
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.money import Money
from policies.network_rules import LedgerEntry, ProposedAttempt, Refused, may_attempt
from tests.soak.witness import Attempt, Message, Witness
from workers.wiring import read_policies

OURS = "att_"
"""Keys of our attempts; the rest of the gateway's ledger is what customers did at the owner."""

ACCEPTOR = "stripe/default"
SETTLED = frozenset({"succeeded", "declined"})


def findings(witness: Witness) -> list[str]:
    return [
        *charged_too_often(witness),
        *outside_the_rules(witness),
        *not_ended(witness),
        *ended_otherwise_than_paid(witness),
        *keys_used_twice(witness),
        *ledgers_that_disagree(witness),
        *left_unknown(witness),
        *sent_twice(witness),
        *left_open(witness),
        *(f"history does not replay: {failure}" for failure in witness.unreplayable),
    ]


def charged_too_often(witness: Witness) -> Iterator[str]:
    paid: dict[str, list[int]] = defaultdict(list)
    for charge in witness.charges:
        if charge["status"] == "succeeded":
            paid[_case_id(charge)].append(charge["amount_minor"])
    for case_id, amounts in paid.items():
        owed = witness.invoices[case_id]["amount_minor"]
        if len(amounts) > 1 or sum(amounts) > owed:
            yield f"{case_id}: {len(amounts)} charges took {sum(amounts)} of {owed}"


def outside_the_rules(witness: Witness) -> Iterator[str]:
    """Every attempt of ours is asked again of the rules, given all that was tried on its credential before."""
    initiators = {attempt.key: attempt.initiator for attempt in witness.attempts}
    for credential_id, tried in _by_credential(witness).items():
        if credential_id in witness.forbidden and any(charge["key"].startswith(OURS) for charge in tried):
            yield f"{credential_id}: was charged without consent"
        tried.sort(key=lambda charge: charge["at"])
        ledger = [_entry(charge, initiators) for charge in tried]
        for place, (charge, entry) in enumerate(zip(tried, ledger, strict=True)):
            if not entry.key.startswith(OURS):
                continue
            ruling = may_attempt(ledger[:place], _proposed(charge, entry, witness), entry.at)
            if isinstance(ruling, Refused):
                yield f"{credential_id}: attempt {entry.key} at {entry.at:%Y-%m-%d %H:%M} is refused: {ruling.rule}"
            if entry.initiator is Initiator.CUSTOMER and credential_id not in witness.given:
                yield f"{credential_id}: attempt {entry.key} is said to be the customer's, who gave no such card"


def not_ended(witness: Witness) -> Iterator[str]:
    for case_id in witness.expected:
        if case_id not in witness.outcomes:
            yield f"{case_id}: never became a case"
        elif witness.outcomes[case_id] is None:
            yield f"{case_id}: has not ended"
    for case_id in witness.outcomes.keys() - set(witness.expected):
        yield f"{case_id}: a case that nobody failed"


def ended_otherwise_than_paid(witness: Witness) -> Iterator[str]:
    for case_id, outcome in witness.outcomes.items():
        status = witness.invoices[case_id]["status"] if case_id in witness.invoices else "unknown to the owner"
        if outcome is not None and (outcome == "recovered") is not (status == "paid"):
            yield f"{case_id}: ended as {outcome}, and is {status} at its owner"


def keys_used_twice(witness: Witness) -> Iterator[str]:
    for name in ("idempotency_key", "reference"):
        counted = Counter(charge[name] for charge in witness.charges)
        yield from (f"{name} {key}: {count} charges" for key, count in counted.items() if count > 1)


def ledgers_that_disagree(witness: Witness) -> Iterator[str]:
    """What we hold for settled is what the gateway did, and all that it did for us stands in our ledger."""
    theirs = {charge["idempotency_key"]: charge for charge in witness.charges}
    ours = {attempt.key: attempt for attempt in witness.attempts if attempt.actor == "recoup"}
    for key, charge in theirs.items():
        if key.startswith(OURS) and key not in ours:
            yield f"{key}: the gateway charged what stands nowhere in our ledger"
        elif key in ours and (difference := _difference(ours[key], charge)):
            yield f"{key}: {difference}"
    for key, attempt in ours.items():
        if key not in theirs and attempt.outcome in SETTLED:
            yield f"{key}: {attempt.outcome} in our ledger, and the gateway never saw it"


def left_unknown(witness: Witness) -> Iterator[str]:
    """A case may end first, paid or void at its owner, while the gateway still has not seen our request: then a person
    is asked to look."""
    for attempt in witness.attempts:
        if attempt.outcome not in (*SETTLED, "not_accepted") and attempt.case_id not in witness.asked_of_ops:
            yield f"{attempt.key}: is left as {attempt.outcome}, and nobody was asked about it"


def sent_twice(witness: Witness) -> Iterator[str]:
    for letter in witness.letters:
        if letter["times"] > 1:
            yield f"{letter['key']}: was handed over {letter['times']} times"
    ours = {message.key for message in witness.messages}
    for letter in witness.letters:
        if letter["key"].rpartition(".")[0] not in ours:
            yield f"{letter['key']}: was sent, and stands nowhere in our ledger"


def left_open(witness: Witness) -> Iterator[str]:
    """What may have been sent goes out on every other channel in turn, unless the case ended."""
    asked: dict[tuple[str, str], frozenset[str]] = defaultdict(frozenset)
    for message in witness.messages:
        if twice := asked[message.case_id, message.name] & message.asked:
            yield f"{message.key}: {message.name} was said again on {', '.join(twice)}"
        asked[message.case_id, message.name] |= message.asked
    for message in witness.messages:
        if not message.left_open or not message.counted:
            continue
        over = witness.outcomes.get(message.case_id) == "recovered" or message.name in LAST_WORDS
        if not over and channels_of(message) - asked[message.case_id, message.name]:
            yield f"{message.key}: {message.name} was left open, and no other channel was asked"


def channels_of(message: Message) -> frozenset[str]:
    """Those that its policy names for these words."""
    policy = next(each for each in read_policies([]) if each.edition == message.policy)
    named = {each.name: each.channels for each in policy.messages}
    named |= {f"offer_{number}": each.channels for number, each in enumerate(policy.offers, start=1)}
    return frozenset(named.get(message.name, policy.access_channels))


LAST_WORDS = frozenset({"recovered", "reinstated"})
"""After a payment nothing is said twice."""


def _difference(attempt: Attempt, charge: dict[str, Any]) -> str | None:
    ours = (attempt.outcome, attempt.case_id, attempt.credential_id, attempt.amount_minor, attempt.currency, attempt.at)
    theirs = (
        charge["status"],
        _case_id(charge),
        charge["credential_id"],
        charge["amount_minor"],
        charge["currency"],
        datetime.fromisoformat(charge["at"]),
    )
    # What settles after a case has ended is the owner's news; the attempt itself stays as it was heard of.
    late = attempt.outcome == "pending" and charge["status"] == "succeeded"
    return None if ours == theirs or (late and ours[1:] == theirs[1:]) else f"ours {ours}, the gateway's {theirs}"


# --- the gateway's ledger as the rules read it ------------------------------------------------------------------------


def _by_credential(witness: Witness) -> dict[str, list[dict[str, Any]]]:
    """With the owner's own first attempts, which the gateway's ledger does not hold."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for charge in witness.charges:
        found[charge["credential_id"]].append(_told(charge, charge["idempotency_key"], _case_id(charge)))
    for case_id, invoice in witness.invoices.items():
        for attempt in invoice["attempts"]:
            if attempt["made_by"] == "owner":
                found[attempt["credential_id"]].append(_told(attempt, attempt["key"], case_id))
    return found


def _told(charge: dict[str, Any], key: str, case_id: str) -> dict[str, Any]:
    return {**charge, "key": key, "case_id": case_id, "at": datetime.fromisoformat(charge["at"])}


def _entry(charge: dict[str, Any], initiators: dict[str, str]) -> LedgerEntry:
    """Who started it stands in no ledger of a gateway; ours is believed, and checked against what customers gave."""
    is_ours = charge["key"].startswith(OURS)
    return LedgerEntry(
        key=charge["key"],
        actor="recoup" if is_ours else "gateway",
        at=charge["at"],
        amount=Money(amount_minor=charge["amount_minor"], currency=charge["currency"]),
        outcome=Outcome(charge["status"]),
        decline=classify("sandbox", charge["code"]) if charge["code"] else None,
        acceptor=ACCEPTOR,
        claim=charge["case_id"],
        initiator=Initiator(initiators.get(charge["key"], Initiator.MERCHANT)),
    )


def _proposed(charge: dict[str, Any], entry: LedgerEntry, witness: Witness) -> ProposedAttempt:
    return ProposedAttempt(
        credential_id=charge["credential_id"],
        amount=entry.amount,
        network=Network(witness.networks.get(charge["credential_id"], "other")),
        acceptor=ACCEPTOR,
        claim=entry.claim,
        initiator=entry.initiator,
    )


def _case_id(charge: dict[str, Any]) -> str:
    return f"{ACCEPTOR}/{charge['invoice_id']}"
