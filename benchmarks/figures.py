"""What a benchmark yields, and how it is printed."""

import statistics
from collections.abc import Sequence

from policies.base import Record


class Figure(Record):
    """`ratio`: ours by the baseline of the same run, where there is one; `goal` is what the ratio should reach."""

    name: str
    ours: str
    baseline: str = ""
    ratio: float | None = None
    goal: str = ""


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def table(figures: Sequence[Figure]) -> str:
    lines = [f"{'figure':<44} {'ours':>26} {'baseline':>26} {'ratio':>7}  goal"]
    for figure in figures:
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        lines.append(f"{figure.name:<44} {figure.ours:>26} {figure.baseline:>26} {ratio:>7}  {figure.goal}")
    return "\n".join(lines)
