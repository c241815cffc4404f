"""Signed addresses and tokens that say for whom they are. Each purpose has a salt of its own, so a token of one is none
of another; the first key signs, all of them verify (rotation: add the new one in front, drop the old one later)."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import ValidationError

from policies.keys import CustomerRef

Purpose = Literal["preferences", "feed"]

MAX_AGE_SECONDS: dict[Purpose, int] = {"preferences": 400 * 86_400, "feed": 3_600}
"""A mail must be answerable for as long as people keep it; a browser asks for a new token."""


class Links:
    """`public_url`: where customers reach our API, without a slash at the end."""

    def __init__(self, public_url: str, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no key is set up to sign links with; set RECOUP_LINK_KEYS")
        self.public_url = public_url.rstrip("/")
        # itsdangerous signs with the last key.
        self._keys = list(reversed(keys))

    def token(self, purpose: Purpose, customer: CustomerRef) -> str:
        return self._serializer(purpose).dumps([customer.source, customer.account, customer.customer_id])

    def customer_of(self, purpose: Purpose, token: str) -> CustomerRef | None:
        """None when it is forged, too old, or made for something else."""
        try:
            source, account, customer_id = self._serializer(purpose).loads(token, max_age=MAX_AGE_SECONDS[purpose])
            return CustomerRef(source=source, account=account, customer_id=customer_id)
        except (BadData, ValidationError, ValueError, TypeError):
            return None

    def preferences(self, customer: CustomerRef) -> str:
        """The page where they choose how they are written to."""
        return f"{self.public_url}/preferences/{self.token('preferences', customer)}"

    def _serializer(self, purpose: Purpose) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys, salt=f"recoup {purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )
