"""`./dev soak`: the crash test in full. Prints its figures; exits 1 on any finding, or when it took too long."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Ask
from tests.soak.soak import Report, soak


def main() -> int:
    asked = _asked()
    ask = Ask(cases=asked.cases, kills=asked.kills, seed=asked.seed)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        report = asyncio.run(_within(asked.minutes, folder, ask))
    except TimeoutError:
        _say(f"not over in time; the logs are in {folder / 'logs'}")
        return 1
    print(_table(report))
    if report.findings:
        _say(f"the state and the logs are in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--cases", type=int, default=Ask.cases)
    parser.add_argument("--kills", type=int, default=Ask.kills)
    parser.add_argument("--seed", type=int, default=Ask.seed)
    parser.add_argument("--minutes", type=float, default=20.0, help="it ends after so long, whatever is left")
    return parser.parse_args()


async def _within(minutes: float, folder: Path, ask: Ask) -> Report:
    async with asyncio.timeout(minutes * 60):
        return await soak(folder, ask, _say)


def _table(report: Report) -> str:
    lines = [f"{name:<26}{figure}" for name, figure in report.figures()]
    return "\n".join([*lines, *(f"  ! {finding}" for finding in report.findings)])


def _say(text: str) -> None:
    print(f"[soak] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
