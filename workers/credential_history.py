"""Attempts on one credential as a person writes them down, for `recoup network check`."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from policies.base import Request, UtcTime
from policies.declines import classify
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.money import Money
from policies.network_rules import LedgerEntry
from workers.mistakes import Mistake


class WrittenAttempt(Request):
    """`code`, `network_code` and `advice_code` as the gateway gave them; a declined attempt should have one."""

    model_config = {**Request.model_config, "strict": False}

    at: UtcTime
    outcome: Literal["succeeded", "declined", "pending", "unknown", "not_accepted"] = "declined"
    amount_minor: int = 2900
    currency: str = "EUR"
    gateway: str = "stripe"
    code: str | None = None
    network_code: str | None = None
    advice_code: str | None = None
    network: Network = Network.OTHER
    initiator: Initiator = Initiator.MERCHANT
    acceptor: str = ""
    claim: str | None = None


def read_history(path: Path) -> tuple[LedgerEntry, ...]:
    """Raises Mistake that names the row and what is wrong with it."""
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Mistake(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(rows, list):
        raise Mistake(f'{path} holds no JSON list; write the attempts as [{{"at": ..., "outcome": ...}}, ...]')
    return tuple(_entry(path, number, row) for number, row in enumerate(rows, start=1))


def _entry(path: Path, number: int, row: Any) -> LedgerEntry:
    try:
        written = WrittenAttempt.model_validate(row)
        amount = Money(amount_minor=written.amount_minor, currency=written.currency)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        said = first["msg"].removeprefix("Value error, ")
        raise Mistake(f"{path}: attempt {number}: {where}: {said}") from None
    said_why = written.code or written.network_code or written.advice_code
    codes = (written.gateway, written.code, written.network_code, written.advice_code)
    return LedgerEntry(
        key=f"attempt-{number}",
        actor="gateway",
        at=written.at,
        amount=amount,
        outcome=Outcome(written.outcome),
        decline=classify(*codes, network=written.network) if said_why else None,
        acceptor=written.acceptor,
        claim=written.claim,
        initiator=written.initiator,
    )
