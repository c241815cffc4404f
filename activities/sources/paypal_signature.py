"""How PayPal signs its webhooks, and which certificate may speak for it.

Signed is `<transmission id>|<time>|<webhook id>|<CRC-32 of the body, decimal>`, with RSA and SHA-256, by a certificate
whose address stands in a header: anybody can write one, so only PayPal's own addresses count, letter by letter.
A CRC-32 is no cryptographic hash: whoever has the headers of one delivery can write another body that fits them, for as
long as its time stamp counts.
Source: developer.paypal.com/api/rest/webhooks/rest, "message verification", read 2026-11-25.
"""

import base64
import binascii
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from activities.sources.contract import Rejected, Verified
from activities.sources.reading import Node, Wrong
from activities.sources.signatures import header_values, outside_tolerance

ID, TIME, ALGORITHM, ADDRESS, SIGNATURE = TRANSMISSION_HEADERS = (
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-auth-algo",
    "paypal-cert-url",
    "paypal-transmission-sig",
)

AHEAD = timedelta(seconds=300)
RESENT_FOR = timedelta(days=3, hours=1)
"""PayPal repeats a delivery up to 25 times in three days, and does not say whether under a new time stamp."""

KEY_BITS_MIN = 2048
HEADER_LENGTH_MAX = 2000

_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")


@dataclass(frozen=True)
class CertificateAddresses:
    """An address is one of the origins, the folder and a plain name. It is compared as text and never taken apart, so
    no user name, port, dot segment, query or encoding can lead elsewhere."""

    origins: tuple[str, ...] = ("https://api.paypal.com", "https://api.sandbox.paypal.com")
    folder: str = "/v1/notifications/certs/"

    def allow(self, address: str) -> bool:
        folders = (origin + self.folder for origin in self.origins)
        return any(address.startswith(start) and _NAME.fullmatch(address[len(start) :]) for start in folders)


PAYPALS_ADDRESSES = CertificateAddresses()


@dataclass(frozen=True)
class SigningCertificate:
    key: RSAPublicKey
    not_before: datetime
    not_after: datetime

    @classmethod
    def of_pem(cls, pem: bytes) -> "SigningCertificate":
        """The first certificate of the text; raises Wrong."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            key = certificate.public_key()
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise Wrong("certificate", "what lies at the certificate's address is no certificate") from None
        if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_MIN:
            raise Wrong("certificate", f"the certificate's key is not RSA of at least {KEY_BITS_MIN} bits")
        return cls(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


class Certificates:
    """Those that were fetched, by address; the one that was used longest ago makes room."""

    def __init__(self, most: int = 50) -> None:
        self._most = most
        self._kept: OrderedDict[str, SigningCertificate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, address: str) -> SigningCertificate | None:
        if address in self._kept:
            self._kept.move_to_end(address)
        return self._kept.get(address)

    def put(self, address: str, certificate: SigningCertificate) -> None:
        self._kept[address] = certificate
        self._kept.move_to_end(address)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


@dataclass(frozen=True)
class Transmission:
    """What the headers of one delivery claim."""

    transmission_id: str
    time: str
    signed_at: datetime
    certificate_address: str
    signature: bytes

    @classmethod
    def of(cls, headers: Mapping[str, str], now: datetime, addresses: CertificateAddresses) -> "Transmission":
        """Raises Wrong when a header is missing, odd or too old, or names an address that is not PayPal's."""
        values = {name: _only(headers, name) for name in TRANSMISSION_HEADERS}
        if values[ALGORITHM] != "SHA256withRSA":
            raise Wrong(ALGORITHM, f"{ALGORITHM} must be SHA256withRSA; no other scheme is accepted")
        if not addresses.allow(values[ADDRESS]):
            raise Wrong(ADDRESS, f"{ADDRESS} is no address where PayPal keeps certificates")
        signed_at = Node("", dict(values)).moment_of_text(TIME)
        if late := outside_tolerance(signed_at.timestamp(), now, AHEAD, RESENT_FOR):
            raise Wrong(TIME, late)
        return cls(values[ID], values[TIME], signed_at, values[ADDRESS], _from_base64(values[SIGNATURE]))

    def signed_text(self, webhook_id: str, body: bytes) -> str:
        return f"{self.transmission_id}|{self.time}|{webhook_id}|{zlib.crc32(body)}"

    def checked_with(
        self, certificate: SigningCertificate, body: bytes, webhook_ids: Iterable[str], now: datetime
    ) -> Verified | Rejected:
        """Any of our webhook ids will do, so that one can be replaced."""
        clock = now if now.tzinfo else now.replace(tzinfo=UTC)
        if not certificate.not_before <= clock <= certificate.not_after:
            return Rejected(
                reason=f"the certificate is not valid at this time, but until {certificate.not_after:%Y-%m-%d}"
            )
        if not any(self._is_signed_by(certificate.key, webhook_id, body) for webhook_id in webhook_ids):
            return Rejected(reason=f"{SIGNATURE} does not belong to this body and our webhook id")
        return Verified(signed_at=self.signed_at)

    def _is_signed_by(self, key: RSAPublicKey, webhook_id: str, body: bytes) -> bool:
        text = self.signed_text(webhook_id, body).encode("utf-8", "surrogatepass")
        try:
            key.verify(self.signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def _only(headers: Mapping[str, str], name: str) -> str:
    values = header_values(headers, name)
    if len(values) != 1:
        raise Wrong(name, f"the header {name} must be given once, not {len(values)} times")
    if not values[0].isascii() or not values[0].isprintable() or not 0 < len(values[0]) <= HEADER_LENGTH_MAX:
        raise Wrong(name, f"the header {name} is empty, too long or no plain text")
    return values[0]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(SIGNATURE, f"{SIGNATURE} is not base64") from None
