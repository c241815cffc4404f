"""The pages behind the hosted fields: the frame that a merchant's page embeds, and the page a browser is sent to.

Each carries its own Content-Security-Policy. Anybody may embed the frame (a session id is public and pays nothing);
nobody may embed the page with the Approve button.
"""

from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web
from yarl import URL

from policies.instruments import PaymentType
from workers.sandbox.fields_words import WORDS, direction_of, language_of

STATIC = Path(__file__).with_name("static")
FILES = {"fields.js": "text/javascript", "fields-frame.js": "text/javascript", "fields-frame.css": "text/css"}

_BASE = "default-src 'none'; style-src 'self'; base-uri 'none'; "
FRAME_POLICY = _BASE + "script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors *"
PAGE_POLICY = _BASE + "frame-ancestors 'none'; form-action 'self' "

_HEADERS = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def static_file(name: str) -> web.Response:
    """One of `FILES`."""
    return web.Response(
        body=(STATIC / name).read_bytes(),
        content_type=FILES[name],
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin"},
    )


def frame(session: Any, status: str, locale: str) -> web.Response:
    """The hosted fields of a session: a row of `gateway_sessions` and how it stands now."""
    language = language_of(locale)
    words = {name: escape(text) for name, text in WORDS[language].items()}
    if status in ("given", "expired"):
        shown = status
    else:
        shown = "challenge" if session["confirms"] else PaymentType(session["payment_type"]).value
    said = "".join(f' data-{name}="{words[name]}"' for name in ("wrong", "expired", "unreachable"))
    content = (
        _section(shown, words) + f'<section id="challenge"{_hidden(shown != "challenge")}><p>{words["challenge"]}</p>'
        f'<div class="row"><button type="button" id="confirm">{words["confirm"]}</button>'
        f'<button type="button" id="refuse" class="quiet">{words["refuse"]}</button></div></section>'
        f'<p id="done" role="status" data-text="{words["done"]}">{words["done"] if shown == "given" else ""}</p>'
        f'<p id="alert" role="alert">{words["expired"] if shown == "expired" else ""}</p>'
        f'<p class="note">{words["note"]}</p>'
    )
    body = f'<main data-shown="{shown}"{said}>{content}</main><script src="../fields-frame.js"></script>'
    return _page(language, words["title"], body, FRAME_POLICY)


def own_page(session: Any, status: str) -> web.Response:
    """Where the browser is sent to: Approve or Cancel, both lead back."""
    language = language_of(session["locale"])
    words = {name: escape(text) for name, text in WORDS[language].items()}
    approve = f'<button name="answer" value="approve">{words["approve"]}</button>'
    body = (
        f"<main><h1>{words['title']}</h1><p>{words['expired'] if status == 'expired' else words['approve_ask']}</p>"
        f'<form method="post" class="row">{"" if status == "expired" else approve}'
        f'<button name="answer" value="cancel" class="quiet">{words["cancel"]}</button></form></main>'
    )
    # A browser also holds the redirect that answers a form against form-action.
    return _page(language, words["title"], body, PAGE_POLICY + str(URL(session["return_url"]).origin()))


def _section(shown: str, words: dict[str, str]) -> str:
    if shown == "card":
        number = _field("number", words, 'autocomplete="cc-number" inputmode="numeric" dir="ltr" maxlength="30"')
        expiry = _field(
            "expiry",
            words,
            f'autocomplete="cc-exp" inputmode="numeric" dir="ltr" maxlength="9" placeholder="{words["expiry_hint"]}"',
        )
        cvc = _field("cvc", words, 'autocomplete="cc-csc" inputmode="numeric" dir="ltr" maxlength="4"')
        return f'<form id="details" novalidate>{number}<div class="row">{expiry}{cvc}</div>{_SUBMIT}</form>'
    if shown == "bank_debit":
        iban = _field("iban", words, 'autocomplete="off" autocapitalize="characters" dir="ltr" maxlength="50"')
        holder = _field("holder", words, 'autocomplete="name" dir="auto" maxlength="100"')
        return f'<form id="details" novalidate>{iban}{holder}{_SUBMIT}</form>'
    if shown == "wallet":
        return f'<section id="wallet"><button type="button" id="use-wallet">{words["wallet"]}</button></section>'
    return ""


_SUBMIT = "<button hidden></button>"
"""So that Enter in a field submits, as in any form; what pays is the merchant page's own button."""


def _field(name: str, words: dict[str, str], attributes: str) -> str:
    return (
        f'<div class="field"><label for="{name}">{words[name]}</label>'
        f'<input id="{name}" name="{name}" required spellcheck="false" aria-describedby="{name}-error" {attributes}>'
        f'<p class="error" id="{name}-error"></p></div>'
    )


def _hidden(hidden: bool) -> str:
    return " hidden" if hidden else ""


def _page(language: str, title: str, body: str, policy: str) -> web.Response:
    # Addresses are relative, so that a proxy may put the sandbox below a path.
    text = (
        f'<!doctype html><html lang="{language}" dir="{direction_of(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<link rel="stylesheet" href="../fields-frame.css"></head><body>{body}</body></html>'
    )
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    return web.Response(text=text, content_type="text/html", headers=headers)
