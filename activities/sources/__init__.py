"""Who tells us and who owns the invoice. To add a source: `activities/sources/<name>.py` with a `Speaker` (pure)
and, when it owns invoices, an `Owner` (I/O), its test beside the others, and a line in `workers/wiring.py`."""
