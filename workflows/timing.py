"""Timeouts and retry policies, each with its reason. All in the case's own time; Temporal does the retrying."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.contracts import KEEP_TRIES

# Ours to mend: trying again cannot help, a person is asked instead.
NEVER_RETRIED = ["Misconfigured", "NotFound"]

# A killed worker is noticed after this long; every activity beats in the background (workers/heartbeats.py).
HEARTBEAT = timedelta(seconds=10)

# Longer than any adapter's own timeout, so that the adapter's typed answer arrives first.
ONE_CALL = timedelta(seconds=60)

# A decision reads four small queries; ten seconds is a database in trouble.
ONE_DECISION = timedelta(seconds=10)

# A gateway or database outage of a day is waited out; after that a person should look.
WAITED_OUT = timedelta(days=1)

# Words that are half a day late are still right; later they may no longer be.
WORDS_WAITED_OUT = timedelta(hours=12)

# What a person in front of a screen waits for an answer; later it is `processing` and the page keeps itself up to date.
PERSON_WAITS = timedelta(seconds=8)

# A local activity that keeps raising would heartbeat its workflow task for ever: three tries, then hold.
DECISION_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)

# A decision that failed three times is asked for again after this long, then ever more rarely.
DECIDE_AGAIN = timedelta(minutes=15)
DECIDE_AGAIN_AT_MOST = timedelta(days=1)

OUTSIDE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=30),
    non_retryable_error_types=NEVER_RETRIED,
)

# What is done after the customer has had their answer, and before service comes back: three quick tries, then a person.
QUICK_CALL = timedelta(seconds=20)
QUICK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_attempts=KEEP_TRIES, non_retryable_error_types=NEVER_RETRIED
)
