"""What a gateway's later word makes of an attempt of ours that has ended before."""

from activities.sources.contract import Addressed
from activities.store.attempts import LedgerState
from activities.store.cases import CaseRow, Task
from policies.events import PaymentSucceeded, SourceEvent
from policies.facts import Outcome


def overturns(ours: LedgerState, said: Addressed) -> bool:
    """Whether it is the opposite of what the gateway said of the attempt before."""
    opposite = Outcome.DECLINED if isinstance(said.event, PaymentSucceeded) else Outcome.SUCCEEDED
    return ours.outcome is opposite


def as_paid(ours: LedgerState, said: Addressed) -> LedgerState:
    return ours.model_copy(update={"outcome": Outcome.SUCCEEDED, "reference": said.reference or ours.reference})


def paid_after_all(closed: CaseRow, ours: LedgerState, event: SourceEvent) -> Task:
    ended = closed.outcome.value if closed.outcome else "ended"
    return Task(
        key=f"paid_after_all/{ours.key}",
        case_id=closed.case_id,
        kind="unsettled_attempt",
        assignee="ops",
        summary=f"an attempt without an answer took {ours.amount} after the case was {ended}; book it or refund it",
        created_at=event.happened_at,
    )
