"""Sources that need no code: a document says where in a delivery everything stands. How to write one:
docs/sources/mapping.md."""
