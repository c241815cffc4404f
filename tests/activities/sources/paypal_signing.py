"""Signs as PayPal does, with a key and a certificate made here; our fixtures of its webhooks."""

import base64
import json
import zlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from activities.sources.contract import Rejected
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_signature import Certificates, SigningCertificate
from tests.activities.sources.speaking import NOW

ADDRESS = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-rcp"
WEBHOOK_ID = "4RC00000000000001"
KEY = rsa.generate_private_key(65537, 2048)


def pem_of(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY,
    not_before: datetime = NOW - timedelta(days=100),
    not_after: datetime = NOW + timedelta(days=100),
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made up for tests")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


PEM = pem_of()


def headers_of(
    body: bytes,
    at: datetime = NOW,
    address: str = ADDRESS,
    webhook_id: str = WEBHOOK_ID,
    key: rsa.RSAPrivateKey = KEY,
) -> dict[str, str]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = f"071f7d20-1584-11e7|{stamp}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "Paypal-Transmission-Id": "071f7d20-1584-11e7",
        "Paypal-Transmission-Time": stamp,
        "Paypal-Auth-Algo": "SHA256withRSA",
        "Paypal-Cert-Url": address,
        "Paypal-Transmission-Sig": base64.b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode(),
    }


def certificates(address: str = ADDRESS, pem: bytes = PEM) -> Certificates:
    kept = Certificates()
    kept.put(address, SigningCertificate.of_pem(pem))
    return kept


FIXTURES = Path(__file__).parent / "fixtures" / "paypal"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json")) if path.stem != "ipn"}
SPEAKER = PayPalSpeaker(certificates())
BODY = (FIXTURES / "sale_completed.json").read_bytes()


def verify(headers: dict[str, str], body: bytes = BODY, **known: Any) -> Any:
    speaker, now, secrets = known.get("speaker", SPEAKER), known.get("now", NOW), known.get("secrets", (WEBHOOK_ID,))
    return speaker.verify(headers, body, secrets, now)


def reason(answer: Any) -> str:
    assert isinstance(answer, Rejected), answer
    assert WEBHOOK_ID not in answer.reason
    return answer.reason
