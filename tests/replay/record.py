"""`./dev record [NAME ...]`: records golden histories anew. The commit says why: a changed history, a changed story."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.fixtures.postgres import embedded_server
from tests.fixtures.temporal import TemporalServer
from tests.fixtures.town import building_town, new_databases
from tests.replay.stories import STORIES

HISTORIES = Path(__file__).parent / "histories"
ROOT = Path(__file__).parents[2]


async def record(names: list[str], database_url: str) -> None:
    server = TemporalServer()
    client = await server.start()
    try:
        async with building_town(client, *await new_databases(database_url)) as town:
            for name in names:
                case = await STORIES[name](town)
                history = await case.handle.fetch_history()
                # Traces of failures name the files of this machine.
                told = history.to_json().replace(f"{ROOT}/", "")
                (HISTORIES / f"{name}.json").write_text(told + "\n", encoding="utf-8")
                print(f"{name}: {len(history.events)} events")
    finally:
        await server.stop()


def main(names: list[str]) -> int:
    unknown = set(names) - set(STORIES)
    if unknown:
        print(f"no such story: {', '.join(unknown)}; there are: {', '.join(STORIES)}", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder,
        embedded_server(Path(folder)) as url,
    ):
        asyncio.run(record(names or list(STORIES), url))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
