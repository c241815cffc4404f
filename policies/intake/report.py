"""Which rules hold back good events: what became of what each rule spoke of, and what to do about it."""

from policies.base import Record

WRONG_ABOVE = 0.1
"""A rule that is wrong about more of what it holds back than this is told so."""

ENOUGH = 20
"""Events that a shadow must have spoken of before its silence about good ones means something."""


class RuleCounts(Record):
    """Of the events that one rule spoke of. `shadow`: what it would have done it did not do. `released`: a person found
    them good; `contradicted`: a later event did. `good_...`: of those held back, or of those a shadow spoke of."""

    source: str
    account: str
    rule: str
    warned: int = 0
    quarantined: int = 0
    refused: int = 0
    shadow: int = 0
    released: int = 0
    contradicted: int = 0
    good_held_back: int = 0
    good_shadow: int = 0

    @property
    def events(self) -> int:
        return self.warned + self.held_back + self.shadow

    @property
    def held_back(self) -> int:
        return self.quarantined + self.refused

    @property
    def good_share(self) -> float:
        """Of all events that it spoke of, 0 to 1."""
        return (self.released + self.contradicted) / self.events

    @property
    def wrong_share(self) -> float:
        """Of those that it held back, 0 to 1."""
        return self.good_held_back / self.held_back if self.held_back else 0


def worst_first(rules: tuple[RuleCounts, ...]) -> tuple[RuleCounts, ...]:
    """Those that hold back good events before those that only speak of them."""

    def weight(rule: RuleCounts) -> tuple[float, float, int, str, str, str]:
        return (-rule.wrong_share, -rule.good_share, -rule.events, rule.source, rule.account, rule.rule)

    return tuple(sorted(rules, key=weight))


def advice(rule: RuleCounts) -> str | None:
    """A sentence for whoever writes the profiles; None when nothing is to be done."""
    if rule.wrong_share > WRONG_ABOVE:
        wrong = f"{rule.good_held_back} of {rule.held_back} that it held back were good"
        return f"{wrong}: let it warn (action: warn), and try a milder one as a shadow (shadow: true)"
    if rule.good_shadow > WRONG_ABOVE * rule.shadow:
        return f"would hold back good events, {rule.good_shadow} of {rule.shadow}: leave it a shadow, or make it milder"
    if rule.shadow >= ENOUGH and not rule.good_shadow:
        return f"none of {rule.shadow} has turned out to be good so far: it can count (leave shadow out)"
    return None
