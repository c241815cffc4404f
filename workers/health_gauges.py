"""What a watch has seen, as observable gauges: one for the state, and one for each figure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation


class Health(Protocol):
    @property
    def state(self) -> StrEnum: ...


Seen = TypeVar("Seen", bound=Health)


class HealthGauges(Generic[Seen]):
    """`what`: `source` gives the meter `recoup.sources` and gauges `recoup_source_…`. `figures`: of each name the unit,
    and where the health has it; a figure that is None is not told. `seen` is set by the watch."""

    def __init__(
        self,
        what: str,
        states: type[StrEnum],
        labels: Callable[[Seen], Mapping[str, str]],
        figures: Mapping[str, tuple[str, str]],
    ) -> None:
        self.seen: Sequence[Seen] = ()
        self._states, self._labels = states, labels
        meter = metrics.get_meter(f"recoup.{what}s")
        meter.create_observable_gauge(
            f"recoup_{what}_state", [self.states], description=f"1 for the state a {what} is in, 0 for the others"
        )
        for name, (unit, place) in figures.items():
            meter.create_observable_gauge(f"recoup_{what}_{name}", [self.figure(place)], unit=unit)

    def states(self, _: CallbackOptions) -> Iterable[Observation]:
        for one in self.seen:
            for state in self._states:
                yield Observation(int(one.state is state), {**self._labels(one), "state": state.value})

    def figure(self, place: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        read = attrgetter(place)

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            for one in self.seen:
                value = read(one)
                if value is not None:
                    told = value.total_seconds() if isinstance(value, timedelta) else value
                    yield Observation(told, self._labels(one))

        return observe
