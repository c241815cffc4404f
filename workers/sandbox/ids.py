"""Ids that the sandbox mints. Letters only: a run of digits could be taken for a card number."""

import secrets
from string import ascii_lowercase


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(ascii_lowercase) for _ in range(20))
