"""The customer's page: from submit to answer while fifty pay at once, its weight, and when a slow line shows it.

The answer: each customer has a case, a link and a session of their own, has typed a card into the sandbox's fields, and
all send the form at the same moment; the gateway takes 300 ms. Until the redirect comes back, the page has asked the
gateway what was given, and the case has decided, charged and settled. The baseline asks the gateway alone for fifty
charges at once; a second one asks for them by fifty updates of a bare workflow with one activity, which is what
Temporal costs on this machine. Rounds alternate.
"""

import asyncio
from itertools import count
from pathlib import Path

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

ROUNDS, AT_ONCE, WARM_UP = 3, 50, 5
GATEWAY_SECONDS = 0.3
QUIET_SECONDS = 3.0
"""Between typing and paying, so that what the page noted meanwhile has reached the cases."""
GOAL_SECONDS = 1.0
BODIES = 10
"""So many at a time get ready, which is not measured."""


async def measure(folder: Path) -> list[Figure]:
    async with page_stack(folder) as stack:
        await stack.ask_sandbox("POST", "/world/faults", {"slow_seconds": GATEWAY_SECONDS})
        numbers = count()
        await _paying(stack, numbers, WARM_UP)
        await _by_temporal(stack, WARM_UP)
        ours, bare, by_temporal, paid, reloads = [], [], [], 0, 0
        for _ in range(ROUNDS):
            times, paid_now, reloads_now = await _paying(stack, numbers, AT_ONCE)
            ours.append(times)
            paid, reloads = paid + paid_now, reloads + reloads_now
            bare.append(await _bare(stack))
            by_temporal.append(await _by_temporal(stack, AT_ONCE))
        waiting = await Customer.owing(stack, next(numbers))
        await waiting.until_page_says("owed")
        return [*_answers(ours, bare, by_temporal, paid, reloads), *await in_browser(waiting.link, stack.api)]


async def _paying(stack: Stack, numbers: "count[int]", how_many: int) -> tuple[list[float], int, int]:
    """Seconds from submit to answer of each, how many have paid, and how many pages were not shown at first."""
    slots = asyncio.Semaphore(BODIES)

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
    times = await asyncio.gather(*(customer.submit() for customer in customers))
    paid = [await customer.is_paid() for customer in customers]
    return times, sum(paid), sum(customer.reloads for customer in customers)


async def _bare(stack: Stack) -> list[float]:
    due = [await owing_bare(stack) for _ in range(AT_ONCE)]
    return await asyncio.gather(*(bare_charge(stack, body) for body in due))


async def _by_temporal(stack: Stack, how_many: int) -> list[float]:
    due = [(await waiting_workflow(stack), await owing_bare(stack)) for _ in range(how_many)]
    await asyncio.sleep(QUIET_SECONDS)
    return await asyncio.gather(*(bare_update(handle, body) for handle, body in due))


Rounds = list[list[float]]


def _answers(ours: Rounds, bare: Rounds, by_temporal: Rounds, paid: int, reloads: int) -> list[Figure]:
    """Medians over the rounds."""
    figures = [
        Figure(name="paid, of those who pressed", ours=f"{paid} of {ROUNDS * AT_ONCE}", goal="all"),
        Figure(name="pages that said to try again in a moment", ours=str(reloads), goal="0"),
    ]
    for name, share, goal in (("p50", 0.5, ""), ("p95", 0.95, f"< {GOAL_SECONDS:g} s"), ("max", 1.0, "")):
        in_rounds = [percentile(times, share) for times in ours]
        we = median(in_rounds)
        for what, rounds in (("bare POST", bare), ("bare update", by_temporal)):
            they = median([percentile(times, share) for times in rounds])
            figures.append(
                Figure(
                    name=f"submit to answer, {AT_ONCE} at once, {name}",
                    ours=f"{we:.2f} s ({min(in_rounds):.2f}..{max(in_rounds):.2f})",
                    baseline=f"{they:.2f} s ({what})",
                    ratio=we / they,
                    goal=goal,
                )
            )
    return figures
