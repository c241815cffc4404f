"""Asks PayPal what a delivery alone cannot prove: fetches the certificate of a webhook's signature, and hands an IPN
message back to be confirmed. No redirects, little patience, short answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
from yarl import URL

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.sources.contract import Rejected, Unproven, Verified
from activities.sources.paypal import PayPalSpeaker, is_signed, webhook_ids_of
from activities.sources.paypal_signature import (
    PAYPALS_ADDRESSES,
    CertificateAddresses,
    Certificates,
    SigningCertificate,
    Transmission,
)
from activities.sources.reading import Wrong

IPN_ADDRESS = "https://ipnpb.paypal.com/cgi-bin/webscr"
"""The sandbox's is https://ipnpb.sandbox.paypal.com/cgi-bin/webscr; neither knows the other's messages."""

ANSWER_BYTES_MAX = 64 * 1024
RETRY_AFTER_SECONDS_DEFAULT = 60.0


class PayPalProver:
    """`certificates` is the speaker's, so that the next delivery under one is verified when it comes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        certificates: Certificates,
        *,
        addresses: CertificateAddresses = PAYPALS_ADDRESSES,
        ipn_address: str = IPN_ADDRESS,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._session = session
        self._certificates = certificates
        self._addresses = addresses
        self._ipn_address = ipn_address
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._speaker = PayPalSpeaker(certificates, addresses)

    async def prove(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], received_at: datetime
    ) -> Verified | Rejected:
        verdict = self._speaker.verify(headers, body, secrets, received_at)
        if not isinstance(verdict, Unproven):
            return verdict
        if not is_signed(headers):
            return await self._confirmed(body)
        transmission = Transmission.of(headers, received_at, self._addresses)
        certificate = await self._fetched(transmission.certificate_address)
        if certificate is None:
            return Rejected(reason="PayPal has no certificate at the address that the delivery names")
        self._certificates.put(transmission.certificate_address, certificate)
        return transmission.checked_with(certificate, body, webhook_ids_of(secrets), received_at)

    async def _fetched(self, address: str) -> SigningCertificate | None:
        """None when there is none: anybody can make up a name in PayPal's folder."""
        status, answer = await self._ask("GET", address, None)
        if status in (404, 410):
            return None
        _raise_for(status, "for a certificate")
        try:
            return SigningCertificate.of_pem(answer)
        except Wrong as wrong:
            raise Unavailable(f"PayPal was asked for a certificate: {wrong.reason}") from None

    async def _confirmed(self, body: bytes) -> Verified | Rejected:
        """PayPal compares what comes back byte for byte with what it sent."""
        status, answer = await self._ask("POST", self._ipn_address, b"cmd=_notify-validate&" + body)
        _raise_for(status, "about an IPN message")
        match answer.strip():
            case b"VERIFIED":
                return Verified()
            case b"INVALID":
                return Rejected(reason="PayPal says that it did not send this IPN message")
            case _:
                raise Unavailable("PayPal was asked about an IPN message and answered neither VERIFIED nor INVALID")

    async def _ask(self, method: str, address: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {"User-Agent": "recoup"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request: dict[str, Any] = {"data": body, "headers": headers, "timeout": self._timeout}
        try:
            # As it was checked: nothing may write the address anew on the way.
            url = URL(address, encoded=True)
            async with self._session.request(method, url, allow_redirects=False, **request) as response:
                if response.status == 429:
                    raise RateLimited("PayPal asks to wait", _seconds(response.headers.get("Retry-After")))
                return response.status, await _little_of(response)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise Misconfigured("the address to ask PayPal at is no http address") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"PayPal gave no answer: {type(error).__name__}") from error


async def _little_of(response: aiohttp.ClientResponse) -> bytes:
    answer = b""
    async for piece in response.content.iter_chunked(8192):
        answer += piece
        if len(answer) > ANSWER_BYTES_MAX:
            raise Unavailable(f"PayPal's answer is longer than {ANSWER_BYTES_MAX} bytes")
    return answer


def _raise_for(status: int, asked: str) -> None:
    """A redirect is a page for people, such as one of maintenance; it is not followed."""
    if status == 200:
        return
    said = f"PayPal was asked {asked} and answered {status}"
    raise Misconfigured(said) if 400 <= status < 500 else Unavailable(said)


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else RETRY_AFTER_SECONDS_DEFAULT
