"""The customer's page: from submit to answer, its weight on the wire, and when a slow line shows it.

The answer: each customer has a case, a link and a session of their own, has typed a card into the sandbox's fields, and
send the form: fifty that are on the page at once, each at a moment of their own within ten seconds, for nobody types a
card as quickly as the next; then five, and fifty, in the very same instant, which shows where it bends. The gateway
takes 300 ms. Until the redirect comes back,
the page has asked the gateway what was given, and the case has decided, charged and settled. The baseline asks the
gateway alone for as many charges at once; a second one asks for them by updates of a bare workflow with one activity,
which is what Temporal costs on this machine. Rounds alternate.
"""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figure, median, percentile
from benchmarks.page_browser import in_browser
from benchmarks.page_customers import (
    Customer,
    bare_charge,
    bare_update,
    owing_bare,
    waiting_workflow,
)
from benchmarks.page_stack import Stack, page_stack

ROUNDS, AT_ONCE, A_FEW = 3, 50, 5
PRESS_WITHIN_SECONDS = 10.0
GATEWAY_SECONDS = 0.3
QUIET_SECONDS = 3.0
"""Between typing and paying, so that what the page noted meanwhile has reached the cases."""
GOAL_SECONDS = 1.0
READY_AT_ONCE = 10
"""Getting ready is not measured, and must not wear the machine out."""


class Rounds(NamedTuple):
    """Seconds of each answer, by round."""

    ours: list[list[float]]
    bare: list[list[float]]
    by_temporal: list[list[float]]


async def measure(folder: Path) -> list[Figure]:
    async with page_stack(folder) as stack:
        await stack.ask_sandbox("POST", "/world/faults", {"slow_seconds": GATEWAY_SECONDS})
        numbers = count()
        await _paying(stack, numbers, A_FEW)
        await _by_temporal(stack, A_FEW)
        each, few, many = Rounds([], [], []), Rounds([], [], []), Rounds([], [], [])
        came = []
        for _ in range(ROUNDS):
            came.append(await _round(stack, numbers, AT_ONCE, each, PRESS_WITHIN_SECONDS))
            came += [await _round(stack, numbers, A_FEW, few), await _round(stack, numbers, AT_ONCE, many)]
        waiting = await Customer.owing(stack, next(numbers))
        await waiting.until_page_says("owed")
        return [
            *_came(came),
            *_answers(f"{AT_ONCE} at once, each at their own moment", each),
            *_answers(f"{A_FEW} in one instant", few),
            *_answers(f"{AT_ONCE} in one instant", many),
            *await in_browser(waiting.link, stack.api),
        ]


async def _round(
    stack: Stack, numbers: "count[int]", how_many: int, rounds: Rounds, within_seconds: float = 0.0
) -> tuple[int, int]:
    """How many have paid, and how many pages were not shown at first."""
    times, paid, reloads = await _paying(stack, numbers, how_many, within_seconds)
    rounds.ours.append(times)
    rounds.bare.append(await _bare(stack, how_many, within_seconds))
    rounds.by_temporal.append(await _by_temporal(stack, how_many, within_seconds))
    return paid, reloads


async def _paying(
    stack: Stack, numbers: "count[int]", how_many: int, within_seconds: float = 0.0
) -> tuple[list[float], int, int]:
    """Seconds from submit to answer of each, how many have paid, and how many pages were not shown at first."""
    slots = asyncio.Semaphore(READY_AT_ONCE)

    async def ready() -> Customer:
        async with slots:
            customer = await Customer.owing(stack, next(numbers))
        await customer.until_page_says("owed")
        async with slots:
            await customer.reach_fields()
            await customer.type_card()
        return customer

    customers = await asyncio.gather(*(ready() for _ in range(how_many)))
    await asyncio.sleep(QUIET_SECONDS)
    times = await _spread([customer.submit() for customer in customers], within_seconds)
    paid = [await customer.is_paid() for customer in customers]
    return times, sum(paid), sum(customer.reloads for customer in customers)


async def _bare(stack: Stack, how_many: int, within_seconds: float = 0.0) -> list[float]:
    due = [await owing_bare(stack) for _ in range(how_many)]
    return await _spread([bare_charge(stack, body) for body in due], within_seconds)


async def _by_temporal(stack: Stack, how_many: int, within_seconds: float = 0.0) -> list[float]:
    due = [(await waiting_workflow(stack), await owing_bare(stack)) for _ in range(how_many)]
    await asyncio.sleep(QUIET_SECONDS)
    return await _spread([bare_update(handle, body) for handle, body in due], within_seconds)


async def _spread(pressing: Sequence[Awaitable[float]], within_seconds: float) -> list[float]:
    """Each at a random moment, the same moments in every run."""
    chance = random.Random(50)

    async def at(moment: float, press: Awaitable[float]) -> float:
        await asyncio.sleep(moment)
        return await press

    return await asyncio.gather(*(at(chance.uniform(0, within_seconds), each) for each in pressing))


def _came(came: list[tuple[int, int]]) -> list[Figure]:
    paid, reloads = (sum(numbers) for numbers in zip(*came, strict=True))
    return [
        Figure(name="paid, of those who pressed", ours=f"{paid} of {ROUNDS * (A_FEW + 2 * AT_ONCE)}", goal="all"),
        Figure(name="pages that said to try again in a moment", ours=str(reloads), goal="0"),
    ]


def _answers(who: str, rounds: Rounds) -> list[Figure]:
    """Medians over the rounds."""
    figures = []
    for name, share, goal in (("p50", 0.5, ""), ("p95", 0.95, f"< {GOAL_SECONDS:g} s"), ("max", 1.0, "")):
        in_rounds = [percentile(times, share) for times in rounds.ours]
        we = median(in_rounds)
        for what, theirs in (("bare POST", rounds.bare), ("bare update", rounds.by_temporal)):
            they = median([percentile(times, share) for times in theirs])
            figures.append(
                Figure(
                    name=f"submit to answer, {who}, {name}",
                    ours=f"{we:.2f} s ({min(in_rounds):.2f}..{max(in_rounds):.2f})",
                    baseline=f"{they:.2f} s ({what})",
                    ratio=we / they,
                    goal=goal,
                )
            )
    return figures
