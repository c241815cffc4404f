"""The future of a case as a picture: four lanes over the days, as SVG that any browser shows. The template draws."""

from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from policies.facts import AccessLevel
from workers.mistakes import Mistake
from workers.policy_tools.preview import Preview

LEFT, RIGHT, TOP, ROW = 120, 60, 96, 18
WIDTH, LETTER = 1100, 6.6
LANES = {
    "charges": ("charge", "reconcile"),
    "messages": ("notify", "offer"),
    "people": ("escalate", "hold"),
    "service": ("limit", "suspend", "reinstate", "close"),
}


class Mark(NamedTuple):
    """A dot on a lane and its label below."""

    x: float
    y: float
    label: str
    label_x: float
    label_y: float
    kind: str
    title: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.label_x, self.label_y - 11, self.label_x + len(self.label) * LETTER, self.label_y + 3


class Band(NamedTuple):
    x: float
    width: float
    level: str


class Lane(NamedTuple):
    name: str
    y: float


def draw_into(path: Path, shown: Preview) -> None:
    """Raises Mistake when nothing can be written there."""
    try:
        path.write_text(draw(shown), encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error.strerror}; name a file in a folder that is there") from None


def draw(shown: Preview) -> str:
    marks, lanes, bottom = _lanes(shown)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = resources.files(__package__).joinpath("picture.svg.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        policy=shown.policy,
        zone=shown.zone,
        marks=marks,
        lanes=lanes,
        bands=_bands(shown),
        days=_ticks(shown),
        width=WIDTH,
        height=bottom + 40,
        top=TOP,
        bottom=bottom,
        left=LEFT,
        right=WIDTH - RIGHT,
    )


def marks_of(shown: Preview) -> list[Mark]:
    return _lanes(shown)[0]


def _lanes(shown: Preview) -> tuple[list[Mark], list[Lane], float]:
    """Labels of a lane that would touch go one row further down."""
    marks, lanes, y = list[Mark](), list[Lane](), float(TOP + 44)
    for name, kinds in LANES.items():
        lanes.append(Lane(name, y))
        ends: list[float] = []
        for each in shown.timeline:
            if each.kind not in kinds:
                continue
            x, label = _x(shown, each.at), _label(each.kind, each.what)
            label_x = min(x, WIDTH - 4 - len(label) * LETTER)
            row = next((n for n, end in enumerate(ends) if end < label_x), len(ends))
            ends[row : row + 1] = [label_x + len(label) * LETTER + 8]
            title = f"{each.at:%Y-%m-%d %H:%M} UTC: {each.because}"
            marks.append(Mark(x, y, label, label_x, y + 20 + row * ROW, each.kind, title))
        y += 20 + max(1, len(ends)) * ROW + 26
    return marks, lanes, y


def _label(kind: str, what: str) -> str:
    if kind in ("notify", "offer"):
        return what.partition(" by ")[0].replace("_", " ")
    if kind == "charge":
        return what.partition("(")[2].rstrip(")").replace("-", " ")
    return f"{kind} {what}".strip() if kind != "limit" else "limit"


def _x(shown: Preview, at: datetime) -> float:
    span = shown.timeline[-1].at - shown.at
    share = (at - shown.at) / span if span else 0.0
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)


def _bands(shown: Preview) -> list[Band]:
    edges = [(_x(shown, shown.at), AccessLevel.FULL)]
    for each in shown.timeline:
        if each.access is not edges[-1][1]:
            edges.append((_x(shown, each.at), each.access))
    ends = [*[x for x, _ in edges[1:]], _x(shown, shown.timeline[-1].at)]
    return [Band(x, round(end - x, 1), level.value) for (x, level), end in zip(edges, ends, strict=True) if end > x]


def _ticks(shown: Preview) -> list[tuple[float, str]]:
    days = (shown.timeline[-1].at - shown.at).days
    step = next(step for step in (1, 2, 5, 7, 14, 28, 365) if days / step <= 16)
    return [(_x(shown, shown.at + timedelta(days=day)), f"day {day}") for day in range(0, days + 1, step)]
