-- When a call was really begun, by our clock: `at` is the case's time, and an activity that is repeated keeps it.

alter table attempt_results
    -- Null in rows from before.
    add column written_at timestamptz;
