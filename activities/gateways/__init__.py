"""Who moves money. To add a gateway: `activities/gateways/<name>.py` that passes
`tests/activities/gateways/contract.py`, `docs/gateways/<name>.md`, and a line in `workers/wiring.py`."""
