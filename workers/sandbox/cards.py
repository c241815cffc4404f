"""How each kind of card behaves. Pure: the card, the moment and what happened before in; what the network does out."""

import json
from enum import StrEnum
from typing import Annotated, Any, Literal, assert_never

from pydantic import Field, TypeAdapter

from policies.base import Record, Request, UtcTime


class Plain(Request):
    """A card whose behaviour depends on nothing but its kind."""

    kind: Literal[
        "good",
        "expired",
        "lost",
        "needs_authentication",
        "do_not_honor",
        "unmapped_code",
        "fraud_suspect",
        "pending",
        "silent",
        "silent_lost",
        "silent_lost_once",
    ]


class InsufficientUntil(Request):
    """Declines for want of funds before `until`, good from then on."""

    kind: Literal["insufficient_until"]
    until: UtcTime


class IssuerDown(Request):
    """The issuer cannot be reached from `from` until just before `until`."""

    kind: Literal["issuer_down"]
    begins: UtcTime = Field(alias="from")
    until: UtcTime


CardBehaviour = Annotated[Plain | InsufficientUntil | IssuerDown, Field(discriminator="kind")]
_BEHAVIOUR: TypeAdapter[CardBehaviour] = TypeAdapter(CardBehaviour)

DECLINES: dict[str, str] = {
    "expired": "expired_card",
    "lost": "lost_card",
    "needs_authentication": "authentication_required",
    "do_not_honor": "do_not_honor",
    "unmapped_code": "some_new_code",
}


class Wire(StrEnum):
    """`silent`: it happened, but the caller never hears of it. `lost`: it never arrived."""

    ANSWERED = "answered"
    SILENT = "silent"
    LOST = "lost"


class CardAnswer(Record):
    status: Literal["succeeded", "declined", "pending"]
    code: str | None = None
    wire: Wire = Wire.ANSWERED


_YES = CardAnswer(status="succeeded")


def behaviour_of(kind: str, params: dict[str, Any]) -> CardBehaviour:
    """Raises pydantic.ValidationError when no such card can be."""
    return _BEHAVIOUR.validate_json(json.dumps({**params, "kind": kind}))


def answer_of(card: CardBehaviour, at: UtcTime, first_call_lost: bool) -> CardAnswer:
    """What an off-session charge of this card comes to at `at`."""
    match card:
        case InsufficientUntil():
            return _no("insufficient_funds") if at < card.until else _YES
        case IssuerDown():
            return _no("issuer_not_available") if card.begins <= at < card.until else _YES
        case Plain():
            return _answer_of_plain(card.kind, first_call_lost)
        case _:
            assert_never(card)


def _answer_of_plain(kind: str, first_call_lost: bool) -> CardAnswer:
    if kind in DECLINES:
        return _no(DECLINES[kind])
    if kind == "pending":
        return CardAnswer(status="pending")
    if kind == "silent":
        return CardAnswer(status="succeeded", wire=Wire.SILENT)
    if kind == "silent_lost" or (kind == "silent_lost_once" and not first_call_lost):
        return CardAnswer(status="succeeded", wire=Wire.LOST)
    return _YES


def _no(code: str) -> CardAnswer:
    return CardAnswer(status="declined", code=code)
