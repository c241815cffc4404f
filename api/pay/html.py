"""The page as HTML: templates that escape by themselves, and headers that let in nothing but the gateway's fields."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from activities.page_words import PageVoice
from activities.store.checkouts import Checkout
from api.parts import PageParts

HERE = Path(__file__).parent
VOICE = "voice"

QUIET = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""The address is a key: nobody keeps it, and no other site is told it."""


@pass_context
def _gettext(context: Context, sentence: str) -> str:
    return str(context[VOICE].gettext(sentence))


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return str(context[VOICE].ngettext(one, many, count))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    environment.filters["as_json"] = json.dumps
    return environment


_PAGES = _environment()
_STYLE = (HERE / "templates" / "page.css").read_text(encoding="utf-8")


def page_of(
    page: PageParts,
    voice: PageVoice,
    template: str,
    told: dict[str, Any],
    status: int = 200,
    cookie: str | None = None,
    checkout: Checkout | None = None,
) -> web.Response:
    """`told`: what the template names. `checkout`: whose gateway's fields are on the page."""
    nonce = secrets.token_urlsafe(16)
    merchant = page.speaker.merchant
    text = _PAGES.get_template(template).render(
        voice=voice,
        merchant=merchant,
        style=_STYLE,
        nonce=nonce,
        framed_by=" ".join(page.framed_by),
        **told,
    )
    headers = [*QUIET.items(), ("Content-Security-Policy", _policy(page, nonce, checkout))]
    response = web.Response(status=status, text=text, content_type="text/html", headers=headers)
    if cookie:
        response.headers.add("Set-Cookie", cookie)
    response.enable_compression()
    return response


def _policy(page: PageParts, nonce: str, checkout: Checkout | None) -> str:
    """Exactly the origins of the gateway whose fields are shown, and none where there are none."""
    fields = checkout.session.fields if checkout and checkout.session and not checkout.answers else None
    logo = page.speaker.merchant.logo_url
    origins = fields.origins if fields else None
    rules = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *(origins.script if origins else ())],
        "style-src": [f"'nonce-{nonce}'", *(origins.style if origins else ())],
        "img-src": ["'self'", "data:", *([_origin_of(logo)] if logo else []), *(origins.image if origins else ())],
        "connect-src": ["'self'", *(origins.connect if origins else ())],
        "frame-src": list(origins.frame) if origins else ["'none'"],
        "form-action": ["'self'", *(origins.form if origins else ())],
        "base-uri": ["'none'"],
        "frame-ancestors": list(page.framed_by) or ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(_allowed(values))}" for name, values in rules.items())


def _allowed(values: Sequence[str]) -> list[str]:
    """What could end a rule and begin another one is no origin."""
    return [value for value in dict.fromkeys(values) if not set(value) & set(" ;,\r\n\t")]


def _origin_of(url: str) -> str:
    return "/".join(url.split("/")[:3])


def redirect_to(address: str, cookie: str | None = None) -> web.Response:
    """After a form: a reload of what comes sends nothing twice. `address`: a path of our own."""
    response = web.Response(status=303, headers={**QUIET, "Location": address})
    if cookie:
        response.headers.add("Set-Cookie", cookie)
    return response
