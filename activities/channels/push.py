"""Push messages to all browsers and telephones of a customer.

It shows on lock screens, so it says what the letter says and no more; the letter's template keeps amounts out.
Where a browser is written to stands in what the browser registered, so it may be anybody's address: only public ones
are called, by https, and the address that was looked at is the one that is connected to.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import aiohttp
from pydantic import ValidationError
from yarl import URL

from activities.channels.accounts import PushProvider
from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.channels.fcm import FcmClient
from activities.channels.web_push import VapidKey, headers_of, payload_of, sealed
from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.store.database import DATABASE_DOWN
from activities.store.push_devices import Device, Devices
from policies.base import Record

ADDRESSES_TRIED = 2
RETRY_AFTER_SECONDS_DEFAULT, RETRY_AFTER_SECONDS_MAX = 1.0, 3_600.0

REFERENCE_LENGTH_MAX = 1_000
"""It is looked up by an index, which takes no more than 2,704 bytes; strangers choose how long theirs is."""

_NAT64 = IPv6Network("64:ff9b::/96")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:%\-]{1,200}")

log = logging.getLogger(__name__)

Heard = SendOutcome | OutsideError
"""What became of the message on one device."""


class _Keys(Record):
    p256dh: str
    auth: str


class _Subscription(Record):
    endpoint: str
    keys: _Keys


class _Phone(Record):
    token: str


class PushChannel:
    """Raises ValueError for a key or a service account that is none. `clock`: what signatures are dated by."""

    name = "push"
    receipts = False

    def __init__(
        self,
        provider: PushProvider,
        devices: Devices,
        session: aiohttp.ClientSession,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._devices = devices
        self._browsers = _Browsers(provider, session, clock)
        self._phones: FcmClient | None = None
        if provider.fcm_service_account:
            account = provider.fcm_service_account.get_secret_value()
            self._phones = FcmClient(account, session, provider.timeout_seconds, provider.fcm_base_url, clock)

    async def send(self, letter: Letter) -> SendOutcome:
        """Accepted when one device's service took it; its reference holds an id for each that did."""
        if letter.customer is None:
            return NotSent(reason="it is not said whose devices the message is for")
        try:
            devices = await self._devices.of(letter.customer)
        except DATABASE_DOWN as error:
            raise Unavailable(f"the devices could not be read: {type(error).__name__}") from error
        told = await asyncio.gather(*(self._to(device, letter) for device in devices), return_exceptions=True)
        heard = [_named(each) for each in told]
        await self._forget([device for device, each in zip(devices, heard, strict=True) if _is_gone(each)], letter.now)
        return outcome_of(heard)

    async def _to(self, device: Device, letter: Letter) -> SendOutcome:
        if device.kind == "web":
            return await self._browsers.send(device, letter)
        if self._phones is None:
            return NotSent(reason="no service account is set up, so telephones are not reached")
        try:
            token = _Phone.model_validate(device.subscription).token
        except ValidationError:
            return NotSent(reason="what the telephone registered cannot be written to")
        return await self._phones.send(letter, token)

    async def _forget(self, devices: Sequence[Device], now: datetime) -> None:
        try:
            for device in devices:
                await self._devices.gone(device.id, now)
        except DATABASE_DOWN as error:
            # What was sent is sent; the next message finds out again.
            log.warning("a device that is gone could not be marked: %s", type(error).__name__)


def outcome_of(heard: Sequence[Heard]) -> SendOutcome:
    """One answer for all devices. A yes outweighs all; then a doubt, for what may have arrived is not sent again."""
    if taken := [each for each in heard if isinstance(each, Accepted)]:
        return Accepted(reference=_joined([each.reference for each in taken]))
    if unclear := [each for each in heard if isinstance(each, Unclear)]:
        return unclear[0]
    if limited := [each for each in heard if isinstance(each, RateLimited)]:
        raise max(limited, key=lambda each: each.retry_after_seconds)
    # Those that may work later before those that a person must look at.
    for kind in (Unavailable, OutsideError):
        for each in heard:
            if isinstance(each, kind):
                raise each
    if refused := [each for each in heard if isinstance(each, NotSent) and each.withdrawn is None]:
        return refused[0]
    return NotSent(reason="no device is left that takes push messages", withdrawn="gone")


def _joined(references: Sequence[str]) -> str:
    """Whole ones only, as many as fit; the first is always there."""
    kept = references[0]
    for each in references[1:]:
        if len(kept) + len(each) < REFERENCE_LENGTH_MAX:
            kept = f"{kept} {each}"
    return kept


def _named(told: SendOutcome | BaseException) -> Heard:
    if isinstance(told, Accepted | NotSent | Unclear | OutsideError):
        return told
    # Nobody foresaw it, so nobody knows whether it left before; the others' answers still count.
    log.error("sending to a device failed in an unforeseen way", exc_info=told)
    return Unclear(reason=f"sending to a device failed: {type(told).__name__}")


