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


def outside_tolerance(signed_at: int, now: datetime, tolerance: timedelta) -> str | None:
    """Why a time stamp (unix seconds) is too far from `now`, in the past or in the future; None when it is near enough.

    Two-sided: a stamp from the future would let whoever signed it replay the delivery later.
    """
    clock = now if now.tzinfo else now.replace(tzinfo=UTC)
    ahead = signed_at - clock.timestamp()
    allowed = tolerance.total_seconds()
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
