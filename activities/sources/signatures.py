"""What every signed delivery needs: its header, a comparison in constant time, a look at the clock.

Total: none of these raises, whatever a stranger sent. How a source lays out its header stays in the source's file;
the sentences here end up in a Rejected, so they never contain a secret or the signature we expected.
"""

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activities.sources.contract import Rejected, Verified

# Twelve digits reach the year 33658; more is nobody's clock and would overflow date arithmetic.
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")


def header_values(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Every value under the name, in any case; a mapping that keeps several (aiohttp's) gives them all."""
    wanted = name.lower()
    return tuple(value for key, value in headers.items() if key.lower() == wanted)


def usable_secrets(secrets: Sequence[str]) -> tuple[bytes, ...]:
    """As bytes, blank ones left out: anybody can sign with an empty key."""
    return tuple(secret.encode("utf-8", "surrogatepass") for secret in secrets if secret.strip())


def hmac_sha256(secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, hashlib.sha256)


def any_matches(expected: Iterable[str], given: Sequence[str]) -> bool:
    """Compares every pair in constant time and stops at no match, so the time taken tells nothing about a secret."""
    found = False
    for ours in expected:
        for theirs in given:
            found |= hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))
    return found


def unix_seconds(text: str) -> int | None:
    """The number of seconds when the text is one to twelve ASCII digits, else None."""
    return int(text) if _UNIX_SECONDS.fullmatch(text) else None


def outside_tolerance(
    signed_at: float, now: datetime, tolerance: timedelta, resent_for: timedelta | None = None
) -> str | None:
    """Why a time stamp (unix seconds) is too far from `now`, in the past or in the future; None when it is near enough.

    Two-sided: a stamp from the future would let whoever signed it replay the delivery later. `resent_for`: how old it
    may be, where the sender repeats a delivery under its first stamp.
    """
    clock = now if now.tzinfo else now.replace(tzinfo=UTC)
    ahead = signed_at - clock.timestamp()
    allowed = (resent_for if resent_for and ahead < 0 else tolerance).total_seconds()
    if abs(ahead) <= allowed:
        return None
    side = "after" if ahead > 0 else "before"
    return f"signed {math.ceil(abs(ahead))} s {side} our clock; at most {allowed:.0f} s are accepted"


def basic_auth_matches(headers: Mapping[str, str], secrets: Sequence[str]) -> Verified | Rejected:
    """For sources that sign nothing: each secret is a `user:password`, any of them counts.

    It says who sends, and nothing about the body or the time. The header is the secret itself: never keep it.
    """
    pairs = tuple(secret.encode("utf-8", "surrogatepass") for secret in secrets if not basic_auth_complaint(secret))
    if not pairs:
        return Rejected(reason="no user and password are configured for this endpoint")
    values = header_values(headers, "Authorization")
    if len(values) != 1:
        return Rejected(reason=f"the header Authorization must be given once, not {len(values)} times")
    scheme, _, given = values[0].strip().partition(" ")
    if scheme.lower() != "basic":
        return Rejected(reason="the header Authorization must be HTTP basic auth")
    if not any_matches((base64.b64encode(pair).decode() for pair in pairs), [given.strip()]):
        return Rejected(reason="user and password of the header Authorization are not ours")
    return Verified()


def basic_auth_complaint(secret: str) -> str | None:
    """Why a configured secret cannot be a `user:password`; None when it can. An empty password guards nothing."""
    user, _, password = secret.partition(":")
    return None if user.strip() and password.strip() else "write it as user:password, both as you told the sender"


STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
STANDARD_TOLERANCE = timedelta(seconds=300)
STANDARD_KEY_MIN = 24


def standard_webhook_matches(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    now: datetime,
    names: Sequence[str] = STANDARD_HEADERS,
) -> Verified | Rejected:
    """standardwebhooks.com: `webhook-signature: v1,<base64>[ v1,<base64>]`, each an HMAC-SHA256 of
    `<webhook-id>.<webhook-timestamp>.<body>`. A secret is `whsec_` and the key in base64, or the base64 alone.
    `names`: of the three headers, where a sender calls them something else."""
    keys = tuple(key for secret in secrets if (key := _standard_key(secret)))
    if not keys:
        return Rejected(reason="no signing secret is configured for this endpoint")
    given = []
    for name in names:
        values = header_values(headers, name)
        if len(values) != 1:
            return Rejected(reason=f"the header {name} must be given once, not {len(values)} times")
        if not values[0].isascii():
            return Rejected(reason=f"the header {name} contains characters outside ASCII")
        given.append(values[0])
    message_id, stamp, signed = given
    signed_at = unix_seconds(stamp)
    if signed_at is None:
        return Rejected(reason=f"the header {names[1]} is no number of seconds since 1970")
    signatures = [part.removeprefix("v1,") for part in signed.split() if part.startswith("v1,")]
    message = f"{message_id}.{stamp}.".encode() + body
    if not any_matches((base64.b64encode(hmac_sha256(key, message)).decode() for key in keys), signatures):
        return Rejected(reason=f"no v1 signature of {names[2]} belongs to this body and our secrets")
    if late := outside_tolerance(signed_at, now, STANDARD_TOLERANCE):
        return Rejected(reason=late)
    return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))


def standard_webhook_complaint(secret: str) -> str | None:
    """Why a configured secret cannot be one of a Standard Webhook; None when it can."""
    key = _standard_key(secret)
    if not key:
        return "it is no key in base64; write whsec_ and 32 random bytes in base64"
    if len(key) < STANDARD_KEY_MIN:
        return f"its key is shorter than {STANDARD_KEY_MIN} bytes; make one of 32 random bytes"
    return None


def _standard_key(secret: str) -> bytes:
    """Empty when it is none: that never counts."""
    try:
        return base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""
