"""What a demo leaves behind: one row per case, a summary, the same as JSON (`docs/demo.schema.json`)."""

from policies.base import Record
from policies.events import CloseOutcome


class CaseReport(Record):
    """`charges` and `access` are the sandbox's own witness, not ours. `virtual_days` from opening to closing."""

    case_id: str
    workflow_id: str
    story: str
    segment: str
    expected: CloseOutcome
    outcome: CloseOutcome | None
    as_expected: bool
    complaints: tuple[str, ...] = ()
    amount_minor: int
    currency: str
    attempts: int
    messages: int
    virtual_days: float
    charges: int = 0
    access: tuple[str, ...] = ()


class Summary(Record):
    """`recovered_share`: recovered cases by all cases. `wall_seconds` from the first failure to the last close."""

    cases: int
    as_expected: int
    recovered_minor: dict[str, int]
    recovered_cases: int
    recovered_share: float
    median_days_to_recovery: float
    attempts: int
    messages: int
    suspended: int
    reinstated: int
    charged_twice: int
    virtual_days: float
    wall_seconds: float


class DemoReport(Record):
    cases: tuple[CaseReport, ...]
    summary: Summary


def summarise(cases: tuple[CaseReport, ...], charged_twice: int, wall_seconds: float) -> Summary:
    recovered = [case for case in cases if case.outcome is CloseOutcome.RECOVERED]
    by_currency: dict[str, int] = {}
    for case in recovered:
        by_currency[case.currency] = by_currency.get(case.currency, 0) + case.amount_minor
    days = sorted(case.virtual_days for case in recovered)
    return Summary(
        cases=len(cases),
        as_expected=sum(case.as_expected for case in cases),
        recovered_minor=dict(sorted(by_currency.items())),
        recovered_cases=len(recovered),
        recovered_share=round(len(recovered) / len(cases), 3) if cases else 0.0,
        median_days_to_recovery=days[len(days) // 2] if days else 0.0,
        attempts=sum(case.attempts for case in cases),
        messages=sum(case.messages for case in cases),
        suspended=sum("suspended" in case.access for case in cases),
        reinstated=sum(_came_back(case) for case in cases),
        charged_twice=charged_twice,
        virtual_days=max((case.virtual_days for case in cases), default=0.0),
        wall_seconds=round(wall_seconds, 1),
    )


def _came_back(case: CaseReport) -> bool:
    return len(case.access) > 1 and case.access[-1] == "full"
