"""One crash test from stack to figures."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg

from tests.soak.blows import Blows
from tests.soak.run import Ask, Run, blows_of
from tests.soak.verdict import OURS, findings
from tests.soak.witness import Witness, heard
from workers.embedded.stack import Say, running_stack
from workers.temporal import connect, leave


@dataclass(frozen=True)
class Report:
    """`findings`: what must not be; none acquits. `kills_in_charges`: those that met a charge between being sent and
    being settled."""

    witness: Witness
    findings: Sequence[str]
    kills: int
    kills_in_charges: int
    seconds: float

    def figures(self) -> list[tuple[str, str]]:
        of_gateway = [charge for charge in self.witness.charges if charge["idempotency_key"].startswith(OURS)]
        ours = [attempt for attempt in self.witness.attempts if attempt.actor == "recoup"]
        unclear = Counter(attempt.outcome for attempt in ours if attempt.was_unclear)
        return [
            ("cases", str(len(self.witness.expected))),
            ("outcomes", _counted(Counter(str(outcome) for outcome in self.witness.outcomes.values()))),
            ("worker killed", f"{self.kills}, of these {self.kills_in_charges} with a charge under way"),
            ("charges dropped", f"{self.witness.dropped_before} before, {self.witness.dropped_after} after the money"),
            ("attempts reserved by us", f"{len(ours)}: {_counted(Counter(str(a.outcome) for a in ours))}"),
            ("attempts at the gateway", f"{len(of_gateway)}: {_counted(Counter(c['status'] for c in of_gateway))}"),
            (
                "unknown outcomes",
                f"{unclear.total()}: now {_counted(Counter({str(k): n for k, n in unclear.items()}))}",
            ),
            ("messages sent", f"{len(self.witness.letters)} of {len(self.witness.messages)} reserved"),
            ("fate unknown", str(sum(message.left_open for message in self.witness.messages))),
            ("outages declared", str(self.witness.outages)),
            ("histories replayed", f"{self.witness.histories}, {len(self.witness.unreplayable)} failed"),
            ("seconds", f"{self.seconds:.0f}"),
            ("findings", str(len(self.findings))),
        ]


async def soak(folder: Path, ask: Ask, say: Say, replayed: int | None = None) -> Report:
    """`replayed`: how many histories are replayed in the end, None: all. Raises TimeoutError when a step got stuck."""
    began = time.monotonic()
    async with running_stack(folder, {}, say) as stack, aiohttp.ClientSession() as session:
        async with (
            _pool(stack.environment["RECOUP_DATABASE_URL"]) as ours,
            _pool(stack.environment["RECOUP_SANDBOX_DATABASE_URL"]) as theirs,
        ):
            temporal = await connect(stack.settings())
            run = Run(stack, ask, session, temporal, ours, theirs, datetime.now(UTC), say)
            blows: Blows = blows_of(ask, stack, ours)
            await run.go(blows)
            say("all days are over; hearing the witnesses")
            witness = await heard(run, replayed)
        await leave()
    under_way = sum(1 for charges in blows.charges_under_way if charges)
    seconds = time.monotonic() - began
    return Report(witness, findings(witness), blows.killed, under_way, seconds)


@asynccontextmanager
async def _pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool:
        yield pool


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"
