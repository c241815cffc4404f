"""The crash test: hundreds of cases while the worker is killed and the wire to the gateway loses requests.

`people.py` who fails and what they do, `run.py` the run, `blows.py` the kills, `witness.py` what the sandbox and the
database say afterwards, `verdict.py` what must hold of it, `soak.py` all of it in a row. `./dev soak` is the full form,
tests/workers/test_crash_short.py the short one, and tests/workers/test_crash_verdict.py shows that it does convict.
"""
