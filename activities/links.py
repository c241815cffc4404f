"""Signed addresses and tokens that say for whom they are. Each purpose has a salt of its own, so a token of one is none
of another; the first key signs, all of them verify (rotation: add the new one in front, drop the old one later)."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from pydantic import StringConstraints, ValidationError

from policies.base import Record, UtcTime
from policies.keys import CustomerRef

Purpose = Literal["preferences", "feed"]
PayPurpose = Literal["pay", "wall"]

MAX_AGE_SECONDS: dict[Purpose | PayPurpose, int] = {
    "preferences": 400 * 86_400,
    "feed": 3_600,
    "pay": 30 * 86_400,
    "wall": 3_600,
}
"""A mail must be answerable for as long as people keep it; a browser asks for a new token. A link to pay may lie in a
mailbox that others read one day, so it ends sooner."""

LinkId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{16,64}$")]


class PayLink(Record):
    """A way to the customer's page. `pay`: goes with a message; `wall`: for the merchant's own application. `link_id`
    names it in the store and is no secret: the signature is."""

    customer: CustomerRef
    link_id: LinkId
    purpose: PayPurpose = "pay"
    expires_at: UtcTime

    @classmethod
    def of_letter(cls, customer: CustomerRef, letter_key: str, at: datetime) -> "PayLink":
        """Of the Letter with this key (one message on one channel): the same each time it is asked for."""
        lasts = timedelta(seconds=MAX_AGE_SECONDS["pay"])
        return cls(customer=customer, link_id=link_id_of(letter_key), expires_at=at.replace(microsecond=0) + lasts)

    @classmethod
    def of_wall(cls, customer: CustomerRef, at: datetime) -> "PayLink":
        """Another one each time."""
        lasts = timedelta(seconds=MAX_AGE_SECONDS["wall"])
        ends = at.replace(microsecond=0) + lasts
        return cls(customer=customer, link_id=secrets.token_hex(12), purpose="wall", expires_at=ends)


class SignedLink(Record):
    """What a link's address says: that we have signed it, for what, and until when it opens. Whose it is stands
    in the store, so that an address tells nobody, and is short enough for a text message."""

    link_id: LinkId
    purpose: PayPurpose
    expires_at: UtcTime

    def of(self, customer: CustomerRef) -> PayLink:
        return PayLink(customer=customer, **self.model_dump())


def link_id_of(letter_key: str) -> str:
    """`letter_key`: the message's key and the channel, as in `Letter.key`."""
    return hashlib.sha256(f"link\n{letter_key}".encode()).hexdigest()[:24]


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

    def pay(self, link: PayLink) -> str:
        """The page where they pay; of one link always the same address, to the second."""
        return f"{self.public_url}/pay/{self.pay_token(link)}"

    def pay_token(self, link: PayLink) -> str:
        made_at = int(link.expires_at.timestamp()) - MAX_AGE_SECONDS[link.purpose]
        return self._signer(link.purpose, made_at).sign(link.link_id).decode()

    def read_pay(self, token: str) -> SignedLink | None:
        """None when it is forged or made for something else. Whether it was revoked, and whose it is, the store knows;
        one that is over is read as well, so that its holder can be told so."""
        return self._read_pay("pay", token) or self._read_pay("wall", token)

    def _read_pay(self, purpose: PayPurpose, token: str) -> SignedLink | None:
        try:
            link_id, made_at = self._signer(purpose).unsign(token, return_timestamp=True)
            expires_at = made_at + timedelta(seconds=MAX_AGE_SECONDS[purpose])
            return SignedLink(link_id=link_id.decode("ascii"), purpose=purpose, expires_at=expires_at)
        except (BadData, ValidationError, ValueError):
            return None

    def _signer(self, purpose: PayPurpose, made_at: int | None = None) -> "_DatedSigner":
        """`made_at`: in seconds since 1970, the moment that is signed; None: now."""
        return _DatedSigner(
            self._keys, salt=f"recoup {purpose}", digest_method=hashlib.sha256, key_derivation="hmac", made_at=made_at
        )

    def _serializer(self, purpose: Purpose) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys, salt=f"recoup {purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


class _DatedSigner(TimestampSigner):
    """Signs the time at which something was decided, which is not always that of the signing: an activity that is
    repeated makes the same address again."""

    def __init__(self, *args: Any, made_at: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made_at = made_at

    def get_timestamp(self) -> int:
        return super().get_timestamp() if self._made_at is None else self._made_at
