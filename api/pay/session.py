"""The browser's session on the customer's page: one signed cookie per link and nothing in the database, so that a mail
scanner that opens every link leaves no trace; and the proof that a form was ours (CSRF).

Cookie attributes: RFC 6265bis, draft 20; `Partitioned`: CHIPS, draft-cutler-httpbis-partitioned-cookies-01; both as
generally known, not read again.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web
from itsdangerous import BadSignature, TimestampSigner

from activities.links import PayLink

LASTS_SECONDS = 2 * 3_600
SESSION_HEADER = "Recoup-Session"
_SECRET = re.compile(r"[A-Za-z0-9_\-]{43}")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_.\-]+")


@dataclass(frozen=True)
class PageSession:
    """`session_hash` stands for it in the store. `csrf`: goes into every form. `value`: of the cookie, or of the header
    that a merchant's own page sends instead. `cookie_header`: what `Set-Cookie` says on every page, so that who is busy
    there is not thrown out after two hours. `is_new`: the request brought none of ours, so no form of it can be
    genuine."""

    session_hash: str
    csrf: str = field(repr=False)
    value: str = field(repr=False)
    cookie_header: str = field(repr=False)
    is_new: bool

    def accepts(self, request: web.Request, token: str) -> bool:
        """Whether a form with this `csrf` may change anything. Old browsers do not say from where a request comes; of
        them the token alone decides."""
        came_from = request.headers.get("Sec-Fetch-Site", "same-origin")
        is_ours = hmac.compare_digest(self.csrf.encode(), token.encode(errors="replace"))
        return is_ours and came_from == "same-origin" and not self.is_new


def session_of(request: web.Request, link: PayLink, keys: Sequence[str]) -> PageSession:
    """The one that the browser has for this link, else a new one. `keys`: of RECOUP_LINK_KEYS, the newest first."""
    return _session(request.cookies.get(cookie_name(link), ""), is_framed(request), link, keys)


def next_session(request: web.Request, link: PayLink, keys: Sequence[str]) -> PageSession:
    """A new one for the same browser, once it has shown that it is the customer's: whoever planted or saw the earlier
    cookie sees no more than before."""
    return _session("", is_framed(request), link, keys)


def api_session_of(request: web.Request, link: PayLink, keys: Sequence[str]) -> PageSession:
    """Of a page that the merchant builds: by a header, which no other page can make a browser send, so it needs no
    further proof."""
    return _session(request.headers.get(SESSION_HEADER, ""), False, link, keys)


def _session(given: str, framed: bool, link: PayLink, keys: Sequence[str]) -> PageSession:
    signer = TimestampSigner(list(reversed(keys)), salt=f"recoup page {link.link_id}", digest_method=hashlib.sha256)
    brought = _secret_in(given, signer)
    secret = brought or secrets.token_urlsafe(32)
    value = signer.sign(secret).decode()
    return PageSession(
        session_hash=hashlib.sha256(secret.encode()).hexdigest(),
        csrf=hmac.new(secret.encode(), f"csrf\n{link.link_id}".encode(), hashlib.sha256).hexdigest(),
        value=value,
        cookie_header=_set_cookie(cookie_name(link), value, framed),
        is_new=brought is None,
    )


def cookie_name(link: PayLink) -> str:
    """Of each link another one, so that two links in two tabs do not throw each other out. What begins with `__Host-`
    browsers take from this very host only, so a neighbouring one under the same domain cannot plant it."""
    return f"__Host-recoup_{hashlib.sha256(link.link_id.encode()).hexdigest()[:16]}"


def is_framed(request: web.Request) -> bool:
    """Shown inside another page, such as the merchant's own."""
    return request.headers.get("Sec-Fetch-Dest") == "iframe"


def _secret_in(value: str, signer: TimestampSigner) -> str | None:
    """The signature also says for which link, and since when."""
    try:
        secret = signer.unsign(value, max_age=LASTS_SECONDS).decode("ascii")
    except (BadSignature, ValueError):
        return None
    return secret if _SECRET.fullmatch(secret) else None


def _set_cookie(name: str, value: str, framed: bool) -> str:
    """Written by hand: Python's own cookies know `Partitioned` only since 3.14. Inside another site's page browsers
    send only cookies that may go anywhere, and keep them apart for each such site. Chromium takes secure ones on
    http://127.0.0.1 as well (seen in test_pay_session.py); a browser that does not needs https also for a trial."""
    if not _COOKIE_VALUE.fullmatch(f"{name}{value}"):
        raise ValueError("a cookie takes letters, digits and _.- only")
    where = "SameSite=None; Partitioned" if framed else "SameSite=Lax"
    return f"{name}={value}; Max-Age={LASTS_SECONDS}; Path=/; HttpOnly; Secure; {where}"
