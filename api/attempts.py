"""The attempt ledger's front door: what was tried on a credential and what is left, and attempts that only the merchant
knows of, made by staff on the telephone or by the customer at a checkout. The networks count those as well (P4)."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import AwareDatetime, BeforeValidator, Field

from activities.customers import written_as_a_date
from activities.store.attempts import Card
from api.errors import answer
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route
from policies.base import WHOLE, Code, Identifier, Record, Request, UtcTime
from policies.declines import classify
from policies.events import TokenOfCard
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.invoices import Actor, SeenAttempt
from policies.keys import CaseRef
from policies.money import Currency, Money
from policies.network_rules import Allowed, ProposedAttempt, Refused, may_attempt


class Place(Address):
    source: Identifier
    account: Identifier
    credential_id: TokenOfCard


class Asked(Address):
    """For which network what is left is worked out, and the card's mark under any token."""

    network: Network = Network.OTHER
    fingerprint: Identifier | None = None


class MadeElsewhere(Request):
    """`reference`: the gateway's id of it; telling it again changes nothing. `invoice_id`: what it was to pay. Without
    `code`, `network_code` and `advice_code` a declined attempt counts, and nobody knows why it was."""

    reference: Identifier
    invoice_id: Identifier
    amount_minor: Annotated[int, Field(ge=0), WHOLE]
    currency: Annotated[Currency, Field(json_schema_extra={"format": "currency"})]
    at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_as_a_date)]
    outcome: Literal["succeeded", "declined"]
    made_by: Literal["staff", "customer", "gateway"]
    gateway: Code = "unknown"
    code: Code | None = None
    network_code: Code | None = None
    advice_code: Code | None = None
    network: Annotated[Network, Field(strict=False)] = Network.OTHER
    fingerprint: Identifier | None = None

    @property
    def initiator(self) -> Initiator:
        return Initiator.CUSTOMER if self.made_by == "customer" else Initiator.MERCHANT

    def seen_on(self, credential_id: str) -> SeenAttempt:
        said = (self.gateway, self.code, self.network_code, self.advice_code)
        decline = classify(*said, network=self.network, initiator=self.initiator)
        return SeenAttempt(
            key=self.reference,
            credential_id=credential_id,
            amount=Money(amount_minor=self.amount_minor, currency=self.currency),
            at=self.at,
            decline=decline if self.outcome == "declined" else None,
            actor=self.made_by,
            initiator=self.initiator,
        )


class ShownAttempt(Record):
    """`outcome` None: under way. `claim`: the case whose invoice it was to pay."""

    at: UtcTime
    made_by: Actor
    initiator: Initiator
    amount: Money
    outcome: Outcome | None
    category: str | None
    claim: str | None


class Ledger(Record):
    """`left`: how many automatic attempts are allowed now, by the tightest rule; 0: `rule` says which one forbids it,
    and `free_at` from when on one is allowed again (None: never)."""

    left: int
    rule: str | None
    free_at: UtcTime | None
    attempts: tuple[ShownAttempt, ...]


async def read_ledger(call: Call[Place, Asked, None]) -> web.Response:
    place, asked, now = call.path, call.query, datetime.now(UTC)
    merchant = CaseRef(source=place.source, account=place.account, invoice_id="none")
    card = Card(place.credential_id, asked.fingerprint)
    (entries,) = await call.parts.store.attempts.of_cards(merchant, [card], now)
    nothing = Money(amount_minor=0, currency="EUR")
    proposed = ProposedAttempt(
        credential_id=place.credential_id,
        amount=entries[-1].amount if entries else nothing,
        network=asked.network,
        acceptor=merchant.acceptor,
        claim=entries[-1].claim if entries else None,
    )
    verdict = may_attempt(entries, proposed, now)
    shown = [
        ShownAttempt(
            at=entry.at,
            made_by=entry.actor,
            initiator=entry.initiator,
            amount=entry.amount,
            outcome=entry.outcome,
            category=entry.decline.category.value if entry.decline else None,
            claim=entry.claim,
        )
        for entry in entries
    ]
    return answer(200, _ledger(verdict, tuple(shown)))


def _ledger(verdict: Allowed | Refused, attempts: tuple[ShownAttempt, ...]) -> Ledger:
    if isinstance(verdict, Refused):
        return Ledger(left=0, rule=verdict.rule, free_at=verdict.free_at, attempts=attempts)
    return Ledger(left=verdict.budget, rule=None, free_at=None, attempts=attempts)


async def tell_attempt(call: Call[Place, Nothing, MadeElsewhere]) -> web.Response:
    told, place = await call.body(), call.path
    case = CaseRef(source=place.source, account=place.account, invoice_id=told.invoice_id)
    await call.parts.store.attempts.record_seen(case, told.seen_on(place.credential_id), told.fingerprint)
    return answer(200, told)


_ADDRESS = "/attempts/{source}/{account}/{credential_id}"
_LEDGER = {200: Answer("every attempt of the last year by anybody, and what is left", Ledger), 503: UNAVAILABLE}
_TOLD = {200: Answer("it counts", MadeElsewhere), 503: UNAVAILABLE}

ROUTES = (
    Route("GET", _ADDRESS, read_ledger, "What was tried on a credential, and whether another try is allowed", _LEDGER),
    Route("POST", _ADDRESS, tell_attempt, "Tell of an attempt that was made elsewhere; it counts for the rules", _TOLD),
)
