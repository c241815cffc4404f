"""`recoup policy impact NEW`: what another policy would change in the cases that run. Changes nothing.

Each case is asked what it knows; the same forecast is made under its own policy and under the new one.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from activities.deciding import surroundings_of
from activities.store.cases import RunningCase, Selection
from policies.base import Record, UtcTime
from policies.document import PolicySnapshot
from policies.preview import Foreseen, forecast
from workers.policy_tools.running_cases import Reach, Unasked, ask, for_each, progress

LANDMARKS = ("limit", "suspend", "close")
"""Steps that happen once and that customers feel; impact tells whether each comes sooner, later, newly or no more."""


class NextStep(Record):
    at: UtcTime
    what: str


class Ahead(Record):
    """What lies before a case under one policy. A time is None when it will not happen."""

    next: NextStep
    limit_at: UtcTime | None
    suspend_at: UtcTime | None
    close_at: UtcTime | None
    charges: int
    messages: int

    @classmethod
    def of(cls, foreseen: Sequence[Foreseen]) -> "Ahead":
        kinds = Counter(step.kind for step in foreseen)
        first = {kind: next((step.at for step in foreseen if step.kind == kind), None) for kind in LANDMARKS}
        return cls(
            next=NextStep(at=foreseen[0].at, what=f"{foreseen[0].kind} {foreseen[0].what}".strip()),
            limit_at=first["limit"],
            suspend_at=first["suspend"],
            close_at=first["close"],
            charges=kinds["charge"],
            messages=kinds["notify"] + kinds["offer"],
        )

    def time_of(self, landmark: str) -> datetime | None:
        return {"limit": self.limit_at, "suspend": self.suspend_at, "close": self.close_at}[landmark]


class CaseImpact(Record):
    """`changes`: something ahead differs, be it only the time, name or channel of one message."""

    case_id: str
    segment: str
    policy: str
    changes: bool
    held: bool
    before: Ahead
    after: Ahead


class Shift(Record):
    """How one landmark moves, in numbers of cases."""

    landmark: Literal["limit", "suspend", "close"]
    sooner: int
    later: int
    newly: int
    no_more: int


class ImpactReport(Record):
    """`have_it`: running cases of the same selection that are under the policy already. `held`: of the unchanged, those
    that wait for a person or a dispute; nothing is foreseen beyond that."""

    policy: str
    sha256: str
    at: UtcTime
    have_it: int
    unchanged: int
    changed: int
    held: int
    shifts: tuple[Shift, ...]
    cases: tuple[CaseImpact, ...]
    not_asked: tuple[Unasked, ...]


async def impact(
    reach: Reach, new: PolicySnapshot, chosen: Selection, now: datetime, limit: int | None = None
) -> ImpactReport:
    async def one(case: RunningCase) -> CaseImpact | Unasked:
        return await _impact_on(reach, case, new, now)

    counted = await reach.store.cases.how_many_run(chosen)
    total = counted.without if limit is None else min(counted.without, limit)
    with progress(f"asking what {new.document.edition} would change", total) as done:
        answers = await for_each(reach.store.cases.running(chosen, limit), one, done)
    cases = tuple(answer for answer in answers if isinstance(answer, CaseImpact))
    changed = sum(case.changes for case in cases)
    return ImpactReport(
        policy=new.document.edition,
        sha256=new.sha256,
        at=now,
        have_it=counted.with_it,
        unchanged=len(cases) - changed,
        changed=changed,
        held=sum(case.held for case in cases),
        shifts=tuple(_shift(landmark, cases) for landmark in ("limit", "suspend", "close")),
        cases=cases,
        not_asked=tuple(answer for answer in answers if isinstance(answer, Unasked)),
    )


async def _impact_on(reach: Reach, case: RunningCase, new: PolicySnapshot, now: datetime) -> CaseImpact | Unasked:
    known = await ask(reach, case)
    if isinstance(known, Unasked):
        return known
    if known.facts is None or known.policy is None:
        return Unasked(case_id=case.case_id, why="unreachable", reason="it has not read its invoice yet")
    around = await surroundings_of(reach.store, reach.routes, known.facts, now)
    before = forecast(known.policy.document, known.facts, around, now)
    after = forecast(new.document, known.facts, around, now)
    return CaseImpact(
        case_id=case.case_id,
        segment=known.segment,
        policy=known.policy.document.edition,
        changes=_acts(before) != _acts(after),
        held=before[0].kind == "hold",
        before=Ahead.of(before),
        after=Ahead.of(after),
    )


def _acts(foreseen: Sequence[Foreseen]) -> list[tuple[datetime, str, str]]:
    """Without the reasons: those name the policy."""
    return [(step.at, step.kind, step.what) for step in foreseen]


def _shift(landmark: Literal["limit", "suspend", "close"], cases: Sequence[CaseImpact]) -> Shift:
    moves = Counter(_move(case.before.time_of(landmark), case.after.time_of(landmark)) for case in cases)
    return Shift(
        landmark=landmark,
        sooner=moves["sooner"],
        later=moves["later"],
        newly=moves["newly"],
        no_more=moves["no_more"],
    )


def _move(before: datetime | None, after: datetime | None) -> str:
    if before == after:
        return "same"
    if before is None:
        return "newly"
    if after is None:
        return "no_more"
    return "sooner" if after < before else "later"