def _is_gone(heard: Heard) -> bool:
    return isinstance(heard, NotSent) and heard.withdrawn == "gone"


class _Browsers:
    """Web push, one browser at a time."""

    def __init__(self, provider: PushProvider, session: aiohttp.ClientSession, clock: Callable[[], datetime]) -> None:
        self._key = VapidKey(provider.vapid_private_key.get_secret_value())
        self._contact = provider.contact
        self._seconds = provider.timeout_seconds
        self._allow_private = provider.allow_private_networks
        self._session = session
        self._clock = clock

    async def send(self, device: Device, letter: Letter) -> SendOutcome:
        """Raises Unavailable, RateLimited or Misconfigured."""
        try:
            subscription = _Subscription.model_validate(device.subscription)
            url, host, port = self._address(subscription.endpoint)
            body = sealed(payload_of(letter), subscription.keys.p256dh, subscription.keys.auth)
        except ValueError:
            return NotSent(reason="what the browser registered cannot be written to")
        ends_at = asyncio.get_running_loop().time() + self._seconds
        addresses = await self._addresses(host, port)
        if not addresses:
            return NotSent(reason="the browser's push service has no public address")
        headers = headers_of(letter, self._key.authorization(str(url.origin()), self._contact, self._clock()))
        return await self._posted(url, addresses[:ADDRESSES_TRIED], body, headers, ends_at, str(device.id))

    def _address(self, endpoint: str) -> tuple[URL, str, int]:
        """Raises ValueError for one that is not called."""
        url = URL(endpoint, encoded=True)
        schemes = ("https", "http") if self._allow_private else ("https",)
        if url.scheme not in schemes or not url.raw_host or not url.port or url.user or url.password:
            raise ValueError("not the address of a push service")
        return url, url.raw_host, url.port

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Of the host, those that may be called. Raises Unavailable when nobody could say."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds / 4):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                return []
            raise Unavailable("the name of a push service could not be looked up") from error
        except TimeoutError as error:
            raise Unavailable("the name of a push service was not looked up in time") from error
        except (UnicodeError, OverflowError):
            return []
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        # One bad address among them spoils the name: it was made to lead somewhere else.
        return addresses if self._allow_private or all(map(is_public, addresses)) else []

    async def _posted(
        self, url: URL, addresses: Sequence[str], body: bytes, headers: dict[str, str], ends_at: float, name: str
    ) -> SendOutcome:
        """Tries the next address only when no connection was made. `name`: the reference where the service gives
        none."""
        headers = {**headers, "Host": url.raw_authority}
        for address in addresses:
            left = max(ends_at - asyncio.get_running_loop().time(), 0.001)
            try:
                async with self._session.post(
                    # The name is not looked up a second time: the answer could be another one then.
                    url.with_host(address),
                    data=body,
                    headers=headers,
                    server_hostname=url.raw_host,
                    timeout=aiohttp.ClientTimeout(total=left, connect=left / 2),
                    allow_redirects=False,
                ) as response:
                    # The body says nothing that counts, and may be endless.
                    return _sorted(response.status, response.headers, name)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                continue
            except (aiohttp.ClientError, TimeoutError) as error:
                return Unclear(reason=f"a push service gave no answer: {type(error).__name__}")
        raise Unavailable("no connection to a push service")


def is_public(address: str) -> bool:
    """Whether it leads into the internet and not to us, our cloud or our neighbours, however it is written."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.sixtofour or ip.teredo:
            return False
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast


def _sorted(status: int, headers: Mapping[str, str], name: str) -> SendOutcome:
    """RFC 8030: 201 (202 with receipts) is a yes, 404 and 410 say that the browser is gone."""
    if status in (201, 202):
        last = headers.get("Location", "").rpartition("/")[2]
        return Accepted(reference=last if _PLAIN_ID.fullmatch(last) else name)
    if status in (404, 410):
        return NotSent(reason="the browser's push service knows it no more", withdrawn="gone")
    if status == 429:
        raise RateLimited("a push service asks us to slow down", _seconds(headers.get("Retry-After")))
    if status in (401, 403):
        raise Misconfigured(f"a push service does not take our VAPID key ({status}): was it changed?")
    if 400 <= status < 500 and status != 408:
        return NotSent(reason=f"the browser's push service refused the message: {status}")
    return Unclear(reason=f"a push service answered {status}")


def _seconds(retry_after: str | None) -> float:
    """Whoever runs the service is a stranger, so there is a bound."""
    if retry_after and retry_after.isdecimal():
        return min(float(retry_after), RETRY_AFTER_SECONDS_MAX)
    return RETRY_AFTER_SECONDS_DEFAULT
