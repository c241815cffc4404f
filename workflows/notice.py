"""Tells a customer something that has not failed yet, when it may be said: asks, waits as long as the rules want, asks
again. Decides nothing itself.

Owns waiting. Workflow code changes keep `tests/replay/` green.
"""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.contracts import Deferred, NoticeActivities, NoticeRequest
    from policies.notices import Notice
    from workflows import timing
    from workflows.contracts import NoticeResult


@workflow.defn
class NoticeWorkflow:
    @workflow.run
    async def run(self, notice: Notice) -> NoticeResult:
        while True:
            try:
                answer = await workflow.execute_activity_method(
                    NoticeActivities.send_notice,
                    NoticeRequest(notice=notice, now=workflow.now()),
                    start_to_close_timeout=timing.ONE_CALL,
                    schedule_to_close_timeout=timing.WORDS_WAITED_OUT,
                    heartbeat_timeout=timing.HEARTBEAT,
                    retry_policy=timing.OUTSIDE_RETRY,
                    summary=f"{notice.template} for {notice.customer.customer_id}",
                )
            except FailureError as error:
                return NoticeResult(status="failed", because=str(error.cause or error)[:300])
            if not isinstance(answer, Deferred):
                return NoticeResult(status=answer.status.value, channel=answer.channel)
            if answer.until is None or answer.until > notice.not_after:
                return NoticeResult(status="not_said", because=answer.because)
            await workflow.sleep(answer.until - workflow.now(), summary=f"{notice.template}: {answer.because}")
