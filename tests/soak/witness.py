"""What the gateway's ledger, the owner, our database and Temporal say after the run, as it stands there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.soak.run import Run
from workflows.dunning import DunningWorkflow

ATTEMPTS = """
select a.key, a.case_id, a.credential_id, a.actor, a.initiator, a.amount_minor, a.currency, a.at,
    array(select outcome from attempt_results where key = a.key order by id) as words,
    (select outcome from attempt_results where key = a.key
     order by array_position(array['succeeded', 'declined', 'not_accepted'], outcome) nulls last, id desc limit 1)
        as outcome
from attempts a order by a.at, a.key"""


MESSAGES = """
select m.key, m.case_id, m.name, m.counted, c.policy,
    array(select channel || ' ' || status from message_results where key = m.key and channel is not null order by id)
        as words
from messages m join cases c using (case_id, reopen) order by m.at, m.key"""


@dataclass(frozen=True)
class Message:
    """A row of our contact ledger. `words`: channel and status of all that was written of it, in order. `policy`: that
    of its case, as `name@version`."""

    key: str
    case_id: str
    name: str
    counted: bool
    policy: str
    words: tuple[str, ...]

    @property
    def left_open(self) -> bool:
        """Nobody knows whether it went out."""
        return bool(self.words) and self.words[-1].endswith((" sending", " unclear"))

    @property
    def asked(self) -> frozenset[str]:
        return frozenset(word.split(" ")[0] for word in self.words)


@dataclass(frozen=True)
class Attempt:
    """A row of our attempt ledger. `words`: all that was written of it, in order; `outcome`: what stands."""

    key: str
    case_id: str | None
    credential_id: str
    actor: str
    initiator: str
    amount_minor: int
    currency: str
    at: datetime
    words: tuple[str, ...]
    outcome: str | None

    @property
    def was_unclear(self) -> bool:
        return "unknown" in self.words


@dataclass(frozen=True)
class Witness:
    """`letters`: what the sandbox's channels were asked to send, and how many times; `messages`: our contact ledger.
    `charges`: the sandbox gateway's ledger in its own order. `invoices`: the owner's view, `outcomes`: ours, both by
    case id. `given`, `networks`, `forbidden`: see `Run`. `asked_of_ops`: cases that ended before it was known what
    became of an attempt, where a person was asked to look."""

    charges: Sequence[dict[str, Any]]
    invoices: dict[str, dict[str, Any]]
    outcomes: dict[str, str | None]
    attempts: Sequence[Attempt]
    expected: Sequence[str]
    given: frozenset[str]
    networks: dict[str, str]
    forbidden: frozenset[str]
    asked_of_ops: frozenset[str] = frozenset()
    dropped_before: int = 0
    dropped_after: int = 0
    outages: int = 0
    histories: int = 0
    unreplayable: Sequence[str] = ()
    letters: Sequence[dict[str, Any]] = ()
    messages: Sequence[Message] = ()


async def heard(run: Run, replayed: int | None) -> Witness:
    """`replayed`: how many histories, None: all."""
    ledger = await run.sandbox("GET", "/world/ledger")
    lossy = (await run.sandbox("GET", "/world/faults"))["gateways"]
    faults = next(each for each in lossy if each["gateway"] == "sandbox")
    cases = [claim.case for claim in run.claims]
    invoices = [await run.sandbox("GET", f"/source/invoices/{case.invoice_id}") for case in cases]
    rows = await run.database.fetch("select case_id, outcome from cases")
    attempts = [Attempt(**{**row, "words": tuple(row["words"])}) for row in await run.database.fetch(ATTEMPTS)]
    asked = await run.database.fetch("select case_id from tasks where kind = 'unsettled_attempt'")
    letters = await run.sandbox_database.fetch("select channel, key, case_id, times from outbox order by position")
    messages = [Message(**{**row, "words": tuple(row["words"])}) for row in await run.database.fetch(MESSAGES)]
    histories, unreplayable = await _replayed(run, replayed)
    return Witness(
        charges=ledger["charges"],
        invoices={case.case_id: invoice for case, invoice in zip(cases, invoices, strict=True)},
        outcomes={row["case_id"]: row["outcome"] for row in rows},
        attempts=attempts,
        expected=[case.case_id for case in cases],
        given=frozenset(run.given),
        networks=run.networks,
        forbidden=frozenset(run.forbidden),
        asked_of_ops=frozenset(row["case_id"] for row in asked),
        dropped_before=faults["dropped_before"],
        dropped_after=faults["dropped_after"],
        outages=await run.database.fetchval("select count(*) from outages where kind = 'account'"),
        histories=histories,
        unreplayable=unreplayable,
        letters=[dict(row) for row in letters],
        messages=messages,
    )


async def _replayed(run: Run, limit: int | None) -> tuple[int, list[str]]:
    replayer = Replayer(workflows=[DunningWorkflow], data_converter=pydantic_data_converter)
    histories = run.temporal.list_workflows("WorkflowType = 'DunningWorkflow'", limit=limit).map_histories()
    count, failures = 0, []
    async with replayer.workflow_replay_iterator(histories) as results:
        async for result in results:
            count += 1
            if result.replay_failure:
                failures.append(f"{result.history.workflow_id}: {result.replay_failure}")
            await asyncio.sleep(0)
    return count, failures
