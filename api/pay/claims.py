"""What a customer owes, as the running cases say it right now: one query to each, and what is due next in it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from temporalio.service import RPCError, RPCStatusCode

from api.errors import TemporalUnreachable
from api.parts import ApiParts, PageParts
from policies.agreements import Standing, agreements_of
from policies.document import PolicyDocument
from policies.facts import CaseFacts
from policies.keys import CaseRef, CustomerRef
from policies.self_service import PageOffers, page_offers
from policies.steps import Words
from workflows.contracts import CaseNow
from workflows.dunning import DunningWorkflow

PATIENCE = timedelta(seconds=5)

ClaimState = Literal["owed", "processing", "held", "settled"]


class Claim(NamedTuple):
    """One open invoice. `now`: the case's time, which tests may have moved ahead of ours."""

    case: CaseRef
    facts: CaseFacts
    policy: PolicyDocument
    words: Words
    offers: PageOffers
    agreed: Standing | None
    now: datetime

    @property
    def state(self) -> ClaimState:
        """`held`: a person looks into it, so nothing is paid now."""
        facts = self.facts
        if facts.is_paid or facts.ending or facts.close_asked:
            return "settled"
        if facts.open_attempt or facts.untried_credential():
            return "processing"
        return "held" if facts.open_dispute or facts.open_stop else "owed"


async def claims_of(parts: ApiParts, page: PageParts, customer: CustomerRef) -> tuple[Claim, ...]:
    """The oldest first. Raises TemporalUnreachable and RPCError; then nobody knows what is owed."""
    invoices = await parts.store.cases.open_invoices(
        customer.source, customer.account, customer_id=customer.customer_id
    )
    cases = [CaseRef(source=customer.source, account=customer.account, invoice_id=each) for each in invoices]
    found = await asyncio.gather(*(claim_of(parts, page, case) for case in cases))
    return tuple(sorted((claim for claim in found if claim), key=lambda claim: claim.facts.failed_at))


async def claim_of(parts: ApiParts, page: PageParts, case: CaseRef) -> Claim | None:
    """None when its case is not there, or has not read its invoice yet."""
    told = await _case_now(parts, case)
    if told is None or told.facts is None or told.policy is None:
        return None
    facts, policy = told.facts, told.policy.document
    now = max(told.now or facts.opened_at, datetime.now(UTC))
    return Claim(
        case=told.case,
        facts=facts,
        policy=policy,
        words=await page.desk.outlook(policy, facts, now),
        offers=page_offers(policy, facts, now),
        agreed=agreements_of(facts, now).standing,
        now=now,
    )


async def _case_now(parts: ApiParts, case: CaseRef) -> CaseNow | None:
    handle = parts.temporal.get_workflow_handle_for(DunningWorkflow.run, case.workflow_id)
    try:
        return await handle.query(DunningWorkflow.case_now, rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    except RuntimeError as error:
        raise TemporalUnreachable from error
