"""The rules as data: read once from `data/network_rules.toml`, checked, and chosen by network, region and day."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from policies.declines import Category, plain_code
from policies.instruments import Initiator, Network
from policies.package_data import settings

Scope = Literal["amount", "acceptor", "initiator", "claim"]
Code = Annotated[str, AfterValidator(plain_code)]


class NetworkRule(BaseModel):
    """One row; what the kinds mean stands at the top of the file. `until` is the first day it no longer holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Literal["limit", "stop", "only", "deadline", "never"]
    networks: frozenset[Network]
    regions: frozenset[str] = frozenset()
    except_regions: frozenset[str] = frozenset()
    initiators: frozenset[Initiator] = frozenset(Initiator)
    starts: date = Field(alias="from")
    until: date = date.max
    says: str
    source: str
    unverified: bool = False
    count: int = 0
    hours: int = 0
    days: int = 0
    per: tuple[Scope, ...] = ()
    consecutive: bool = False
    final: bool = False
    last_only: bool = False
    network_codes: frozenset[Code] = frozenset()
    advice_codes: frozenset[Code] = frozenset()
    categories: frozenset[Category] = frozenset()

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours)

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.kind == "limit" and not (self.count and bool(self.window) is not self.final):
            raise ValueError(f"{self.id}: a limit needs count, and either days, hours or final")
        if self.kind in ("stop", "only") and not (self.network_codes or self.advice_codes or self.categories):
            raise ValueError(f"{self.id}: say which codes or categories it is about")
        if self.until <= self.starts:
            raise ValueError(f"{self.id}: until comes before from")
        return self


_FILE = settings(__package__, "network_rules.toml")
EDITION: str = _FILE["edition"]
RULES = tuple(NetworkRule.model_validate(row) for row in _FILE["rule"])


def rules_at(network: Network, region: str | None, initiator: Initiator, at: datetime) -> tuple[NetworkRule, ...]:
    """The rules that hold on that day (UTC). Where nobody told the region, the rules of single regions do not hold."""
    return _rules_on(network, region, initiator, at.date())


@lru_cache(maxsize=4096)
def _rules_on(network: Network, region: str | None, initiator: Initiator, day: date) -> tuple[NetworkRule, ...]:
    return tuple(
        rule
        for rule in RULES
        if network in rule.networks
        and rule.starts <= day < rule.until
        and (not rule.regions or region in rule.regions)
        and region not in rule.except_regions
        and (initiator in rule.initiators)
    )
