"""Decisions per second on one core, and what loading costs. Goals: 20,000 where no new time is chosen (an enterprise
case with 12 attempts and 20 messages), 3,000 where one is chosen among 40; a policy in 50 ms, the package in 250 ms.
Behind each rate, the slowest and the fastest round: machines are noisy."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, median
from policies.decide import next_step
from policies.declines import Category
from policies.document import PolicyDocument
from policies.facts import CaseFacts
from policies.load import load_policy
from policies.situation import Situation
from policies.surroundings import CustomerView, Surroundings
from policies.timing import candidate_times
from tests.policies.timeline import ANNUAL, DOCUMENTS, ENTERPRISE, case, day, entry, told, tried

ROUNDS, DECISIONS_A_ROUND, CHOICES_A_ROUND = 7, 1000, 200
IMPORT = "import time; t = time.perf_counter(); import policies.decide, policies.load; print(time.perf_counter() - t)"


async def measure(folder: Path) -> list[Figure]:
    attempts = tuple(tried(n, day(2 * n), f"ladder-{n}", category=Category.DO_NOT_HONOR) for n in range(1, 13))
    messages = tuple(told(f"message_{n}", day(n)) for n in range(20))
    old = case(Category.DO_NOT_HONOR, attempts=attempts, messages=messages)
    berlin = Surroundings(customer=CustomerView(zone="Europe/Berlin", country="DE"))
    long = ANNUAL.model_copy(
        update={"retries": ANNUAL.retries.model_copy(update={"window": timedelta(days=60), "gap": timedelta(days=1)})}
    )
    # Six rungs used, the other attempts were for new cards: one is still to come, and the ledger is asked.
    open_rung = [a.model_copy(update={"rung": f"ladder-{a.ordinal}" if a.ordinal < 7 else None}) for a in attempts]
    charged = case(Category.DO_NOT_HONOR, attempts=tuple(open_rung), messages=messages)
    entries = tuple(entry(a.at, category=Category.DO_NOT_HONOR) for a in attempts)
    silent = case(messages=messages)
    choices = len(candidate_times(Situation.of(long, silent, berlin, day(0)), day(0)))
    return [
        Figure(
            name="decisions per second, 12 attempts, 20 messages (goal 20,000)",
            ours=_rate(ENTERPRISE, old, berlin, DECISIONS_A_ROUND),
        ),
        Figure(
            name="the same with a rung to come, 12 in the ledger",
            ours=_rate(ENTERPRISE, charged, berlin.model_copy(update={"ledger": entries}), DECISIONS_A_ROUND),
        ),
        Figure(
            name=f"decisions per second that choose among {choices} times (goal 3,000)",
            ours=_rate(long, silent, berlin, CHOICES_A_ROUND),
        ),
        Figure(name="loading a policy (goal 50 ms)", ours=f"{1000 * _seconds(_load):.0f} ms"),
        Figure(name="importing policies (goal 250 ms)", ours=f"{1000 * _seconds(_import_anew):.0f} ms"),
    ]


def _rate(policy: PolicyDocument, facts: CaseFacts, around: Surroundings, count: int) -> str:
    moments = [day(25 if facts.attempts else 0) + timedelta(seconds=n) for n in range(count)]
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for now in moments:
            next_step(policy, facts, around, now)
        rates.append(count / (time.perf_counter() - began))
    return f"{median(rates):,.0f}/s ({min(rates):,.0f}..{max(rates):,.0f})"


def _seconds(work: Callable[[], float]) -> float:
    return median([work() for _ in range(ROUNDS)])


def _load() -> float:
    text = (DOCUMENTS / "enterprise.yaml").read_text()
    began = time.perf_counter()
    load_policy(text, "enterprise.yaml")
    return time.perf_counter() - began


def _import_anew() -> float:
    """What the package adds beside the libraries it stands on, which are there anyway, is not told apart."""
    child = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    return float(child.stdout)
