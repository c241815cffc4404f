"""Attempts on one credential as a person writes them down, for `recoup network check`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from policies.base import Request
from policies.declines import classify
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.money import Money
from policies.nearest_word import suggestion
from policies.network_rules import LedgerEntry
from workers.mistakes import Mistake
from workers.typed_words import json_of, known_currency, moment, one_of, quoted


def _read(as_meant: Callable[[Any], Any]) -> BeforeValidator:
    """What a person wrote, as it is meant; what it cannot mean is told with the field it stands in."""

    def read(raw: Any) -> Any:
        try:
            return as_meant(raw)
        except Mistake as mistake:
            raise ValueError(str(mistake)) from None

    return BeforeValidator(read)


def _word(what: str, kind: type[Any]) -> BeforeValidator:
    return _read(lambda raw: kind(one_of(what, raw if isinstance(raw, str) else repr(raw))))


class WrittenAttempt(Request):
    """`code`, `network_code` and `advice_code` as the gateway gave them; a declined attempt should have one.
    `network` left out: the one that is asked about."""

    at: Annotated[datetime, _read(moment)]
    outcome: Annotated[Outcome, _word("outcome", Outcome)] = Outcome.DECLINED
    amount_minor: int = 2900
    currency: Annotated[str, _read(known_currency)] = "EUR"
    gateway: Annotated[str, _word("gateway", str)] = "stripe"
    code: str | None = None
    network_code: str | None = None
    advice_code: str | None = None
    network: Annotated[Network, _word("network", Network)] | None = None
    initiator: Annotated[Initiator, _word("initiator", Initiator)] = Initiator.MERCHANT
    acceptor: str = ""
    claim: str | None = None


def read_history(path: Path, network: Network) -> tuple[LedgerEntry, ...]:
    """Raises Mistake that names the row and what is wrong with it."""
    rows = json_of(path)
    if not isinstance(rows, list):
        raise Mistake(f'{path} holds no JSON list; write the attempts as [{{"at": ..., "outcome": ...}}, ...]')
    return tuple(_entry(path, number, row, network) for number, row in enumerate(rows, start=1))


def _entry(path: Path, number: int, row: Any, network: Network) -> LedgerEntry:
    try:
        written = WrittenAttempt.model_validate(row)
    except ValidationError as error:
        raise Mistake(f"{path}: attempt {number}: {_said(error)}") from None
    said_why = written.code or written.network_code or written.advice_code
    codes = (written.gateway, written.code, written.network_code, written.advice_code)
    return LedgerEntry(
        key=f"attempt-{number}",
        actor="gateway",
        at=written.at,
        amount=Money(amount_minor=written.amount_minor, currency=written.currency),
        outcome=written.outcome,
        decline=classify(*codes, network=written.network or network) if said_why else None,
        acceptor=written.acceptor,
        claim=written.claim,
        initiator=written.initiator,
    )


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    field, value = ".".join(str(part) for part in first["loc"]), first["input"]
    match first["type"]:
        case "value_error":
            return f"{field}: {first['msg'].removeprefix('Value error, ')}"
        case "missing":
            return f"{field}: is missing; add it"
        case "extra_forbidden":
            return f"{field}: there is no such field{suggestion(field, list(WrittenAttempt.model_fields))}"
        case "int_type":
            return f"{field}: {quoted(value)} is no whole number"
        case "string_type":
            return f"{field}: {quoted(value)} is no text; put it in quotes"
        case _:
            return f'{quoted(value)} is no attempt; write it as {{"at": ..., "outcome": ...}}'
