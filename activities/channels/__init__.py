"""How words reach a customer. To add a channel's provider: `activities/channels/<name>.py` that passes
`tests/activities/channels/contract.py`, and a line in `workers/wiring.py`."""
