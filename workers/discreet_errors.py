"""What an unexpected error says stays in the worker's log: its text may quote a row, an address, a payload (P9).

Errors that are part of a port's contract (`activities/errors.py`) are ours word for word and reach the history.
"""

import logging
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.errors import OutsideError, RateLimited

log = logging.getLogger(__name__)


class DiscreetErrors(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Discreet(next)


class _Discreet(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await self.next.execute_activity(input)
        except RateLimited as error:
            pause = timedelta(seconds=error.retry_after_seconds)
            raise ApplicationError(str(error), type="RateLimited", next_retry_delay=pause) from None
        except (OutsideError, ApplicationError):
            raise
        except Exception as error:
            kind = type(error).__name__
            log.exception("%s failed unexpectedly", activity.info().activity_type)
            raise ApplicationError("unexpected; the worker's log says more", type=kind) from None
