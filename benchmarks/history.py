"""What an action costs in history events, on the kept histories; the tests hold the bound."""

from pathlib import Path

from benchmarks.figures import Figure
from tests.replay.test_replay import HISTORIES, MAX_EVENTS_PER_ACTION, cost, read

FLOOR = 11.0


async def measure(folder: Path) -> list[Figure]:
    figures = []
    for path in HISTORIES:
        events, actions = cost(read(path))
        if actions >= 10:
            per_action = events / actions
            figures.append(
                Figure(
                    name=f"events per action: {path.stem}",
                    ours=f"{per_action:.1f} ({events} for {actions})",
                    baseline=f"{FLOOR:.0f} (floor of Temporal)",
                    ratio=per_action / FLOOR,
                    goal=f"<= {MAX_EVENTS_PER_ACTION} events",
                )
            )
    return figures
