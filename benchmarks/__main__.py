"""Runs the benchmarks named, else all: webhooks, relay, charges, messages, page, history, decisions.

`--json` prints JSON.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import charges, decisions, history, messages, page, relay, webhooks
from benchmarks.figures import Figure, table
from workers.temporal import leave

BENCHMARKS = {
    "webhooks": webhooks,
    "relay": relay,
    "charges": charges,
    "messages": messages,
    "page": page,
    "history": history,
    "decisions": decisions,
}


async def run(names: list[str]) -> list[Figure]:
    figures = []
    for name in names:
        print(f"[bench] {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            figures += await BENCHMARKS[name].measure(Path(folder))
    await leave()
    return figures


def main(arguments: list[str]) -> int:
    names = [argument for argument in arguments if argument != "--json"]
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    figures = asyncio.run(run(names or list(BENCHMARKS)))
    as_json = json.dumps([figure.model_dump() for figure in figures], indent=2)
    print(as_json if "--json" in arguments else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
