"""How a mapping says that deliveries are signed. Total: nothing raises, whatever a stranger sent or a secret holds."""

import base64
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, assert_never

from activities.sources.contract import Rejected, Verified
from activities.sources.mapped.document import (
    BasicAuth,
    Bearer,
    Hmac,
    SharedToken,
    SignedAt,
    StandardWebhooks,
)
from activities.sources.signatures import (
    STANDARD_HEADERS,
    any_matches,
    basic_auth_complaint,
    basic_auth_matches,
    header_values,
    outside_tolerance,
    standard_webhook_complaint,
    standard_webhook_matches,
    unix_seconds,
)

PLACEHOLDER = re.compile(r"\{(body|timestamp|header:[A-Za-z0-9_-]{1,60})\}")

AnySignature = Hmac | StandardWebhooks | BasicAuth | Bearer | SharedToken

NO_SECRET = "no usable secret is configured for this endpoint"  # noqa: S105 - a sentence


class Verifier(ABC):
    """`headers`: what is read, in lower case, and may be stored."""

    headers: tuple[str, ...]

    @abstractmethod
    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected: ...

    def complaint_about(self, secret: str) -> str | None:
        return None


def verifier_of(signature: AnySignature) -> Verifier:
    match signature:
        case Hmac():
            return _HmacVerifier(signature)
        case StandardWebhooks():
            return _StandardVerifier(signature)
        case BasicAuth():
            return _BasicVerifier()
        case Bearer():
            return _TokenVerifier("Authorization", "bearer")
        case SharedToken():
            return _TokenVerifier(signature.header)
        case _:
            assert_never(signature)


class _Refused(Exception):
    """Caught in `verify`; the sentence is for the sender's engineer."""


def _once(headers: Mapping[str, str], name: str) -> str:
    values = header_values(headers, name)
    if len(values) != 1:
        raise _Refused(f"the header {name} must be given once, not {len(values)} times")
    if not values[0].isascii():
        raise _Refused(f"the header {name} contains characters outside ASCII")
    return values[0].strip()


class _Signed(NamedTuple):
    """`at`: the time stamp as it was written, since it is signed so; empty where the source signs none."""

    signatures: tuple[str, ...]
    at: str


class _HmacVerifier(Verifier):
    def __init__(self, how: Hmac) -> None:
        self._how = how
        named = [name.removeprefix("header:") for name in PLACEHOLDER.findall(how.signed) if name.startswith("header:")]
        stamp = [how.timestamp.header] if how.timestamp and how.timestamp.header else []
        self.headers = tuple(dict.fromkeys(name.lower() for name in (how.header, *stamp, *named)))

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        keys = [key for key in map(self._key, secrets) if key]
        if not keys:
            return Rejected(reason=NO_SECRET)
        try:
            signed = self._signed(headers)
            signed_at = _moment(signed.at, self._how.timestamp) if self._how.timestamp else None
            message = self._message(headers, body, signed.at)
        except _Refused as refused:
            return Rejected(reason=str(refused))
        if not any_matches((self._sign(key, message) for key in keys), signed.signatures):
            return Rejected(reason=f"no signature of {self._how.header} belongs to this body and our secrets")
        return _in_time(signed_at, now, self._how.tolerance)

    def _signed(self, headers: Mapping[str, str]) -> _Signed:
        how = self._how
        value = _once(headers, how.header)
        stamp = how.timestamp
        at = _once(headers, stamp.header) if stamp and stamp.header else ""
        if how.part:
            pairs = [part.strip().partition("=") for part in value.split(how.separator or ",")]
            found = [text for name, _, text in pairs if name == how.part]
            if stamp and stamp.part:
                stamps = [text for name, _, text in pairs if name == stamp.part]
                if len(stamps) != 1:
                    raise _Refused(f"{how.header} must have one time stamp {stamp.part}=, not {len(stamps)}")
                at = stamps[0]
        else:
            found = [part.strip() for part in value.split(how.separator)] if how.separator else [value]
        signatures = [each.removeprefix(how.prefix) for each in found if each.startswith(how.prefix)]
        signatures = [each.lower() if how.encoding == "hex" else each for each in signatures if each]
        if not signatures:
            raise _Refused(f"{how.header} has no signature of the form that this source uses")
        return _Signed(tuple(signatures), at)

    def _message(self, headers: Mapping[str, str], body: bytes, at: str) -> bytes:
        parts = PLACEHOLDER.split(self._how.signed)
        # The pattern has a group: plain text and the names in braces take turns, beginning with plain text.
        return b"".join(
            text.encode() if number % 2 == 0 else self._filled(text, headers, body, at)
            for number, text in enumerate(parts)
        )

    def _filled(self, name: str, headers: Mapping[str, str], body: bytes, at: str) -> bytes:
        if name == "body":
            return body
        return at.encode() if name == "timestamp" else _once(headers, name.removeprefix("header:")).encode()

    def _sign(self, key: bytes, message: bytes) -> str:
        digest = hmac.digest(key, message, self._how.algorithm)
        return digest.hex() if self._how.encoding == "hex" else base64.b64encode(digest).decode()

    def _key(self, secret: str) -> bytes | None:
        if not secret.strip():
            return None
        try:
            match self._how.secret:
                case "hex":
                    return bytes.fromhex(secret.strip())
                case "base64":
                    return base64.b64decode(secret.strip(), validate=True)
                case "text":
                    return secret.encode("utf-8", "surrogatepass")
        except ValueError:
            return None

    def complaint_about(self, secret: str) -> str | None:
        if self._key(secret):
            return None
        return f"it is not written in {self._how.secret}, as the mapping says; copy it again, or mend signature.secret"


