"""What the customer may use. To add a system that grants service: a file here that passes
`tests/activities/access/contract.py`, and a line in `workers/wiring.py`."""
