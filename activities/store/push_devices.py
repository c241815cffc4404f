"""Browsers and telephones that take push messages. What they registered is personal: it is in no log and no history."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from yarl import URL

from activities.channels.web_push import browser_keys
from activities.store.database import Pool, queries
from policies.base import Record, Request
from policies.keys import CustomerRef

Kind = Literal["web", "fcm"]

DEVICES_MAX = 20
"""Of one customer: each message goes to all of them."""


def _of_a_push_service(endpoint: str) -> str:
    """Whether it is a public one is looked at when it is called: a name can lead elsewhere by then."""
    url = URL(endpoint, encoded=True)
    if not url.raw_host or not url.port or url.user or url.password or url.raw_fragment:
        raise ValueError("is not the https address of a push service")
    return endpoint


Endpoint = Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,2000}$"), AfterValidator(_of_a_push_service)]
KeyText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{20,90}={0,2}$")]
PhoneToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,4096}$")]


class WebKeys(Request):
    """Both in base64url: the browser's public key on P-256 (65 bytes) and its secret (16 bytes)."""

    p256dh: KeyText
    auth: KeyText

    @model_validator(mode="after")
    def _are_keys(self) -> "WebKeys":
        browser_keys(self.p256dh, self.auth)
        return self


class WebSubscription(Request):
    """What PushSubscription.toJSON() gives; when it ends is left to the push service."""

    endpoint: Endpoint
    keys: WebKeys
    expiration_time: float | None = Field(default=None, alias="expirationTime", exclude=True)


class Device(Record):
    """`subscription`: of `web` what PushSubscription.toJSON() says, of `fcm` {"token": ...}. `device_hash` names the
    device and does not tell its address."""

    id: UUID
    kind: Kind
    device_hash: str
    subscription: dict[str, Any]


class Devices:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("push_devices")

    async def add(
        self, customer: CustomerRef, kind: Kind, subscription: Mapping[str, Any], now: datetime
    ) -> Device | None:
        """The same device twice is one, and one that was gone is back. None when the customer has twenty others."""
        named = {**customer.model_dump(), "device_hash": hash_of(kind, subscription)}
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.alone(connection, customer="/".join(customer.model_dump().values()))
            if await self._queries.others(connection, **named) >= DEVICES_MAX:
                return None
            row = await self._queries.add(
                connection, id=uuid4(), kind=kind, subscription=dict(subscription), created_at=now, **named
            )
            return Device.model_validate(dict(row))

    async def of(self, customer: CustomerRef) -> tuple[Device, ...]:
        """The live ones, oldest first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.of(connection, **customer.model_dump())
            return tuple([Device.model_validate(dict(row)) async for row in rows])

    async def gone(self, device_id: UUID, now: datetime) -> None:
        """Its push service knows it no more."""
        async with self._pool.acquire() as connection:
            await self._queries.gone(connection, id=device_id, gone_at=now)

    async def remove(self, customer: CustomerRef, device_hash: str) -> bool:
        """The customer takes it back. False when they have none of this name."""
        async with self._pool.acquire() as connection:
            row = await self._queries.remove(connection, **customer.model_dump(), device_hash=device_hash)
            return row is not None


def hash_of(kind: Kind, subscription: Mapping[str, Any]) -> str:
    """SHA-256 of the browser's endpoint or the telephone's token, in hexadecimal."""
    address = subscription["endpoint"] if kind == "web" else subscription["token"]
    return hashlib.sha256(str(address).encode()).hexdigest()
