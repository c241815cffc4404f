"""Whether a charge looks like fraud or card testing. To add a check: a file here that passes
`tests/activities/fraud/contract.py`, and a line in `workers/wiring.py`."""
