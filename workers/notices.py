"""A notice that the merchant asked for becomes a workflow of its own, once."""

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.store.inbox import InboxRow
from policies.events import Ignored, IgnoredBecause
from policies.notices import Notice
from workers.fates import RPC_PATIENCE, Delivered, Fate
from workflows.notice import NoticeWorkflow


async def start_notice(temporal: Client, task_queue: str, row: InboxRow) -> Fate:
    notice = Notice.model_validate_json(row.body)
    try:
        await temporal.start_workflow(
            NoticeWorkflow.run,
            notice,
            id=notice.workflow_id,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{notice.template} for {notice.customer.customer_id}",
            rpc_timeout=RPC_PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        return Ignored(reason=IgnoredBecause.DUPLICATE, detail=f"{notice.workflow_id} was started before")
    return Delivered(case_id=None)
