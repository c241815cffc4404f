"""PostgreSQL through asyncpg: SQL in `queries/`, numbered migrations in `migrations/`, one class per table group.

Ledgers are append-only: a row says what happened, a later row says what became of it. Ids are minted in Python.
To change the schema: a new numbered file in `migrations/` (applied ones never change), then the query files.
"""
