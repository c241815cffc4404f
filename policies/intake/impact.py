"""What a dead letter weighs, so that the dearest is worked first: amount at stake, the customer's segment, its age.

    impact = amount in minor units of the base currency x weight of the segment x (1 + days waited / 7)

Who waits a week weighs twice as much as who has just come. The first two make the stake, which is stored; the age is
counted when the list is asked for.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from policies.base import Record
from policies.money import EXPONENTS, Currency, Money

DOUBLES_IN = timedelta(days=7)


class Stakes(Record):
    """`rates`: what one unit of another currency is worth in the base currency. `weights` by segment; others weigh 1.
    `unknown_minor`: assumed where nobody can tell the sum, so that what cannot be read is worked too."""

    base: Currency = "EUR"
    rates: Mapping[Currency, Decimal] = {}
    weights: Mapping[str, float] = {"enterprise": 5, "premium": 2}
    unknown_minor: int = 10_000

    def stake(self, amount: Money | None, segment: str | None) -> float:
        """In minor units of the base currency, weighed."""
        at_stake = self.in_base(amount) if amount else None
        minor = self.unknown_minor if at_stake is None else at_stake.amount_minor
        return minor * self.weights.get(segment or "", 1)

    def in_base(self, amount: Money) -> Money | None:
        """None when nobody said what the currency is worth."""
        if amount.currency == self.base:
            return amount
        rate = self.rates.get(amount.currency)
        if rate is None:
            return None
        minor = (amount.as_decimal * rate).scaleb(EXPONENTS[self.base])
        return Money(amount_minor=int(minor.to_integral_value(ROUND_HALF_EVEN)), currency=self.base)


def impact(stake: float, since: datetime, now: datetime) -> float:
    return stake * (1 + max(now - since, timedelta()) / DOUBLES_IN)
