"""How each gateway account is, in whole and by region and issuer; and ending an outage by hand. Who acts is the token's
actor."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from activities.store.gateway_health import PastOutage
from api.errors import answer
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route
from policies.base import Identifier, Record, Request, ShortText, UtcTime
from policies.events import Why
from policies.gateway_health import Figures, GatewayHealth, Kind, Scope, State


class Place(Address):
    gateway: Identifier
    account: Identifier

    @property
    def whole(self) -> str:
        return f"{self.gateway}/{self.account}"


class Asked(Address):
    """What is left out does not matter."""

    gateway: Identifier | None = None
    account: Identifier | None = None
    state: State | None = None

    def fits(self, health: GatewayHealth) -> bool:
        gateway, _, account = health.gateway.partition("/")
        wanted = ((self.gateway, gateway), (self.account, account), (self.state, health.state))
        return all(want in (None, has) for want, has in wanted)


class Remembered(Address):
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class EndingOutages(Request):
    """`region`, `issuer`: only the outages of these; left out: every outage of the account."""

    reason: Why
    region: ShortText | None = None
    issuer: ShortText | None = None

    @property
    def scopes(self) -> tuple[Scope | None, ...]:
        named = ((Kind.REGION, self.region), (Kind.ISSUER, self.issuer))
        return tuple(Scope(kind, name) for kind, name in named if name) or (None,)


class ShownScope(Record):
    """`name`: of the region (ISO 3166) or the issuer; None for the account as a whole."""

    gateway: str
    account: str
    scope: Kind
    name: str | None

    @staticmethod
    def parts_of(gateway: str, scope: Scope) -> dict[str, str | None]:
        name, _, account = gateway.partition("/")
        return {"gateway": name, "account": account, "scope": scope.kind, "name": scope.name or None}


class ShownHealth(ShownScope):
    """`since`, `next_probe_at`: of the outage that goes on. `last_ended_at`: of the one before."""

    state: State
    because: str
    since: UtcTime | None
    next_probe_at: UtcTime | None
    last_ended_at: UtcTime | None
    figures: Figures

    @classmethod
    def of(cls, health: GatewayHealth) -> "ShownHealth":
        return cls.model_validate({**health.model_dump(), **cls.parts_of(health.gateway, health.scope)})


class ShownOutage(ShownScope):
    """`ended_by`: `probes`, `a wider outage`, or who ended it, who then said why (`ended_because`)."""

    because: str
    began_at: UtcTime
    ended_at: UtcTime | None
    ended_by: str | None
    ended_because: str | None

    @classmethod
    def of(cls, past: PastOutage) -> "ShownOutage":
        return cls.model_validate({**past.model_dump(), **cls.parts_of(past.gateway, past.scope)})


class GatewaysHealth(Record):
    """`state`: the worst of all that are listed; the worst come first."""

    state: State
    gateways: tuple[ShownHealth, ...]


class Outages(Record):
    """Newest first."""

    outages: tuple[ShownOutage, ...]


class Resumed(Record):
    """`unchanged`: no such outage was open."""

    result: Literal["done", "unchanged"]
    ended: tuple[ShownScope, ...]


def worst_first(found: Sequence[GatewayHealth]) -> tuple[ShownHealth, ...]:
    states = list(State)
    return tuple(ShownHealth.of(each) for each in sorted(found, key=lambda one: -states.index(one.state)))


async def list_gateways(call: Call[Nothing, Asked, None]) -> web.Response:
    """200 whatever the state; the body says which."""
    found = await call.parts.store.gateway_health.all(datetime.now(UTC))
    shown = worst_first([each for each in found if call.query.fits(each)])
    return answer(200, GatewaysHealth(state=shown[0].state if shown else State.HEALTHY, gateways=shown))


async def list_outages(call: Call[Nothing, Remembered, None]) -> web.Response:
    past = await call.parts.store.gateway_health.history(count=call.query.limit)
    return answer(200, Outages(outages=tuple(ShownOutage.of(each) for each in past)))


async def resume(call: Call[Place, Nothing, EndingOutages]) -> web.Response:
    resuming, whole, ended = await call.body(), call.path.whole, list[Scope]()
    for scope in resuming.scopes:
        end = call.parts.store.gateway_health.end_by_hand
        ended += await end(whole, scope, call.actor, resuming.reason, datetime.now(UTC))
    shown = tuple(ShownScope.model_validate(ShownScope.parts_of(whole, scope)) for scope in ended)
    return answer(200, Resumed(result="done" if shown else "unchanged", ended=shown))


_LISTED = {200: Answer("how each of them is", GatewaysHealth), 503: UNAVAILABLE}
_OUTAGES = {200: Answer("those that go on and those that ended", Outages), 503: UNAVAILABLE}
_RESUMED = {200: Answer("they ended, or none was open", Resumed), 503: UNAVAILABLE}

ROUTES = (
    Route("GET", "/gateways", list_gateways, "Whether each gateway works: state, figures and why", _LISTED),
    Route("GET", "/gateways/outages", list_outages, "Outages of gateways, newest first", _OUTAGES),
    Route("POST", "/gateways/{gateway}/{account}/resume", resume, "End outages of a gateway by hand", _RESUMED),
)
