"""Showing that one is the customer, for what a forwarded link must not do alone: a code is sent to an address that we
know already and typed in where it was asked for.

A code is no reminder: who has just asked for it gets it at any hour, without the consent that other messages need, and
it uses up no share of them. It never goes to an address whose owner has stopped us. What it was is kept nowhere.
"""

import hashlib
import hmac
import logging
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

from activities.channels.contract import Channel, Letter, NotSent
from activities.customers import Customer
from activities.errors import OutsideError
from activities.links import Links, PayLink
from activities.page_code_words import CodeWords, code_words, link_words
from activities.page_masked import masked_address
from activities.store.page_access import CodeExpired, TooMany, TooManyCodes, Verified, Wrong
from activities.store.store import Store
from policies.base import Record
from policies.keys import CustomerRef

DIGITS = 6
TEMPLATE = "access_code"

log = logging.getLogger(__name__)


class CodeSent(Record):
    """`to`: the address as the page may show it."""

    to: str


class CodeNotSent(Record):
    """Nothing went out, and nothing was used up: another channel may be tried, or the same one later."""


class PageAccess:
    """`channels` by name, of which `email` and `sms` are used. `merchant`: its name. `keys`: of RECOUP_LINK_KEYS, the
    newest first; codes are kept as hashes under the first."""

    def __init__(self, store: Store, channels: Mapping[str, Channel], merchant: str, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no key is set up to keep codes with; set RECOUP_LINK_KEYS")
        self._store = store
        self._channels = {name: channels[name] for name in ("email", "sms") if name in channels}
        self._merchant = merchant
        self._keys = tuple(keys)

    async def places(self, customer: CustomerRef) -> dict[str, str]:
        """Where a code can go: channel -> the address as the page may show it."""
        _, addresses = await self._reach(customer)
        return {channel: masked_address(channel, address) for channel, address in addresses.items()}

    async def send_code(
        self, link: PayLink, session_hash: str, channel: str, now: datetime
    ) -> CodeSent | CodeNotSent | TooManyCodes:
        """A new code for this browser; the one before it is worth nothing any more."""
        customer, addresses = await self._reach(link.customer)
        if channel not in addresses:
            return CodeNotSent()
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        codes = self._store.page_codes
        kept = _hash(self._keys[0], link, session_hash, code)
        reserved = await codes.reserve(link, session_hash, channel, kept, now)
        if isinstance(reserved, TooManyCodes):
            return reserved
        words = code_words(customer.locale, channel, self._merchant, code)
        key = f"cod_{reserved.code_id.hex}.{channel}"
        letter = self._letter(link, words, channel, addresses[channel], key, now)
        if await self._went_out(letter, channel, now):
            return CodeSent(to=masked_address(channel, addresses[channel]))
        await codes.not_sent(reserved.code_id)
        return CodeNotSent()

    async def send_link(self, ended: PayLink, session_hash: str, links: Links, now: datetime) -> None:
        """A new link in the place of one that has ended, to an address that we know, mail before text. It counts like
        a code; what could not be sent is not told to who asked, who may be anybody."""
        customer, addresses = await self._reach(ended.customer)
        channel = next(iter(addresses), None)
        if channel is None:
            return
        nobody_knows = _hash(self._keys[0], ended, session_hash, secrets.token_hex(16))
        reserved = await self._store.page_codes.reserve(ended, session_hash, channel, nobody_knows, now)
        if isinstance(reserved, TooManyCodes):
            return
        key = f"lnk_{reserved.code_id.hex}.{channel}"
        link = PayLink.of_letter(ended.customer, key, now)
        await self._store.pay_links.made(link, channel, now)
        words = link_words(customer.locale, channel, self._merchant, links.pay(link))
        letter = self._letter(ended, words, channel, addresses[channel], key, now)
        if await self._went_out(letter, channel, now):
            await self._store.pay_links.newest(link, channel, now)
        else:
            await self._store.page_codes.not_sent(reserved.code_id)

    async def verify(
        self, link: PayLink, session_hash: str, code: str, now: datetime, opens: str | None = None
    ) -> Verified | Wrong | CodeExpired | TooMany:
        """Every answer other than Verified leaves the browser as unknown as it was. `opens`: the session that it opens,
        where the browser gets a new one."""
        typed = _digits(code)
        hashes = [_hash(key, link, session_hash, typed) for key in self._keys]
        return await self._store.page_codes.verify(link, session_hash, hashes, now, opens)

    async def is_verified(self, link: PayLink, session_hash: str, now: datetime) -> bool:
        return await self._store.page_codes.verified_until(link, session_hash, now) is not None

    async def _reach(self, ref: CustomerRef) -> tuple[Customer, dict[str, str]]:
        """The customer, and their addresses that nobody has stopped."""
        customer = await self._store.customers.get(ref.source, ref.account, ref.customer_id)
        points = {"email": customer.email, "sms": customer.sms}
        known = {name: point.address for name, point in points.items() if point and name in self._channels}
        return customer, await self._store.channel_stops.usable(known)

    def _letter(self, link: PayLink, words: CodeWords, channel: str, address: str, key: str, now: datetime) -> Letter:
        return Letter(
            key=key,
            # It is about no case; channels that name one name the link.
            case_id=f"page/{link.link_id}",
            address=address,
            subject=words.subject,
            text=words.text,
            customer=link.customer,
            template=TEMPLATE,
            stage=TEMPLATE,
            locale=words.locale,
            direction=words.direction,
            now=now,
        )

    async def _went_out(self, letter: Letter, channel: str, now: datetime) -> bool:
        """True also when nobody knows: it may arrive, so it may be used, and it counts."""
        try:
            outcome = await self._channels[channel].send(letter)
        except OutsideError as error:
            log.warning("a code for the customer's page was not sent by %s: %s", channel, type(error).__name__)
            return False
        if not isinstance(outcome, NotSent):
            return True
        if outcome.withdrawn:
            stops = self._store.channel_stops
            await stops.stop(channel, stops.hash_of(channel, letter.address), outcome.withdrawn, now)
        return False


def _hash(key: str, link: PayLink, session_hash: str, code: str) -> str:
    """Of a million codes each would be found in a moment without the key."""
    return hmac.new(
        key.encode(), f"{TEMPLATE}\n{link.link_id}\n{session_hash}\n{code}".encode(), hashlib.sha256
    ).hexdigest()


def _digits(code: str) -> str:
    """As keyboards of other scripts write them, and with spaces between; anything else is dropped."""
    return "".join(str(unicodedata.decimal(c)) for c in code[:50] if c.isdecimal())
