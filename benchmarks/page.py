"""The customer's page: from submit to answer while fifty pay at once, its weight, and when a slow line shows it.

The answer: each customer has a case, a link and a session of their own, has typed a card into the sandbox's fields, and
all send the form at the same moment; the gateway takes 300 ms. Until the redirect comes back, the page has asked the
gateway what was given, and the case has decided, charged and settled. The baseline asks the gateway alone for fifty
charges at once. Rounds alternate.
"""

import asyncio
from itertools import count
from pathlib import Path

from benchmarks.figures import Figure, median, percentile
from benchmarks.page_browser import in_browser
from benchmarks.page_customers import Customer, bare_charge, owing_bare
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
        ours, bare, paid = [], [], 0
        for _ in range(ROUNDS):
            times, paid_now = await _paying(stack, numbers, AT_ONCE)
            ours.append(times)
            paid += paid_now
            bare.append(await _bare(stack))
        waiting = await Customer.owing(stack, next(numbers))
        await waiting.until_page_says("owed")
        return [*_answers(ours, bare, paid), *await in_browser(waiting.link, stack.api)]


async def _paying(stack: Stack, numbers: "count[int]", how_many: int) -> tuple[list[float], int]:
    """Seconds from submit to answer of each, and how many have paid."""
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
    return times, sum(paid)


async def _bare(stack: Stack) -> list[float]:
    due = [await owing_bare(stack) for _ in range(AT_ONCE)]
    return await asyncio.gather(*(bare_charge(stack, *each) for each in due))


def _answers(ours: list[list[float]], bare: list[list[float]], paid: int) -> list[Figure]:
    """Medians over the rounds."""
    figures = [Figure(name="paid, of those who pressed", ours=f"{paid} of {ROUNDS * AT_ONCE}", goal="all")]
    for name, share, goal in (("p50", 0.5, ""), ("p95", 0.95, f"< {GOAL_SECONDS:g} s"), ("max", 1.0, "")):
        in_rounds = [percentile(times, share) for times in ours]
        we, they = median(in_rounds), median([percentile(times, share) for times in bare])
        figures.append(
            Figure(
                name=f"submit to answer, {AT_ONCE} at once, {name}",
                ours=f"{we:.2f} s ({min(in_rounds):.2f}..{max(in_rounds):.2f})",
                baseline=f"{they:.2f} s (bare POST)",
                ratio=we / they,
                goal=goal,
            )
        )
    return figures
