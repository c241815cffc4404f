"""Everything that touches the world. One port, one folder: a contract, a sandbox adapter, one file per provider.

Workflows see `contracts.py` alone. To add a provider: a file in the port's folder that passes the port's contract
suite in `tests/activities/`, and a line in `workers/wiring.py`.
"""