class _StandardVerifier(Verifier):
    def __init__(self, how: StandardWebhooks) -> None:
        self.headers = tuple(name.replace("webhook", how.prefix, 1) for name in STANDARD_HEADERS)

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return standard_webhook_matches(headers, body, secrets, now, self.headers)

    def complaint_about(self, secret: str) -> str | None:
        return standard_webhook_complaint(secret)


class _BasicVerifier(Verifier):
    """`headers` stays empty, here and below: what comes in them is the secret itself, and is never stored."""

    headers = ()

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return basic_auth_matches(headers, secrets)

    def complaint_about(self, secret: str) -> str | None:
        return basic_auth_complaint(secret)


class _TokenVerifier(Verifier):
    """The secret comes with every delivery, so it proves who sent it, and neither what nor when."""

    headers = ()

    def __init__(self, header: str, scheme: str = "") -> None:
        self._header, self._scheme = header, scheme

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        usable = [secret.strip() for secret in secrets if secret.strip() and secret.isascii()]
        if not usable:
            return Rejected(reason=NO_SECRET)
        try:
            given = _once(headers, self._header)
        except _Refused as refused:
            return Rejected(reason=str(refused))
        if self._scheme:
            # Its name is written in any case (RFC 9110, 11.1).
            scheme, _, given = given.partition(" ")
            given = given.strip() if scheme.lower() == self._scheme else ""
        if any_matches(usable, [given]):
            return Verified()
        return Rejected(reason=f"the header {self._header} does not hold what this endpoint expects")

    def complaint_about(self, secret: str) -> str | None:
        return None if secret.isascii() else "it holds a character outside ASCII, which no header can"


# --- the time stamp ---------------------------------------------------------------------------------------------------


def _moment(text: str, how: SignedAt) -> int:
    """In whole seconds since 1970."""
    seconds: int | None
    match how.as_:
        case "unix":
            seconds = unix_seconds(text)
        case "unix_ms":
            seconds = int(text) // 1000 if re.fullmatch(r"[0-9]{1,15}", text) else None
        case "iso8601":
            seconds = _of_iso(text)
    if seconds is None:
        raise _Refused(f"the time stamp {how.header or how.part} is not written as {how.as_}")
    return seconds


def _of_iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _in_time(signed_at: int | None, now: datetime, tolerance: timedelta) -> Verified | Rejected:
    if signed_at is None:
        return Verified()
    if late := outside_tolerance(signed_at, now, tolerance):
        return Rejected(reason=late)
    return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))
