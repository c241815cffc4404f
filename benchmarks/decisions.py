"""Decisions per second on one core, for an enterprise case in the middle of its life."""

import time
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, median
from policies.decide import next_step
from policies.declines import Category
from policies.surroundings import Surroundings
from tests.policies.timeline import ENTERPRISE, case, day, told, tried

ROUNDS, DECISIONS_A_ROUND = 5, 1000


async def measure(folder: Path) -> list[Figure]:
    attempts = tuple(tried(n, day(2 * n), f"ladder-{n}") for n in range(1, 5))
    facts = case(Category.DO_NOT_HONOR, attempts=attempts, messages=(told("first_notice", day(0)),))
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for n in range(DECISIONS_A_ROUND):
            next_step(ENTERPRISE, facts, Surroundings(), day(12) + timedelta(seconds=n))
        rates.append(DECISIONS_A_ROUND / (time.perf_counter() - began))
    return [Figure(name="decisions per second, one core", ours=f"{median(rates):,.0f}/s")]
