"""What a person reads of an impact report: the sums first, then each case that changes, then those not asked."""

from collections.abc import Iterator
from datetime import datetime

from workers.policy_tools.impact import Ahead, CaseImpact, ImpactReport, NextStep, Shift

_VERBS = {"limit": "limited", "suspend": "suspended", "close": "closed"}


def as_text(report: ImpactReport) -> str:
    asked = len(report.cases)
    lines = [f"{report.policy} on {asked} running cases, as of {_time(report.at)} UTC"]
    lines += [f"{report.have_it} more have it already"] if report.have_it else []
    lines += [f"{report.unchanged} unchanged, {report.changed} change"]
    lines += [f"  {report.held} held: what comes after the hold is not foreseen"] if report.held else []
    lines += [line for shift in report.shifts for line in _shifted(shift)]
    for case in report.cases:
        if case.changes:
            lines += ["", f"{case.case_id} ({case.segment}, {case.policy})", *_differences(case)]
    if report.not_asked:
        lines += ["", f"{len(report.not_asked)} could not be asked:"]
        lines += [f"  {case.case_id}: {case.reason}" for case in report.not_asked]
    return "\n".join(lines)


def _shifted(shift: Shift) -> Iterator[str]:
    verb = _VERBS[shift.landmark]
    told = {
        f"{shift.sooner} {verb} sooner": shift.sooner,
        f"{shift.later} {verb} later": shift.later,
        f"{shift.newly} {verb} that would not be": shift.newly,
        f"{shift.no_more} not {verb} any more": shift.no_more,
    }
    yield from (f"  {line}" for line, count in told.items() if count)


def _differences(case: CaseImpact) -> list[str]:
    before, after = _cells(case.before), _cells(case.after)
    lines = [f"  {name:<9}{before[name]} -> {after[name]}" for name in before if before[name] != after[name]]
    return lines or ["  in between: time, name or channels of a charge or message"]


def _cells(ahead: Ahead) -> dict[str, str]:
    return {
        "next": _next(ahead.next),
        "limit": _date(ahead.limit_at),
        "suspend": _date(ahead.suspend_at),
        "close": _date(ahead.close_at),
        "charges": str(ahead.charges),
        "messages": str(ahead.messages),
    }


def _next(step: NextStep) -> str:
    return f"{_time(step.at)} {step.what}"


def _date(moment: datetime | None) -> str:
    return _time(moment) if moment else "never"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
